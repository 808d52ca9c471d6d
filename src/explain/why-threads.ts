/** Why threads wait for one another, sleep where they may not, or take locks in both orders. */
import { type Moment, momentOf } from './moments';
import type { Seen } from './retrace';
import type { Case, Story } from './why';

/** deadlock: what each waits for, and since when each holds what another waits for. */
export function deadlock(about: Case): Story {
  const { session, seen, finding } = about;
  const { vm } = session;
  const threads = vm.threads.filter(({ id, name }) => {
    const blocked = vm.blocked(id);
    return blocked !== null && !blocked.idle && finding.violation.message.includes(`${name} `);
  });
  const isWanted = ({ thread, event }: Seen) =>
    event.type === 'lock' && threads.some(({ id }) => vm.blocked(id)?.waitsFor.includes(thread));
  const held = heldLocks(seen).filter(each => threads.some(({ id }) => id === each.thread) && isWanted(each));
  const took = held.map(each => momentOf(session, 'locked', `took ${lockText(each)}`, each));
  const waits = threads.map(({ id, name }): Moment => {
    const frames = vm.frames(id).filter(({ fn }) => fn !== null);
    const trace = frames.map(({ name: called, span }) => ({ name: called, span }));
    const top = trace[0];
    const text = vm.blocked(id)?.text ?? '';
    const place = { fn: top?.name ?? null, span: top?.span ?? null };
    return { kind: 'waits', position: finding.position, thread: name, ...place, text, trace };
  });
  return { moments: threads.length === 0 ? lockedBefore(about) : [...took, ...waits] };
}

/** A lock taken twice by one thread: the first time. */
function lockedBefore({ session, seen, finding }: Case): Moment[] {
  const { thread, message } = finding.violation;
  const first = heldLocks(seen).findLast(
    ({ event, thread: by }) => by === thread && event.type === 'lock' && message.includes(event.lock),
  );
  return first === undefined ? [] : [momentOf(session, 'locked', `took ${lockText(first)}`, first)];
}

/** The locks that are held at the end, as they were taken. */
export function heldLocks(seen: readonly Seen[]): Seen[] {
  const held: Seen[] = [];
  for (const each of seen) {
    const { event } = each;
    if (event.type === 'lock') held.push(each);
    if (event.type === 'unlock') drop(held, each, event.lock);
  }
  return held;
}

function drop(held: Seen[], { thread }: Seen, lock: string): void {
  const at = held.findLastIndex(
    ({ event: taken, thread: by }) => taken.type === 'lock' && taken.lock === lock && by === thread,
  );
  if (at >= 0) held.splice(at, 1);
}

/** `mm#1.mmap_sem for read`. */
export function lockText({ event }: Seen): string {
  if (event.type !== 'lock') return '';
  return event.how === 'read' || event.how === 'write' ? `${event.lock} for ${event.how}` : event.lock;
}

/** sleep-in-atomic: the sections in which the thread may not sleep and still is, outermost first. */
export function sleepInAtomic({ session, seen, finding }: Case): Story {
  const { thread } = finding.violation;
  const own = seen.filter(each => each.thread === thread && each.position <= finding.position);
  const open = openSections(own);
  const moments = open.map(each => momentOf(session, 'locked', sectionText(each), each));
  const first = open[0]?.position ?? finding.position;
  const callback = own.findLast(({ event, position }) => event.type === 'callback' && position > first);
  if (callback?.event.type === 'callback') {
    const { driver, callback: name } = callback.event;
    moments.push(momentOf(session, 'callback', `called: ${driver}.${name}`, callback));
  }
  return { moments };
}

/** Spinlocks that are held, and where preemption or interrupts were turned off and not on again. */
function openSections(own: readonly Seen[]): Seen[] {
  const open: Seen[] = [];
  const close = (isIt: (each: Seen) => boolean): void => {
    const at = open.findLastIndex(isIt);
    if (at >= 0) open.splice(at, 1);
  };
  for (const each of own) {
    const { event } = each;
    if (event.type === 'lock' && event.how === 'spin') open.push(each);
    if (event.type === 'unlock' && event.how === 'spin')
      close(({ event: taken }) => taken.type === 'lock' && taken.lock === event.lock);
    if (event.type === 'section' && event.why !== 'lock') open.push(each);
    if (event.type === 'section-end' && event.why !== 'lock')
      close(({ event: begun }) => begun.type === 'section' && begun.why === event.why);
  }
  return open;
}

function sectionText({ event }: Seen): string {
  if (event.type === 'lock') return `atomic since: ${event.lock} was taken`;
  const isPreemption = event.type === 'section' && event.why === 'preemption';
  return `atomic since: ${isPreemption ? 'preemption was' : 'interrupts were'} turned off`;
}

/** lock-order: where the two classes were taken in the one order, and where in the other. */
export function lockOrder({ session, seen, finding }: Case): Story {
  const { message, thread, span } = finding.violation;
  const [, second = '', first = ''] = /^(\S+) is taken while (\S+) is held/.exec(message) ?? [];
  const [, twice = ''] = /^a second lock (\S+) is taken/.exec(message) ?? [];
  const upTo = seen.filter(({ position }) => position <= finding.position);
  const now = upTo.findLast(each => each.thread === thread && each.event.type === 'lock');
  const chains = chainsOf(upTo);
  if (twice !== '') {
    const chain = chains.findLast(
      ({ before, after }) => classOf(before) === twice && classOf(after) === twice,
    );
    return {
      moments:
        chain === undefined
          ? []
          : [momentOf(session, 'locked', `took ${lockText(chain.before)}`, chain.before)],
    };
  }
  const isIn = (a: string, b: string) => (each: Chain) =>
    classOf(each.before) === a && classOf(each.after) === b;
  const here = chains.findLast(each => isIn(first, second)(each) && (span === null || each.after === now));
  const other = chains.find(each => isIn(second, first)(each) && each !== here);
  const told = (chain: Chain | undefined, which: string): Moment[] =>
    chain === undefined
      ? []
      : [
          momentOf(session, 'locked', `${which}: took ${lockText(chain.before)}`, chain.before),
          momentOf(
            session,
            'locked',
            `${which}: took ${lockText(chain.after)} while holding it`,
            chain.after,
          ),
        ];
  return { moments: [...told(other, 'one order'), ...told(here, 'other order')] };
}

/** A lock that was taken while another one was held by the same thread. */
interface Chain {
  readonly before: Seen;
  readonly after: Seen;
}

/** Every such pair, in the order of the second. What was tried, or is nested, is ordered after nothing. */
function chainsOf(seen: readonly Seen[]): Chain[] {
  const held: Seen[] = [];
  const chains: Chain[] = [];
  for (const each of seen) {
    const { event, thread } = each;
    if (event.type === 'lock' && event.how !== 'srcu') {
      if (isOrdered(each))
        for (const before of held) if (before.thread === thread) chains.push({ before, after: each });
      held.push(each);
    }
    if (event.type === 'unlock') drop(held, each, event.lock);
  }
  return chains;
}

function isOrdered({ call, span }: Seen): boolean {
  const taking = call?.fn.code.find(instruction => instruction.op === 'builtin' && instruction.span === span);
  return taking?.op !== 'builtin' || !/trylock|nested/.test(taking.name);
}

/** `page.ptl` for `page#5.ptl`: all locks that one declaration makes. */
function classOf({ event }: Seen): string {
  return event.type === 'lock' ? event.lock.replace(/#\d+|\[\d+\]/g, '') : '';
}
