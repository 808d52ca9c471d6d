/**
 * Walks drawn by a seeded generator: for what is too large to search. It proves nothing.
 *
 * Most violations need few decisions: that one thread goes on until another has done some one thing. A walk
 * that draws every step among all threads alike nearly never lets one of them wait for so long. So most walks
 * draw an order of the threads instead, and the first one of it that can go on does; at a few steps, drawn
 * over the length of the walks before, the one that runs goes to the end of the order. (Burckhardt and
 * others, A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs, ASPLOS 2010.)
 */
import type { Program } from '../language/program';
import { type Draw, generator, shuffled } from './random';
import {
  type Opened,
  openSearch,
  type PathStep,
  type Progress,
  type Search,
  type SearchOptions,
  unmerge,
  Waits,
} from './search';

/** Steps between two looks at the clock. */
const CHECK_EVERY = 256;
/** One walk of so many draws each of its steps among all threads. */
const EVEN_ONE_OF = 4;
/** The order is changed at up to so many steps of a walk. */
const CHANGES_MAX = 4;
/** One of so many steps is drawn among all threads: none that runs for ever keeps the others waiting. */
const STRAY_ONE_OF = 64;
/** What caches do on their own is tried before one of so many steps. */
const CACHES_ONE_OF = 8;
/** Length of a walk, as long as none is known. */
const LENGTH_FIRST = 256;

/** A walk from the initial state, over and over. */
export class RandomWalk implements Search {
  readonly progress: Progress;
  private readonly opened: Opened;
  private readonly draw: Draw;
  private readonly waits = new Waits();
  private readonly start: number;
  private taken: PathStep[] = [];
  /** The threads but that of the caches, the first one to go at the beginning; null: drawn each step. */
  private order: number[] | null = null;
  /** Steps at which the thread that runs goes to the end. */
  private changes: ReadonlySet<number> = new Set();
  /** Length of the longest walk so far. */
  private length = LENGTH_FIRST;

  constructor(
    private readonly program: Program,
    private readonly options: SearchOptions,
  ) {
    this.opened = openSearch(program, options);
    this.progress = this.opened.progress;
    this.progress.walks = 0;
    this.progress.witness();
    this.start = this.opened.vm.words.mark();
    this.draw = generator(options.seed);
    this.begin();
  }

  advance(states: number): boolean {
    const { progress } = this;
    const { depthMax, statesMax } = this.options.limits;
    for (let count = 0; count < states; count++) {
      if (progress.isStopped || progress.isAnswered()) return true;
      if (!this.walkOn() || this.taken.length >= depthMax) this.begin();
      // States are not remembered: the same one counts as often as it is come to.
      if (progress.states >= statesMax)
        progress.stop(`${statesMax} steps were made at random, which is the limit`);
      if (count % CHECK_EVERY === 0) progress.checkLimits();
    }
    return false;
  }

  /** Goes back to the initial state, and draws how the next walk is made. */
  private begin(): void {
    const { draw, taken, progress, opened } = this;
    if (taken.length > 0) progress.walks = (progress.walks ?? 0) + 1;
    this.length = Math.max(this.length, taken.length);
    opened.vm.words.undo(this.start);
    this.taken = [];
    this.order = draw(EVEN_ONE_OF) === 0 ? null : shuffled(opened.vm.cachesThread, draw);
    // What matters may happen early in a long walk: changes are drawn over a part of it, too.
    const within = Math.max(8, this.length >>> draw(4));
    this.changes = new Set(Array.from({ length: draw(CHANGES_MAX + 1) }, () => draw(within)));
  }

  /** Makes one step that can be made; false where none can, or where the walk is to end. */
  private walkOn(): boolean {
    const { waits, draw, opened } = this;
    const { cachesThread } = opened.vm;
    const isEven = this.order === null || draw(STRAY_ONE_OF) === 0;
    const order = isEven ? shuffled(cachesThread, draw) : (this.order ?? []);
    waits.clear();
    if (opened.threads > cachesThread && draw(CACHES_ONE_OF) === 0 && this.tryThread(cachesThread))
      return opened.stepper.limit === null;
    for (const thread of order) {
      if (!this.tryThread(thread)) continue;
      if (!isEven && this.changes.has(this.taken.length)) this.putLast(thread);
      // What comes after a limit proves nothing.
      return opened.stepper.limit === null;
    }
    this.progress.judgeState(0, waits, () => this.path());
    return false;
  }

  private putLast(thread: number): void {
    if (this.order !== null) this.order = [...this.order.filter(each => each !== thread), thread];
  }

  /** Makes a step of a thread, with a choice that is drawn; false if it cannot make one. */
  private tryThread(thread: number): boolean {
    const { waits, progress } = this;
    const { vm, stepper } = this.opened;
    const mark = vm.words.mark();
    stepper.begin();
    const status = stepper.step(thread, 0);
    if (status !== 'stepped') {
      if (status === 'blocked') waits.note(vm, thread);
      vm.words.undo(mark);
      // That somebody else can go on makes a cycle of waiting no better.
      if (status === 'blocked') progress.judgeState(1, waits, () => this.path());
      return false;
    }
    const choice = this.draw(stepper.choices);
    if (choice !== 0) {
      vm.words.undo(mark);
      stepper.begin();
      if (stepper.step(thread, choice) !== 'stepped') {
        vm.words.undo(mark);
        return false;
      }
    }
    this.took({ thread, choice });
    return true;
  }

  private took(step: PathStep): void {
    const { progress } = this;
    const { violations, limit } = this.opened.stepper;
    this.taken.push(step);
    progress.states++;
    progress.transitions++;
    progress.depth = Math.max(progress.depth, this.taken.length);
    if (violations.length > 0) progress.keep(violations, () => this.path());
    progress.witness();
    if (limit !== null) progress.cut(limit);
  }

  private path(): PathStep[] {
    return unmerge(this.program, this.options, this.taken);
  }
}
