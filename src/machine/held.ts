/**
 * Copies that a cache may still hold though no walk would find them any more: the part of "what a cache may
 * hold" that is state. The other part, what a walk would find now, is computed (may-hold.ts).
 *
 * A set of records of five words in one order, so that equal sets are equal states: a head (register-bits.ts,
 * above it the number of the cache), tag, address (two words) and frame. The word before them is their
 * number.
 */
import { prefixHigh, prefixLow } from '../base/address';
import type { Layout } from '../base/layout';
import { LEAF, levelOf } from './register-bits';
import type { Wires } from './wires';

const RECORD = 5;
const CACHE_SHIFT = 16;

/** A copy: what it is (register-bits.ts), of which address space, for which address, leading where. */
export interface Copy {
  readonly cache: number;
  readonly flags: number;
  readonly tag: number;
  readonly low: number;
  readonly high: number;
  readonly frame: number;
}

/** The set of copies held. */
export class Held {
  /** Copies it has room for. */
  readonly capacity: number;
  private readonly wires: Wires;
  private readonly base: number;

  constructor(wires: Wires, layout: Layout, capacity: number) {
    this.wires = wires;
    this.capacity = capacity;
    this.base = layout.reserve(1 + capacity * RECORD);
  }

  /** Copies held. */
  count(): number {
    return this.wires.words.get(this.base);
  }

  /** Number of the cache that holds the copy. */
  cache(at: number): number {
    return this.word(at, 0) >>> CACHE_SHIFT;
  }

  /** Its flags. */
  flags(at: number): number {
    return this.word(at, 0) & ((1 << CACHE_SHIFT) - 1);
  }

  /** Tag of its address space. */
  tag(at: number): number {
    return this.word(at, 1);
  }

  /** High word of its first address. */
  high(at: number): number {
    return this.word(at, 2);
  }

  /** Low word of its first address. */
  low(at: number): number {
    return this.word(at, 3);
  }

  /** First frame of a leaf, or the table pointed to. */
  frame(at: number): number {
    return this.word(at, 4);
  }

  /** A copy as an object. */
  copy(at: number): Copy {
    const [cache, flags, tag] = [this.cache(at), this.flags(at), this.tag(at)];
    return { cache, flags, tag, low: this.low(at), high: this.high(at), frame: this.frame(at) };
  }

  /** Whether a copy is in this cache and of this address space. */
  belongs(at: number, cache: number, tag: number): boolean {
    return this.cache(at) === cache && this.tag(at) === tag;
  }

  /** Whether a copy is a leaf. */
  isLeaf(at: number): boolean {
    return (this.word(at, 0) & LEAF) !== 0;
  }

  /** Whether a copy is for an address. */
  covers(at: number, low: number, high: number): boolean {
    const level = levelOf(this.word(at, 0));
    return this.low(at) === prefixLow(low, level) && this.high(at) === prefixHigh(high, level);
  }

  /** Adds a copy, unless it is there; false, and nothing is changed, if there is no room. */
  add({ cache, flags, tag, low, high, frame }: Copy): boolean {
    const record = [flags | (cache << CACHE_SHIFT), tag, high, low, frame];
    const count = this.count();
    let at = 0;
    while (at < count && this.compare(at, record) < 0) at++;
    if (at < count && this.compare(at, record) === 0) return true;
    if (count === this.capacity) return false;
    const { words } = this.wires;
    const from = this.base + 1 + at * RECORD;
    for (let index = this.base + count * RECORD; index >= from; index--)
      words.put(index + RECORD, words.get(index));
    for (let word = 0; word < RECORD; word++) words.put(from + word, record[word] ?? 0);
    words.put(this.base, count + 1);
    return true;
  }

  /** Takes a copy out; those after it move down. */
  remove(at: number): void {
    const { words } = this.wires;
    const count = this.count();
    const end = this.base + 1 + count * RECORD;
    let index = this.base + 1 + at * RECORD;
    for (; index + RECORD < end; index++) words.put(index, words.get(index + RECORD));
    for (; index < end; index++) words.put(index, 0);
    words.put(this.base, count - 1);
  }

  private word(at: number, word: number): number {
    return this.wires.words.get(this.base + 1 + at * RECORD + word);
  }

  private compare(at: number, record: readonly number[]): number {
    for (let word = 0; word < RECORD; word++) {
      const difference = this.word(at, word) - (record[word] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}
