/**
 * The states seen so far, by the 128 bits of their hash, in typed arrays: no object per state.
 *
 * There are many small tables, by a part of the hash, each of which grows by itself and by little: so hardly
 * any slot is empty, and growing needs no second table of the whole. Two states whose hashes are equal are
 * taken for one; `omissionOdds` says how likely it is that this has happened anywhere in a search.
 */

/** Words of a slot: the hash. A slot of zeros is free. */
const SLOT = 4;
const TABLES = 256;
/** Slots of the smallest table; the others begin a little larger each, so that they grow at other times. */
const SLOTS_LEAST = 16;
const FULL = 0.8;
const GROWTH = 1.3;

/** A set of 128-bit hashes. */
export class Visited {
  count = 0;
  /** Memory taken. */
  bytes = 0;
  private readonly tables: Int32Array[] = [];
  private readonly used = new Int32Array(TABLES);
  private readonly limits = new Int32Array(TABLES);

  constructor() {
    for (let table = 0; table < TABLES; table++)
      this.place(table, Math.round(SLOTS_LEAST * GROWTH ** (table / TABLES)));
  }

  /** Adds a hash of four words; whether it is new. */
  add(hash: Int32Array): boolean {
    return this.addWords(hash[0] ?? 0, hash[1] ?? 0, hash[2] ?? 0, hash[3] ?? 0);
  }

  /** The same, with the words one by one. */
  addWords(a: number, b: number, c: number, given: number): boolean {
    // The hash of zeros would look like a free slot.
    const d = (a | b | c | given) === 0 ? 1 : given;
    const table = d & (TABLES - 1);
    const slots = this.tables[table] ?? none;
    const at = find(slots, a, b, c, d);
    if (at < 0) return false;
    slots[at] = a;
    slots[at + 1] = b;
    slots[at + 2] = c;
    slots[at + 3] = d;
    this.count++;
    const used = (this.used[table] ?? 0) + 1;
    this.used[table] = used;
    if (used > (this.limits[table] ?? 0)) this.grow(table);
    return true;
  }

  /** Whether a hash is there. */
  has(a: number, b: number, c: number, given: number): boolean {
    const d = (a | b | c | given) === 0 ? 1 : given;
    return find(this.tables[d & (TABLES - 1)] ?? none, a, b, c, d) < 0;
  }

  /** Calls back with every hash. */
  each(visit: (a: number, b: number, c: number, d: number) => void): void {
    for (const slots of this.tables)
      for (let at = 0; at < slots.length; at += SLOT) {
        const [a, b] = [slots[at] ?? 0, slots[at + 1] ?? 0];
        const [c, d] = [slots[at + 2] ?? 0, slots[at + 3] ?? 0];
        if ((a | b | c | d) !== 0) visit(a, b, c, d);
      }
  }

  /** Forgets everything. */
  clear(): void {
    for (let table = 0; table < TABLES; table++) this.tables[table]?.fill(0);
    this.used.fill(0);
    this.count = 0;
  }

  /** Gives the memory back: the set is of no more use. */
  drop(): void {
    this.tables.length = 0;
    this.bytes = 0;
  }

  private place(table: number, capacity: number): Int32Array {
    const slots = new Int32Array(capacity * SLOT);
    this.bytes += slots.byteLength - (this.tables[table]?.byteLength ?? 0);
    this.tables[table] = slots;
    this.limits[table] = Math.floor(capacity * FULL) - 1;
    return slots;
  }

  private grow(table: number): void {
    const old = this.tables[table] ?? none;
    const slots = this.place(table, Math.ceil((old.length / SLOT) * GROWTH));
    for (let from = 0; from < old.length; from += SLOT) {
      const [a, b] = [old[from] ?? 0, old[from + 1] ?? 0];
      const [c, d] = [old[from + 2] ?? 0, old[from + 3] ?? 0];
      if ((a | b | c | d) === 0) continue;
      const to = find(slots, a, b, c, d);
      slots[to] = a;
      slots[to + 1] = b;
      slots[to + 2] = c;
      slots[to + 3] = d;
    }
  }
}

const none = new Int32Array(0);

/** A bound on the odds that any two of `count` states were taken for one. */
export function omissionOdds(count: number): number {
  return (count * count) / 2 / 2 ** 128;
}

/** Index of the free slot for a hash, -1 if the hash is there. Slots are in the order of the first word. */
function find(slots: Int32Array, a: number, b: number, c: number, d: number): number {
  const { length } = slots;
  let at = Math.floor((a >>> 0) * (length / SLOT) * 2 ** -32) * SLOT;
  for (;;) {
    const first = slots[at] ?? 0;
    if (first === a && slots[at + 1] === b && slots[at + 2] === c && slots[at + 3] === d) return -1;
    if (first === 0 && slots[at + 1] === 0 && slots[at + 2] === 0 && slots[at + 3] === 0) return at;
    at += SLOT;
    if (at === length) at = 0;
  }
}
