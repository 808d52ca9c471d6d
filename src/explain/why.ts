/**
 * Why a violation is one: the moments of the run that led to it, in order, each with its place and position,
 * and for a stale translation the one reason why no invalidation took it away.
 */
import type { Span } from '../base/span';
import type { PropertyId } from '../language/properties';
import type { Finding } from '../session/history';
import type { Session } from '../session/session';
import type { MissKind } from './invalidations';
import { type Moment, momentLine, momentOf } from './moments';
import { retrace, type Seen } from './retrace';
import { countsOf, dataOf } from './why-data';
import { deviceMoments } from './why-devices';
import { cowIsolation, lostDirty, lostWrite } from './why-pages';
import { walkAfterRelease } from './why-release';
import { missedRange, unbalanced } from './why-subscribers';
import { deadlock, lockOrder, sleepInAtomic } from './why-threads';
import { translation } from './why-translation';

/** The story of a violation. Plain data. */
export interface Why {
  readonly property: PropertyId;
  /** The violation in one sentence. */
  readonly message: string;
  readonly position: number;
  /** In the order in which they happened; the last one is the violation. */
  readonly moments: readonly Moment[];
  /** Why the invalidation that should have prevented it did not; null where it is about none. */
  readonly cause: MissKind | null;
}

/** What an explanation is made from. The session is at the position of the finding. */
export interface Case {
  readonly session: Session;
  readonly finding: Finding;
  readonly seen: readonly Seen[];
}

/** What a kind of property contributes: its moments without the violation itself. */
export interface Story {
  readonly moments: readonly Moment[];
  readonly cause?: MissKind | null;
}

const known = new WeakMap<Finding, Why>();

/** Why a finding of a session is one. The session ends where it was. */
export function why(session: Session, finding: Finding): Why {
  const before = known.get(finding);
  if (before !== undefined) return before;
  const now = session.position;
  session.goTo(finding.position);
  const told = tell({ session, finding, seen: retrace(session) });
  session.goTo(now);
  known.set(finding, told);
  return told;
}

/** One line of an explanation, and the place it speaks of. */
export interface Reason {
  readonly text: string;
  readonly span: Span | null;
}

/** The lines of an explanation: the violation, then what led to it. */
export function reasonsOf(session: Session, finding: Finding): Reason[] {
  const { property, message, moments } = why(session, finding);
  const { span } = finding.violation;
  const lines = moments.map(moment => ({ text: momentLine(moment), span: moment.span }));
  return [{ text: `${property}: ${message}`, span }, ...lines];
}

function tell(about: Case): Why {
  const { property, message } = about.finding.violation;
  const { moments, cause = null } = storyOf(about, property);
  const order = [...moments].sort((a, b) => a.position - b.position);
  const { position } = about.finding;
  // Those who wait for one another are the violation.
  const found = order.some(({ kind }) => kind === 'waits') ? [] : [foundMoment(about)];
  return { property, message, position, moments: [...order, ...found], cause };
}

function storyOf(about: Case, property: string): Story {
  switch (property) {
    case 'missed-range':
      return missedRange(about);
    case 'unbalanced':
      return unbalanced(about);
    case 'walk-after-release':
      return walkAfterRelease(about);
    case 'deadlock':
      return deadlock(about);
    case 'sleep-in-atomic':
      return sleepInAtomic(about);
    case 'lock-order':
      return lockOrder(about);
    case 'lost-write':
      return lostWrite(about);
    case 'lost-dirty':
      return lostDirty(about);
    case 'cow-isolation':
      return cowIsolation(about);
    case 'data-race':
    case 'assertion':
      return dataOf(about);
    case 'refcount':
      return countsOf(about);
    case 'page-response':
    case 'device-failure':
      return deviceMoments(about);
    default:
      return translation(about);
  }
}

/** The step that violated it; of what is found when nothing can go on, where its thread stands. */
function foundMoment({ session, finding, seen }: Case): Moment {
  const { violation, position } = finding;
  const at = seen.findLast(
    ({ event }) =>
      event.type === 'violation' &&
      event.violation.property === violation.property &&
      event.violation.message === violation.message,
  );
  if (at?.position === position) return momentOf(session, 'found', 'found', at);
  const { vm } = session;
  const frames = vm.frames(violation.thread).filter(({ fn }) => fn !== null);
  const trace = frames.map(({ name, span }) => ({ name, span }));
  const thread = vm.threads[violation.thread]?.name ?? '';
  return { kind: 'found', position, thread, fn: violation.fn, span: violation.span, text: 'found', trace };
}
