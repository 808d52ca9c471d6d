/** Expands one state after the other: tries every step that has to be tried, and judges what comes of it. */
import type { Mark } from '../base/words';
import type { Program } from '../language/program';
import type { Vm } from '../vm/vm';
import { type PathStep, type Progress, type SearchOptions, threadsOf, vmFor, Waits } from './search';
import { Stepper } from './stepper';

/** Threads are numbered below 32; the choice is beside it in the number that stands for a step. */
const THREAD_BITS = 5;

/** A step as one number. */
export function actionOf(thread: number, choice: number): number {
  return thread + choice * 2 ** THREAD_BITS;
}

/** The step that a number stands for. */
export function stepOf(action: number): PathStep {
  return { thread: action % 2 ** THREAD_BITS, choice: Math.floor(action / 2 ** THREAD_BITS) };
}

/** Who is told. */
export interface Expansion {
  readonly progress: Progress;
  /** A step was made, and the state it leads to is present; what was written since `mark` is taken back. */
  arrive(mark: Mark, action: number): void;
  /** The path to the state being expanded, and one step on. */
  path(last: PathStep | null): PathStep[];
}

/** See the file's comment. */
export class Expander {
  readonly vm: Vm;
  private readonly stepper: Stepper;
  private readonly waits = new Waits();
  private readonly hash = new Int32Array(4);
  private readonly threads: number;

  constructor(program: Program, { reductions, caches }: Pick<SearchOptions, 'reductions' | 'caches'>) {
    this.vm = vmFor(program, caches);
    this.stepper = new Stepper(this.vm, reductions);
    this.threads = threadsOf(this.vm, caches);
  }

  /** Tries the steps of the present state. */
  expand(to: Expansion): void {
    const { vm, stepper, waits } = this;
    const mark = vm.words.mark();
    vm.words.hashInto(this.hash);
    waits.clear();
    stepper.begin();
    for (let thread = 0; thread < vm.cachesThread; thread++)
      if (stepper.suffices(thread) && this.tryThread(to, mark, thread) > 0) return;
    let successors = 0;
    for (let thread = 0; thread < this.threads; thread++) {
      const made = this.tryThread(to, mark, thread);
      if (thread !== vm.cachesThread) successors += made;
    }
    to.progress.judgeState(successors, waits, () => to.path(null));
  }

  /** Tries every choice of a thread; how many steps it can make. */
  private tryThread(to: Expansion, mark: Mark, thread: number): number {
    const { vm, stepper } = this;
    const { progress } = to;
    let successors = 0;
    for (let choice = 0, choices = 1; choice < choices; choice++) {
      const status = stepper.step(thread, choice);
      if (status === 'stepped') {
        successors++;
        choices = Math.max(choices, stepper.choices);
        progress.transitions++;
        if (stepper.violations.length > 0)
          progress.keep(stepper.violations, () => to.path({ thread, choice }));
        if (stepper.limit !== null) progress.cut(stepper.limit);
        else to.arrive(mark, actionOf(thread, choice));
      } else if (status === 'blocked') this.waits.note(vm, thread);
      vm.words.restore(mark, this.hash);
    }
    return successors;
  }
}
