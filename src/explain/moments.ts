/** Moments: what a person is shown of a run to understand a violation, each with its place and position. */
import type { Span } from '../base/span';
import { placeText, threadName } from '../session/names';
import type { Session } from '../session/session';
import { type CallSite, callTrace, type Seen } from './retrace';

/** What a moment is in the story of a violation. */
export type MomentKind =
  /** A cache took the translation, or could take it. */
  | 'filled'
  /** The entry was cleared, replaced or lost rights; the store that opened an obligation. */
  | 'stale'
  /** What should have taken the translation away, and why it did not. */
  | 'invalidation'
  /** A callback of a subscriber. */
  | 'callback'
  | 'freed'
  /** A lock was taken, or a section began in which nothing may sleep. */
  | 'locked'
  | 'waits'
  /** A page request or its answer. */
  | 'request'
  /** A root of a page table was given to a device or taken from it. */
  | 'root'
  /** A variable got the value that was found wrong. */
  | 'written'
  /** A page was copied, compared, written out, or came to be shared. */
  | 'copied'
  /** A store that is lost, or that was read. */
  | 'stored'
  /** A value was read from memory. */
  | 'read'
  /** An access was in flight from here. */
  | 'began'
  /** The violation itself. */
  | 'found';

/** One moment. Plain data. */
export interface Moment {
  readonly kind: MomentKind;
  /** Steps made from the start when it had happened. */
  readonly position: number;
  readonly thread: string;
  /** The function that was running; null for hardware that acts for nobody. */
  readonly fn: string | null;
  readonly span: Span | null;
  /** A sentence without its place. */
  readonly text: string;
  /** The calls it happened in, innermost first. */
  readonly trace: readonly CallSite[];
}

/** The moment of something that was seen. */
export function momentOf(session: Session, kind: MomentKind, text: string, seen: Seen): Moment {
  const { position, span, call, thread } = seen;
  const trace = callTrace(seen);
  return {
    kind,
    position,
    thread: threadName(session.vm, thread),
    fn: call?.fn.name ?? null,
    span,
    text,
    trace,
  };
}

/** `freed: frame 6, by t0 [P] cpu0 in free_pages (linux-3.18/mmu_gather.mmu:200), step 373`. */
export function momentLine({ text, thread, fn, span, position }: Moment): string {
  const where = fn === null ? '' : ` in ${fn}`;
  const place = span === null ? '' : ` (${placeText(span)})`;
  const step = position === 0 ? 'at the start' : `step ${position}`;
  return `${text}, by ${thread}${where}${place}, ${step}`;
}
