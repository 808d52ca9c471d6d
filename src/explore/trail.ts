/**
 * How each state was reached: the state before it, and the step between. States are numbered in the order of
 * a breadth-first search, so the numbers of the states before them never fall, and two bytes say both.
 */

/** Bytes of a block. */
const BLOCK = 1 << 20;
/** States between two places at which reading can begin. */
const SPACING = 64;
/** Bytes that one state takes at most. */
const ENTRY_MAX = 10;

/** The way to every state. */
export class Trail {
  count = 0;
  private readonly blocks: Uint8Array[] = [];
  private at = 0;
  private before = 0;
  /** For every so many states: where it is, and the state before the one before it. */
  private starts = new Float64Array(64);
  private parents = new Float64Array(64);

  /** Memory taken. */
  get bytes(): number {
    const last = this.blocks.length === 1 ? this.at : 0;
    return (last > 0 ? last : this.blocks.length * BLOCK) + this.starts.byteLength + this.parents.byteLength;
  }

  /** Adds the next state: `parent` is not below that of the state before. */
  append(parent: number, action: number): void {
    if (this.at % BLOCK > BLOCK - ENTRY_MAX || this.blocks.length === 0) {
      this.at = this.blocks.length * BLOCK;
      this.blocks.push(new Uint8Array(BLOCK));
    }
    if (this.count % SPACING === 0) this.note();
    this.write(parent - this.before);
    this.write(action);
    this.before = parent;
    this.count++;
  }

  /** The state before a state, and the step between. */
  get(state: number): { readonly parent: number; readonly action: number } {
    const start = Math.floor(state / SPACING);
    const reader = { at: this.starts[start] ?? 0 };
    let parent = this.parents[start] ?? 0;
    let action = 0;
    for (let each = start * SPACING; each <= state; each++) {
      if (reader.at % BLOCK > BLOCK - ENTRY_MAX) reader.at = Math.ceil(reader.at / BLOCK) * BLOCK;
      parent += this.read(reader);
      action = this.read(reader);
    }
    return { parent, action };
  }

  private note(): void {
    const index = this.count / SPACING;
    if (index === this.starts.length) {
      this.starts = larger(this.starts);
      this.parents = larger(this.parents);
    }
    this.starts[index] = this.at;
    this.parents[index] = this.before;
  }

  private write(value: number): void {
    const block = this.blocks[this.blocks.length - 1] ?? new Uint8Array(0);
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) block[this.at++ % BLOCK] = (rest & 127) | 128;
    block[this.at++ % BLOCK] = rest;
  }

  private read(reader: { at: number }): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.blocks[Math.floor(reader.at / BLOCK)]?.[reader.at % BLOCK] ?? 0;
      reader.at++;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }
}

function larger(array: Float64Array): Float64Array<ArrayBuffer> {
  const copy = new Float64Array(2 * array.length);
  copy.set(array);
  return copy;
}
