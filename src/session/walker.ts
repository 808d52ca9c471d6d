/**
 * Moves a session: plays forward or back in slices until a motion arrives or something stops it. All threads
 * stop together.
 */

import type { Hits } from './breakpoints';
import type { Finding } from './history';
import {
  type BackMotion,
  backForever,
  backOut,
  continuing,
  type Granularity,
  type Motion,
  stepBack,
  stepInto,
  stepOut,
  stepOver,
} from './motions';
import type { Session } from './session';
import { inSlices } from './slices';
import { plainStop, type Stop } from './stop';

/** Moves one session. One motion runs at a time. */
export class Walker {
  /** Called with the text of log points, and the thread that was there. */
  onLog: ((text: string, thread: number) => void) | undefined;
  /** Findings at which a motion has stopped since the last motion back. */
  private readonly told = new Set<Finding>();
  private pausing = false;
  private isRunning = false;

  constructor(private readonly session: Session) {}

  /** Whether a motion is under way. */
  get running(): boolean {
    return this.isRunning;
  }

  /** Asks a motion under way to stop. */
  pause(): void {
    this.pausing = this.isRunning;
  }

  /** Plays on until something stops it. In a manual schedule only `thread` runs. */
  continue(thread: number): Promise<Stop> {
    return this.forward(continuing(thread));
  }

  /** To the thread's next statement, over calls. */
  next(thread: number, granularity: Granularity): Promise<Stop> {
    return this.step(thread, stepOver(this.session, thread, granularity));
  }

  /** To the thread's next statement, into calls. */
  stepIn(thread: number, granularity: Granularity): Promise<Stop> {
    return this.step(thread, stepInto(this.session, thread, granularity));
  }

  /** To where the thread's function has returned. */
  stepOut(thread: number): Promise<Stop> {
    return this.step(thread, stepOut(this.session, thread));
  }

  /** To the thread's previous statement. */
  stepBack(thread: number, granularity: Granularity): Promise<Stop> {
    return this.backward(thread, stepBack(this.session, thread, granularity, false), false);
  }

  /** To the thread's previous statement, also in a function it has called. */
  reverseInto(thread: number): Promise<Stop> {
    return this.backward(thread, stepBack(this.session, thread, 'statement', true), false);
  }

  /** To the call of the thread's present function. */
  reverseOut(thread: number): Promise<Stop> {
    return this.backward(thread, backOut(this.session, thread), false);
  }

  /** Back to the last moment at which something would have stopped a run. */
  reverseContinue(thread: number): Promise<Stop> {
    return this.backward(thread, backForever(), true);
  }

  /** To a position of the recorded path, forward or back. */
  async goTo(position: number): Promise<Stop> {
    const { session } = this;
    if (position < session.position) {
      session.breakpoints.forgetStarts();
      this.told.clear();
    }
    session.goTo(position);
    if (position === 0) return plainStop('entry', 0, 'the start of the run');
    return this.found() ?? plainStop('goto', this.lastThread(0));
  }

  /** A thread that has ended can not step: the stop says who can. */
  private step(thread: number, motion: Motion): Promise<Stop> {
    const ended = this.hasEnded(thread) ? this.ended(thread) : null;
    return ended !== null && ended.thread !== thread ? Promise.resolve(ended) : this.forward(motion);
  }

  private async forward(motion: Motion): Promise<Stop> {
    const stop = await this.slices(() => this.forwardOne(motion), motion.thread ?? 0);
    if (!this.session.hasStepped(stop.thread)) this.session.breakpoints.showStart(stop.thread);
    return stop;
  }

  private async slices(work: () => Stop | null, thread: number): Promise<Stop> {
    this.isRunning = true;
    this.pausing = false;
    try {
      return await inSlices(work, () => (this.pausing ? plainStop('pause', this.lastThread(thread)) : null));
    } finally {
      this.isRunning = false;
    }
  }

  private forwardOne(motion: Motion): Stop | null {
    const { session } = this;
    const atStart = this.startHit(motion);
    if (atStart !== null) return atStart;
    const advance = session.forward(session.schedule === 'manual' ? motion.thread : null);
    if (advance.kind === 'rest') return this.rest(motion);
    if (advance.kind !== 'stepped') return plainStop(advance.kind, advance.thread, advance.text);
    const found = this.found();
    if (found !== null) return found;
    const hits = session.breakpoints.hitBy(advance.thread, true);
    const hit = this.hit(hits, advance.thread);
    if (hit !== null) return hit;
    if (!motion.arrived(advance.thread)) return null;
    return this.arrived(motion.thread ?? advance.thread);
  }

  /**
   * A breakpoint on the first statement of a thread: it is hit when the thread is about to make its first
   * step.
   */
  private startHit(motion: Motion): Stop | null {
    if (this.session.breakpoints.isEmpty) return null;
    const thread = this.session.next(motion.thread);
    if (thread === null) return null;
    return this.hit(this.session.breakpoints.hitAtStart(thread), thread);
  }

  private found(): Stop | null {
    const findings = this.session.findingsHere().filter(({ violation }) => this.stops(violation.property));
    const [first] = findings;
    if (first !== undefined) return this.exception(findings, first.violation.thread);
    if (!this.session.stopsAt.has('io-page-fault')) return null;
    for (const { event, thread } of this.session.eventsHere()) {
      if (event.type === 'machine' && event.event.type === 'io-page-fault')
        return {
          ...plainStop('exception', thread, 'io-page-fault: the IOMMU refused an access of the device'),
        };
    }
    return null;
  }

  private stops(property: string): boolean {
    return this.session.stopsAt.has(property);
  }

  private exception(findings: readonly Finding[], thread: number): Stop {
    for (const finding of findings) this.told.add(finding);
    const text = findings.map(({ violation }) => `${violation.property}: ${violation.message}`).join('\n');
    return { ...plainStop('exception', thread, text), findings };
  }

  private hit(hits: Hits | null, thread: number): Stop | null {
    if (hits === null) return null;
    for (const log of hits.logs) this.onLog?.(log, thread);
    if (hits.ids.length === 0) return null;
    const reason = hits.kind === 'line' ? 'breakpoint' : 'function breakpoint';
    return { ...plainStop(reason, thread), breakpoints: hits.ids };
  }

  /** The thread is at its next statement, or has ended. */
  private arrived(thread: number): Stop {
    return this.hasEnded(thread) ? this.ended(thread) : plainStop('step', thread);
  }

  private hasEnded(thread: number): boolean {
    const { vm } = this.session;
    const kind = vm.threads[thread]?.kind;
    return (kind === 'task' || kind === 'device' || kind === 'daemon') && vm.finished(thread);
  }

  /** A thread has ended: the next that can run is named. */
  private ended(thread: number): Stop {
    const { vm } = this.session;
    const name = vm.threads[thread]?.name ?? '';
    const [next] = vm.runnable();
    if (next === undefined) return plainStop('step', thread, `${name} has ended, and nothing else can run`);
    return plainStop('step', next, `${name} has ended; ${vm.threads[next]?.name ?? ''} can run next`);
  }

  /** Nothing can run. What was found about that stops like any other finding, once. */
  private rest(motion: Motion): Stop {
    const { session } = this;
    const found = session.findingsHere().filter(({ violation }) => this.stops(violation.property));
    const isNew = found.some(finding => !this.told.has(finding));
    const thread = motion.thread ?? this.lastThread(0);
    if (isNew) return this.exception(found, found[0]?.violation.thread ?? thread);
    const wait = session.waitsFor(thread);
    const name = session.vm.threads[thread]?.name ?? '';
    return plainStop(
      'rest',
      thread,
      wait === '' ? 'nothing can run any more' : `nothing can run: ${name} ${wait}`,
    );
  }

  private async backward(thread: number, motion: BackMotion, stopsOnTheWay: boolean): Promise<Stop> {
    this.session.breakpoints.forgetStarts();
    this.told.clear();
    const atStart = (): Stop =>
      motion.arrivedBeforeStart() && this.session.position > 0
        ? plainStop('step', thread)
        : plainStop('entry', thread, 'the start of the run');
    return this.slices(() => {
      if (this.session.back() === null) return atStart();
      if (motion.arrived()) return plainStop('step', thread);
      if (this.session.position === 0) return atStart();
      return stopsOnTheWay ? this.stopHere() : null;
    }, thread);
  }

  /** What would have stopped a run that came to the present position. */
  private stopHere(): Stop | null {
    const found = this.found();
    if (found !== null) return found;
    const thread = this.lastThread(0);
    return this.hit(this.session.breakpoints.hitBy(thread, false), thread);
  }

  private lastThread(otherwise: number): number {
    return this.session.steps[this.session.position - 1]?.thread ?? otherwise;
  }
}
