/** Who is subscribed, and how far a round of callbacks has come. */
import type { Frame } from '../vm/types';
import { mmText } from './names';
import type { Session } from './session';

/** A subscriber: an `mmu_notifier` object that is hashed. */
export interface Subscriber {
  readonly object: number;
  /** `amd_iommu_v2 (mmu_notifier#1)`. */
  readonly name: string;
  readonly driver: string;
  readonly mm: number;
  readonly mmName: string;
  readonly callbacks: readonly string[];
}

/** One round of a callback over the subscribers of an mm. */
export interface CallbackRound {
  readonly callback: string;
  readonly mm: string;
  readonly start: number | null;
  readonly end: number | null;
  readonly called: readonly Subscriber[];
  readonly toCall: readonly Subscriber[];
}

/** The subscribers that are hashed now, in the order they subscribed. */
export function subscribersOf(session: Session): Subscriber[] {
  const { vm } = session;
  return vm.monitors.subscribers.of(null).map(object => subscriberOf(session, object));
}

/** A subscriber by its `mmu_notifier` object. */
export function subscriberOf(session: Session, object: number): Subscriber {
  const { vm, program } = session;
  const ops = field(session, object, 'ops');
  const mm = field(session, object, 'mm');
  const notifier = program.notifiers[ops - 1];
  const driver = notifier?.driver ?? 'unknown';
  const name = `${driver} (mmu_notifier#${object})`;
  const mmName = mmText(vm, mm);
  return { object, name, driver, mm, mmName, callbacks: Object.keys(notifier?.callbacks ?? {}) };
}

/** The round of callbacks a thread is in; null if it is in none. */
export function callbackRoundOf(session: Session, thread: number): CallbackRound | null {
  const frames = session.vm.frames(thread);
  const at = frames.findIndex(frame => frame.fn?.callback != null);
  if (at >= 0) return roundAt(session, thread, frames[at] ?? null, frames[at + 1] ?? null);
  const core = frames.find(frame => frame.fn !== null && coreCallback(frame.name) !== null);
  return core === undefined ? null : roundAt(session, thread, null, core);
}

/** `__mmu_notifier_invalidate_range_start` calls `invalidate_range_start`. */
function coreCallback(name: string): string | null {
  return /^__mmu_notifier_(.+)$/.exec(name)?.[1] ?? null;
}

function roundAt(
  session: Session,
  thread: number,
  inner: Frame | null,
  core: Frame | null,
): CallbackRound | null {
  const callback = inner?.fn?.callback ?? coreCallback(core?.name ?? '');
  if (callback === null || callback === undefined) return null;
  const frame = inner ?? core;
  if (frame === null) return null;
  const mm = local(session, frame, 'mm') ?? 0;
  const calls = callsSince(session, thread, core, callback);
  const subscribers = subscribersOf(session).filter(
    each => each.mm === mm && each.callbacks.includes(callback),
  );
  const called = calls.map(object => subscriberOf(session, object));
  return {
    callback,
    mm: mmText(session.vm, mm),
    start: local(session, frame, 'start') ?? local(session, frame, 'address'),
    end: local(session, frame, 'end'),
    called,
    toCall: subscribers.filter(({ object }) => !calls.includes(object)),
  };
}

/** Subscribers whose callback a thread has called since it entered the function that calls them. */
function callsSince(session: Session, thread: number, core: Frame | null, callback: string): number[] {
  const events = session.events();
  const called: number[] = [];
  for (let index = events.length - 1; index >= 0; index--) {
    const recorded = events[index];
    if (recorded === undefined || recorded.thread !== thread) continue;
    const { event } = recorded;
    if (event.type === 'callback' && event.callback === callback) called.unshift(event.subscriber);
    if (event.type === 'call' && event.fn === core?.fn) break;
  }
  return called;
}

function field(session: Session, object: number, name: string): number {
  const { vm } = session;
  const layout = vm.layout.structs.get('mmu_notifier');
  const found = layout?.struct.fields.find(each => each.name === name);
  if (layout === undefined || found === undefined) return 0;
  return vm.words.get(layout.base + (object - 1) * layout.struct.words + found.offset);
}

function local(session: Session, frame: Frame, name: string): number | null {
  const found = frame.fn?.params.find(param => param.name === name);
  if (found === undefined) return null;
  const index = frame.locals + found.slot;
  return session.vm.value(found.type, index);
}
