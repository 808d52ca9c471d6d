/**
 * A cache of translations (leaves) and of pointers to tables: TLB, paging-structure cache, IOTLB, walk
 * cache, ATC.
 *
 * Entries of five words, oldest first, without gaps, so that the order of replacement is part of the state
 * and nothing else is: flags (register-bits.ts), address (two words, rounded to the span of the level),
 * frame, and the tag of the address space: the root for a CPU, domain and PASID for the others. A fill into
 * a full cache drops the oldest.
 *
 * Copies for one address that lead to different frames stand side by side, as in the levels of a real TLB:
 * a walk does not take away what was copied before the entry changed. The youngest that grants an access
 * answers it.
 *
 * Where entries are kept in order (`Wires.sortsCaches`) they are sorted by what they are for, and only those
 * for the same by age: a search then makes one state of fills that came in another order. Of a full cache
 * the first is dropped then, so such a search wants room for all, or evictions.
 */
import { fromWords, prefixHigh, prefixLow } from '../base/address';
import type { Layout } from '../base/layout';
import { spans } from './frames';
import type { CacheKind, MachineEvent } from './observer';
import { ABSENT, D, G, LEAF, LEVEL_MASK, LEVEL_SHIFT, levelOf, MARK, NX, U, VALID, W } from './register-bits';
import type { Wires } from './wires';

/** Why an entry left a cache. */
export type DropReason = Extract<MachineEvent, { type: 'drop' }>['why'];

const ENTRY_WORDS = 5;
/** What tells what an entry is a copy of, besides address and tag. */
const IDENTITY = LEAF | ABSENT | LEVEL_MASK;

/** Entries of one cache, in order of age. */
export class EntryCache {
  readonly kind: CacheKind;
  readonly owner: number;
  readonly capacity: number;
  private readonly wires: Wires;
  private readonly base: number;

  constructor(wires: Wires, layout: Layout, kind: CacheKind, owner: number, capacity: number) {
    this.wires = wires;
    this.kind = kind;
    this.owner = owner;
    this.capacity = capacity;
    this.base = layout.reserve(capacity * ENTRY_WORDS);
  }

  /** Entries held. */
  count(): number {
    let slot = 0;
    while (slot < this.capacity && this.flags(slot) !== 0) slot++;
    return slot;
  }

  /** Flags of the entry in `slot`, 0 when it is empty. */
  flags(slot: number): number {
    return this.wires.words.get(this.base + slot * ENTRY_WORDS);
  }

  /** Frame of the entry in `slot`: the first of a huge leaf. */
  frame(slot: number): number {
    return this.wires.words.get(this.base + slot * ENTRY_WORDS + 3);
  }

  /** Tag of the entry in `slot`. */
  tag(slot: number): number {
    return this.wires.words.get(this.base + slot * ENTRY_WORDS + 4);
  }

  /** First address that the entry in `slot` is for. */
  address(slot: number): number {
    const at = this.base + slot * ENTRY_WORDS;
    return fromWords(this.wires.words.get(at + 1), this.wires.words.get(at + 2));
  }

  /** Whether there is a pointer with this tag. */
  hasPointer(tag: number): boolean {
    for (let slot = 0; slot < this.capacity; slot++) {
      const flags = this.flags(slot);
      if (flags === 0) return false;
      if ((flags & LEAF) === 0 && this.tag(slot) === tag) return true;
    }
    return false;
  }

  /** Slot of the youngest leaf for an address whose flags include all of `need`, -1 if none does. */
  findLeaf(tag: number, low: number, high: number, need: number): number {
    const wanted = need | LEAF;
    for (let slot = this.count() - 1; slot >= 0; slot--) {
      const flags = this.flags(slot);
      if (
        (flags & (wanted | ABSENT)) === wanted &&
        this.hasTag(slot, flags, tag) &&
        this.covers(slot, low, high)
      )
        return slot;
    }
    return -1;
  }

  /** Whether the cache holds that there was no entry on the way to an address. */
  findAbsent(tag: number, low: number, high: number): boolean {
    for (let slot = 0; slot < this.capacity; slot++) {
      const flags = this.flags(slot);
      if (flags === 0) return false;
      if ((flags & ABSENT) !== 0 && this.tag(slot) === tag && this.covers(slot, low, high)) return true;
    }
    return false;
  }

  /** Slot of the pointer that is nearest to the leaf for an address, the youngest of several; else -1. */
  deepestPointer(tag: number, low: number, high: number): number {
    let found = -1;
    let level = LEVEL_MASK;
    for (let slot = 0; slot < this.capacity; slot++) {
      const flags = this.flags(slot);
      if (flags === 0) break;
      if ((flags & LEAF) !== 0 || (flags & LEVEL_MASK) > level) continue;
      if (this.tag(slot) !== tag || !this.covers(slot, low, high)) continue;
      found = slot;
      level = flags & LEVEL_MASK;
    }
    return found;
  }

  /** Adds a copy; takes the place of one of the same entry to the same frame, else of the oldest if full. */
  fill(tag: number, level: number, low: number, high: number, flags: number, frame: number): void {
    if (this.capacity === 0) return;
    const full = flags | VALID | (level << LEVEL_SHIFT);
    const first = prefixLow(low, level);
    const firstHigh = prefixHigh(high, level);
    let slot = this.latest(tag, full, first, firstHigh, this.capacity);
    if (slot < 0 || !this.isCopyOf(slot, full, frame)) {
      for (; slot >= 0; slot = this.latest(tag, full, first, firstHigh, slot))
        if (this.isCopyOf(slot, full, frame)) this.takeOut(slot);
      slot = this.makeRoom(tag, full, first, firstHigh);
    }
    const words = this.wires.words;
    const at = this.base + slot * ENTRY_WORDS;
    words.put(at, full);
    words.put(at + 1, first);
    words.put(at + 2, firstHigh);
    words.put(at + 3, frame);
    words.put(at + 4, tag);
    if (this.wires.sink === undefined) return;
    const address = fromWords(first, firstHigh);
    this.wires.sink({ type: 'fill', cache: this.kind, owner: this.owner, slot, address, frame, level });
  }

  /** Whether a fill with this copy would add nothing: the youngest for the address is it, or grants more. */
  hasLatest(tag: number, level: number, low: number, high: number, flags: number, frame: number): boolean {
    if (this.capacity === 0) return true;
    const full = flags | VALID | (level << LEVEL_SHIFT);
    const slot = this.latest(tag, full, prefixLow(low, level), prefixHigh(high, level), this.capacity);
    if (slot < 0 || !this.isCopyOf(slot, full, frame)) return false;
    const held = this.flags(slot);
    const rights = W | U | D;
    return (held & full & rights) === (full & rights) && (held & NX & ~full) === 0;
  }

  /** Drops the entries for an address, of whatever size; global leaves under any tag. */
  dropCovering(
    tag: number,
    low: number,
    high: number,
    kinds: 'leaves' | 'pointers' | 'both',
    why: DropReason,
  ): void {
    for (let slot = this.count() - 1; slot >= 0; slot--) {
      const flags = this.flags(slot);
      if (!isOfKind(flags, kinds) || !this.hasTag(slot, flags, tag)) continue;
      if (this.covers(slot, low, high)) this.remove(slot, why);
    }
  }

  /** Drops every entry with this tag. */
  dropTag(tag: number, why: DropReason): void {
    for (let slot = this.count() - 1; slot >= 0; slot--) if (this.tag(slot) === tag) this.remove(slot, why);
  }

  /** Drops everything, or everything but global leaves. */
  dropAll(keepGlobal: boolean, why: DropReason): void {
    for (let slot = this.count() - 1; slot >= 0; slot--) {
      if (!keepGlobal || (this.flags(slot) & G) === 0) this.remove(slot, why);
    }
  }

  /** Drops the entry in `slot`; younger ones move down. */
  remove(slot: number, why: DropReason): void {
    const sink = this.wires.sink;
    if (sink !== undefined) {
      const address = this.address(slot);
      sink({
        type: 'drop',
        cache: this.kind,
        owner: this.owner,
        slot,
        address,
        frame: this.frame(slot),
        why,
      });
    }
    this.takeOut(slot);
  }

  /** Marks the copies that refer to a frame that is being freed. */
  markFrame(frame: number): void {
    const words = this.wires.words;
    for (let slot = 0; slot < this.capacity; slot++) {
      const flags = this.flags(slot);
      if (flags === 0) return;
      if ((flags & ABSENT) !== 0) continue;
      const level = (flags & LEAF) === 0 ? 1 : levelOf(flags);
      if (spans(this.frame(slot), level, frame)) words.put(this.base + slot * ENTRY_WORDS, flags | MARK);
    }
  }

  /** The youngest slot below `before` for the same address, level and tag; -1 if there is none. */
  private latest(tag: number, flags: number, low: number, high: number, before: number): number {
    const words = this.wires.words;
    for (let slot = Math.min(before, this.count()) - 1; slot >= 0; slot--) {
      const at = this.base + slot * ENTRY_WORDS;
      if (((words.get(at) ^ flags) & IDENTITY) !== 0 || words.get(at + 4) !== tag) continue;
      if (words.get(at + 1) === low && words.get(at + 2) === high) return slot;
    }
    return -1;
  }

  /** Whether a slot leads to this frame, in the same life of the frame. */
  private isCopyOf(slot: number, flags: number, frame: number): boolean {
    return this.frame(slot) === frame && ((this.flags(slot) ^ flags) & MARK) === 0;
  }

  /** Makes room for a new entry, and returns its slot. */
  private makeRoom(tag: number, flags: number, low: number, high: number): number {
    if (this.count() === this.capacity) this.remove(0, 'capacity');
    const end = this.count();
    let slot = end;
    if (this.wires.sortsCaches) while (slot > 0 && this.isAbove(slot - 1, tag, flags, low, high)) slot--;
    const words = this.wires.words;
    const from = this.base + slot * ENTRY_WORDS;
    for (let at = this.base + end * ENTRY_WORDS - 1; at >= from; at--)
      words.put(at + ENTRY_WORDS, words.get(at));
    return slot;
  }

  /** Whether the entry in a slot comes after one with these words where entries are sorted. */
  private isAbove(slot: number, tag: number, flags: number, low: number, high: number): boolean {
    const words = this.wires.words;
    const at = this.base + slot * ENTRY_WORDS;
    if (words.get(at + 4) !== tag) return words.get(at + 4) > tag;
    const [held, other] = [words.get(at) & IDENTITY, flags & IDENTITY];
    if (held !== other) return held > other;
    if (words.get(at + 2) !== high) return words.get(at + 2) > high;
    return words.get(at + 1) >>> 0 > low >>> 0;
  }

  private takeOut(slot: number): void {
    const words = this.wires.words;
    const end = this.base + this.count() * ENTRY_WORDS;
    let at = this.base + slot * ENTRY_WORDS;
    for (; at + ENTRY_WORDS < end; at++) words.put(at, words.get(at + ENTRY_WORDS));
    for (; at < end; at++) words.put(at, 0);
  }

  private hasTag(slot: number, flags: number, tag: number): boolean {
    return (flags & G) !== 0 || this.tag(slot) === tag;
  }

  private covers(slot: number, low: number, high: number): boolean {
    const words = this.wires.words;
    const at = this.base + slot * ENTRY_WORDS;
    const level = levelOf(words.get(at));
    return words.get(at + 1) === prefixLow(low, level) && words.get(at + 2) === prefixHigh(high, level);
  }
}

function isOfKind(flags: number, kinds: 'leaves' | 'pointers' | 'both'): boolean {
  return kinds === 'both' || (kinds === 'leaves') === ((flags & LEAF) !== 0);
}
