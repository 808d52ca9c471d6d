/**
 * The invalidations of a run, held against a translation that should have been gone: what each was for, when
 * it was carried out, and by which subscriber it was sent.
 */
import { alignDown, entrySpan, PAGE_SIZE } from '../base/address';
import { cpuName } from '../machine/config';
import type { CommandFields } from '../machine/observer';
import { deviceName } from '../session/names';
import type { Session } from '../session/session';
import type { Vm } from '../vm/vm';
import type { Seen } from './retrace';

/** By when a copy had to be gone, and what came then. */
export interface Deadline {
  readonly position: number;
  /** `the free`, `the copy`. */
  readonly what: string;
  readonly seen: Seen | null;
}

/** From when on no walk could make the copy any more. */
export interface Since {
  readonly seen: Seen;
  /** `the entry was cleared`, `the root was taken`. */
  readonly what: string;
}

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
  readonly since: Since;
  /** By when the copy had to be gone: the free, the return, or the access. */
  readonly deadline: Deadline;
  /** When the access looked its translation up, for one that was in flight; else null. */
  readonly lookedUp: number | null;
  /** When a TLB of a device took it from the IOTLB, if that was after `since`; else null. */
  readonly refilled: number | null;
}

/** An invalidation: a command of an IOMMU, or a flush of a CPU's TLB. */
export interface Sent {
  readonly seen: Seen;
  /** When it was carried out; infinite if it was not. */
  readonly done: number;
  readonly name: string;
  readonly isKind: boolean;
  readonly isTarget: boolean;
  readonly covers: boolean;
  /** Whether it drops pointers too. */
  readonly pointers: boolean;
  /** Whether it does what its subscriber answers for, which is something else. */
  readonly isForOthers: boolean;
}

/** All that was sent, whatever it was for. */
export function sentOf(session: Session, seen: readonly Seen[], culprit: Culprit): Sent[] {
  return isOfCpu(culprit) ? flushesOf(session, seen, culprit) : commandsOf(session, seen, culprit);
}

/** Whether a copy is in a cache of a CPU. */
export function isOfCpu({ cache }: Pick<Culprit, 'cache'>): boolean {
  return cache === 'tlb' || cache === 'psc';
}

/** Whether it is a pointer to a page table. */
export function isPointer({ cache }: Culprit): boolean {
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
      covers: command.all || meetsBlock(command, culprit),
      pointers: dropsPointers(vm, command),
      isForOthers: isForOthers(vm, senderOf(seen, queued), command, culprit),
    }));
}

/** Whether a command drops pointers: as its PDE bit says, unless the IOMMU knows better. */
function dropsPointers(vm: Vm, { device, pde }: CommandFields): boolean {
  const policy = vm.machine.devices[device]?.iommu.config.pointerFlush ?? 'pde';
  return policy === 'pde' ? pde : policy === 'always';
}

/** Whether a subscriber invalidates what it answers for, and does not answer for what was left. */
function isForOthers(vm: Vm, sender: number | null, command: CommandFields, culprit: Culprit): boolean {
  if (sender === null) return false;
  const bindings = vm.monitors.subscribers.bindingsOf(sender);
  const answersFor = (device: number, pasid: number | null) =>
    bindings.some(each => each.device === device && (pasid === null || each.pasid === pasid));
  return answersFor(command.device, command.pasid) && !answersFor(culprit.owner, culprit.pasid);
}

/** The subscriber in whose callback something was done; null if it was in none. */
export function senderOf(seen: readonly Seen[], { call }: Pick<Seen, 'call'>): number | null {
  for (let at = call; at !== null; at = at.caller) {
    if (at.fn.role !== 'callback') continue;
    const told = seen.find(({ event, call: own }) => event.type === 'callback' && own === at);
    return told?.event.type === 'callback' ? told.event.subscriber : null;
  }
  return null;
}

const invalidations = new Set(['INVALIDATE_IOMMU_PAGES', 'INVALIDATE_IOTLB_PAGES']);

/** Whether an invalidation of one page drops a copy: of a pointer, any page below it does. */
function meets(address: number, { level, address: at }: Culprit): boolean {
  const span = Math.max(PAGE_SIZE, entrySpan(level));
  return alignDown(address, span) === alignDown(at, span);
}

/** The same for a block of pages. */
function meetsBlock({ address, pages }: CommandFields, culprit: Culprit): boolean {
  const first = alignDown(address, pages * PAGE_SIZE);
  for (let page = 0; page < pages; page++) if (meets(first + page * PAGE_SIZE, culprit)) return true;
  return false;
}

/** What all flushes of CPUs have in common. */
const flush = { isKind: true, pointers: true, isForOthers: false } as const;

function flushesOf({ vm }: Session, seen: readonly Seen[], culprit: Culprit): Sent[] {
  return seen.flatMap(each => {
    if (each.event.type !== 'machine') return [];
    const { event } = each.event;
    if (event.type === 'cr3') {
      const isTarget = event.cpu === culprit.owner;
      const name = `load of CR3 of ${cpuName(vm.machine.config, event.cpu)}`;
      return [{ ...flush, seen: each, done: each.position, name, isTarget, covers: true }];
    }
    if (event.type !== 'flush-tlb') return [];
    // INVLPG drops every pointer of the address space.
    const covers = event.address === null || isPointer(culprit) || meets(event.address, culprit);
    const unit = cpuName(vm.machine.config, event.cpu);
    const name = event.address === null ? `flush of ${unit}` : `INVLPG on ${unit}`;
    const isTarget = event.cpu === culprit.owner;
    return [{ ...flush, seen: each, done: each.position, name, isTarget, covers }];
  });
}
