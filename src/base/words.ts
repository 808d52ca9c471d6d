/**
 * The one place where state lives: an array of 32-bit words, plus pages of 512 words for frames, made on
 * demand.
 *
 * Indices below `fixed` are the fixed words. Above it, word `slot` of frame `frame` has index
 * `fixed + frame * 512 + slot`. A frame page that was never written is all zeros and is not stored.
 * Every write goes through `put`, which keeps an undo journal and a 128-bit hash of the non-zero words.
 */
import { assert } from './assert';

/** Words in a frame page: the entries of one x86-64 page table. */
export const FRAME_WORDS = 512;

/** A point in the journal to which `undo` can return. */
export type Mark = number;

/** Journaled, hashed words. `put` is the only way to write. */
export class Words {
  readonly fixed: number;
  readonly frames: number;
  private words: Int32Array;
  private pages: (Int32Array | undefined)[];
  private journal = new Int32Array(1024);
  private length = 0;
  private h0 = 0;
  private h1 = 0;
  private h2 = 0;
  private h3 = 0;

  constructor(fixed: number, frames: number) {
    this.fixed = fixed;
    this.frames = frames;
    this.words = new Int32Array(fixed);
    this.pages = new Array<Int32Array | undefined>(frames).fill(undefined);
  }

  /** The word at `index`; 0 where nothing was written. */
  get(index: number): number {
    if (index < this.fixed) return this.words[index] ?? 0;
    const page = this.pages[(index - this.fixed) >>> 9];
    return page === undefined ? 0 : (page[(index - this.fixed) & 511] ?? 0);
  }

  /** Stores a 32-bit word, journals the old one and updates the hash. */
  put(index: number, value: number): void {
    const old = this.get(index);
    if (old === (value | 0)) return;
    if (this.length + 2 > this.journal.length) this.growJournal();
    this.journal[this.length++] = index;
    this.journal[this.length++] = old;
    this.store(index, old, value | 0);
  }

  /** Index of word `slot` of frame `frame`. */
  frameIndex(frame: number, slot: number): number {
    return this.fixed + frame * FRAME_WORDS + slot;
  }

  /** The stored page of a frame, or undefined when it is all zeros. Read only. */
  framePage(frame: number): Int32Array | undefined {
    return this.pages[frame];
  }

  /** The present point of the journal. */
  mark(): Mark {
    return this.length;
  }

  /** Takes back every write since `mark`. */
  undo(mark: Mark): void {
    assert(mark <= this.length, 'undo: mark lies ahead of the journal');
    while (this.length > mark) {
      const old = this.journal[--this.length] ?? 0;
      const index = this.journal[--this.length] ?? 0;
      this.store(index, this.get(index), old);
    }
  }

  /** As `undo`, with the hash of the state at `mark`: it need not be worked out again. */
  restore(mark: Mark, hash: Int32Array): void {
    const { journal, fixed, words } = this;
    while (this.length > mark) {
      const old = journal[--this.length] ?? 0;
      const index = journal[--this.length] ?? 0;
      if (index < fixed) words[index] = old;
      else this.storeInPage(index - fixed, old);
    }
    this.h0 = hash[0] ?? 0;
    this.h1 = hash[1] ?? 0;
    this.h2 = hash[2] ?? 0;
    this.h3 = hash[3] ?? 0;
  }

  /** Writes since `mark` as [index, old, index, old, ...], oldest first. */
  journalSince(mark: Mark): Int32Array {
    return this.journal.slice(mark, this.length);
  }

  /** Drops the journal: what was written so far can no longer be undone. */
  forget(): void {
    this.length = 0;
  }

  /**
   * 128-bit hash of the state as 32 hexadecimal digits. Equal states have equal hashes, whatever their
   * history.
   */
  hash(): string {
    return [this.h0, this.h1, this.h2, this.h3]
      .map(part => (part >>> 0).toString(16).padStart(8, '0'))
      .join('');
  }

  /** The four words of the 128-bit hash. */
  hashInto(target: Int32Array): void {
    target[0] = this.h0;
    target[1] = this.h1;
    target[2] = this.h2;
    target[3] = this.h3;
  }

  /** Index that a journaled write went to; `at` is a mark, and every write moves it by two. */
  writtenAt(at: Mark): number {
    return this.journal[at] ?? 0;
  }

  private store(index: number, old: number, value: number): void {
    if (index < this.fixed) this.words[index] = value;
    else this.storeInPage(index - this.fixed, value);
    if (old !== 0) this.mix(index, old);
    if (value !== 0) this.mix(index, value);
  }

  private storeInPage(at: number, value: number): void {
    let page = this.pages[at >>> 9];
    if (page === undefined) {
      page = new Int32Array(FRAME_WORDS);
      this.pages[at >>> 9] = page;
    }
    page[at & 511] = value;
  }

  /** XORs a 128-bit mix of (index, value) into the hash; doing it twice takes it out again. */
  private mix(index: number, value: number): void {
    let a = Math.imul(index ^ 0x9e3779b9, 0x85ebca6b) ^ value;
    a = Math.imul(a ^ (a >>> 16), 0x7feb352d);
    a = Math.imul(a ^ (a >>> 15), 0x846ca68b);
    let b = Math.imul(value ^ 0xc2b2ae35, 0x27d4eb2f) ^ Math.imul(index, 0x165667b1);
    b = Math.imul(b ^ (b >>> 15), 0x2c1b3c6d);
    b = Math.imul(b ^ (b >>> 12), 0x297a2d39);
    a ^= a >>> 16;
    b ^= b >>> 15;
    const c = Math.imul(a + Math.imul(b, 0x9e3779b1), 0xcc9e2d51);
    const d = Math.imul(b ^ Math.imul(a, 0x1b873593), 0xe6546b64);
    this.h0 ^= a;
    this.h1 ^= b;
    this.h2 ^= c ^ (c >>> 13);
    this.h3 ^= d ^ (d >>> 16);
  }

  private growJournal(): void {
    const larger = new Int32Array(this.journal.length * 2);
    larger.set(this.journal);
    this.journal = larger;
  }
}
