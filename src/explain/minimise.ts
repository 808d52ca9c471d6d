/**
 * A shorter way to the same violation, with fewer changes from thread to thread: what a person can follow.
 *
 * A search finds a path that is shortest in its own steps, and what other threads do on the way is left as it
 * came. Here steps that are not needed are dropped, and what a thread does is moved together. Every candidate
 * is played; one counts only if it ends in the same violation: the same property, found by the same
 * statement. No step of a thread's end can be left out of what is returned, unless the effort was used up.
 */
import type { PathStep } from '../explore/search';
import type { Program } from '../language/program';
import type { CacheMode, Violation } from '../vm/types';
import { Vm } from '../vm/vm';

/** How much is tried: steps of the vm. About a second. */
const EFFORT = 150_000;

/** A violation and a path to it. */
export interface Counterexample {
  readonly violation: Violation;
  readonly path: readonly PathStep[];
}

/** How a path is made shorter. */
export interface MinimiseOptions {
  /** The caches that the path was found with. */
  readonly caches: CacheMode;
  /** Steps of the vm that may be made; there is a default. */
  readonly effort?: number;
}

/** A path to the same violation, at most as long, with at most as many changes of the thread. */
export function minimise(
  program: Program,
  { violation, path }: Counterexample,
  { caches, effort = EFFORT }: MinimiseOptions,
): readonly PathStep[] {
  const player = new Player(new Vm(program, caches === 'demand' ? 'demand' : 'explicit'), violation, effort);
  const start = player.play(path);
  // Not even the path itself leads there: it was found by something that is only known to the search.
  if (start === null) return path;
  let best = start;
  for (let before = Infinity; costOf(best) < before; ) {
    before = costOf(best);
    best = dropped(player, best);
    best = gathered(player, best);
  }
  return best;
}

/** How often the next step is another thread's. */
export function switchesIn(path: readonly PathStep[]): number {
  return path.filter(({ thread }, index) => index > 0 && path[index - 1]?.thread !== thread).length;
}

/** Steps count first. */
function costOf(path: readonly PathStep[]): number {
  return path.length * 10_000 + switchesIn(path);
}

/** Leaves out the last steps of each thread, as many as can be. */
function dropped(player: Player, path: readonly PathStep[]): readonly PathStep[] {
  let best = path;
  const threads = [...new Set(path.map(({ thread }) => thread))];
  for (const thread of threads) {
    const own = best.filter(step => step.thread === thread).length;
    for (let count = own; count >= 1; ) {
      const found = player.play(withoutLast(best, thread, count));
      if (found !== null && costOf(found) < costOf(best)) {
        best = found;
        count = Math.min(count, best.filter(step => step.thread === thread).length);
      } else count = Math.floor(count / 2);
    }
  }
  return best;
}

function withoutLast(path: readonly PathStep[], thread: number, count: number): PathStep[] {
  let left = count;
  const kept = [...path].reverse().filter(step => step.thread !== thread || left-- <= 0);
  return kept.reverse();
}

/** Moves what one thread does together, as far as the violation stays. */
function gathered(player: Player, path: readonly PathStep[]): readonly PathStep[] {
  let best = path;
  for (let at = 1; at < runsOf(best).length; at++) {
    for (const candidate of movesOf(best, at)) {
      const found = player.play(candidate);
      if (found === null || costOf(found) >= costOf(best)) continue;
      best = found;
      at = Math.max(0, at - 2);
      break;
    }
  }
  return best;
}

/** A run of steps of one thread: [from, to). */
interface Run {
  readonly thread: number;
  readonly from: number;
  readonly to: number;
}

function runsOf(path: readonly PathStep[]): Run[] {
  const runs: Run[] = [];
  for (const [index, { thread }] of path.entries()) {
    const last = runs.at(-1);
    if (last?.thread === thread) runs[runs.length - 1] = { ...last, to: index + 1 };
    else runs.push({ thread, from: index, to: index + 1 });
  }
  return runs;
}

/** The run at an index behind the one of its thread before, or that one in front of it. */
function movesOf(path: readonly PathStep[], at: number): PathStep[][] {
  const runs = runsOf(path);
  const run = runs[at];
  if (run === undefined) return [];
  const before = runs.slice(0, at).findLast(({ thread }) => thread === run.thread);
  if (before === undefined) return [];
  const [first, between, second] = [
    path.slice(before.from, before.to),
    path.slice(before.to, run.from),
    path.slice(run.from, run.to),
  ];
  const head = path.slice(0, before.from);
  const tail = path.slice(run.to);
  return [
    [...head, ...first, ...second, ...between, ...tail],
    [...head, ...between, ...first, ...second, ...tail],
  ];
}

/** Plays candidates on one vm; what two have in common at their start is played once. */
class Player {
  private readonly made: { readonly step: PathStep; readonly mark: number }[] = [];

  constructor(
    private readonly vm: Vm,
    private readonly wanted: Violation,
    private effort: number,
  ) {}

  /**
   * The steps of a candidate that could be made, up to the violation; null if they do not lead to it. Steps
   * that cannot be made are left out.
   */
  play(candidate: readonly PathStep[]): readonly PathStep[] | null {
    if (this.effort <= 0) return null;
    this.rewind(candidate);
    for (const step of candidate.slice(this.made.length)) {
      this.effort--;
      const outcome = this.step(step);
      if (outcome === 'found') return this.path();
      if (outcome === 'limit') return null;
    }
    return this.isFoundAtEnd() ? this.path() : null;
  }

  private path(): PathStep[] {
    return this.made.map(({ step }) => step);
  }

  /** Goes back to where the candidate leaves the path that was played before. */
  private rewind(candidate: readonly PathStep[]): void {
    let same = 0;
    // The last step is made again: it may be the one that is wanted.
    const last = this.made.length - 1;
    while (same < last && isSame(this.made[same]?.step, candidate[same])) same++;
    const mark = this.made[same]?.mark;
    if (mark !== undefined) this.vm.words.undo(mark);
    this.made.length = same;
  }

  private step(step: PathStep): 'made' | 'left out' | 'found' | 'limit' {
    const { vm } = this;
    const mark = vm.words.mark();
    const status = vm.tryStep(step.thread, step.choice);
    if (status !== 'stepped' || step.choice >= vm.choices) {
      vm.words.undo(mark);
      return 'left out';
    }
    this.made.push({ step, mark });
    if (vm.violations.some(found => this.isWanted(found))) return 'found';
    return vm.limit === null ? 'made' : 'limit';
  }

  private isFoundAtEnd(): boolean {
    const { vm } = this;
    if (this.wanted.property === 'deadlock') {
      const found = vm.deadlock();
      return found !== null && this.isWanted(found);
    }
    return vm.runnable().length === 0 && vm.atRest().some(found => this.isWanted(found));
  }

  private isWanted(found: Violation): boolean {
    const { wanted } = this;
    if (found.property !== wanted.property) return false;
    // Those who wait are the violation; which of them is named first is chance.
    if (found.property === 'deadlock') return waitsIn(found) === waitsIn(wanted);
    const [a, b] = [found.span, wanted.span];
    return found.fn === wanted.fn && a?.file === b?.file && a?.line === b?.line && a?.column === b?.column;
  }
}

/** Who waits for what in a deadlock, in one order. */
function waitsIn({ message }: Violation): string {
  return message
    .replace(/: [^:]*$/, '')
    .split('; ')
    .sort()
    .join('; ');
}

function isSame(a: PathStep | undefined, b: PathStep | undefined): boolean {
  return a?.thread === b?.thread && a?.choice === b?.choice;
}
