import { assert } from '../base/assert';
import type { Layout } from '../base/layout';
import type { Wires } from './wires';

/**
 * A queue of records of a few words in state: oldest first, without gaps. A record's first word is never 0.
 * Simplified: a ring of hardware has head and tail pointers; here the records move instead, so that where
 * the ring stands does not tell equal states apart.
 */
export class Fifo {
  readonly capacity: number;
  private readonly wires: Wires;
  private readonly base: number;
  private readonly width: number;

  constructor(wires: Wires, layout: Layout, capacity: number, width: number) {
    this.wires = wires;
    this.capacity = capacity;
    this.width = width;
    this.base = layout.reserve(capacity * width);
  }

  /** Records queued. */
  count(): number {
    let record = 0;
    while (record < this.capacity && this.get(record, 0) !== 0) record++;
    return record;
  }

  /** Word `word` of a record, 0 where there is none. */
  get(record: number, word: number): number {
    return record < this.capacity ? this.wires.words.get(this.base + record * this.width + word) : 0;
  }

  /** Appends a record; false, and nothing is changed, if the queue is full. */
  push(first: number, second: number, third: number, fourth = 0): boolean {
    assert(first !== 0, 'Fifo: the first word of a record tells that it is there');
    const record = this.count();
    if (record >= this.capacity) return false;
    const at = this.base + record * this.width;
    const words = this.wires.words;
    words.put(at, first);
    words.put(at + 1, second);
    words.put(at + 2, third);
    if (this.width > 3) words.put(at + 3, fourth);
    return true;
  }

  /** Changes a word of a record that is there. */
  set(record: number, word: number, value: number): void {
    this.wires.words.put(this.base + record * this.width + word, value);
  }

  /** Drops the oldest record. */
  shift(): void {
    const words = this.wires.words;
    const end = this.base + this.count() * this.width;
    let at = this.base;
    if (at === end) return;
    for (; at + this.width < end; at++) words.put(at, words.get(at + this.width));
    for (; at < end; at++) words.put(at, 0);
  }
}
