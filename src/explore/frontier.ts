/**
 * The states of one level that are still to be expanded, and those of the next, each as what differs from the
 * state before it: pairs of numbers of a few bytes. Neighbours of a level differ in few words, so a state
 * costs some tens of bytes, however large the whole of it is.
 *
 * States lie in segments, each of which begins from the initial state, so that another thread can expand it.
 * The one state of `words` walks along: `next` turns the state at hand into the next one to expand; after the
 * caller's steps and before their undo, `push` notes where it is.
 */
import type { Mark, Words } from '../base/words';

/** States of a segment at most. */
const SEGMENT_STATES = 2048;
/** Words that may be waiting to be compared before duplicates are dropped. */
const PENDING_MAX = 1 << 16;
/** Bytes of one pair at most. */
const PAIR_MAX = 10;

/** States one after another: plain data. */
export interface Segment {
  readonly bytes: Uint8Array;
  readonly count: number;
  /** One bit a state: 0 for states that another thread expands. Null if all of them count. */
  readonly kept: Uint8Array | null;
}

/** A first-in, first-out queue of states, level by level. */
export class Frontier {
  /** Segments of the next level that are closed. */
  private closed: Segment[] = [];
  private closedBytes = 0;
  /** The segment that is written, and where the state pushed last is in it. */
  private write = new Uint8Array(1 << 14);
  private writeAt = 0;
  private written = 0;
  /** The level that is read. */
  private reading: Segment[] = [];
  private segment = -1;
  private readAt = 0;
  private readCount = 0;
  /** The initial state, and the one pushed last. */
  private readonly base: Int32Array[] = [];
  private readonly last: Int32Array[] = [];
  /** Where the state at hand may differ from the one pushed last. */
  private pending = new Int32Array(1024);
  private pendingCount = 0;

  constructor(private readonly words: Words) {
    for (let from = 0; from < words.fixed; from += 512) {
      const page = new Int32Array(512);
      for (let at = 0; at < 512 && from + at < words.fixed; at++) page[at] = words.get(from + at);
      this.base.push(page);
    }
    this.frameBase = this.base.length;
    for (let frame = 0; frame < words.frames; frame++)
      this.base.push(words.framePage(frame)?.slice() ?? new Int32Array(512));
    this.last = this.base.map(page => page.slice());
  }

  private readonly frameBase: number;

  /** Memory taken. */
  get bytes(): number {
    const pages = 2048 * (this.base.length + this.last.length);
    return this.closedBytes + this.write.length + 4 * this.pending.length + this.unread() + pages;
  }

  /** Pushes the present state, which was made from the one `next` gave by the writes since `mark`. */
  push(mark: Mark): void {
    const { words } = this;
    const end = words.mark();
    for (let at = mark; at < end; at += 2) this.touch(words.writtenAt(at));
    if (this.written === 0) this.begin();
    this.encode();
    this.written++;
    // The caller takes these back, and is elsewhere then.
    for (let at = mark; at < end; at += 2) this.touch(words.writtenAt(at));
    if (this.written === SEGMENT_STATES) this.close();
  }

  /** Goes on to the next level; whether there is one. */
  turn(): boolean {
    return this.readFrom(this.take());
  }

  /** Takes the next level out. */
  take(): Segment[] {
    this.close();
    const { closed } = this;
    this.closed = [];
    this.closedBytes = 0;
    return closed;
  }

  /** What is left of the level that is read. */
  unreadSegments(): Segment[] {
    return this.reading.slice(Math.max(0, this.segment));
  }

  /** Reads this level next; whether there is anything in it. */
  readFrom(segments: readonly Segment[]): boolean {
    this.reading = [...segments];
    this.segment = -1;
    this.readCount = 0;
    return segments.length > 0;
  }

  /** Turns `words` into the next state of this level; false when there is none. */
  next(): boolean {
    for (;;) {
      let segment = this.reading[this.segment];
      if (segment === undefined || this.readCount === segment.count) {
        if (this.segment >= 0 && segment !== undefined) this.reading[this.segment] = empty;
        segment = this.reading[++this.segment];
        if (segment === undefined) return false;
        this.readAt = 0;
        this.readCount = 0;
        this.rewind();
      }
      this.decode(segment.bytes);
      const state = this.readCount++;
      const byte = segment.kept?.[state >>> 3] ?? 255;
      if (((byte >>> (state & 7)) & 1) === 0) continue;
      this.words.forget();
      return true;
    }
  }

  /** Begins a segment: all that differs from the initial state is new. */
  private begin(): void {
    for (const [index, page] of this.base.entries()) this.last[index]?.set(page);
    this.pendingCount = 0;
    this.eachDifference(index => this.touch(index));
  }

  private close(): void {
    if (this.written === 0) return;
    const bytes = this.write.slice(0, this.writeAt);
    this.closed.push({ bytes, count: this.written, kept: null });
    this.closedBytes += bytes.length;
    this.written = 0;
    this.writeAt = 0;
  }

  private encode(): void {
    const room = this.writeAt + PAIR_MAX * (this.pendingCount + 1);
    if (room > this.write.length) {
      const larger = new Uint8Array(2 * room);
      larger.set(this.write.subarray(0, this.writeAt));
      this.write = larger;
    }
    let before = -1;
    for (let at = 0; at < this.pendingCount; at++) {
      const index = this.pending[at] ?? 0;
      const value = this.words.get(index);
      const old = this.lastValue(index);
      if (old === value) continue;
      this.setLast(index, value);
      // One more, so that 0 can say that there are no more.
      this.writeNumber(signed(index - before) + 1);
      this.writeNumber(signed((value - old) | 0));
      before = index;
    }
    this.writeNumber(0);
    this.pendingCount = 0;
  }

  private decode(bytes: Uint8Array): void {
    const { words } = this;
    let index = -1;
    for (;;) {
      const step = this.readNumber(bytes);
      if (step === 0) return;
      index += unsigned(step - 1);
      words.put(index, words.get(index) + unsigned(this.readNumber(bytes)));
      this.touch(index);
    }
  }

  /** Turns `words` into the initial state. */
  private rewind(): void {
    const { words } = this;
    this.eachDifference((index, value) => {
      words.put(index, value);
      this.touch(index);
    });
  }

  /** Calls back with every index at which the present state is not the initial one, and what is there. */
  private eachDifference(visit: (index: number, value: number) => void): void {
    const { words } = this;
    for (let number = 0; number < this.base.length; number++) {
      const base = this.base[number];
      const frame = number - this.frameBase;
      // A page that was never written holds nothing.
      if (base === undefined || (frame >= 0 && words.framePage(frame) === undefined)) continue;
      const from = frame >= 0 ? words.frameIndex(frame, 0) : number * 512;
      const end = frame >= 0 ? 512 : Math.min(512, words.fixed - from);
      for (let at = 0; at < end; at++) {
        const value = base[at] ?? 0;
        if (words.get(from + at) !== value) visit(from + at, value);
      }
    }
  }

  private touch(index: number): void {
    if (this.pendingCount === this.pending.length) {
      if (this.pendingCount >= PENDING_MAX) this.dropDuplicates();
      if (2 * this.pendingCount > this.pending.length) {
        const larger = new Int32Array(2 * this.pending.length);
        larger.set(this.pending);
        this.pending = larger;
      }
    }
    this.pending[this.pendingCount++] = index;
  }

  private dropDuplicates(): void {
    const distinct = new Set(this.pending.subarray(0, this.pendingCount));
    this.pendingCount = 0;
    for (const index of distinct) this.pending[this.pendingCount++] = index;
  }

  private lastValue(index: number): number {
    const { fixed } = this.words;
    if (index < fixed) return this.last[index >>> 9]?.[index & 511] ?? 0;
    return this.last[this.frameBase + ((index - fixed) >>> 9)]?.[(index - fixed) & 511] ?? 0;
  }

  private setLast(index: number, value: number): void {
    const { fixed } = this.words;
    const inFrames = index >= fixed;
    const at = inFrames ? index - fixed : index;
    const page = this.last[(inFrames ? this.frameBase : 0) + (at >>> 9)];
    if (page !== undefined) page[at & 511] = value;
  }

  private unread(): number {
    return this.reading.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  private writeNumber(value: number): void {
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.write[this.writeAt++] = (rest & 127) | 128;
    this.write[this.writeAt++] = rest;
  }

  private readNumber(bytes: Uint8Array): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[this.readAt++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }
}

const empty: Segment = { bytes: new Uint8Array(0), count: 0, kept: null };

/** A number of either sign as one that is small where it is near to 0. */
function signed(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function unsigned(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
