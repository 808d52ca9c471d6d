/**
 * What every order of search shares: the limits, what was found, and how a state is judged.
 *
 * A search is made in slices (`advance`), so that whoever runs it can show progress, cancel, or do something
 * else meanwhile. Reaching a limit ends it, and is said: what remained is then not known.
 */
import { expectationOf } from '../language/expectation';
import type { Program } from '../language/program';
import { type PropertyId, propertyIds } from '../language/properties';
import { PASIDS } from '../machine/device';
import type { CacheMode, Violation } from '../vm/types';
import { Vm } from '../vm/vm';
import type { BreadthFirst } from './breadth-first';
import { concretise } from './concretise';
import type { Reductions } from './movers';
import { Stepper } from './stepper';

/** Limits of a search. */
export interface SearchLimits {
  readonly statesMax: number;
  /** Steps of a path, counted as the search makes them. */
  readonly depthMax: number;
  /** Bytes of the visited set, the paths and the frontier. */
  readonly memoryMax: number;
  readonly secondsMax: number;
}

/** In which order states are looked at. */
export type SearchOrder = 'breadth' | 'depth' | 'random';

/** How a search is made. */
export interface SearchOptions {
  readonly order: SearchOrder;
  readonly limits: SearchLimits;
  readonly reductions: Reductions;
  readonly caches: CacheMode;
  /** Seed of the random walk. */
  readonly seed: number;
  /** Goes on after the first finding, to list every property that can be violated. */
  readonly all: boolean;
  /** Seconds since some moment; handed in, because nothing here reads a clock. */
  readonly clock: () => number;
}

/** Paths to violations of one property that are tried on real caches. */
const REPLAYS_MAX = 20;

/** One step of a path. */
export interface PathStep {
  readonly thread: number;
  readonly choice: number;
}

/** The first way found to violate a property. */
export interface Finding {
  readonly violation: Violation;
  /** From the initial state, in steps of the vm. Null for what never happened on any path. */
  readonly path: readonly PathStep[] | null;
}

/** A search under way. */
export interface Search {
  readonly progress: Progress;
  /** Goes on for about so many states; true when it is over. */
  advance(states: number): boolean;
  /** The search by levels that is about to begin one, if it is that. */
  atLevel?(): BreadthFirst | null;
}

/** What a search has seen. Made while its vm is in the initial state. */
export class Progress {
  states = 0;
  transitions = 0;
  /** States in which nothing can go on. No reduction changes how many there are. */
  ends = 0;
  /** Length of the longest path, in steps of the search. */
  depth = 0;
  /** Walks that came to their end, where walks are drawn; null else. */
  walks: number | null = null;
  /** States found and not yet expanded. */
  waiting = 0;
  /** Largest memory of the visited set, the paths and the frontier. */
  bytes = 0;
  /** The limit that was reached first, in words: something was not looked at. */
  limit: string | null = null;
  /** A limit of the search itself was reached, which ends it. */
  isStopped = false;
  /** Nothing is left to be looked at, but for what lies beyond a limit. */
  complete = false;
  readonly findings: Finding[] = [];
  /** Properties of which a violation was found that real caches did not show, and how often. */
  readonly unshown = new Map<PropertyId, number>();
  /** Which `sometimes` held in some state. */
  readonly witnessed: boolean[];
  /** Address spaces that a device walks from the start, and that no subscriber says it answers for. */
  readonly unanswered: readonly string[];
  private readonly wanted: ReadonlySet<PropertyId> | null;
  private readonly unwatched: ReadonlySet<string>;
  private readonly until: number;

  constructor(
    readonly vm: Vm,
    readonly options: SearchOptions,
    /** Whether somebody else makes findings again with real caches. */
    private readonly isPart = false,
  ) {
    const { scenario } = vm.program;
    this.witnessed = vm.claims.sometimes.map(() => false);
    this.unwatched = new Set(scenario.unwatched.map(({ property }) => property));
    const expected = expectationOf(vm.program);
    this.wanted =
      expected?.verdict === 'violated' ? new Set(expected.properties.flatMap(id => propertyOf(id))) : null;
    this.unanswered = unansweredBindings(vm);
    this.until = options.clock() + options.limits.secondsMax;
  }

  /** Keeps what is watched and was not found before; `path` is only asked for then. */
  keep(violations: readonly Violation[], path: () => readonly PathStep[]): void {
    for (const violation of violations) {
      if (this.unwatched.has(violation.property)) continue;
      if (this.findings.some(found => found.violation.property === violation.property)) continue;
      const finding = this.shown(violation, path());
      if (finding !== null) this.findings.push(finding);
    }
  }

  /**
   * A finding as the machine shows it. With the caches of a search the path is made again with real ones: if
   * that does not show the violation, the search is wrong somewhere, and must not be believed.
   */
  private shown(violation: Violation, path: readonly PathStep[]): Finding | null {
    if (this.options.caches !== 'search' || this.isPart) return { violation, path };
    const { property } = violation;
    const failures = this.unshown.get(property) ?? 0;
    if (failures >= REPLAYS_MAX) return null;
    const concrete = concretise(this.vm.program, path, violation);
    if (concrete === null) this.unshown.set(property, failures + 1);
    else this.unshown.delete(property);
    return concrete;
  }

  /** Judges a state of which every step was tried: `successors` could be made, less those of caches. */
  judgeState(successors: number, waits: Waits, path: () => readonly PathStep[]): void {
    if (successors === 0) {
      this.ends++;
      this.keep(this.vm.atRest(), path);
    } else if (waits.mayBeCycle()) {
      const cycle = this.vm.deadlock();
      if (cycle !== null) this.keep([cycle], path);
    }
  }

  /** Whether nothing more has to be looked for. */
  isAnswered(): boolean {
    if (this.options.all || this.findings.length === 0) return false;
    const { wanted } = this;
    if (wanted === null) return true;
    const found = new Set(this.findings.map(({ violation }) => violation.property));
    return [...wanted].every(property => found.has(property));
  }

  /** Looks whether the conditions of `sometimes` hold in the present state. */
  witness(): void {
    for (const [index, seen] of this.witnessed.entries())
      if (!seen) this.witnessed[index] = this.vm.claims.isWitnessed(index);
  }

  /** Looks whether time or memory is used up. */
  checkLimits(): void {
    const { memoryMax, secondsMax } = this.options.limits;
    if (this.bytes > memoryMax)
      this.stop(`${Math.round(memoryMax / 2 ** 20)} MiB are in use, which is the limit of memory`);
    if (this.options.clock() > this.until)
      this.stop(`${secondsMax} seconds have passed, which is the limit of time`);
  }

  /** Ends the search at a limit. */
  stop(limit: string): void {
    this.cut(limit);
    this.isStopped = true;
  }

  /** Notes that one path is not followed on. The first reason counts. */
  cut(limit: string): void {
    this.limit ??= limit;
  }
}

function unansweredBindings({ machine, monitors }: Vm): string[] {
  return machine.devices.flatMap(({ index }) =>
    Array.from({ length: PASIDS }, (_, pasid) => pasid)
      .filter(pasid => machine.gcr3(index, pasid) >= 0)
      .flatMap(pasid => monitors.unanswering(index, pasid) ?? []),
  );
}

/** What a search along one path begins with. */
export interface Opened {
  readonly vm: Vm;
  readonly stepper: Stepper;
  readonly progress: Progress;
  /** How many threads are looked at; the caches are the last, where they are. */
  readonly threads: number;
}

/** Opens a search: what is wrong in the initial state is found already. */
export function openSearch(program: Program, options: SearchOptions): Opened {
  const vm = vmFor(program, options.caches);
  const progress = new Progress(vm, options);
  progress.keep(vm.claims.broken(), () => []);
  const stepper = new Stepper(vm, options.reductions);
  return { vm, stepper, progress, threads: threadsOf(vm, options.caches) };
}

/** What trying every thread of a state has shown about waiting. */
export class Waits {
  private blocked = 0;
  private waitedFor = 0;

  /** Forgets the state before. */
  clear(): void {
    this.blocked = 0;
    this.waitedFor = 0;
  }

  /** Notes that a thread is blocked, as the vm has just found. */
  note(vm: Vm, thread: number): void {
    const { why } = vm;
    if (why === null || why.idle || why.waitsFor.length === 0) return;
    this.blocked |= 1 << thread;
    for (const other of why.waitsFor) this.waitedFor |= 1 << other;
  }

  /** Whether threads that wait for one another are possible: each of a cycle waits and is waited for. */
  mayBeCycle(): boolean {
    return (this.blocked & this.waitedFor) !== 0;
  }
}

/** The limit of states as a sentence. */
export function moreStates(statesMax: number): string {
  return `${statesMax} states were visited, which is the limit, and there are more`;
}

/** A vm for a search. */
export function vmFor(program: Program, caches: CacheMode): Vm {
  return new Vm(program, caches);
}

/** How many threads a search looks at: the caches are the last. */
export function threadsOf(vm: Vm, caches: CacheMode): number {
  return caches === 'demand' ? vm.cachesThread : vm.threads.length;
}

/** Turns the steps of a search into single steps of the vm, by making them again. */
export function unmerge(
  program: Program,
  { reductions, caches }: Pick<SearchOptions, 'reductions' | 'caches'>,
  path: readonly PathStep[],
): PathStep[] {
  const stepper = new Stepper(vmFor(program, caches), reductions);
  return path.flatMap(({ thread, choice }) => {
    stepper.begin();
    stepper.step(thread, choice);
    const rest = Array.from({ length: stepper.length - 1 }, () => ({ thread, choice: 0 }));
    return [{ thread, choice }, ...rest];
  });
}

function propertyOf(id: string): PropertyId[] {
  return propertyIds.filter(property => property === id);
}
