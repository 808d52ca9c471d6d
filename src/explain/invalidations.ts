/**
 * Why a translation that a violation went through was still there: which invalidation should have taken it
 * away, and why it did not.
 */
import { cpuName } from '../machine/config';
import { deviceName } from '../session/names';
import type { Session } from '../session/session';
import { addressText } from '../vm/format';
import { operationOf, type Seen } from './retrace';
import { type Culprit, isOfCpu, isPointer, type Sent, sentOf } from './sent';

/** Why the invalidation that should have taken a translation away did not. Exactly one of these. */
export type MissKind =
  /** It was for other addresses. */
  | 'wrong range'
  /** It was for another PASID, device or CPU. */
  | 'wrong target'
  /** It was carried out while the entry was still in the page table. */
  | 'before the clear'
  /** It was queued but not yet carried out, or its completion was not waited for. */
  | 'not awaited'
  /** The device's TLB came first, and took the translation again from the IOTLB. */
  | 'wrong order'
  /** It was for the IOTLB only, and the device has a TLB of its own. */
  | 'device TLB not covered'
  /** It was for the device's TLB only, and the IOMMU has caches of its own. */
  | 'IOTLB not covered'
  /** It was for leaves only, and the copy is a pointer to a page table. */
  | 'page-table pointers not covered'
  /** No subscriber answered for the device when it would have been told. */
  | 'nobody registered'
  /** There was none. */
  | 'never sent';

/** Why, in a sentence, and the invalidation that is meant, if there was one. */
export interface Miss {
  readonly kind: MissKind;
  readonly text: string;
  readonly seen: Seen | null;
}

/** Which invalidation should have taken a copy away, and why it did not. */
export function missOf(session: Session, seen: readonly Seen[], culprit: Culprit): Miss {
  if (culprit.refilled !== null) return refilledMiss(session, seen, culprit, culprit.refilled);
  const sent = sentOf(session, seen, culprit);
  const inTime = timely(sent, culprit);
  return (
    notAwaited(session, seen, inTime, culprit) ??
    notCovered(session, inTime, culprit) ??
    beforeTheClear(sent, culprit) ??
    pending(session, culprit) ??
    nobodyRegistered(session, seen, culprit) ??
    neverSent(session, culprit)
  );
}

/** What was sent before the copy had to be gone, and carried out when nothing could make it again. */
function timely(sent: readonly Sent[], { since, deadline }: Culprit): Sent[] {
  return sent.filter(each => each.seen.position < deadline.position && each.done > since.seen.position);
}

/**
 * The TLB of a device took the translation from the IOTLB when it was in no page table any more: which of the
 * two was not flushed, or in which order they were.
 */
function refilledMiss(session: Session, seen: readonly Seen[], culprit: Culprit, refilled: number): Miss {
  const own: Culprit = { ...culprit, refilled: null };
  const above: Culprit = { ...own, cache: 'iotlb', lookedUp: null };
  const right = (of: Culprit) => timely(sentOf(session, seen, of), of).filter(each => isRight(each, of));
  const iommu = right(above).at(-1);
  if (iommu === undefined || iommu.done <= refilled || iommu.done > culprit.deadline.position)
    return missOf(session, seen, above);
  const device = right(own);
  const early = device.findLast(({ done }) => done <= refilled);
  if (device.some(({ done }) => done > refilled) || early === undefined) return missOf(session, seen, own);
  const name = deviceName(session.vm, culprit.owner);
  const text =
    `wrong order: the ATC of ${name} was flushed at step ${early.done} and took the translation again from ` +
    `the IOTLB at step ${refilled}, which was flushed only at step ${iommu.done}`;
  return { kind: 'wrong order', text, seen: early.seen };
}

function isRight({ isKind, isTarget, covers, pointers }: Sent, culprit: Culprit): boolean {
  return isKind && isTarget && covers && (!isPointer(culprit) || pointers);
}

function notAwaited(
  session: Session,
  seen: readonly Seen[],
  inTime: readonly Sent[],
  culprit: Culprit,
): Miss | null {
  const right = inTime.filter(each => isRight(each, culprit)).at(-1);
  if (right === undefined) return null;
  const { deadline, lookedUp } = culprit;
  const head = `not awaited: the ${right.name} was queued at step ${right.seen.position}`;
  const kind = 'not awaited';
  if (right.done > deadline.position) {
    const end = `${deadline.what} (step ${deadline.position})`;
    const when =
      right.done === Infinity
        ? `not carried out before ${end}`
        : `carried out at step ${right.done}, after ${end}`;
    return { kind, text: `${head} and ${when}${gaveUp(session, seen, right, culprit)}`, seen: right.seen };
  }
  const flight = lookedUp !== null && lookedUp < right.done;
  const done = `${head}, carried out at step ${right.done}`;
  if (flight) {
    const given = gaveUp(session, seen, right, culprit) || '; nobody waited for it';
    const text = `${done}, while the access was in flight since step ${lookedUp}${given}`;
    return { kind, text, seen: right.seen };
  }
  const where = culprit.cache === 'atc' ? 'the IOTLB still had it' : 'a walk under way still had it';
  return {
    kind,
    text: `${done}, and ${where} by then: ${spaceText(session, culprit)} took it again`,
    seen: right.seen,
  };
}

/** Who gave up waiting for it, and when; empty if nobody did. */
function gaveUp({ vm }: Session, seen: readonly Seen[], sent: Sent, { deadline }: Culprit): string {
  for (const { event, position } of seen) {
    if (position <= sent.seen.position || position > deadline.position) continue;
    if (event.type !== 'machine' || event.event.type !== 'time-out') continue;
    return `: ${vm.threads[event.event.thread]?.shortName ?? '?'} gave up waiting at step ${position}`;
  }
  return '';
}

function notCovered(session: Session, inTime: readonly Sent[], culprit: Culprit): Miss | null {
  const last = (accepts: (sent: Sent) => boolean) => inTime.filter(accepts).at(-1);
  const leaves = last(
    each => each.isKind && each.isTarget && each.covers && isPointer(culprit) && !each.pointers,
  );
  if (leaves !== undefined)
    return {
      kind: 'page-table pointers not covered',
      text: `${atStep(leaves)} was for leaves only: it left pointers to page tables`,
      seen: leaves.seen,
    };
  const range = last(each => each.isKind && each.isTarget && !each.covers);
  if (range !== undefined) {
    const what = addressText(session.vm, culprit.address);
    const text = `wrong range: ${atStep(range)} did not cover ${what}`;
    return { kind: 'wrong range', text, seen: range.seen };
  }
  const operation = operationOf(culprit.since.seen.call);
  const isElsewhere = (each: Sent) => each.isKind && !each.isTarget && each.covers && !each.isForOthers;
  const target = last(each => isElsewhere(each) && operationOf(each.seen.call) === operation);
  const otherCache = last(each => !each.isKind && each.isTarget && each.covers);
  if (target === undefined && otherCache !== undefined) return wrongCache(session, otherCache, culprit);
  const other = target ?? last(isElsewhere);
  if (other === undefined || isCpuPending(session, culprit)) return null;
  const text = `wrong target: ${atStep(other)} was not for ${spaceText(session, culprit)}`;
  return { kind: 'wrong target', text, seen: other.seen };
}

function wrongCache(session: Session, sent: Sent, { cache, owner }: Culprit): Miss {
  const { seen } = sent;
  if (cache === 'atc') {
    const name = deviceName(session.vm, owner);
    const text = `${atStep(sent)} was for the IOTLB only: the ATC of ${name} kept it`;
    return { kind: 'device TLB not covered', text, seen };
  }
  const kept = cache === 'walk-cache' ? 'walk cache' : 'IOTLB';
  const text = `${atStep(sent)} was for the ATC only: the ${kept} of the IOMMU kept it`;
  return { kind: 'IOTLB not covered', text, seen };
}

function atStep({ name, seen }: Sent): string {
  return `the ${name} at step ${seen.position}`;
}

/** One of the same operation counts, not what happened to be flushed for another reason earlier. */
function beforeTheClear(sent: readonly Sent[], culprit: Culprit): Miss | null {
  const { seen: stale, what } = culprit.since;
  const operation = operationOf(stale.call);
  const began = operation?.position ?? 0;
  const early = sent.filter(
    each =>
      isRight(each, culprit) &&
      each.done <= stale.position &&
      each.seen.position >= began &&
      operationOf(each.seen.call) === operation,
  );
  const last = early.at(-1);
  if (last === undefined) return null;
  const text =
    `too early: the ${last.name} was carried out at step ${last.done}, ` +
    `before ${what} at step ${stale.position}`;
  return { kind: 'before the clear', text, seen: last.seen };
}

/** Nobody was there to be told: the root was given before anybody registered, or after all were gone. */
function nobodyRegistered(session: Session, seen: readonly Seen[], culprit: Culprit): Miss | null {
  const { owner, pasid, since } = culprit;
  if (isOfCpu(culprit) || pasid === null) return null;
  const { subscribers } = session.vm.monitors;
  const bound = subscribers.boundTo(owner, pasid).map(({ subscriber }) => subscriber);
  const silent = subscribers.of(null).filter(each => subscribers.bindingsOf(each).length === 0);
  const registered = [...bound, ...silent].map(each => registeredAt(session, seen, each));
  if (registered.some(position => position < since.seen.position)) return null;
  const root = seen.findLast(
    ({ event, position }) =>
      position < since.seen.position &&
      event.type === 'machine' &&
      event.event.type === 'gcr3' &&
      event.event.device === owner &&
      event.event.pasid === pasid &&
      event.event.root !== null,
  );
  const given = root === undefined ? 'it had its root from the start' : `root set at step ${root.position}`;
  const first = Math.min(...registered);
  const when = first === Infinity ? 'nobody registered since' : `registered only at step ${first}`;
  const text =
    `nobody registered: no subscriber answered for ${spaceText(session, culprit)} when ${since.what} ` +
    `at step ${since.seen.position} (${given}, ${when})`;
  return { kind: 'nobody registered', text, seen: root ?? null };
}

/** The step at which a subscriber was put in its list: 0 if it was there from the start. */
function registeredAt({ vm }: Session, seen: readonly Seen[], subscriber: number): number {
  const at = seen.find(({ event }) => event.type === 'subscribed' && event.subscriber === subscriber);
  if (at !== undefined) return at.position;
  const wasThere = seen.some(({ event }) => event.type === 'unsubscribed' && event.subscriber === subscriber);
  return wasThere || vm.monitors.subscribers.has(subscriber) ? 0 : Infinity;
}

/** A CPU that was asked by an interrupt, and has not taken it. */
function pending(session: Session, culprit: Culprit): Miss | null {
  if (!isCpuPending(session, culprit)) return null;
  const text = `not awaited: cpu${culprit.owner} was sent an interrupt to flush, and had not taken it`;
  return { kind: 'not awaited', text, seen: null };
}

function isCpuPending({ vm }: Session, { cache, owner }: Culprit): boolean {
  const isCpu = isOfCpu({ cache }) && owner < vm.machine.config.cpus;
  return isCpu && vm.words.get(vm.layout.pendingInterrupts + owner) !== 0;
}

function neverSent(session: Session, culprit: Culprit): Miss {
  const { since, deadline } = culprit;
  const from = since.what === 'the root was taken' ? 'the taking of the root' : 'the store';
  const text =
    `never sent: no invalidation for ${spaceText(session, culprit)} between ${from} ` +
    `(step ${since.seen.position}) and ${deadline.what} (step ${deadline.position})`;
  return { kind: 'never sent', text, seen: null };
}

function spaceText({ vm }: Session, { cache, owner, pasid }: Culprit): string {
  if (isOfCpu({ cache })) return cpuName(vm.machine.config, owner);
  return pasid === null ? deviceName(vm, owner) : `${deviceName(vm, owner)} PASID ${pasid}`;
}
