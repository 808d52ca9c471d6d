/**
 * A bounded table of small records in state; record words are zero when unused. What properties remember
 * lives here.
 */
import type { Layout } from '../../base/layout';
import type { Words } from '../../base/words';

/** A table of `capacity` records of `width` words. Word 0 of a record in use is never zero. */
export class Records {
  private readonly base: number;

  constructor(
    layout: Layout,
    readonly capacity: number,
    readonly width: number,
  ) {
    this.base = layout.reserve(capacity * width + 1);
  }

  /** Whether no record is in use. */
  isEmpty(words: Words): boolean {
    return words.get(this.base) === 0;
  }

  /** Word indices of the records in use. */
  all(words: Words): number[] {
    const found: number[] = [];
    let left = words.get(this.base);
    for (let index = this.base + 1; left > 0; index += this.width) {
      if (words.get(index) === 0) continue;
      found.push(index);
      left--;
    }
    return found;
  }

  /** Adds a record in the lowest free place; false if there is none. */
  add(words: Words, values: readonly number[]): boolean {
    for (let record = 0; record < this.capacity; record++) {
      const index = this.base + 1 + record * this.width;
      if (words.get(index) !== 0) continue;
      for (const [offset, value] of values.entries()) words.put(index + offset, value);
      words.put(this.base, words.get(this.base) + 1);
      return true;
    }
    return false;
  }

  /** Clears the record at a word index. */
  remove(words: Words, index: number): void {
    for (let offset = 0; offset < this.width; offset++) words.put(index + offset, 0);
    words.put(this.base, words.get(this.base) - 1);
  }
}
