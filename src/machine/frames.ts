/**
 * Physical memory: frames of 512 words, free, data or page table, and the allocator that hands them out.
 *
 * Fixed words: the lowest free frame, the number of huge leaves in all tables, the number of entries that
 * walks do not take silently (with the caches of a search), one bit per frame in use, and per frame its kind
 * (0 free, 1 data, level + 1 for a table) with the number of entries that refer to it. All of them
 * follow from the contents, so equal contents give equal states; but for one word that says whether tables
 * were ever written or linked in ways of which no such count is kept. Counting references makes the free of
 * a frame that nothing maps cheap: only a frame that is still mapped has its entries searched for and marked.
 *
 * A word of a free frame is stored XOR `POISON`, so that a freed frame needs no writing to read as poison.
 */
import { pieceOf, slotOf } from '../base/address';
import { assert } from '../base/assert';
import type { Layout } from '../base/layout';
import { FRAME_WORDS } from '../base/words';
import { FRAME_MAX, POISON, PTE, pteFrame, pteMapped } from './entry-format';
import type { Wires } from './wires';

/** Kind of a free frame. */
export const FREE = 0;
/** Kind of a frame with data. */
export const DATA = 1;
/** Kind of a frame with a page table. */
export const TABLE = 2;

const KIND_MASK = 15;
const REFERENCE = 16;
/** Highest level of a table. */
export const LEVEL_MAX = 5;

/** Frames and their allocator. */
export class Frames {
  readonly count: number;
  private readonly wires: Wires;
  private readonly lowest: number;
  private readonly huge: number;
  private readonly odd: number;
  private readonly wild: number;
  private readonly used: number;
  private readonly meta: number;

  constructor(wires: Wires, layout: Layout, count: number) {
    assert(count <= FRAME_MAX, 'Frames: an entry can name 2^20 frames');
    this.wires = wires;
    this.count = count;
    this.lowest = layout.reserve(1);
    this.huge = layout.reserve(1);
    this.odd = layout.reserve(1);
    this.wild = layout.reserve(1);
    this.used = layout.reserve(Math.ceil(count / 32));
    this.meta = layout.reserve(count);
  }

  /** `FREE` (also for a number beyond memory), `DATA` or `TABLE`. */
  kind(frame: number): number {
    return Math.min(this.state(frame), TABLE);
  }

  /** Level of a table, 0 for other frames. */
  level(frame: number): number {
    return Math.max(this.state(frame) - 1, 0);
  }

  /** Lowest free frame, zeroed, -1 when none is left. */
  allocData(): number {
    return this.alloc(DATA);
  }

  /** Lowest free frame as an empty table, -1 when none is left. */
  allocTable(level: number): number {
    assert(1 <= level && level <= LEVEL_MAX, 'allocTable: no such level');
    return this.alloc(level + 1);
  }

  /** First of `count` free frames in a row, aligned to `count`, zeroed, as data; -1 when there are none. */
  allocRun(count: number): number {
    const words = this.wires.words;
    for (let first = 0; first + count <= this.count; first += count) {
      let free = 0;
      while (free < count && this.state(first + free) === FREE) free++;
      if (free < count) continue;
      for (let frame = first; frame < first + count; frame++) this.take(frame, DATA);
      const lowest = words.get(this.lowest);
      if (first <= lowest && lowest < first + count) words.put(this.lowest, this.nextFree(first + count));
      return first;
    }
    return -1;
  }

  /**
   * Returns a frame: poisons it and marks the entries that still refer to it. False if it was free already.
   */
  free(frame: number): boolean {
    const state = this.state(frame);
    if (state === FREE) return false;
    const words = this.wires.words;
    this.clear(frame, state > DATA);
    words.put(this.used + (frame >>> 5), words.get(this.used + (frame >>> 5)) & ~(1 << (frame & 31)));
    words.put(this.meta + frame, words.get(this.meta + frame) & ~KIND_MASK);
    if (frame < words.get(this.lowest)) words.put(this.lowest, frame);
    this.markEntries(frame);
    this.wires.sink?.({ type: 'free-frame', frame, level: Math.max(0, state - DATA) });
    return true;
  }

  /**
   * Ends the life of a data frame and begins the next, without giving it back: zeroed, and the entries that
   * still refer to it are marked. False if it is none.
   */
  recycle(frame: number): boolean {
    if (this.state(frame) !== DATA) return false;
    this.clear(frame, false);
    this.markEntries(frame);
    this.wires.sink?.({ type: 'free-frame', frame, level: 0, isKept: true });
    return true;
  }

  /** A word of any frame: data, entry, or poison. */
  read(frame: number, slot: number): number {
    if (!this.exists(frame)) return POISON;
    const words = this.wires.words;
    const word = words.get(words.frameIndex(frame, slot));
    return this.state(frame) === FREE ? word ^ POISON : word;
  }

  /** The entry that a walk reads for an address in a table at `level`. */
  readAt(frame: number, low: number, high: number, level: number): number {
    return this.read(frame, slotOf(low, high, level));
  }

  /** Stores a word of any frame; beyond memory nothing happens. Used by data accesses and for A and D. */
  write(frame: number, slot: number, value: number): void {
    if (this.wires.watch !== undefined && this.state(frame) > DATA) this.wires.words.put(this.wild, 1);
    this.writeEntry(frame, slot, value);
  }

  /** The same for what is known to be an entry. */
  writeEntry(frame: number, slot: number, value: number): void {
    if (!this.exists(frame)) return;
    const { words, watch } = this.wires;
    const index = words.frameIndex(frame, slot);
    const state = this.state(frame);
    if (state <= DATA) {
      words.put(index, state === FREE ? value ^ POISON : value);
      return;
    }
    const old = words.get(index);
    if (old === value) return;
    watch?.entryChanging(frame, slot, old, value);
    this.replace(old, value);
    words.put(index, value);
    watch?.entryChanged();
  }

  /** Notes that walks take a frame for a table of `level`, which it may not be. */
  takeForTable(frame: number, level: number): void {
    if (this.wires.watch !== undefined && this.level(frame) !== level) this.wires.words.put(this.wild, 1);
  }

  /** Whether there may be entries that a walk does not take silently: A is clear, or they dangle. */
  isOdd(): boolean {
    const { words } = this.wires;
    return words.get(this.odd) !== 0 || words.get(this.wild) !== 0;
  }

  /**
   * Stores an entry for software. A new entry has no mark, unless it refers to a free frame, or is made from
   * a marked value: the changed copy of a dangling entry dangles.
   */
  store(frame: number, slot: number, value: number): void {
    const old = this.read(frame, slot);
    const stored = this.isDangling(value) ? value | PTE.DANGLING : value & ~PTE.DANGLING;
    this.wires.hooks.entryStoring(frame, slot, old, stored);
    const level = this.level(frame);
    const isPointer = (stored & PTE.P) !== 0 && level > 1 && ((stored & PTE.PS) === 0 || level > 3);
    if (isPointer) this.takeForTable(pteFrame(stored), level - 1);
    this.writeEntry(frame, slot, stored);
    this.wires.sink?.({ type: 'store-entry', frame, slot, old, value: stored });
  }

  /** Copies the contents of a frame to another at once. */
  copy(to: number, from: number): void {
    for (let slot = 0; slot < FRAME_WORDS; slot++) {
      const word = this.read(from, slot);
      if (word !== this.read(to, slot)) this.write(to, slot, word);
    }
  }

  /** Whether two frames have the same contents. */
  areEqual(a: number, b: number): boolean {
    for (let slot = 0; slot < FRAME_WORDS; slot++)
      if (this.read(a, slot) !== this.read(b, slot)) return false;
    return true;
  }

  /** Slot of the next non-empty entry in [from, to), -1 if there is none. */
  nextPopulated(frame: number, from: number, to: number): number {
    const end = Math.min(to, FRAME_WORDS);
    if (this.state(frame) === FREE) {
      for (let slot = from; slot < end; slot++) if (this.read(frame, slot) !== 0) return slot;
      return -1;
    }
    const page = this.wires.words.framePage(frame);
    if (page === undefined) return -1;
    for (let slot = from; slot < end; slot++) if (page[slot] !== 0) return slot;
    return -1;
  }

  /** Whether no frame is free. */
  isFull(): boolean {
    return this.wires.words.get(this.lowest) >= this.count;
  }

  /** Whether any table holds a huge leaf. */
  anyHuge(): boolean {
    return this.wires.words.get(this.huge) > 0;
  }

  /** Whether a pointer to this frame made now is a pointer to a freed one. */
  isFree(frame: number): boolean {
    return this.exists(frame) && this.state(frame) === FREE;
  }

  /**
   * Number of entries in tables that refer to a frame (of a huge leaf: to its first). One that software took
   * P away from, but that keeps its frame, is one of them.
   */
  references(frame: number): number {
    return this.exists(frame) ? Math.floor(this.wires.words.get(this.meta + frame) / REFERENCE) : 0;
  }

  private exists(frame: number): boolean {
    return 0 <= frame && frame < this.count;
  }

  private state(frame: number): number {
    return this.exists(frame) ? this.wires.words.get(this.meta + frame) & KIND_MASK : FREE;
  }

  private isDangling(value: number): boolean {
    if (!pteMapped(value)) return false;
    return (value & PTE.DANGLING) !== 0 || this.isFree(pteFrame(value));
  }

  private alloc(state: number): number {
    const words = this.wires.words;
    const frame = words.get(this.lowest);
    if (frame >= this.count) return -1;
    this.take(frame, state);
    words.put(this.lowest, this.nextFree(frame + 1));
    return frame;
  }

  private take(frame: number, state: number): void {
    const words = this.wires.words;
    this.clear(frame, false);
    words.put(this.used + (frame >>> 5), words.get(this.used + (frame >>> 5)) | (1 << (frame & 31)));
    words.put(this.meta + frame, words.get(this.meta + frame) | state);
    this.wires.sink?.({ type: 'alloc-frame', frame, level: Math.max(0, state - DATA) });
  }

  private nextFree(from: number): number {
    const words = this.wires.words;
    let frame = from;
    while (frame < this.count) {
      const free = ~words.get(this.used + (frame >>> 5)) & (-1 << (frame & 31));
      if (free !== 0) return Math.min((frame & ~31) + (31 - Math.clz32(free & -free)), this.count);
      frame = (frame & ~31) + 32;
    }
    return this.count;
  }

  private clear(frame: number, isTable: boolean): void {
    const words = this.wires.words;
    const page = words.framePage(frame);
    if (page === undefined) return;
    const base = words.frameIndex(frame, 0);
    for (let slot = 0; slot < FRAME_WORDS; slot++) {
      const word = page[slot] ?? 0;
      if (word === 0) continue;
      if (isTable) this.replace(word, 0);
      words.put(base + slot, 0);
    }
  }

  /** Keeps the counts of references when an entry of a table changes. */
  private replace(old: number, value: number): void {
    if (this.wires.watch !== undefined) this.countOdd((isOdd(value) ? 1 : 0) - (isOdd(old) ? 1 : 0));
    const counted = PTE.P | PTE.PROTNONE | PTE.PS | (FRAME_MAX << 12);
    if (((old ^ value) & counted) === 0) return;
    this.countEntry(old, -1);
    this.countEntry(value, 1);
  }

  private countOdd(change: number): void {
    if (change !== 0) this.wires.words.put(this.odd, this.wires.words.get(this.odd) + change);
  }

  private countEntry(value: number, change: number): void {
    if (!pteMapped(value)) return;
    const words = this.wires.words;
    const frame = pteFrame(value);
    if (frame < this.count) words.put(this.meta + frame, words.get(this.meta + frame) + change * REFERENCE);
    if ((value & PTE.PS) !== 0) words.put(this.huge, words.get(this.huge) + change);
  }

  private markEntries(frame: number): void {
    const words = this.wires.words;
    const anyHuge = words.get(this.huge) > 0;
    let left = this.references(frame);
    if (left === 0 && !anyHuge) return;
    for (let table = 0; table < this.count && (left > 0 || anyHuge); table++) {
      const level = this.level(table);
      const page = level === 0 ? undefined : words.framePage(table);
      if (page === undefined) continue;
      const base = words.frameIndex(table, 0);
      for (let slot = 0; slot < FRAME_WORDS; slot++) {
        const value = page[slot] ?? 0;
        if (!pteMapped(value) || !refersTo(value, level, frame)) continue;
        if (pteFrame(value) === frame) left--;
        const marked = value | PTE.DANGLING;
        if (this.wires.watch !== undefined && isOdd(marked) && !isOdd(value)) this.countOdd(1);
        words.put(base + slot, marked);
      }
    }
  }
}

function isOdd(value: number): boolean {
  return (value & PTE.P) !== 0 && (value & (PTE.A | PTE.DANGLING)) !== PTE.A;
}

function refersTo(value: number, level: number, frame: number): boolean {
  return spans(pteFrame(value), (value & PTE.PS) !== 0 ? level : 1, frame);
}

/** Whether the leaf of `level` whose first frame is `first` maps `frame`. */
export function spans(first: number, level: number, frame: number): boolean {
  const frames = level === 2 ? 512 : level === 3 ? 512 * 512 : 1;
  return first <= frame && frame < first + frames;
}

/** Frame of the 4 KiB piece for an address in a leaf of `level` that begins at frame `first`. */
export function pieceFrame(first: number, low: number, high: number, level: number): number {
  return first + pieceOf(low, high, level);
}
