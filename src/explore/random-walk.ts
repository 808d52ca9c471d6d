/** Walks drawn by a seeded generator: for what is too large to search. It proves nothing. */
import type { Program } from '../language/program';
import type { Vm } from '../vm/vm';
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

/** Steps between two looks at the clock. */
const CHECK_EVERY = 256;

/** A random walk from the initial state, over and over. */
export class RandomWalk implements Search {
  readonly progress: Progress;
  private readonly vm: Vm;
  private readonly stepper: Stepper;
  private readonly waits = new Waits();
  private readonly start: number;
  private taken: PathStep[] = [];
  private seed: number;

  constructor(
    private readonly program: Program,
    private readonly options: SearchOptions,
  ) {
    this.vm = vmFor(program, options.caches);
    this.stepper = new Stepper(this.vm, options.reductions);
    this.progress = new Progress(this.vm, options);
    this.start = this.vm.words.mark();
    this.seed = options.seed | 0;
    this.progress.keep(this.vm.claims.broken(), () => []);
    this.progress.witness();
  }

  advance(states: number): boolean {
    const { progress } = this;
    const { depthMax, statesMax } = this.options.limits;
    for (let count = 0; count < states; count++) {
      if (progress.isStopped || progress.isAnswered()) return true;
      if (!this.walkOn() || this.taken.length >= depthMax) {
        this.vm.words.undo(this.start);
        this.taken = [];
      }
      // States are not remembered: the same one counts as often as it is come to.
      if (progress.states >= statesMax) progress.stop(`${statesMax} steps were made at random (statesMax)`);
      if (count % CHECK_EVERY === 0) progress.checkLimits();
    }
    return false;
  }

  /** Makes one step that can be made; false where none can. */
  private walkOn(): boolean {
    const { vm, waits, progress } = this;
    const { words } = vm;
    const mark = words.mark();
    const enabled: PathStep[] = [];
    waits.clear();
    let successors = 0;
    const threads = threadsOf(vm, this.options.caches);
    for (let thread = 0; thread < threads; thread++) {
      const status = vm.tryStep(thread, 0);
      if (status === 'blocked') waits.note(vm, thread);
      if (status === 'stepped' && thread !== vm.cachesThread) successors++;
      if (status === 'stepped')
        for (let choice = 0; choice < vm.choices; choice++) enabled.push({ thread, choice });
      words.undo(mark);
    }
    progress.judgeState(successors, waits, () => this.path());
    if (successors === 0) return false;
    const step = enabled[this.draw(enabled.length)];
    return step !== undefined && this.take(step);
  }

  private take(step: PathStep): boolean {
    const { progress, stepper } = this;
    stepper.begin();
    stepper.step(step.thread, step.choice);
    this.taken.push(step);
    progress.states++;
    progress.transitions++;
    progress.depth = Math.max(progress.depth, this.taken.length);
    if (stepper.violations.length > 0) progress.keep(stepper.violations, () => this.path());
    progress.witness();
    if (stepper.limit !== null) progress.cut(stepper.limit);
    // What comes after a limit proves nothing.
    return stepper.limit === null;
  }

  private path(): PathStep[] {
    return unmerge(this.program, this.options, this.taken);
  }

  /** A number below `count` from a generator with 32 bits of state. */
  private draw(count: number): number {
    this.seed = (this.seed + 0x6d2b79f5) | 0;
    let x = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return count === 0 ? 0 : ((x ^ (x >>> 14)) >>> 0) % count;
  }
}
