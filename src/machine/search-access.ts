/**
 * What an access can come to in a search, and what caches do there that is noticed.
 *
 * An access chooses one of its possibilities: a copy that grants it and that a cache may hold, or the read of
 * an entry from any pointer that may be held, where that read is noticed or ends the walk. It may also be
 * issued and wait, where it is judged by what was allowed then.
 */
import { canonical, fromWords, highWord, lowWord, slotOf } from '../base/address';
import { FRAME_WORDS } from '../base/words';
import type { CachedCopy } from './copies';
import type { Device } from './device';
import { PTE } from './entry-format';
import { pieceFrame } from './frames';
import type { Copy } from './held';
import type { MayHold, Position, Space } from './may-hold';
import { D, LEAF, levelOf, MARK, U, VALID, W } from './register-bits';
import type { WalkResult } from './walk';
import type { Wires } from './wires';

/** One of the things that an access can come to in a step. */
export type Possibility =
  | { readonly kind: 'hit'; readonly copy: Copy }
  | { readonly kind: 'read'; readonly position: Position; readonly result: WalkResult }
  | { readonly kind: 'wait' };

/** What an access came to. */
export interface Taken {
  readonly space: Space;
  readonly low: number;
  readonly high: number;
  readonly write: boolean;
  readonly possibility: Possibility;
}

/** A read that no access asks for, and that is noticed: where, and for which address. */
export interface Speculative {
  readonly space: Space;
  readonly position: Position;
  readonly low: number;
  readonly high: number;
}

/** Accesses and walks of a search. */
export class SearchAccess {
  /** What the access made last came to. No part of the state. */
  taken: Taken | null = null;
  readonly mayHold: MayHold;
  /** The read made last. No part of the state. */
  lastRead: Speculative | null = null;
  /** Flags and frame of the copy that was read last. No part of the state. */
  flags = 0;
  frame = 0;
  private readonly wires: Wires;

  constructor(wires: Wires, mayHold: MayHold) {
    this.wires = wires;
    this.mayHold = mayHold;
  }

  /** Chooses what an access comes to. `issued` if it was issued in this step. */
  choose(space: Space, low: number, high: number, write: boolean, issued: boolean): Possibility {
    const { mayHold } = this;
    if (!mayHold.isTranslated(low, high))
      mayHold.search.limit('an address is used whose upper bits the page tables do not see');
    const possible = this.possibilities(space, low, high, write);
    if (issued && mayHold.search.isIssueJudged()) possible.push({ kind: 'wait' });
    const possibility = possible[mayHold.search.choose(possible.length)] ?? { kind: 'wait' };
    this.taken = { space, low, high, write, possibility };
    return possibility;
  }

  /** Makes the read that an access has chosen; without a root there is nothing to read. */
  take(
    space: Space,
    { position }: Possibility & { readonly kind: 'read' },
    low: number,
    high: number,
    write: boolean,
  ): WalkResult {
    return position === nowhere ? 'absent' : this.read(space, position, low, high, write);
  }

  /** Reads an entry for an access, or for nobody: judged, and with all its effects. */
  read(space: Space, position: Position, low: number, high: number, write: boolean): WalkResult {
    const { mayHold } = this;
    const { frames } = mayHold;
    const { level, table, gathered } = position;
    const slot = slotOf(low, high, level);
    const address = fromWords(low, high);
    this.lastRead = { space, position, low, high };
    const isMarked = (gathered & MARK) !== 0;
    this.wires.hooks.walked(space.agent, space.pasid, address, table, slot, isMarked);
    this.wires.sink?.({ type: 'walk', by: space.agent, address, frame: table, slot, level });
    const value = frames.read(table, slot);
    const result = this.resultOf(space, position, value, write);
    if (result === 'absent' || result === 'denied') return result;
    const used = value | PTE.A | (write && result === 'leaf' ? PTE.D : 0);
    const isSound = mayHold.isSound(position);
    if (used !== value) frames.writeEntry(table, slot, used);
    const copy = this.made(space, position, slot, used, write);
    this.flags = copy?.flags ?? 0;
    this.frame = copy?.frame ?? -1;
    if (copy !== null && (!isSound || (write && isDeviceLeaf(space, copy)))) mayHold.hold([copy]);
    return result;
  }

  /** What caches can read now though nobody asks for it, and which is noticed. In a fixed order. */
  speculative(): Speculative[] {
    const { mayHold } = this;
    const found: Speculative[] = [];
    const isOdd = mayHold.frames.isOdd();
    for (const space of mayHold.spaces()) {
      const before = found.length;
      if (!mayHold.isRunning(space)) continue;
      const { device, pasid } = space;
      const isReleased = device !== null && mayHold.search.isReleased(device.index, pasid);
      const visit = (position: Position): void => {
        if (!mayHold.isSound(position)) this.addUnsound(found, space, position);
        else if (isOdd) this.addUnused(found, space, position, visit);
      };
      if (space.root !== 0) visit(mayHold.start(space));
      mayHold.eachPointer(space, visit);
      if (!isReleased || found.length > before) continue;
      if (space.root !== 0) found.push({ space, position: mayHold.start(space), low: 0, high: 0 });
      else mayHold.eachPointer(space, position => found.push(firstRead(space, position)));
    }
    return found;
  }

  /** Makes one of the reads that `speculative` gives. */
  speculate({ space, position, low, high }: Speculative): void {
    this.read(space, position, low, high, false);
  }

  /** Every leaf for an address that any cache may hold. */
  leavesAt(address: number): CachedCopy[] {
    const [low, high] = [lowWord(address), highWord(address)];
    return this.mayHold
      .allSpaces()
      .flatMap(space => this.mayHold.leaves(space, low, high).map(copy => this.decode(space, copy)));
  }

  private possibilities(space: Space, low: number, high: number, write: boolean): Possibility[] {
    const { mayHold } = this;
    const need = neededBy(space, write);
    const found: Possibility[] = [];
    for (const copy of mayHold.leaves(space, low, high)) {
      if ((copy.flags & need) !== need) continue;
      if (!found.some(other => other.kind === 'hit' && isSameHit(other.copy, copy, low, high)))
        found.push({ kind: 'hit', copy });
    }
    const ends = new Set<string>();
    const positions = mayHold.positions(space, low, high);
    if (positions.length === 0) found.push({ kind: 'read', position: nowhere, result: 'absent' });
    for (const position of positions) {
      const { table, level } = position;
      const slot = slotOf(low, high, level);
      const value = mayHold.frames.read(table, slot);
      const result = this.resultOf(space, position, value, write);
      const isSound = mayHold.isSound(position);
      if (result === 'absent' || result === 'denied') {
        // Where the walk ends makes no difference.
        if (isSound && ends.has(result)) continue;
        if (isSound) ends.add(result);
        found.push({ kind: 'read', position, result });
      } else if (this.isNoticed(space, position, slot, value, write))
        found.push({ kind: 'read', position, result });
    }
    return found;
  }

  /** Whether a read that an entry grants changes anything. */
  private isNoticed(space: Space, position: Position, slot: number, value: number, write: boolean): boolean {
    const { mayHold } = this;
    const isLeaf = mayHold.isLeafAt(value, position.level);
    if ((value & PTE.A) === 0 || (write && isLeaf && (value & PTE.D) === 0)) return true;
    const copy = this.made(space, position, slot, value, write);
    if (copy === null) return false;
    const adds = !mayHold.isSound(position) || (write && isDeviceLeaf(space, copy));
    return adds && !mayHold.isHeld(copy);
  }

  /** The copy that a read makes; for a write a device's has W. */
  private made(space: Space, position: Position, slot: number, value: number, write: boolean): Copy | null {
    const copy = this.mayHold.copyAt(space, position, slot, value);
    const addsWrite = copy !== null && write && isDeviceLeaf(space, copy);
    return addsWrite ? { ...copy, flags: copy.flags | W } : copy;
  }

  private resultOf(space: Space, position: Position, value: number, write: boolean): WalkResult {
    if ((value & PTE.P) === 0) return 'absent';
    const { mayHold } = this;
    if (!mayHold.isLeafAt(value, position.level)) return 'more';
    if (mayHold.flagsOf(space, position, value) === 0) return 'denied';
    return write && ((value & PTE.W) === 0 || (position.gathered & W) === 0) ? 'denied' : 'leaf';
  }

  /** Reads through a dangling pointer, or of what is no table: those that fill something, or else one. */
  private addUnsound(found: Speculative[], space: Space, position: Position): void {
    const { mayHold } = this;
    const { frames } = mayHold;
    const before = found.length;
    let slot = frames.nextPopulated(position.table, 0, FRAME_WORDS);
    for (; slot >= 0; slot = frames.nextPopulated(position.table, slot + 1, FRAME_WORDS)) {
      const value = frames.read(position.table, slot);
      const copy = mayHold.copyAt(space, position, slot, value);
      if (copy === null || ((value & PTE.A) !== 0 && mayHold.isHeld(copy))) continue;
      found.push({ space, position, low: copy.low, high: copy.high });
    }
    if (found.length === before) found.push(firstRead(space, position));
  }

  /** Reads of entries that no walk has used yet; visits the tables below. */
  private addUnused(
    found: Speculative[],
    space: Space,
    position: Position,
    visit: (position: Position) => void,
  ): void {
    const { mayHold } = this;
    const { frames } = mayHold;
    let slot = frames.nextPopulated(position.table, 0, FRAME_WORDS);
    for (; slot >= 0; slot = frames.nextPopulated(position.table, slot + 1, FRAME_WORDS)) {
      const value = frames.read(position.table, slot);
      const copy = mayHold.copyAt(space, position, slot, value);
      if (copy === null) continue;
      if ((value & PTE.A) === 0) found.push({ space, position, low: copy.low, high: copy.high });
      else if ((copy.flags & LEAF) === 0) visit(mayHold.behindCopy(copy));
    }
  }

  private decode({ agent, device, pasid, tag }: Space, copy: Copy): CachedCopy {
    const { flags, low, high, frame } = copy;
    const level = levelOf(flags);
    const isAtc = device !== null && copy.cache === this.mayHold.atcOf(device);
    const where = cacheOf(device, isAtc);
    return {
      cache: where,
      owner: where === 'iotlb' ? (device?.iommu.index ?? 0) : agent.index,
      slot: -1,
      tag: device === null ? tag - 1 : device.domain(),
      pasid: device === null ? -1 : pasid,
      device: device?.index ?? -1,
      address: canonical(fromWords(low, high)),
      size: 4096 * 512 ** (level - 1),
      frame,
      level,
      leaf: true,
      write: (flags & W) !== 0,
      user: (flags & U) !== 0,
      noExecute: false,
      dirty: (flags & D) !== 0,
      global: false,
      absent: false,
      marked: (flags & MARK) !== 0,
    };
  }
}

/** Flags that a leaf must have to grant an access. */
function neededBy({ device }: Space, write: boolean): number {
  if (device === null) return write ? U | W | D : U;
  return write ? W : 0;
}

/** An IOMMU's copy grants W only if it was made for a write, so such a read adds what others do not. */
function isDeviceLeaf({ device }: Space, { flags }: Copy): boolean {
  return device !== null && (flags & LEAF) !== 0;
}

function cacheOf(device: Device | null, isAtc: boolean): 'tlb' | 'atc' | 'iotlb' {
  if (device === null) return 'tlb';
  return isAtc ? 'atc' : 'iotlb';
}

/** Where a walk without a root begins: nothing is read. */
const nowhere: Position = { level: 0, table: -1, gathered: VALID, low: 0, high: 0 };

function firstRead(space: Space, position: Position): Speculative {
  return { space, position, low: position.low, high: position.high };
}

/** Whether two copies lead an access to the same word, with the same judgement. */
function isSameHit(copy: Copy, other: Copy, low: number, high: number): boolean {
  const level = levelOf(copy.flags);
  if (level !== levelOf(other.flags) || ((copy.flags ^ other.flags) & MARK) !== 0) return false;
  return pieceFrame(copy.frame, low, high, level) === pieceFrame(other.frame, low, high, level);
}
