/**
 * Several threads search together, level by level, and come to what one alone comes to: the same states in
 * the same order, so the same counts, and the same paths. Messages are all they share.
 */
import type { WorkerPort } from '../base/worker-port';
import type { BreadthFirst } from './breadth-first';
import type { Segment } from './frontier';
import type { PathStep } from './search';
import {
  type Expanded,
  holderOf,
  keptIn,
  type Searcher,
  type Settled,
  Shard,
  type ShardSetup,
} from './shard';

/** What a searcher in a worker is told. */
export type ShardMessage =
  | { readonly type: 'join'; readonly setup: ShardSetup }
  | { readonly type: 'expand'; readonly segments: readonly Segment[]; readonly first: number }
  | { readonly type: 'judge'; readonly hashes: readonly Int32Array[] }
  | { readonly type: 'settle'; readonly isNew: readonly Uint8Array[] }
  | { readonly type: 'stop' };

/** What it answers, in the order of the questions. */
export type ShardAnswer =
  | { readonly type: 'joined' }
  | { readonly type: 'expanded'; readonly expanded: Expanded }
  | { readonly type: 'judged'; readonly isNew: readonly Uint8Array[] }
  | { readonly type: 'settled'; readonly settled: Settled }
  | { readonly type: 'failed'; readonly message: string };

/** How to start a searcher. */
export type StartShard = () => WorkerPort<ShardMessage, ShardAnswer>;

/** A searcher in a worker. */
class RemoteShard implements Searcher {
  private waiting: { resolve: (answer: ShardAnswer) => void; reject: (problem: Error) => void } | null = null;
  private why: string | null = null;

  constructor(private readonly port: WorkerPort<ShardMessage, ShardAnswer>) {
    port.onMessage(answer => {
      const { waiting } = this;
      this.waiting = null;
      if (answer.type === 'failed') waiting?.reject(new Error(answer.message));
      else waiting?.resolve(answer);
    });
    port.onExit(why => {
      this.why = why;
      this.waiting?.reject(new Error(why));
    });
  }

  async join(setup: ShardSetup): Promise<void> {
    await this.ask({ type: 'join', setup });
  }

  async expand(segments: readonly Segment[], first: number): Promise<Expanded> {
    const answer = await this.ask({ type: 'expand', segments, first });
    if (answer.type !== 'expanded') throw new Error(`a searcher answered ${answer.type}`);
    return answer.expanded;
  }

  async judge(hashes: readonly Int32Array[]): Promise<readonly Uint8Array[]> {
    const answer = await this.ask({ type: 'judge', hashes });
    if (answer.type !== 'judged') throw new Error(`a searcher answered ${answer.type}`);
    return answer.isNew;
  }

  async settle(isNew: readonly Uint8Array[]): Promise<Settled> {
    const answer = await this.ask({ type: 'settle', isNew });
    if (answer.type !== 'settled') throw new Error(`a searcher answered ${answer.type}`);
    return answer.settled;
  }

  stop(): void {
    this.port.post({ type: 'stop' });
  }

  end(): void {
    this.port.end();
  }

  private ask(message: ShardMessage): Promise<ShardAnswer> {
    return new Promise((resolve, reject) => {
      if (this.why !== null) reject(new Error(this.why));
      this.waiting = { resolve, reject };
      this.port.post(message);
    });
  }
}

/** The worker's side: returns where to put what it is told; what it answers is sent. */
export function serveShard(send: (answer: ShardAnswer) => void): (message: ShardMessage) => void {
  let shard: Shard | null = null;
  const answer = async (message: ShardMessage): Promise<ShardAnswer | null> => {
    if (message.type === 'join') {
      shard = new Shard(message.setup);
      return { type: 'joined' };
    }
    if (shard === null) throw new Error('a searcher was asked before it joined');
    switch (message.type) {
      case 'expand':
        return { type: 'expanded', expanded: await shard.expand(message.segments, message.first) };
      case 'judge':
        return { type: 'judged', isNew: await shard.judge(message.hashes) };
      case 'settle':
        return { type: 'settled', settled: await shard.settle(message.isNew) };
      case 'stop':
        shard.stop();
        return null;
    }
  };
  return message => {
    answer(message).then(
      given => given !== null && send(given),
      (problem: unknown) =>
        send({ type: 'failed', message: problem instanceof Error ? problem.message : String(problem) }),
    );
  };
}

/** Threads that search beside this one. They are started once, and serve one search after another. */
export class Crew {
  private readonly workers: RemoteShard[];
  /** Per function, per instruction, whether anybody executed it. */
  executed: Uint8Array[] = [];

  constructor(count: number, start: StartShard) {
    this.workers = Array.from({ length: count }, () => new RemoteShard(start()));
  }

  /**
   * Goes on with a search that is about to begin a level, to its end. `pause` is called between levels and a
   * few times a second; when it says so, or a limit is reached, the search ends in the middle of a level.
   */
  async search(search: BreadthFirst, pause: () => boolean): Promise<void> {
    let segments: readonly Segment[] = search.handOver();
    let first = search.progress.states - search.progress.waiting;
    const searchers = await this.join(search);
    const watch = setInterval(() => {
      if (pause() || search.isPastLimits()) for (const searcher of searchers) searcher.stop();
    }, 100);
    try {
      for (;;) {
        const parts = split(segments, searchers.length);
        const sizes = parts.map(part => part.reduce((sum, segment) => sum + keptIn(segment), 0));
        const total = sizes.reduce((sum, size) => sum + size, 0);
        const starts = sizes.map((_, index) => first + sizes.slice(0, index).reduce((a, b) => a + b, 0));
        const expanded = await Promise.all(
          searchers.map((searcher, index) => searcher.expand(parts[index] ?? [], starts[index] ?? 0)),
        );
        this.note(search, expanded);
        segments = await this.exchange(search, searchers, expanded);
        if (pause() || expanded.reduce((sum, { states }) => sum + states, 0) < total) return;
        first += total;
        if (search.endLevel(segments.some(segment => keptIn(segment) > 0)) || search.mustBeginAgain()) return;
      }
    } finally {
      clearInterval(watch);
    }
  }

  /** Ends the threads. */
  end(): void {
    for (const worker of this.workers) worker.end();
  }

  /** Gives everybody a part of what was visited. */
  private async join(search: BreadthFirst): Promise<Searcher[]> {
    const { program, options } = search;
    const { clock: _, ...plain } = options;
    const count = this.workers.length + 1;
    const lists = Array.from({ length: count }, () => new Int32Array(4 * search.visited.count));
    const ends = lists.map(() => 0);
    search.visited.each((a, b, c, d) => {
      const holder = holderOf(c, count);
      const at = ends[holder] ?? 0;
      lists[holder]?.set([a, b, c, d], at);
      ends[holder] = at + 4;
    });
    search.visited.drop();
    const setups = lists.map((list, index): ShardSetup => {
      return { program, options: plain, index, count, visited: list.slice(0, ends[index]) };
    });
    const [own, ...others] = setups;
    if (own === undefined) throw new Error('a crew has at least one searcher');
    await Promise.all(this.workers.map((worker, index) => worker.join(others[index] ?? own)));
    return [new Shard(own), ...this.workers];
  }

  /** Takes in what expanding a level has shown. Findings are in the order in which one alone finds them. */
  private note(search: BreadthFirst, expanded: readonly Expanded[]): void {
    const { progress } = search;
    for (const part of expanded) {
      progress.transitions += part.transitions;
      progress.ends += part.ends;
      if (part.limit !== null) progress.cut(part.limit);
      for (const [index, seen] of part.witnessed.entries()) progress.witnessed[index] ||= seen;
      for (const { violation, path } of part.findings)
        progress.keep([violation], () => pathOf(search, path ?? []));
      for (const [index, executed] of part.executed.entries()) {
        const sum = this.executed[index] ?? new Uint8Array(executed.length);
        for (const [pc, was] of executed.entries()) sum[pc] = (sum[pc] ?? 0) | was;
        this.executed[index] = sum;
      }
    }
    const sum = (of: (part: Expanded) => number) => expanded.reduce((all, part) => all + of(part), 0);
    search.expandedByOthers(
      sum(({ states }) => states),
      sum(({ bytes }) => bytes),
    );
  }

  /** Finds out which states of the next level are new; says where they are. */
  private async exchange(
    search: BreadthFirst,
    searchers: readonly Searcher[],
    expanded: readonly Expanded[],
  ): Promise<Segment[]> {
    const none = new Int32Array(0);
    const judged = await Promise.all(
      searchers.map((searcher, holder) =>
        searcher.judge(expanded.map(({ hashes }) => hashes[holder] ?? none)),
      ),
    );
    const settled = await Promise.all(
      searchers.map((searcher, source) =>
        searcher.settle(judged.map(isNew => isNew[source] ?? new Uint8Array(0))),
      ),
    );
    for (const { parents, actions } of settled)
      for (const [index, parent] of parents.entries()) search.adopt(parent, actions[index] ?? 0);
    return settled.flatMap(({ segments }) => segments);
  }
}

function pathOf(search: BreadthFirst, path: readonly PathStep[]): PathStep[] {
  const [state, last = null] = path;
  return search.pathFrom(state?.thread ?? 0, last);
}

/** Parts of about the same number of states, in order. */
function split(segments: readonly Segment[], count: number): Segment[][] {
  const total = segments.reduce((sum, segment) => sum + keptIn(segment), 0);
  const parts: Segment[][] = Array.from({ length: count }, () => []);
  let before = 0;
  for (const segment of segments) {
    const size = keptIn(segment);
    if (size === 0) continue;
    // A segment goes to the part in which its middle lies.
    const part = Math.min(count - 1, Math.floor(((before + size / 2) / total) * count));
    parts[part]?.push(segment);
    before += size;
  }
  return parts;
}
