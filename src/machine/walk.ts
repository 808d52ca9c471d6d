/**
 * The page walk, one level a step, for CPUs and IOMMUs alike.
 *
 * Registers of a walk are four words: flags (register-bits.ts), the address (two words), and the frame of
 * the table to read next. A step is atomic: it reads one entry and sets A in it, and D in a leaf for a
 * store. Absent entries are cached only by an IOMMU that says so. What is filled inherits the mark of every
 * pointer on the way.
 */
import { fromWords, highWord, lowWord, slotOf } from '../base/address';
import type { EntryCache } from './cache';
import { PTE, pteFrame, pteNuma, type TableFormat } from './entry-format';
import { type Frames, pieceFrame, TABLE } from './frames';
import type { Agent } from './observer';
import {
  ABSENT,
  D,
  G,
  GATHERED,
  LEAF,
  LEVEL_MASK,
  LEVEL_SHIFT,
  levelOf,
  MARK,
  NX,
  rootFrame,
  U,
  W,
} from './register-bits';
import type { Wires } from './wires';

/** Words of the registers of a walk. */
export const WALK_WORDS = 4;

/** How a step of a walk ended. `denied`: the leaf is present but does not grant the access. */
export type WalkResult = 'more' | 'leaf' | 'absent' | 'denied';

/** Who walks, into which caches. */
export interface WalkPort {
  readonly agent: Agent;
  readonly leaves: EntryCache;
  readonly pointers: EntryCache;
  /**
   * An IOMMU's copy grants W only if it was made for a write: D is set by writes only, and such copies are
   * not walked again for it. It has no G: the PASID always counts.
   */
  readonly isIommu: boolean;
  /** Whether `leaves` also keeps that there was nothing. */
  readonly cachesAbsent: boolean;
}

/** What a walk knows before it reads an entry: the table and its level, and what it gathered on its way. */
export interface Reach {
  readonly table: number;
  readonly level: number;
  readonly gathered: number;
}

/** The present leaf for an address. */
export interface Backing {
  /** Frame of the 4 KiB piece. */
  readonly frame: number;
  readonly value: number;
  readonly level: number;
  readonly table: number;
  readonly slot: number;
}

/** Walks page tables of one format. */
export class Walker {
  /** What was read last: frame and flags of the copy. Valid until the next read, no part of the state. */
  frame = 0;
  flags = 0;
  private readonly wires: Wires;
  private readonly frames: Frames;
  private readonly format: TableFormat;

  constructor(wires: Wires, frames: Frames, format: TableFormat) {
    this.wires = wires;
    this.frames = frames;
    this.format = format;
  }

  /** Reads one entry. A walk that has not begun begins at the deepest cached pointer, or at `root`. */
  step(port: WalkPort, at: number, pasid: number, tag: number, root: number, write: boolean): WalkResult {
    const words = this.wires.words;
    const header = words.get(at);
    const low = words.get(at + 1);
    const high = words.get(at + 2);
    let level = levelOf(header);
    let table = words.get(at + 3);
    let gathered = header & GATHERED;
    if (level === 0) {
      const cached = port.pointers.deepestPointer(tag, low, high);
      if (cached < 0 && root === 0) return 'absent';
      const flags = cached < 0 ? 0 : port.pointers.flags(cached);
      level = cached < 0 ? this.format.levels : levelOf(flags) - 1;
      table = cached < 0 ? rootFrame(root) : port.pointers.frame(cached);
      gathered = cached < 0 ? rootRights(root) : flags & GATHERED;
    }
    const result = this.read(port, pasid, tag, low, high, { table, level, gathered }, write);
    if (result !== 'more') return result;
    words.put(at, (header & ~(LEVEL_MASK | GATHERED)) | ((level - 1) << LEVEL_SHIFT) | this.flags);
    words.put(at + 3, this.frame);
    return 'more';
  }

  /**
   * Reads the entry for an address in a table, and fills a cache with what it holds: the one way in which
   * walks go on, those on demand and those on speculation. `frame` and `flags` then tell what was read.
   */
  read(
    port: WalkPort,
    pasid: number,
    tag: number,
    low: number,
    high: number,
    from: Reach,
    write: boolean,
  ): WalkResult {
    const { table, level } = from;
    const slot = slotOf(low, high, level);
    const address = fromWords(low, high);
    this.wires.hooks.walked(port.agent, pasid, address, table, slot, (from.gathered & MARK) !== 0);
    this.wires.sink?.({ type: 'walk', by: port.agent, address, frame: table, slot, level });
    const value = this.frames.read(table, slot);
    const kind = this.decode(port, from, value, write);
    if (kind === 'absent' && port.cachesAbsent) port.leaves.fill(tag, level, low, high, LEAF | ABSENT, 0);
    if (kind === 'absent' || kind === 'denied') return kind;
    const used = value | PTE.A | (write && kind === 'leaf' ? PTE.D : 0);
    if (used !== value) this.frames.write(table, slot, used);
    const cache = kind === 'leaf' ? port.leaves : port.pointers;
    cache.fill(tag, level, low, high, this.flags, this.frame);
    if (kind === 'leaf') this.flags |= level << LEVEL_SHIFT;
    return kind;
  }

  /** Whether a read for nobody would change anything: a cache, or A in the entry. Changes nothing itself. */
  wouldFill(port: WalkPort, tag: number, low: number, high: number, from: Reach): WalkResult | 'same' {
    const value = this.frames.read(from.table, slotOf(low, high, from.level));
    const kind = this.decode(port, from, value, false);
    if (kind === 'absent' || kind === 'denied' || (value & PTE.A) === 0) return kind;
    const cache = kind === 'leaf' ? port.leaves : port.pointers;
    return cache.hasLatest(tag, from.level, low, high, this.flags, this.frame) ? 'same' : kind;
  }

  /** Takes a walk back to its beginning; the rest of the header stays. */
  restart(at: number): void {
    const words = this.wires.words;
    words.put(at, words.get(at) & ~(LEVEL_MASK | GATHERED));
    words.put(at + 3, 0);
  }

  /** Marks a walk that is about to read a frame which is being freed. */
  markFrame(at: number, frame: number): void {
    const words = this.wires.words;
    const header = words.get(at);
    if (levelOf(header) !== 0 && words.get(at + 3) === frame) words.put(at, header | MARK);
  }

  /** The present leaf for an address, found without effects; undefined where the tables are broken. */
  backing(root: number, address: number): Backing | undefined {
    return this.find(root, address, value => (value & PTE.P) !== 0);
  }

  /** The same for a leaf that is a NUMA hint, which the hardware does not use. */
  hint(root: number, address: number): Backing | undefined {
    const found = this.find(root, address, value => (value & PTE.P) !== 0 || pteNuma(value));
    return found !== undefined && pteNuma(found.value) ? found : undefined;
  }

  private find(root: number, address: number, isThere: (value: number) => boolean): Backing | undefined {
    const low = lowWord(address);
    const high = highWord(address);
    let table = root;
    for (let level = this.format.levels; level > 0; level--) {
      if (this.frames.kind(table) !== TABLE || this.frames.level(table) !== level) return undefined;
      const slot = slotOf(low, high, level);
      const value = this.frames.read(table, slot);
      if (!isThere(value)) return undefined;
      if (level === 1 || ((value & PTE.PS) !== 0 && level <= this.format.hugeLevelMax)) {
        return { frame: pieceFrame(pteFrame(value), low, high, level), value, level, table, slot };
      }
      table = pteFrame(value);
    }
    return undefined;
  }

  /** What an entry is to a walk; `frame` and `flags` are then those of the copy that is made of it. */
  private decode(port: WalkPort, { level, gathered }: Reach, value: number, write: boolean): WalkResult {
    if ((value & PTE.P) === 0) return 'absent';
    const rights = gather(gathered, value);
    this.frame = pteFrame(value);
    this.flags = rights;
    if (level !== 1 && ((value & PTE.PS) === 0 || level > this.format.hugeLevelMax)) return 'more';
    const lacksUser = (this.format.required & PTE.U) !== 0 && (rights & U) === 0;
    if (lacksUser || (write && (rights & W) === 0)) return 'denied';
    const kept = port.isIommu && !write ? rights & ~W : rights;
    const global = !port.isIommu && (value & PTE.G) !== 0 ? G : 0;
    this.flags = kept | LEAF | global | (write || (value & PTE.D) !== 0 ? D : 0);
    return 'leaf';
  }
}

/** What a walk that begins at a root has gathered: every right, and the mark of the root. */
export function rootRights(register: number): number {
  return W | U | ((register & 1) !== 0 ? MARK : 0);
}

/** Rights on from an entry: granted only where every level grants them; marks and NX add up. */
export function gather(gathered: number, value: number): number {
  let rights = gathered;
  if ((value & PTE.W) === 0) rights &= ~W;
  if ((value & PTE.U) === 0) rights &= ~U;
  if ((value & PTE.NX) !== 0) rights |= NX;
  if ((value & PTE.DANGLING) !== 0) rights |= MARK;
  return rights;
}
