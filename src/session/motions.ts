/** Where stepping ends, forward and back. A motion is asked after every step whether it has arrived. */
import { instructionOf, type Place, placeOf, sameStatement } from './place';
import type { Session } from './session';

/** What counts as one step of the user. */
export type Granularity = 'statement' | 'instruction';

/** A motion of one thread; `null` arrives nowhere: it goes on until something else stops it. */
export interface Motion {
  readonly thread: number | null;
  /** Asked after a step of `stepped`: has the motion arrived? */
  arrived(stepped: number): boolean;
}

/** Goes on until something stops it. */
export function continuing(thread: number | null): Motion {
  return { thread, arrived: () => false };
}

/** To the thread's next statement at the same depth or less. */
export function stepOver(session: Session, thread: number, granularity: Granularity): Motion {
  return stepping(session, thread, granularity, false);
}

/** To the thread's next statement, also in a function it calls. */
export function stepInto(session: Session, thread: number, granularity: Granularity): Motion {
  return stepping(session, thread, granularity, true);
}

/** To where the thread's present function has returned. */
export function stepOut(session: Session, thread: number): Motion {
  const start = placeOf(session.vm, thread);
  return {
    thread,
    arrived: stepped => stepped === thread && (placeOf(session.vm, thread)?.depth ?? 0) < (start?.depth ?? 1),
  };
}

function stepping(session: Session, thread: number, granularity: Granularity, into: boolean): Motion {
  const { vm } = session;
  const start = placeOf(vm, thread);
  let moved = false;
  return {
    thread,
    arrived: stepped => {
      if (stepped !== thread) return false;
      if (granularity === 'instruction' || start === null) return true;
      const place = placeOf(vm, thread);
      if (place === null) return true;
      moved ||= place.frame !== start.frame || place.pc !== start.pc || isLoop(place);
      if (!moved || place.depth < start.depth) return moved;
      if (place.depth > start.depth) return into && !isInterrupted(session, thread, start.depth);
      return !sameStatement(place, start) || place.pc === start.pc;
    },
  };
}

/** Staying at an instruction is the middle of an access, but for those that go back to themselves. */
function isLoop(place: Place): boolean {
  const op = instructionOf(place)?.op;
  return op !== undefined && op !== 'builtin';
}

/** Whether an interrupt was pushed right above the frame at `depth`. */
function isInterrupted(session: Session, thread: number, depth: number): boolean {
  const frames = session.vm.frames(thread).filter(frame => frame.fn !== null);
  return frames.at(-depth - 1)?.fn?.role === 'interrupt';
}

/** A motion back. */
export interface BackMotion {
  /** Asked after a step was taken back: has the motion arrived? It may go on a little by itself to do so. */
  arrived(): boolean;
  /** The start was reached: has it arrived before? */
  arrivedBeforeStart(): boolean;
}

/** To where the thread's previous statement began, at the same depth or less (`into`: at any depth). */
export function stepBack(
  session: Session,
  thread: number,
  granularity: Granularity,
  into: boolean,
): BackMotion {
  const start = placeOf(session.vm, thread);
  if (granularity === 'instruction' || start === null) return toPreviousStep(session, thread);
  return toStatement(session, thread, place => {
    if (place.depth > start.depth && !into) return false;
    return !sameStatement(place, start) || place.pc < start.pc;
  });
}

/** To the call that made the thread's present frame. */
export function backOut(session: Session, thread: number): BackMotion {
  const depth = placeOf(session.vm, thread)?.depth ?? 1;
  return toStatement(session, thread, place => place.depth < depth);
}

/** Back until something else stops it: a breakpoint, a finding. */
export function backForever(): BackMotion {
  return { arrived: () => false, arrivedBeforeStart: () => false };
}

/** Takes back one step of the thread, and all of others that came after its step before. */
function toPreviousStep(session: Session, thread: number): BackMotion {
  let taken = false;
  return {
    arrived: () => {
      taken ||= session.steps[session.position]?.thread === thread;
      return taken && settled(session, thread);
    },
    arrivedBeforeStart: () => taken,
  };
}

/**
 * Goes back until the thread is at a statement that `isWanted` accepts, then to where that statement began:
 * it may have taken several steps, and calls in between. The answer is known only when one has gone too far,
 * so it goes forward again.
 */
function toStatement(session: Session, thread: number, isWanted: (place: Place) => boolean): BackMotion {
  let found: { readonly place: Place; readonly position: number } | null = null;
  const settle = (): boolean => {
    if (found === null) return false;
    session.goTo(found.position);
    while (!settled(session, thread)) session.back();
    return true;
  };
  const arrived = (): boolean => {
    if (session.steps[session.position]?.thread !== thread) return false;
    const place = placeOf(session.vm, thread);
    if (found === null) {
      if (place !== null && isWanted(place)) found = { place, position: session.position };
      return false;
    }
    if (place !== null && place.depth > found.place.depth) return false;
    if (place === null || !isSameVisit(place, found.place)) return settle();
    found = { place, position: session.position };
    return false;
  };
  return { arrived, arrivedBeforeStart: settle };
}

/**
 * Whether a thread was then in the statement it was found in later, and had not come round a loop in between.
 */
function isSameVisit(place: Place, found: Place): boolean {
  if (!sameStatement(place, found)) return false;
  return place.pc < found.pc || (place.pc === found.pc && !isLoop(place));
}

function settled(session: Session, thread: number): boolean {
  return session.position === 0 || session.steps[session.position - 1]?.thread === thread;
}
