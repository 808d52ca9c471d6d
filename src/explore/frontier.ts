/**
 * The states of one level that are still to be expanded, and those of the next, each as what differs from
 * the state before it: (index, value) pairs in a typed array. Neighbours of a level differ in few words, so
 * a state costs some tens of bytes, however large the whole of it is.
 *
 * The one state of `words` walks along: `next` turns the state at hand into the next one to expand; after
 * the caller's steps and before their undo, `push` notes where it is.
 */
import type { Mark, Words } from '../base/words';

/** Words that may be waiting to be compared before duplicates are dropped. */
const PENDING_MAX = 1 << 16;

/** A first-in, first-out queue of states, level by level. */
export class Frontier {
  /** States pushed since the last `turn`. */
  pushed = 0;
  private left = 0;
  private read = new Int32Array(1024);
  private readAt = 0;
  private write = new Int32Array(1024);
  private writeAt = 0;
  /** The state pushed last. */
  private readonly last: (Int32Array | undefined)[] = [];
  /** Where the state at hand may differ from the one pushed last. */
  private pending = new Int32Array(1024);
  private pendingCount = 0;

  constructor(private readonly words: Words) {
    // The initial state counts as pushed: the first level is relative to it.
    for (let index = 0; index < words.fixed; index++) this.put(index, words.get(index));
    for (let frame = 0; frame < words.frames; frame++) {
      const page = words.framePage(frame) ?? [];
      for (const [slot, value] of page.entries()) this.put(words.frameIndex(frame, slot), value);
    }
  }

  /** Memory taken. */
  get bytes(): number {
    const pages = this.last.reduce((count, page) => (page === undefined ? count : count + 1), 0);
    return 4 * (this.read.length + this.write.length + this.pending.length + pages * 512);
  }

  /** Pushes the present state, which was made from the one `next` gave by the writes since `mark`. */
  push(mark: Mark): void {
    const { words } = this;
    const end = words.mark();
    for (let at = mark; at < end; at += 2) this.touch(words.writtenAt(at));
    if (this.writeAt + 2 * this.pendingCount + 1 > this.write.length)
      this.write = grown(this.write, this.writeAt + 2 * this.pendingCount + 1);
    const head = this.writeAt++;
    for (let at = 0; at < this.pendingCount; at++) {
      const index = this.pending[at] ?? 0;
      const value = words.get(index);
      if (this.lastValue(index) === value) continue;
      this.put(index, value);
      this.write[this.writeAt++] = index;
      this.write[this.writeAt++] = value;
    }
    this.write[head] = (this.writeAt - head - 1) >> 1;
    this.pendingCount = 0;
    // The caller takes these back, and is elsewhere then.
    for (let at = mark; at < end; at += 2) this.touch(words.writtenAt(at));
    this.pushed++;
  }

  /** Goes on to the next level; whether there is one. */
  turn(): boolean {
    [this.read, this.write] = [this.write, this.read];
    this.readAt = 0;
    this.writeAt = 0;
    this.left = this.pushed;
    this.pushed = 0;
    return this.left > 0;
  }

  /** Turns `words` into the next state of this level; false when there is none. */
  next(): boolean {
    if (this.left === 0) return false;
    this.left--;
    const count = this.read[this.readAt++] ?? 0;
    for (let pair = 0; pair < count; pair++) {
      const index = this.read[this.readAt++] ?? 0;
      this.words.put(index, this.read[this.readAt++] ?? 0);
      this.touch(index);
    }
    this.words.forget();
    return true;
  }

  private touch(index: number): void {
    if (this.pendingCount === this.pending.length) {
      if (this.pendingCount >= PENDING_MAX) this.dropDuplicates();
      if (2 * this.pendingCount > this.pending.length)
        this.pending = grown(this.pending, 2 * this.pending.length);
    }
    this.pending[this.pendingCount++] = index;
  }

  private dropDuplicates(): void {
    const distinct = new Set(this.pending.subarray(0, this.pendingCount));
    this.pendingCount = 0;
    for (const index of distinct) this.pending[this.pendingCount++] = index;
  }

  private lastValue(index: number): number {
    const page = this.last[index >>> 9];
    return page === undefined ? 0 : (page[index & 511] ?? 0);
  }

  private put(index: number, value: number): void {
    let page = this.last[index >>> 9];
    if (page === undefined) {
      page = new Int32Array(512);
      this.last[index >>> 9] = page;
    }
    page[index & 511] = value;
  }
}

function grown(array: Int32Array, atLeast: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(2 * array.length, atLeast));
  larger.set(array);
  return larger;
}
