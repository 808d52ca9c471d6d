/**
 * What caches may hold when they are unlimited, fill on speculation and drop entries whenever they like: the
 * caches of a search.
 *
 * What a cache may hold is *live* or *held*. Live is whatever walks would copy now without being noticed:
 * from a root that is loaded or a pointer that may be held, through entries that have A set already, in
 * tables that are tables. It is computed when it is asked for. Held (held.ts) are copies that walks made
 * before and would not make now. Every subset of the two can be what a cache really holds, so nothing else
 * is state.
 *
 * - Before an entry changes, a table is freed or another root is loaded, the copies that are lost to walks
 *   go to Held: `entryChanging`, `tableFreeing`, `rootChanging`.
 * - An invalidation takes copies out of Held. What was live by a pointer that goes with it stays, and is
 *   held from then on.
 * - A walk that would be noticed is an action of its own (search-access.ts): one that sets A or D, or that
 *   reads through a dangling pointer or in what is no table.
 * - What an IOTLB may hold an ATC may hold, so Held of an ATC is only what is not in that of the IOTLB.
 * - A held leaf says nothing beside a live or held one for the same frame that grants as much.
 */
import { prefixHigh, prefixLow, slotOf } from '../base/address';
import type { Layout } from '../base/layout';
import { FRAME_WORDS } from '../base/words';
import type { MachineConfig } from './config';
import type { Cpu } from './cpu';
import { type Device, PASIDS } from './device';
import { PTE, pteFrame, type TableFormat } from './entry-format';
import { type Frames, spans, TABLE } from './frames';
import { type Copy, Held } from './held';
import type { Agent, SearchHooks } from './observer';
import {
  D,
  domainOf,
  GATHERED,
  LEAF,
  LEVEL_SHIFT,
  levelOf,
  MARK,
  NX,
  pasidOf,
  rootFrame,
  U,
  VALID,
  W,
} from './register-bits';
import { gather, rootRights } from './walk';
import type { EntryWatch, Wires } from './wires';

/** Copies that may be held beyond live ones; more is a limit of the search. */
const HELD_MAX = 160;
const GLOBAL = 'copies of global pages outlive a switch of the address space, which is not searched';
/** What of an entry a copy of it has. */
const COPIED = ~(PTE.SPECIAL | PTE.SOFT_DIRTY | PTE.PROTNONE);
const WALKABLE = PTE.P | PTE.A;

/** An address space as one walker sees it: the cache it fills, its tag there, and the root it begins at. */
export interface Space {
  readonly cache: number;
  readonly tag: number;
  /** Register word of the root, 0 for none. */
  readonly root: number;
  readonly agent: Agent;
  readonly device: Device | null;
  readonly pasid: number;
}

/** A table that a walk can read next, what it has gathered so far, and the first address it translates. */
export interface Position {
  readonly level: number;
  readonly table: number;
  readonly gathered: number;
  readonly low: number;
  readonly high: number;
}

/** The caches of a search. */
export class MayHold implements EntryWatch {
  readonly held: Held;
  readonly frames: Frames;
  readonly format: TableFormat;
  cpus: readonly Cpu[] = [];
  devices: readonly Device[] = [];
  private readonly cpuCount: number;
  private readonly iommuCount: number;
  private pending: Copy[] = [];

  constructor(
    wires: Wires,
    layout: Layout,
    frames: Frames,
    format: TableFormat,
    { cpus, vcpus, iommus }: Pick<MachineConfig, 'cpus' | 'vcpus' | 'iommus'>,
    readonly search: SearchHooks,
  ) {
    this.frames = frames;
    this.format = format;
    this.held = new Held(wires, layout, HELD_MAX);
    this.cpuCount = cpus + vcpus;
    this.iommuCount = iommus.length;
  }

  /** The address space that a CPU has loaded. */
  cpuSpace(index: number): Space {
    const root = this.cpus[index]?.rootRegister() ?? 0;
    const agent = { kind: 'cpu', index } as const;
    return { cache: index, tag: root >> 1, root, agent, device: null, pasid: 0 };
  }

  /** The address space of a PASID of a device. */
  deviceSpace(device: Device, pasid: number): Space {
    const { agent, iommu } = device;
    const [cache, root] = [this.cpuCount + iommu.index, device.rootRegister(pasid)];
    return { cache, tag: device.tag(pasid), root, agent, device, pasid };
  }

  /** Whether a walk of a space can be noticed: a guest's are made while it runs. */
  isRunning({ agent, device }: Space): boolean {
    return device !== null || this.cpus[agent.index]?.isRunning() === true;
  }

  /** Number of the cache that is a device's own. */
  atcOf(device: Device): number {
    return this.cpuCount + this.iommuCount + device.index;
  }

  /** The spaces that something may be walked or held of. */
  spaces(): Space[] {
    const spaces: Space[] = [];
    for (let cpu = 0; cpu < this.cpuCount; cpu++) {
      const space = this.cpuSpace(cpu);
      if (space.root !== 0) spaces.push(space);
    }
    for (const device of this.devices) {
      for (let pasid = 0; pasid < PASIDS; pasid++) {
        if (device.rootRegister(pasid) !== 0 || this.hasHeld(this.deviceCache(device), device.tag(pasid)))
          spaces.push(this.deviceSpace(device, pasid));
      }
    }
    return spaces;
  }

  /** The spaces that anything is walked or held of, leaves too. */
  allSpaces(): Space[] {
    const { held } = this;
    const spaces = this.spaces();
    for (let at = 0; at < held.count(); at++) {
      const space = this.spaceOf(held.copy(at));
      if (space === null) continue;
      const isKnown = spaces.some(({ cache, tag }) => cache === space.cache && tag === space.tag);
      if (!isKnown) spaces.push(space);
    }
    return spaces;
  }

  /** Every table that a walk for an address can read next without being noticed before. */
  positions(space: Space, low: number, high: number, without = -1): Position[] {
    const { held } = this;
    const found: Position[] = [];
    if (space.root !== 0) found.push(this.start(space));
    for (let at = 0; at < held.count(); at++) {
      if (at === without || held.isLeaf(at) || !held.belongs(at, space.cache, space.tag)) continue;
      if (held.covers(at, low, high)) addOnce(found, this.behind(at));
    }
    for (let index = 0; index < found.length; index++) {
      const position = found[index];
      if (position === undefined || !this.isSound(position)) continue;
      const { level, table, gathered } = position;
      const value = this.frames.readAt(table, low, high, level);
      if ((value & WALKABLE) !== WALKABLE || this.isLeafAt(value, level)) continue;
      const below = { level: level - 1, table: pteFrame(value), gathered: gather(gathered, value) };
      addOnce(found, { ...below, low: prefixLow(low, level), high: prefixHigh(high, level) });
    }
    return found;
  }

  /** Whether a read there goes unnoticed: no dangling pointer led there, and it is a page table. */
  isSound({ gathered, table }: Position): boolean {
    return (gathered & MARK) === 0 && this.frames.kind(table) === TABLE;
  }

  /** Whether an entry at this level is a leaf. */
  isLeafAt(value: number, level: number): boolean {
    return level === 1 || ((value & PTE.PS) !== 0 && level <= this.format.hugeLevelMax);
  }

  /** Flags of the copy that a read for nobody makes of an entry; 0 if it makes none. */
  flagsOf(space: Space, { level, gathered }: Position, value: number): number {
    if ((value & PTE.P) === 0) return 0;
    const rights = gather(gathered, value) | VALID | (level << LEVEL_SHIFT);
    if (!this.isLeafAt(value, level)) return rights;
    if ((this.format.required & PTE.U) !== 0 && (rights & U) === 0) return 0;
    if (space.device !== null) return (rights & ~W) | LEAF;
    if ((value & PTE.G) !== 0) this.search.limit(GLOBAL);
    return rights | LEAF | ((value & PTE.D) !== 0 ? D : 0);
  }

  /** Leaves for an address that a cache of the space may hold; those of its ATC too. */
  leaves(space: Space, low: number, high: number): Copy[] {
    const { cache, tag } = space;
    const found: Copy[] = [];
    for (const position of this.positions(space, low, high)) {
      const { level, table } = position;
      const value = this.frames.readAt(table, low, high, level);
      if ((value & WALKABLE) !== WALKABLE || !this.isLeafAt(value, level) || !this.isSound(position))
        continue;
      const flags = this.flagsOf(space, position, value);
      const at = { low: prefixLow(low, level), high: prefixHigh(high, level) };
      if (flags !== 0) found.push({ cache, tag, flags, ...at, frame: pteFrame(value) });
    }
    const { held } = this;
    const atc = space.device === null ? -1 : this.atcOf(space.device);
    for (let at = 0; at < held.count(); at++) {
      if (!held.isLeaf(at) || held.tag(at) !== tag || !held.covers(at, low, high)) continue;
      if (held.cache(at) === cache || held.cache(at) === atc) found.push(held.copy(at));
    }
    return found;
  }

  /** Adds copies that walks made, or that they cannot make any more. */
  hold(copies: readonly Copy[]): void {
    for (const copy of copies)
      if (!this.held.add(copy))
        this.search.limit(`more than ${HELD_MAX} stale copies may be held by caches (HELD_MAX)`);
    if (copies.length > 0) this.settle();
  }

  /** Forgets everything held: nothing has run yet. */
  forget(): void {
    while (this.held.count() > 0) this.held.remove(this.held.count() - 1);
  }

  entryChanging(frame: number, slot: number, old: number, value: number): void {
    if ((value & (PTE.P | PTE.G)) === (PTE.P | PTE.G)) this.search.limit(GLOBAL);
    if ((old & WALKABLE) !== WALKABLE || ((old ^ value) & COPIED) === 0) return;
    for (const space of this.spaces()) {
      for (const position of this.reaching(space, frame)) {
        const copy = this.copyAt(space, position, slot, old);
        if (copy === null) continue;
        const after = (value & WALKABLE) === WALKABLE ? this.copyAt(space, position, slot, value) : null;
        if (after === null || !says(after, copy)) this.pending.push(copy);
      }
    }
  }

  entryChanged(): void {
    const { pending } = this;
    this.pending = [];
    if (pending.length > 0) this.hold(pending);
    else this.settle();
  }

  /** A table is about to be freed: what walks found in it stays, once `entryChanged` says that it is. */
  tableFreeing(frame: number): void {
    if (this.frames.nextPopulated(frame, 0, FRAME_WORDS) < 0) return;
    for (const space of this.spaces())
      for (const position of this.reaching(space, frame))
        this.each(space, position, copy => this.pending.push(copy));
  }

  /** A register is about to refer to a root, or to none (-1). */
  rootLoading(root: number): void {
    if (root >= 0) this.frames.takeForTable(root, this.format.levels);
  }

  /** Another root is about to be loaded for a PASID: the pointers of the old one stay in the walk cache. */
  rootChanging(device: Device, pasid: number): void {
    const space = this.deviceSpace(device, pasid);
    if (space.root === 0) return;
    const lost: Copy[] = [];
    this.each(space, this.start(space), copy => lost.push(copy));
    this.pending = lost;
  }

  /** It is loaded. */
  rootChanged(): void {
    this.entryChanged();
  }

  /** A frame was freed: what refers to it dangles. */
  markFrame(frame: number): void {
    const { held } = this;
    const marked: Copy[] = [];
    for (let at = held.count() - 1; at >= 0; at--) {
      const level = held.isLeaf(at) ? levelOf(held.flags(at)) : 1;
      if ((held.flags(at) & MARK) !== 0 || !spans(held.frame(at), level, frame)) continue;
      const copy = held.copy(at);
      marked.push({ ...copy, flags: copy.flags | MARK });
      held.remove(at);
    }
    this.hold(marked);
  }

  /** A CPU drops everything it holds. */
  flush(cpu: number): void {
    this.removeIf(at => this.held.cache(at) === cpu);
  }

  /** INVLPG: drops the leaf for an address, and every pointer. Leaves for others stay. */
  invlpg(cpu: number, low: number, high: number): void {
    const space = this.cpuSpace(cpu);
    const kept: Copy[] = [];
    this.eachPointer(space, position => this.leavesUnder(space, position, low, high, kept));
    this.removeIf(
      at => this.held.cache(at) === cpu && (!this.held.isLeaf(at) || this.held.covers(at, low, high)),
    );
    this.hold(kept);
  }

  /** A fault of a CPU drops the leaf for its address and the pointers on the way to it. */
  faulted(cpu: number, low: number, high: number): void {
    const space = this.cpuSpace(cpu);
    const kept = this.besidePath(space, low, high);
    this.removeIf(at => this.held.cache(at) === cpu && this.held.covers(at, low, high));
    this.hold(kept);
  }

  /** INVALIDATE_IOMMU_PAGES is carried out: for an address or all, pointers too if `pde`. */
  iommuInvalidated(
    device: Device,
    pasid: number,
    low: number,
    high: number,
    all: boolean,
    pde: boolean,
  ): void {
    const { held } = this;
    const space = this.deviceSpace(device, pasid);
    const { cache, tag } = space;
    const kept: Copy[] = [];
    const own: Copy[] = [];
    if (pde && all) this.eachPointer(space, position => this.leavesUnder(space, position, 0, 0, own, true));
    else if (pde) {
      kept.push(...this.besidePath(space, low, high));
      own.push(...this.leaves(space, low, high).filter(copy => copy.cache === cache));
    }
    const isDropped = (at: number): boolean => {
      if (!held.belongs(at, cache, tag) || !(all || held.covers(at, low, high))) return false;
      return pde || held.isLeaf(at);
    };
    for (let at = 0; at < held.count(); at++) if (held.isLeaf(at) && isDropped(at)) own.push(held.copy(at));
    this.removeIf(isDropped);
    // The device may have asked before.
    const atc = this.atcOf(device);
    if (device.hasAts()) kept.push(...own.map(copy => ({ ...copy, cache: atc })));
    this.hold(kept);
    this.settle();
  }

  /** INVALIDATE_IOTLB_PAGES arrives at the device. */
  atcInvalidated(device: Device, pasid: number, low: number, high: number, all: boolean): void {
    const { held } = this;
    const [cache, tag] = [this.atcOf(device), device.tag(pasid)];
    this.removeIf(at => held.belongs(at, cache, tag) && (all || held.covers(at, low, high)));
  }

  /** Whether the tables see the whole of an address: those of few levels translate the lowest only. */
  isTranslated(low: number, high: number): boolean {
    const { levels } = this.format;
    return levels >= 4 || (prefixLow(low, levels + 1) === 0 && prefixHigh(high, levels + 1) === 0);
  }

  /** Where a walk of a space begins. */
  start({ root }: Space): Position {
    return { level: this.format.levels, table: rootFrame(root), gathered: rootRights(root), low: 0, high: 0 };
  }

  /** Calls back with the position behind every held pointer of a space. */
  eachPointer({ cache, tag }: Space, call: (position: Position) => void): void {
    const { held } = this;
    for (let at = 0; at < held.count(); at++)
      if (!held.isLeaf(at) && held.belongs(at, cache, tag)) call(this.behind(at));
  }

  /** The copy that a read of one slot makes; null if it makes none. */
  copyAt(space: Space, position: Position, slot: number, value: number): Copy | null {
    const flags = this.flagsOf(space, position, value);
    if (flags === 0) return null;
    const { level } = position;
    const { cache, tag } = space;
    const low = slotLow(position.low, level, slot);
    const high = slotHigh(position.high, level, slot, this.format.levels);
    return { cache, tag, flags, low, high, frame: pteFrame(value) };
  }

  /** The copy that a read for an address makes without being noticed; null if there is none. */
  silentCopy(space: Space, position: Position, low: number, high: number): Copy | null {
    const { level, table } = position;
    const value = this.frames.readAt(table, low, high, level);
    if ((value & WALKABLE) !== WALKABLE) return null;
    return this.copyAt(space, position, slotOf(low, high, level), value);
  }

  /** Whether exactly this copy is held. */
  isHeld(copy: Copy): boolean {
    const { held } = this;
    for (let at = 0; at < held.count(); at++) {
      if (!held.belongs(at, copy.cache, copy.tag) || held.frame(at) !== copy.frame) continue;
      if (held.flags(at) === copy.flags && held.low(at) === copy.low && held.high(at) === copy.high)
        return true;
    }
    return false;
  }

  /** The position behind a pointer. */
  behindCopy({ flags, frame, low, high }: Copy): Position {
    return { level: levelOf(flags) - 1, table: frame, gathered: flags & GATHERED, low, high };
  }

  /** What a read of each walkable entry of a sound table copies. */
  private each(space: Space, position: Position, call: (copy: Copy) => void): void {
    if (!this.isSound(position)) return;
    const { frames } = this;
    const { table } = position;
    let slot = frames.nextPopulated(table, 0, FRAME_WORDS);
    for (; slot >= 0; slot = frames.nextPopulated(table, slot + 1, FRAME_WORDS)) {
      const value = frames.read(table, slot);
      if ((value & WALKABLE) !== WALKABLE) continue;
      const copy = this.copyAt(space, position, slot, value);
      if (copy !== null) call(copy);
    }
  }

  /** Collects the leaves that walks find under a position, but for those of an address. */
  private leavesUnder(
    space: Space,
    position: Position,
    low: number,
    high: number,
    found: Copy[],
    everything = false,
  ): void {
    this.each(space, position, copy => {
      if ((copy.flags & LEAF) === 0)
        this.leavesUnder(space, this.behindCopy(copy), low, high, found, everything);
      else if (everything || !covers(copy, low, high)) found.push(copy);
    });
  }

  /** What is live only by pointers on the way to an address, and is not itself for that address. */
  private besidePath(space: Space, low: number, high: number): Copy[] {
    const found: Copy[] = [];
    const visit = (position: Position): void =>
      this.each(space, position, copy => {
        if (!covers(copy, low, high)) found.push(copy);
        else if ((copy.flags & LEAF) === 0) visit(this.behindCopy(copy));
      });
    const { held } = this;
    for (let at = 0; at < held.count(); at++) {
      if (held.isLeaf(at) || !held.belongs(at, space.cache, space.tag)) continue;
      if (held.covers(at, low, high)) visit(this.behind(at));
    }
    return found;
  }

  /** Every position of a space at which a walk reads a table, whatever the address. */
  private reaching(space: Space, frame: number): Position[] {
    const found: Position[] = [];
    const visit = (position: Position): void => {
      if (position.table === frame && this.isSound(position)) addOnce(found, position);
      if (position.level === 1) return;
      this.each(space, position, copy => {
        if ((copy.flags & LEAF) === 0) visit(this.behindCopy(copy));
      });
    };
    if (space.root !== 0) visit(this.start(space));
    this.eachPointer(space, visit);
    return found;
  }

  private behind(at: number): Position {
    const { held } = this;
    const flags = held.flags(at);
    const [low, high] = [held.low(at), held.high(at)];
    return { level: levelOf(flags) - 1, table: held.frame(at), gathered: flags & GATHERED, low, high };
  }

  private hasHeld(cache: number, tag: number): boolean {
    const { held } = this;
    for (let at = 0; at < held.count(); at++)
      if (!held.isLeaf(at) && held.belongs(at, cache, tag)) return true;
    return false;
  }

  private deviceCache(device: Device): number {
    return this.cpuCount + device.iommu.index;
  }

  private removeIf(isGone: (at: number) => boolean): void {
    const gone: number[] = [];
    for (let at = 0; at < this.held.count(); at++) if (isGone(at)) gone.push(at);
    for (const at of gone.reverse()) this.held.remove(at);
  }

  /** Drops what says nothing beside the rest. */
  private settle(): void {
    for (let at = this.held.count() - 1; at >= 0; at--) if (this.isImplied(at)) this.held.remove(at);
  }

  private isImplied(at: number): boolean {
    const { held } = this;
    const copy = held.copy(at);
    const space = this.spaceOf(copy);
    if (space === null) return false;
    if (!held.isLeaf(at)) {
      const behind = this.behind(at);
      return this.positions(space, copy.low, copy.high, at).some(position => isSame(position, behind));
    }
    for (let other = 0; other < held.count(); other++) {
      if (other === at || !held.isLeaf(other) || held.tag(other) !== copy.tag) continue;
      if (held.low(other) !== copy.low || held.high(other) !== copy.high) continue;
      // What an IOTLB may hold its ATC may hold, and not the other way.
      if (held.cache(other) !== copy.cache && held.cache(other) !== space.cache) continue;
      if (levelOf(held.flags(other)) === levelOf(copy.flags) && says(held.copy(other), copy)) return true;
    }
    return this.isLive(space, copy);
  }

  /** Whether a walk would make this leaf now. */
  private isLive(space: Space, copy: Copy): boolean {
    const { low, high } = copy;
    return this.positions(space, low, high).some(position => {
      const value = this.frames.readAt(position.table, low, high, position.level);
      if ((value & WALKABLE) !== WALKABLE || !this.isLeafAt(value, position.level)) return false;
      if (!this.isSound(position) || position.level !== levelOf(copy.flags)) return false;
      return pteFrame(value) === copy.frame && grants(this.flagsOf(space, position, value), copy.flags);
    });
  }

  /** The space that a copy belongs to; null if there is none. */
  spaceOf({ cache, tag }: Copy): Space | null {
    if (cache < this.cpuCount) return this.cpuSpace(cache);
    const device = this.devices[domainOf(tag) - 1];
    return device === undefined ? null : this.deviceSpace(device, pasidOf(tag));
  }
}

/** Whether one copy lets happen all that the other does. */
function says(copy: Copy, other: Copy): boolean {
  if (((copy.flags ^ other.flags) & LEAF) !== 0 || copy.frame !== other.frame) return false;
  return (copy.flags & LEAF) === 0 ? copy.flags === other.flags : grants(copy.flags, other.flags);
}

/** Whether the flags of a leaf grant all that the others do, and are of the same life of the frame. */
function grants(flags: number, other: number): boolean {
  const rights = W | U | D;
  if (((flags ^ other) & MARK) !== 0 || (flags & NX & ~other) !== 0) return false;
  return (flags & other & rights) === (other & rights);
}

function isSame(position: Position, other: Position): boolean {
  const { level, table, gathered } = position;
  return level === other.level && table === other.table && gathered === other.gathered;
}

function addOnce(positions: Position[], position: Position): void {
  const { low, high } = position;
  if (!positions.some(other => isSame(other, position) && other.low === low && other.high === high))
    positions.push(position);
}

function covers({ flags, low, high }: Copy, forLow: number, forHigh: number): boolean {
  const level = levelOf(flags);
  return low === prefixLow(forLow, level) && high === prefixHigh(forHigh, level);
}

/** Low word of the address that a slot of a table translates. */
function slotLow(low: number, level: number, slot: number): number {
  if (level === 1) return low | (slot << 12);
  if (level === 2) return low | (slot << 21);
  return level === 3 ? low | (slot << 30) : low;
}

/** High word of it: the upper half of the root is the kernel's. */
function slotHigh(high: number, level: number, slot: number, levels: number): number {
  if (level < 3) return high;
  if (level === 3) return high | (slot >> 2);
  const shift = level === 4 ? 7 : 16;
  const isKernel = level === levels && slot >= 256;
  return high | ((isKernel ? slot - 512 : slot) << shift);
}
