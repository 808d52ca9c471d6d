/** Why a subscriber was told too little, too early or too often. */
import { addressBelow, alignDown, entrySpan } from '../base/address';
import { pteFrame, pteHuge, ptePresent } from '../machine/entry-format';
import { rangeText } from '../session/names';
import { subscriberOf } from '../session/notifier';
import type { Session } from '../session/session';
import { addressText } from '../vm/format';
import type { MissKind } from './invalidations';
import { type Moment, momentOf } from './moments';
import { operationOf, type Seen } from './retrace';
import type { Case, Story } from './why';

/** A callback that was called, and its return. */
interface Called {
  readonly seen: Seen;
  readonly callback: string;
  readonly start: number | null;
  readonly end: number | null;
  /** Position of its return; infinite if it has not returned. */
  readonly returned: number;
}

/** missed-range: the store that opened the obligation, the calls that did not close it, and the free. */
export function missedRange(about: Case): Story {
  const { session, seen, finding } = about;
  const driver = driverIn(session, finding.violation.message);
  const opened = openingOf(about);
  if (opened === null || driver === null) return { moments: [] };
  const { store, frame, isTable, address } = opened;
  const what = addressText(session.vm, address);
  const gone = isTable
    ? `made stale: the pointer to the table of ${what}, frame ${frame}, was cleared`
    : `made stale: the entry of ${what} -> frame ${frame} was cleared or replaced`;
  const moments: Moment[] = [momentOf(session, 'stale', gone, store), ...uncalled(about, opened, driver)];
  const calls = callsOf(session, seen, driver).filter(({ seen: call }) => isOfOperation(call, store));
  const judged = calls.map(call => ({ call, reason: reasonOf(session, call, opened) }));
  for (const { call, reason } of judged)
    moments.push(
      momentOf(session, 'callback', `${callText(session, driver, call)} ${reason.text}`, call.seen),
    );
  const freed = seen.findLast(
    ({ event }) =>
      event.type === 'machine' && event.event.type === 'free-frame' && event.event.frame === frame,
  );
  if (freed !== undefined)
    moments.push(
      momentOf(session, 'freed', `freed: ${isTable ? 'the page table in ' : ''}frame ${frame}`, freed),
    );
  const cause = causeOf(judged.map(({ reason }) => reason.kind));
  const since = missedText(about, opened, cause, driver);
  moments.push(momentOf(session, 'invalidation', since, store));
  return { moments, cause };
}

/** What the kernel called since the store, and the driver does not have. */
function uncalled({ session, seen }: Case, { store }: Opened, driver: string): Moment[] {
  const notifier = session.program.notifiers.find(each => each.driver === driver);
  const dispatches = ['invalidate_page', 'invalidate_range'];
  return dispatches.flatMap(callback => {
    if (notifier === undefined || notifier.callbacks[callback] !== undefined) return [];
    const call = seen.find(
      ({ event, position, call: own }) =>
        event.type === 'call' &&
        event.fn.name === `__mmu_notifier_${callback}` &&
        position > store.position &&
        operationOf(own) === operationOf(store.call),
    );
    if (call === undefined) return [];
    const text = `not told: the kernel called ${callback} here, and ${driver} has none`;
    return [momentOf(session, 'callback', text, call)];
  });
}

/**
 * The callbacks about ranges and pages, and release, that the operation called which stored an entry: of
 * those who answer for a device, or do not say for what they answer.
 */
export function callbackMoments(
  { session, seen }: Case,
  store: Seen,
  { owner, pasid }: { readonly owner: number; readonly pasid: number | null },
): Moment[] {
  const operation = operationOf(store.call);
  const { subscribers } = session.vm.monitors;
  const isTheirs = (subscriber: number): boolean => {
    const bindings = subscribers.bindingsOf(subscriber);
    if (bindings.length === 0) return true;
    return bindings.some(each => each.device === owner && (pasid === null || each.pasid === pasid));
  };
  return seen.flatMap(each => {
    const { event, call } = each;
    if (event.type !== 'callback' || operationOf(call) !== operation) return [];
    if (!event.callback.startsWith('invalidate_') && event.callback !== 'release') return [];
    if (!isTheirs(event.subscriber)) return [];
    const { driver, callback, start, end } = event;
    const text = callText(session, driver, { seen: each, callback, start, end, returned: Infinity });
    return [momentOf(session, 'callback', text, each)];
  });
}

/** An obligation: what is gone, and since when. */
interface Opened {
  readonly store: Seen;
  readonly address: number;
  readonly level: number;
  readonly frame: number;
  readonly isTable: boolean;
}

function openingOf({ seen, finding, session }: Case): Opened | null {
  const { violation, position } = finding;
  const { address, message } = violation;
  if (address === null) return null;
  const isTable = message.includes('the table pointer');
  // The store that maps another frame is judged itself; it opens nothing for the frame it takes away before.
  const isNamed = (frame: number) => message.includes(` to frame ${frame} is gone`);
  const store = seen.findLast(({ event, position: at }) => {
    if (event.type !== 'machine' || event.event.type !== 'store-entry' || event.place === null) return false;
    const { old, value } = event.event;
    const { level } = event.place;
    if (at > position || !ptePresent(old) || !isNamed(pteFrame(old))) return false;
    if (ptePresent(value) && pteFrame(value) === pteFrame(old)) return false;
    if ((level > 1 && !pteHuge(old)) !== isTable) return false;
    return alignDown(address, entrySpan(level)) === event.place.address;
  });
  if (store?.event.type !== 'machine' || store.event.event.type !== 'store-entry') return null;
  const { level = 1 } = store.event.place ?? {};
  const frame = pteFrame(store.event.event.old);
  const first = isTable ? firstMapped(session, alignDown(address, entrySpan(level)), level) : address;
  return { store, address: first, level, frame, isTable };
}

/** Of a large span, the first mapping in it. */
function firstMapped({ program }: Session, address: number, level: number): number {
  const end = address + entrySpan(level);
  const inside = program.scenario.mappings.map(each => each.address).filter(a => address <= a && a < end);
  return inside.length === 0 ? address : Math.min(...inside);
}

function driverIn(session: Session, message: string): string | null {
  const names = session.program.notifiers.filter(({ name }) => message.includes(name));
  const longest = names.sort((a, b) => b.name.length - a.name.length)[0];
  return longest?.driver ?? null;
}

function callsOf(session: Session, seen: readonly Seen[], driver: string): Called[] {
  const calls: { -readonly [Key in keyof Called]: Called[Key] }[] = [];
  for (const each of seen) {
    const { event } = each;
    if (event.type !== 'callback' && event.type !== 'callback-return') continue;
    if (event.driver !== driver && subscriberOf(session, event.subscriber).driver !== driver) continue;
    const { callback, start, end } = event;
    if (event.type === 'callback') calls.push({ seen: each, callback, start, end, returned: Infinity });
    else {
      const open = calls.findLast(call => call.callback === callback && call.seen.thread === each.thread);
      if (open !== undefined) open.returned = each.position;
    }
  }
  return calls;
}

/** Of the operation that stored the entry, or still under way in another thread. */
function isOfOperation(call: Seen, store: Seen): boolean {
  return call.position > store.position || operationOf(call.call) === operationOf(store.call);
}

function callText(session: Session, driver: string, { callback, start, end }: Called): string {
  const range = start === null ? '' : ` ${rangeText(session.vm, start, end ?? start + 4096)}`;
  return `told: ${driver}.${callback}${range}`;
}

function reasonOf(
  session: Session,
  call: Called,
  opened: Opened,
): { readonly kind: MissKind; readonly text: string } {
  const { callback, start } = call;
  const end = call.end ?? (start === null ? null : start + 4096);
  const range = start === null || end === null ? null : { start, end };
  const isCovered = range !== null && covers(range, opened);
  const what = addressText(session.vm, opened.address);
  if (callback.startsWith('invalidate_range_')) {
    if (opened.isTable)
      return { kind: 'page-table pointers not covered', text: 'says nothing of page tables' };
    if (!isCovered) return { kind: 'wrong range', text: `does not cover ${what}` };
    const isOver = call.seen.position <= opened.store.position;
    const text = isOver ? 'was over when the entry was cleared' : 'came after the entry was cleared';
    return { kind: isOver ? 'before the clear' : 'wrong range', text };
  }
  if (callback !== 'invalidate_range' && callback !== 'invalidate_page')
    return { kind: 'never sent', text: 'says nothing of what is gone' };
  if (call.seen.position <= opened.store.position)
    return { kind: 'before the clear', text: 'came before the entry was cleared' };
  if (!isCovered) return { kind: 'wrong range', text: `does not cover ${what}` };
  return call.returned === Infinity
    ? { kind: 'not awaited', text: 'had not returned yet' }
    : { kind: 'never sent', text: 'came too late' };
}

/** Leaves must be covered, spans of pointers be met. */
function covers({ start, end }: { readonly start: number; readonly end: number }, opened: Opened): boolean {
  const span = entrySpan(opened.level);
  const base = alignDown(opened.address, span);
  if (opened.isTable) return addressBelow(base, end) && addressBelow(start, base + span);
  return !addressBelow(base, start) && !addressBelow(end - 1, base + span - 1);
}

/** The nearest miss: the call that would have been right but for one thing. */
function causeOf(kinds: readonly MissKind[]): MissKind {
  const order: readonly MissKind[] = [
    'not awaited',
    'wrong range',
    'before the clear',
    'page-table pointers not covered',
  ];
  return order.find(kind => kinds.includes(kind)) ?? 'never sent';
}

function missedText({ session, finding }: Case, opened: Opened, cause: MissKind, driver: string): string {
  const { isTable, store } = opened;
  const since = `since step ${store.position}`;
  const { callbacks } = session.program;
  const isMute = isTable && !callbacks.some(({ name }) => name === 'invalidate_range');
  const hint = isMute ? `; ${session.program.kernel} has no callback for page tables: no driver is told` : '';
  const until = `step ${finding.position}`;
  return `missed: no callback of ${driver} covered it ${since} and before ${until} (${cause})${hint}`;
}

/** unbalanced: the calls of the two callbacks that do not match. */
export function unbalanced({ session, seen, finding }: Case): Story {
  const { message, thread } = finding.violation;
  const driver = driverIn(session, message);
  const operation = seen.findLast(
    ({ position, thread: by }) => by === thread && position <= finding.position,
  );
  const root = operationOf(operation?.call ?? null);
  const calls = seen.filter(({ event, thread: by, call }) => {
    if (event.type !== 'callback' || by !== thread) return false;
    if (event.callback !== 'invalidate_range_start' && event.callback !== 'invalidate_range_end')
      return false;
    return (driver === null || event.driver === driver) && operationOf(call) === root;
  });
  const moments = calls.map(each => {
    const { event } = each;
    if (event.type !== 'callback') return momentOf(session, 'callback', '', each);
    const isStart = event.callback === 'invalidate_range_start';
    const range =
      event.start === null ? '' : ` ${rangeText(session.vm, event.start, event.end ?? event.start)}`;
    const text = `${isStart ? 'opened' : 'closed'}: ${event.driver}.${event.callback}${range}`;
    return momentOf(session, 'callback', text, each);
  });
  return { moments };
}
