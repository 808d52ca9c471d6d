/**
 * Why a translation that a violation went through was still there: which invalidation should have taken it
 * away, and why it did not.
 */
import { alignDown, entrySpan, PAGE_SIZE } from '../base/address';
import type { CommandFields } from '../machine/observer';
import { deviceName } from '../session/names';
import type { Session } from '../session/session';
import { addressText } from '../vm/format';
import { operationOf, type Seen } from './retrace';

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
  /** It was for the IOTLB only, and the device has a TLB of its own. */
  | 'device TLB not covered'
  /** It was for leaves only, and the copy is a pointer to a page table. */
  | 'page-table pointers not covered'
  /** There was none. */
  | 'never sent';

/** A translation, or a pointer to a page table, that should have been gone. */
export interface Culprit {
  /** Where the copy was. */
  readonly cache: 'atc' | 'iotlb' | 'walk-cache' | 'tlb' | 'psc';
  /** Index of the device, or of the CPU. */
  readonly owner: number;
  /** Of a device; null if it is not known. */
  readonly pasid: number | null;
  readonly address: number;
  /** Level of the entry that was copied: 1 for a leaf of a page. */
  readonly level: number;
  /** The store that took the entry away. */
  readonly stale: Seen;
  /** By when the copy had to be gone: the free, the return, or the access. */
  readonly deadline: { readonly position: number; readonly what: string };
  /** When the access looked its translation up, for one that was in flight; else null. */
  readonly lookedUp: number | null;
}

/** Why, in a sentence, and the invalidation that is meant, if there was one. */
export interface Miss {
  readonly kind: MissKind;
  readonly text: string;
  readonly seen: Seen | null;
}

/** An invalidation: a command of an IOMMU, or a flush of a CPU's TLB. */
interface Sent {
  readonly seen: Seen;
  /** When it was carried out; infinite if it was not. */
  readonly done: number;
  readonly name: string;
  readonly isKind: boolean;
  readonly isTarget: boolean;
  readonly covers: boolean;
  /** Whether it drops pointers too. */
  readonly pointers: boolean;
}

/** Which invalidation should have taken a copy away, and why it did not. */
export function missOf(session: Session, seen: readonly Seen[], culprit: Culprit): Miss {
  const isCpu = culprit.cache === 'tlb' || culprit.cache === 'psc';
  const sent = isCpu ? flushesOf(seen, culprit) : commandsOf(session, seen, culprit);
  const { stale, deadline } = culprit;
  const inTime = sent.filter(each => each.seen.position < deadline.position && each.done > stale.position);
  return (
    notAwaited(session, inTime, culprit) ??
    notCovered(session, inTime, culprit) ??
    beforeTheClear(sent, culprit) ??
    pending(session, culprit) ??
    neverSent(session, culprit)
  );
}

function isRight({ isKind, isTarget, covers, pointers }: Sent, culprit: Culprit): boolean {
  return isKind && isTarget && covers && (!isPointer(culprit) || pointers);
}

function notAwaited(session: Session, inTime: readonly Sent[], culprit: Culprit): Miss | null {
  const right = inTime.filter(each => isRight(each, culprit)).at(-1);
  if (right === undefined) return null;
  const { deadline, lookedUp } = culprit;
  const head = `not awaited: the ${right.name} was queued at step ${right.seen.position}`;
  const kind = 'not awaited';
  if (right.done > deadline.position) {
    const when = right.done === Infinity ? 'never carried out' : `carried out at step ${right.done}`;
    return { kind, text: `${head} and ${when}, after ${deadline.what}`, seen: right.seen };
  }
  const flight = lookedUp !== null && lookedUp < right.done;
  const done = `${head}, carried out at step ${right.done}`;
  if (flight) {
    const text = `${done}, while the access was in flight since step ${lookedUp}; nobody waited for it`;
    return { kind, text, seen: right.seen };
  }
  const where = culprit.cache === 'atc' ? 'the IOTLB still had it' : 'a walk under way still had it';
  return {
    kind,
    text: `${done}, and ${where} by then: ${spaceText(session, culprit)} took it again`,
    seen: right.seen,
  };
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
  const operation = operationOf(culprit.stale.call);
  const isElsewhere = (each: Sent) => each.isKind && !each.isTarget && each.covers;
  const target = last(each => isElsewhere(each) && operationOf(each.seen.call) === operation);
  const iommuOnly = last(each => !each.isKind && each.isTarget && each.covers);
  if (target === undefined && iommuOnly !== undefined && culprit.cache === 'atc') {
    const device = deviceName(session.vm, culprit.owner);
    const text = `${atStep(iommuOnly)} was for the IOTLB only: the ATC of ${device} kept it`;
    return { kind: 'device TLB not covered', text, seen: iommuOnly.seen };
  }
  const other = target ?? last(isElsewhere);
  if (other === undefined || isCpuPending(session, culprit)) return null;
  const text = `wrong target: ${atStep(other)} was not for ${spaceText(session, culprit)}`;
  return { kind: 'wrong target', text, seen: other.seen };
}

function atStep({ name, seen }: Sent): string {
  return `the ${name} at step ${seen.position}`;
}

/** One of the same operation counts, not what happened to be flushed for another reason earlier. */
function beforeTheClear(sent: readonly Sent[], culprit: Culprit): Miss | null {
  const { stale } = culprit;
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
    `before the entry was cleared at step ${stale.position}`;
  return { kind: 'before the clear', text, seen: last.seen };
}

/** A CPU that was asked by an interrupt, and has not taken it. */
function pending(session: Session, culprit: Culprit): Miss | null {
  if (!isCpuPending(session, culprit)) return null;
  const text = `not awaited: cpu${culprit.owner} was sent an interrupt to flush, and had not taken it`;
  return { kind: 'not awaited', text, seen: null };
}

function isCpuPending({ vm }: Session, { cache, owner }: Culprit): boolean {
  return (cache === 'tlb' || cache === 'psc') && vm.words.get(vm.layout.pendingInterrupts + owner) !== 0;
}

function neverSent(session: Session, culprit: Culprit): Miss {
  const { stale, deadline } = culprit;
  const text =
    `never sent: no invalidation for ${spaceText(session, culprit)} between the store ` +
    `(step ${stale.position}) and ${deadline.what} (step ${deadline.position})`;
  return { kind: 'never sent', text, seen: null };
}

function spaceText({ vm }: Session, { cache, owner, pasid }: Culprit): string {
  if (cache === 'tlb' || cache === 'psc') return `cpu${owner}`;
  return pasid === null ? deviceName(vm, owner) : `${deviceName(vm, owner)} PASID ${pasid}`;
}

function isPointer({ cache }: Culprit): boolean {
  return cache === 'walk-cache' || cache === 'psc';
}

/** Commands are carried out in the order in which they were queued. */
function commandsOf({ vm }: Session, seen: readonly Seen[], culprit: Culprit): Sent[] {
  const queues = new Map<number, { seen: Seen; command: CommandFields; done: number }[]>();
  const all: { seen: Seen; command: CommandFields; done: number }[] = [];
  for (const each of seen) {
    if (each.event.type !== 'machine' || each.event.event.type !== 'command') continue;
    const { iommu, phase, command } = each.event.event;
    if (command === null) continue;
    const queue = queues.get(iommu) ?? [];
    queues.set(iommu, queue);
    if (phase === 'queued') {
      const entry = { seen: each, command, done: Infinity };
      queue.push(entry);
      all.push(entry);
    } else {
      const head = queue.shift();
      if (head !== undefined) head.done = each.position;
    }
  }
  const wanted = culprit.cache === 'atc' ? 'INVALIDATE_IOTLB_PAGES' : 'INVALIDATE_IOMMU_PAGES';
  return all
    .filter(({ command }) => invalidations.has(command.name))
    .map(({ seen: queued, command, done }) => ({
      seen: queued,
      done,
      name: `${command.name} ${deviceName(vm, command.device)} PASID ${command.pasid}`,
      isKind: command.name === wanted,
      isTarget:
        command.device === culprit.owner && (culprit.pasid === null || command.pasid === culprit.pasid),
      covers: command.all || meets(command.address, culprit),
      pointers: command.pde,
    }));
}

const invalidations = new Set(['INVALIDATE_IOMMU_PAGES', 'INVALIDATE_IOTLB_PAGES']);

/** Whether an invalidation of one page drops a copy: of a pointer, any page below it does. */
function meets(address: number, { level, address: at }: Culprit): boolean {
  const span = Math.max(PAGE_SIZE, entrySpan(level));
  return alignDown(address, span) === alignDown(at, span);
}

function flushesOf(seen: readonly Seen[], culprit: Culprit): Sent[] {
  return seen.flatMap(each => {
    if (each.event.type !== 'machine') return [];
    const { event } = each.event;
    if (event.type === 'cr3') {
      const isTarget = event.cpu === culprit.owner;
      const name = `load of CR3 of cpu${event.cpu}`;
      return [
        { seen: each, done: each.position, name, isKind: true, isTarget, covers: true, pointers: true },
      ];
    }
    if (event.type !== 'flush-tlb') return [];
    // INVLPG drops every pointer of the address space.
    const covers = event.address === null || isPointer(culprit) || meets(event.address, culprit);
    const name = event.address === null ? `flush of cpu${event.cpu}` : `INVLPG on cpu${event.cpu}`;
    const isTarget = event.cpu === culprit.owner;
    return [{ seen: each, done: each.position, name, isKind: true, isTarget, covers, pointers: true }];
  });
}
