/** Hands out regions of the fixed words of state, one after the other, before the words are made. */
export class Layout {
  size = 0;

  /** Reserves `words` words and returns the index of the first. */
  reserve(words: number): number {
    const base = this.size;
    this.size += words;
    return base;
  }
}
