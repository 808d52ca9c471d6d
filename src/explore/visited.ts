/**
 * The states seen so far, by the 128 bits of their hash, in one typed array: no object per state.
 *
 * Two states whose hashes are equal are taken for one; `omissionOdds` says how likely it is that this has
 * happened anywhere in a search.
 */

/** Words of a slot: the hash. A slot of zeros is free. */
const SLOT = 4;

/** A set of 128-bit hashes. */
export class Visited {
  count = 0;
  private slots: Int32Array;
  private mask: number;

  constructor(capacity = 1 << 12) {
    this.slots = new Int32Array(capacity * SLOT);
    this.mask = capacity - 1;
  }

  /** Memory taken. */
  get bytes(): number {
    return this.slots.byteLength;
  }

  /** Memory that the next `add` may take for a moment. */
  get bytesToGrow(): number {
    return this.isFull() ? 2 * this.slots.byteLength : 0;
  }

  /** Adds a hash of four words; whether it is new. */
  add(hash: Int32Array): boolean {
    const at = find(this.slots, this.mask, hash[0] ?? 0, hash[1] ?? 0, hash[2] ?? 0, lastWord(hash));
    if (at < 0) return false;
    this.slots[at] = hash[0] ?? 0;
    this.slots[at + 1] = hash[1] ?? 0;
    this.slots[at + 2] = hash[2] ?? 0;
    this.slots[at + 3] = lastWord(hash);
    this.count++;
    if (this.isFull()) this.grow();
    return true;
  }

  private isFull(): boolean {
    return this.count * 4 >= (this.mask + 1) * 3;
  }

  private grow(): void {
    const { slots } = this;
    const mask = 2 * this.mask + 1;
    const larger = new Int32Array(slots.length * 2);
    for (let from = 0; from < slots.length; from += SLOT) {
      const [a, b] = [slots[from] ?? 0, slots[from + 1] ?? 0];
      const [c, d] = [slots[from + 2] ?? 0, slots[from + 3] ?? 0];
      if ((a | b | c | d) === 0) continue;
      const to = find(larger, mask, a, b, c, d);
      larger[to] = a;
      larger[to + 1] = b;
      larger[to + 2] = c;
      larger[to + 3] = d;
    }
    this.slots = larger;
    this.mask = mask;
  }
}

/** A bound on the odds that any two of `count` states were taken for one. */
export function omissionOdds(count: number): number {
  return (count * count) / 2 / 2 ** 128;
}

/** The hash of zeros would look like a free slot. */
function lastWord(hash: Int32Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = hash;
  return (a | b | c | d) === 0 ? 1 : d;
}

/** Index of the free slot for a hash, -1 if the hash is there. */
function find(slots: Int32Array, mask: number, a: number, b: number, c: number, d: number): number {
  for (let slot = a & mask; ; slot = (slot + 1) & mask) {
    const at = slot * SLOT;
    const first = slots[at] ?? 0;
    if (first === a && slots[at + 1] === b && slots[at + 2] === c && slots[at + 3] === d) return -1;
    if (first === 0 && slots[at + 1] === 0 && slots[at + 2] === 0 && slots[at + 3] === 0) return at;
  }
}
