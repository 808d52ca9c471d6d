/** Why a variable was found as it should not be: its value, who wrote it, and under which locks. */
import { PAGE_SIZE } from '../base/address';
import type { Session } from '../session/session';
import { addressText, formatStored } from '../vm/format';
import { type Moment, momentOf } from './moments';
import type { Seen } from './retrace';
import { type Change, changesOf, fieldVariable, type Variable, variablesIn, variablesOf } from './variables';
import type { Case, Story } from './why';
import { heldLocks, lockText } from './why-threads';

/** Gets and puts that are shown; of longer stories the last ones. */
const CHANGES_MAX = 24;

/** data-race, assertion: the values of what the statement or the claim reads, and who last wrote them. */
export function dataOf(about: Case): Story {
  const { session, seen, finding } = about;
  const variables = atStatement(about, operandsOf);
  const changes = changesOf(session, seen, variables).filter(
    ({ seen: at }) => at.position < finding.position,
  );
  const isClaim = claimOf(about) !== undefined;
  const last = variables.flatMap(variable => {
    const own = isClaim ? changesOf(session, seen, [variable]) : changes;
    return own.findLast(change => change.variable.index === variable.index) ?? [];
  });
  return { moments: [...last.flatMap(change => writtenMoments(about, change)), ...values(about, variables)] };
}

/** What a statement reads, or the claim that a step broke. */
function operandsOf(about: Case): Variable[] {
  const claim = claimOf(about);
  const { thread } = about.finding.violation;
  if (claim !== undefined) return variablesIn(about.session, [claim.condition], thread);
  return variablesOf(about.session, thread);
}

function claimOf({ session, finding }: Case) {
  const { message } = finding.violation;
  return session.program.scenario.claims.find(({ kind, text }) => message.startsWith(`${kind} (${text})`));
}

/** Asks something of the state in which the statement of the violation was about to be made. */
function atStatement<Result>(about: Case, ask: (about: Case) => Result[]): Result[] {
  const { session, finding } = about;
  if (finding.position === 0) return [];
  session.goTo(finding.position - 1);
  const found = ask(about);
  session.goTo(finding.position);
  return found;
}

/** `x is 1, y is false`: in the state that was judged. */
function values(about: Case, variables: readonly Variable[]): Moment[] {
  const { session, finding, seen } = about;
  if (finding.violation.property !== 'assertion' || variables.length === 0) return [];
  const read = () =>
    variables.map(({ name, type, index }) => `${name} is ${formatStored(session.vm, type, index)}`);
  const texts = claimOf(about) === undefined ? atStatement(about, read) : read();
  const at = seen.findLast(
    ({ position, event }) => position === finding.position && event.type === 'violation',
  );
  return at === undefined ? [] : [momentOf(session, 'written', `values: ${texts.join(', ')}`, at)];
}

/** Who wrote a variable; of a local that was loaded from memory, also who stored that there. */
function writtenMoments({ session, seen, finding }: Case, { variable, seen: at }: Change): Moment[] {
  if (!variable.isLocal) {
    const held = heldLocks(seen.filter(each => each.position <= at.position));
    const locks = held.filter(({ thread }) => thread === at.thread);
    const under = locks.length === 0 ? 'without a lock' : `under ${locks.map(lockText).join(', ')}`;
    return [momentOf(session, 'written', `written: ${variable.name}, ${under}`, at)];
  }
  const load = seen.findLast(each => each.position === at.position && accessOf(each) !== null);
  const access = load === undefined ? null : accessOf(load);
  if (load === undefined || access === null || access.write || finding.violation.property !== 'assertion')
    return [];
  const where = `${addressText(session.vm, access.address)} in frame ${access.frame}`;
  const loaded = momentOf(session, 'read', `read: ${variable.name} from ${where}`, load);
  const word = access.address % PAGE_SIZE;
  const store = seen.findLast(each => {
    const other = accessOf(each);
    if (other === null || !other.write || each.position >= load.position) return false;
    return other.frame === access.frame && other.address % PAGE_SIZE === word;
  });
  if (store === undefined) return [loaded];
  const stored = accessOf(store);
  const target = addressText(session.vm, stored?.address ?? 0);
  const text = `stored: ${stored?.value ?? 0} to ${target} in frame ${access.frame}`;
  return [momentOf(session, 'stored', text, store), loaded];
}

function accessOf({ event }: Seen) {
  return event.type === 'machine' && event.event.type === 'access' ? event.event : null;
}

/** refcount: every reference that was taken of the object or dropped. */
export function countsOf(about: Case): Story {
  const { session, seen, finding } = about;
  const counted = atStatement(about, operandsOf).filter(({ isRefcount }) => isRefcount);
  const leaked = leakedCount(about);
  const variables = leaked === null ? counted : [leaked];
  const changes = changesOf(session, seen, variables).filter(change => isOfObject(seen, change));
  const moments = changes.slice(-CHANGES_MAX).map(change => changeMoment(session, change));
  return { moments: moments.filter(({ position }) => position <= finding.position) };
}

/** The count that a leak is about: `_count of frame 5 is 2`, `mm_count of mm#1 is 1`. */
function leakedCount({ session, finding }: Case): Variable | null {
  const { message } = finding.violation;
  const [, field, frame, struct, object] = /^(\w+) of (?:frame (\d+)|(\w+)#(\d+)) is /.exec(message) ?? [];
  if (field === undefined) return null;
  return frame === undefined
    ? fieldVariable(session, struct ?? '', field, Number(object))
    : fieldVariable(session, 'page', field, Number(frame) + 1);
}

/** Not what the frame was before it was given out for the last time. */
function isOfObject(seen: readonly Seen[], { variable, seen: at }: Change): boolean {
  const [, page] = /^page#(\d+)\./.exec(variable.name) ?? [];
  if (page === undefined) return true;
  const given = seen.findLast(
    ({ event }) =>
      event.type === 'machine' &&
      event.event.type === 'alloc-frame' &&
      event.event.frame === Number(page) - 1,
  );
  return given === undefined || at.position > given.position;
}

function changeMoment(session: Session, { variable, before, after, seen }: Change): Moment {
  const [, page, field] = /^page#(\d+)\.(\w+)$/.exec(variable.name) ?? [];
  const name = page === undefined ? variable.name : `${field} of frame ${Number(page) - 1}`;
  return momentOf(
    session,
    'written',
    `${after > before ? 'get' : 'put'}: ${name} is ${after}, was ${before}`,
    seen,
  );
}
