/**
 * One of several that search together. Each expands a part of every level and holds a part of the visited
 * states, by their hash. What one finds it asks the holders about; of two that find a state on the same
 * level, the one with the earlier part of the level has it: who would find it first if one searched alone.
 */
import { letMessagesIn } from '../base/pause';
import type { Mark } from '../base/words';
import type { Program } from '../language/program';
import { Expander, type Expansion } from './expander';
import { Frontier, type Segment } from './frontier';
import { type Finding, type PathStep, Progress, type SearchOptions } from './search';
import { Visited } from './visited';

/** What expanding a part of a level has shown. Plain data. */
export interface Expanded {
  /** Hashes that may be new, four words each, for every holder. */
  readonly hashes: readonly Int32Array[];
  readonly states: number;
  readonly transitions: number;
  readonly ends: number;
  /** Their paths are one step: the number of the state, and the step made there (-1 for none). */
  readonly findings: readonly Finding[];
  readonly witnessed: readonly boolean[];
  readonly limit: string | null;
  readonly bytes: number;
  /** Per function, per instruction, whether it was ever executed. */
  readonly executed: readonly Uint8Array[];
}

/** The new states of a part of a level, in their order. Plain data. */
export interface Settled {
  readonly parents: Float64Array;
  readonly actions: Float64Array;
  readonly segments: readonly Segment[];
}

/** One that searches, here or in a worker. */
export interface Searcher {
  /** Expands a part of a level, whose first state has this number. */
  expand(segments: readonly Segment[], first: number): Promise<Expanded>;
  /** Takes in hashes of every searcher, in the order of their parts; says which are new, one bit each. */
  judge(hashes: readonly Int32Array[]): Promise<readonly Uint8Array[]>;
  /** Hears from every holder which of its states are new. */
  settle(isNew: readonly Uint8Array[]): Promise<Settled>;
  /** Ends `expand` soon. */
  stop(): void;
}

/** How a shard is made. Plain data. */
export interface ShardSetup {
  readonly program: Program;
  readonly options: Omit<SearchOptions, 'clock'>;
  /** Which one it is, of how many. */
  readonly index: number;
  readonly count: number;
  /** Hashes it holds from the beginning. */
  readonly visited: Int32Array;
}

/** Milliseconds without a look at messages. */
const SLICE_MS = 20;
const STATES_PER_LOOK = 64;
/** Hashes of other holders that are remembered, so that they are not asked about again. */
const ASKED = 1 << 16;

/** The holder of a hash. */
export function holderOf(word: number, count: number): number {
  return (word >>> 0) % count;
}

/** A searcher on this thread. */
export class Shard implements Searcher, Expansion {
  readonly progress: Progress;
  private readonly expander: Expander;
  private readonly frontier: Frontier;
  private readonly visited = new Visited();
  /** What was found on this level, and hashes asked about on levels before. */
  private readonly found = new Visited();
  private readonly asked = new Int32Array(4 * ASKED);
  private readonly hash = new Int32Array(4);
  private readonly hashes: Numbers[];
  private readonly holders = new Numbers();
  private readonly parents = new Numbers();
  private readonly actions = new Numbers();
  private state = 0;
  private isStopped = false;

  constructor(private readonly setup: ShardSetup) {
    this.expander = new Expander(setup.program, setup.options);
    this.progress = new Progress(this.expander.vm, { ...setup.options, clock: () => 0 }, true);
    this.frontier = new Frontier(this.expander.vm.words);
    this.hashes = Array.from({ length: setup.count }, () => new Numbers());
    const { visited } = setup;
    for (let at = 0; at < visited.length; at += 4)
      this.visited.addWords(
        visited[at] ?? 0,
        visited[at + 1] ?? 0,
        visited[at + 2] ?? 0,
        visited[at + 3] ?? 0,
      );
  }

  async expand(segments: readonly Segment[], first: number): Promise<Expanded> {
    const { progress, expander, frontier } = this;
    this.state = first - 1;
    this.isStopped = false;
    this.found.clear();
    frontier.readFrom(segments);
    for (let isMore = true; isMore && !this.isStopped; ) {
      const end = performance.now() + SLICE_MS;
      do {
        for (let count = 0; count < STATES_PER_LOOK && isMore; count++) {
          isMore = frontier.next();
          if (!isMore) break;
          this.state++;
          expander.expand(this);
        }
      } while (isMore && performance.now() < end);
      if (isMore) await letMessagesIn();
    }
    const { transitions, ends, witnessed, limit } = progress;
    const findings = progress.findings.splice(0);
    [progress.transitions, progress.ends] = [0, 0];
    return {
      hashes: this.hashes.map(list => list.words()),
      states: this.state + 1 - first,
      transitions,
      ends,
      findings,
      witnessed: [...witnessed],
      limit,
      bytes: this.bytes,
      executed: expander.vm.functions.map(({ executed }) => executed),
    };
  }

  async judge(hashes: readonly Int32Array[]): Promise<Uint8Array[]> {
    return hashes.map(list => {
      const isNew = new Uint8Array(Math.ceil(list.length / 32));
      for (let at = 0; at < list.length; at += 4)
        if (this.visited.addWords(list[at] ?? 0, list[at + 1] ?? 0, list[at + 2] ?? 0, list[at + 3] ?? 0))
          setBit(isNew, at >>> 2);
      return isNew;
    });
  }

  async settle(isNew: readonly Uint8Array[]): Promise<Settled> {
    const { holders } = this;
    const at = this.hashes.map(() => 0);
    const kept = new Uint8Array(Math.ceil(holders.length / 8));
    const parents: number[] = [];
    const actions: number[] = [];
    for (let index = 0; index < holders.length; index++) {
      const holder = holders.get(index);
      const own = at[holder] ?? 0;
      at[holder] = own + 1;
      const bits = isNew[holder];
      if (bits === undefined || !hasBit(bits, own)) continue;
      setBit(kept, index);
      parents.push(this.parents.get(index));
      actions.push(this.actions.get(index));
    }
    let from = 0;
    const segments = this.frontier.take().map(({ bytes, count }): Segment => {
      const bits = new Uint8Array(Math.ceil(count / 8));
      for (let state = 0; state < count; state++) if (hasBit(kept, from + state)) setBit(bits, state);
      from += count;
      return { bytes, count, kept: bits };
    });
    for (const list of [...this.hashes, holders, this.parents, this.actions]) list.clear();
    return { parents: Float64Array.from(parents), actions: Float64Array.from(actions), segments };
  }

  stop(): void {
    this.isStopped = true;
  }

  /** Notes the present state for its holder to judge, unless it is known. */
  arrive(mark: Mark, action: number): void {
    const { hash, asked, setup } = this;
    this.expander.vm.words.hashInto(hash);
    const [a = 0, b = 0, c = 0, d = 0] = hash;
    const holder = holderOf(c, setup.count);
    const slot = 4 * (b & (ASKED - 1));
    if (holder === setup.index) {
      if (this.visited.has(a, b, c, d)) return;
    } else if (asked[slot] === a && asked[slot + 1] === b && asked[slot + 2] === c && asked[slot + 3] === d)
      return;
    if (!this.found.add(hash)) return;
    asked.set(hash, slot);
    const list = this.hashes[holder];
    for (const word of hash) list?.push(word);
    this.holders.push(holder);
    this.parents.push(this.state);
    this.actions.push(action);
    this.frontier.push(mark);
    if (this.progress.witnessed.length > 0) this.progress.witness();
  }

  path(last: PathStep | null): PathStep[] {
    return [{ thread: this.state, choice: -1 }, ...(last === null ? [] : [last])];
  }

  private get bytes(): number {
    const lists = [...this.hashes, this.holders, this.parents, this.actions];
    const own = lists.reduce((sum, list) => sum + list.bytes, this.asked.byteLength);
    return own + this.visited.bytes + this.found.bytes + this.frontier.bytes;
  }
}

/** A list of numbers that grows. */
class Numbers {
  length = 0;
  private numbers = new Float64Array(1024);

  get bytes(): number {
    return this.numbers.byteLength;
  }

  push(value: number): void {
    if (this.length === this.numbers.length) {
      const larger = new Float64Array(2 * this.length);
      larger.set(this.numbers);
      this.numbers = larger;
    }
    this.numbers[this.length++] = value;
  }

  get(index: number): number {
    return this.numbers[index] ?? 0;
  }

  words(): Int32Array {
    return Int32Array.from(this.numbers.subarray(0, this.length));
  }

  clear(): void {
    this.length = 0;
  }
}

function setBit(bits: Uint8Array, index: number): void {
  bits[index >>> 3] = (bits[index >>> 3] ?? 0) | (1 << (index & 7));
}

function hasBit(bits: Uint8Array, index: number): boolean {
  return (((bits[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 1;
}

/** States of a segment that count. */
export function keptIn({ count, kept }: Segment): number {
  if (kept === null) return count;
  let sum = 0;
  for (let state = 0; state < count; state++) if (hasBit(kept, state)) sum++;
  return sum;
}
