/** Level by level: the first path found to a violation is one of the shortest. */
import type { Program } from '../language/program';
import type { Vm } from '../vm/vm';
import { Frontier } from './frontier';
import {
  type PathStep,
  Progress,
  type Search,
  type SearchOptions,
  threadsOf,
  unmerge,
  vmFor,
  Waits,
} from './search';
import { Stepper } from './stepper';
import { Visited } from './visited';

/** Threads are numbered below 32; the choice is beside it in the word that says how a state was reached. */
const THREAD_BITS = 5;

/** States between two looks at the clock and at memory. */
const CHECK_EVERY = 512;

/** A breadth-first search. */
export class BreadthFirst implements Search {
  readonly progress: Progress;
  private readonly vm: Vm;
  private readonly stepper: Stepper;
  private readonly visited = new Visited();
  private readonly frontier: Frontier;
  private readonly waits = new Waits();
  private readonly hash = new Int32Array(4);
  /** For each state, in the order found: the state before it, and the step between. */
  private parents = new Uint32Array(1024);
  private actions = new Uint32Array(1024);
  private level = 0;
  private expanding = -1;
  private ended = false;

  constructor(
    private readonly program: Program,
    private readonly options: SearchOptions,
  ) {
    this.vm = vmFor(program, options.caches);
    this.stepper = new Stepper(this.vm, options.reductions);
    this.progress = new Progress(this.vm, options);
    this.frontier = new Frontier(this.vm.words);
    this.progress.keep(this.vm.claims.broken(), () => []);
    this.arrive(this.vm.words.mark(), 0);
    this.frontier.turn();
    this.ended = this.progress.isAnswered();
  }

  advance(states: number): boolean {
    const { progress, frontier } = this;
    for (let count = 0; count < states && !this.ended; count++) {
      if (frontier.next()) this.expand();
      else this.nextLevel();
      if (count % CHECK_EVERY === 0) this.measure();
      if (progress.isStopped || progress.isAnswered()) this.ended = true;
    }
    progress.waiting = progress.states - this.expanding - 1;
    if (this.ended) this.measure();
    return this.ended;
  }

  private nextLevel(): void {
    const { progress } = this;
    const { depthMax } = this.options.limits;
    if (!this.frontier.turn()) {
      progress.complete = true;
      this.ended = true;
      return;
    }
    this.level++;
    progress.depth = this.level;
    if (this.level >= depthMax) progress.stop(`paths of ${depthMax} steps were not followed on (depthMax)`);
  }

  /** Tries every step of every thread in the state at hand. */
  private expand(): void {
    const { vm, stepper, waits } = this;
    const { words } = vm;
    const mark = words.mark();
    this.expanding++;
    waits.clear();
    stepper.begin();
    for (let thread = 0; thread < vm.cachesThread; thread++)
      if (stepper.suffices(thread) && this.tryThread(mark, thread) > 0) return;
    let successors = 0;
    const threads = threadsOf(vm, this.options.caches);
    for (let thread = 0; thread < threads; thread++) {
      const made = this.tryThread(mark, thread);
      if (thread !== vm.cachesThread) successors += made;
    }
    this.progress.judgeState(successors, waits, () => this.path(null));
  }

  /** Tries every choice of a thread; how many steps it can make. */
  private tryThread(mark: number, thread: number): number {
    const { vm, stepper } = this;
    let successors = 0;
    for (let choice = 0, choices = 1; choice < choices; choice++) {
      const status = stepper.step(thread, choice);
      if (status === 'stepped') {
        successors++;
        choices = stepper.choices;
        this.judge(mark, thread, choice);
      } else if (status === 'blocked') this.waits.note(vm, thread);
      vm.words.undo(mark);
    }
    return successors;
  }

  private judge(mark: number, thread: number, choice: number): void {
    const { progress, stepper } = this;
    progress.transitions++;
    if (stepper.violations.length > 0) progress.keep(stepper.violations, () => this.path({ thread, choice }));
    if (stepper.limit !== null) progress.cut(stepper.limit);
    else this.arrive(mark, thread | (choice << THREAD_BITS));
  }

  /** Takes in the present state, reached from the one being expanded, if it is new. */
  private arrive(mark: number, action: number): void {
    const { progress } = this;
    this.vm.words.hashInto(this.hash);
    if (!this.visited.add(this.hash)) return;
    if (progress.states === this.options.limits.statesMax) {
      progress.stop(`${progress.states} states were visited, and there are more (statesMax)`);
      return;
    }
    const state = progress.states++;
    if (state === this.parents.length) {
      this.parents = twice(this.parents);
      this.actions = twice(this.actions);
    }
    this.parents[state] = Math.max(0, this.expanding);
    this.actions[state] = action;
    this.frontier.push(mark);
    if (progress.witnessed.length > 0) progress.witness();
  }

  /** The path to the state being expanded, and one step on. */
  private path(last: PathStep | null): PathStep[] {
    const path = last === null ? [] : [last];
    for (let state = this.expanding; state > 0; state = this.parents[state] ?? 0) {
      const action = this.actions[state] ?? 0;
      path.push({ thread: action & ((1 << THREAD_BITS) - 1), choice: action >>> THREAD_BITS });
    }
    return unmerge(this.program, this.options, path.reverse());
  }

  private measure(): void {
    const { progress, visited, frontier } = this;
    progress.bytes = visited.bytes + frontier.bytes + this.parents.byteLength + this.actions.byteLength;
    progress.checkLimits();
  }
}

function twice(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * array.length);
  larger.set(array);
  return larger;
}
