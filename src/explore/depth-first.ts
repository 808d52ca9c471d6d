/**
 * One path as far as it goes, then back: needs no frontier, and finds long violations soon. The paths it
 * finds are not short.
 */
import type { Program } from '../language/program';
import {
  moreStates,
  type Opened,
  openSearch,
  type PathStep,
  type Progress,
  type Search,
  type SearchOptions,
  unmerge,
  Waits,
} from './search';
import { Visited } from './visited';

/** Steps between two looks at the clock and at memory. */
const CHECK_EVERY = 512;

/** A state on the path: where its journal begins, and which step is tried next. */
interface Place {
  readonly mark: number;
  readonly waits: Waits;
  thread: number;
  choice: number;
  /** Choices that the thread's step is known to offer. */
  choices: number;
  successors: number;
}

/** A depth-first search. */
export class DepthFirst implements Search {
  readonly progress: Progress;
  private readonly opened: Opened;
  private readonly visited = new Visited();
  private readonly hash = new Int32Array(4);
  private readonly places: Place[] = [];
  private readonly taken: PathStep[] = [];
  private steps = 0;

  constructor(
    private readonly program: Program,
    private readonly options: SearchOptions,
  ) {
    this.opened = openSearch(program, options);
    this.progress = this.opened.progress;
    this.arrive();
  }

  advance(states: number): boolean {
    const { progress } = this;
    const goal = progress.states + states;
    while (progress.states < goal) {
      if (progress.isStopped || progress.isAnswered()) return true;
      const place = this.places.at(-1);
      if (place === undefined) {
        progress.complete = true;
        return true;
      }
      if (place.thread === this.opened.threads) this.leave(place);
      else this.tryNext(place);
      if (this.steps++ % CHECK_EVERY === 0) this.measure();
    }
    return false;
  }

  private tryNext(place: Place): void {
    const { vm, stepper, progress } = this.opened;
    const { thread, choice } = place;
    stepper.begin();
    const status = stepper.step(thread, choice);
    if (status !== 'stepped') {
      if (status === 'blocked') place.waits.note(vm, thread);
      vm.words.undo(place.mark);
      place.thread++;
      place.choice = 0;
      place.choices = 1;
      return;
    }
    if (thread !== vm.cachesThread) place.successors++;
    progress.transitions++;
    place.choices = Math.max(place.choices, stepper.choices);
    const isLastChoice = choice + 1 >= place.choices;
    place.thread = isLastChoice ? thread + 1 : thread;
    place.choice = isLastChoice ? 0 : choice + 1;
    if (isLastChoice) place.choices = 1;
    const step = { thread, choice };
    if (stepper.violations.length > 0) progress.keep(stepper.violations, () => this.path(step));
    if (stepper.limit !== null) progress.cut(stepper.limit);
    else if (this.arrive()) {
      this.taken.push(step);
      return;
    }
    vm.words.undo(place.mark);
  }

  /** Takes in the present state if it is new. */
  private arrive(): boolean {
    const { progress, places } = this;
    const { depthMax, statesMax } = this.options.limits;
    this.opened.vm.words.hashInto(this.hash);
    if (!this.visited.add(this.hash)) return false;
    if (progress.states === statesMax) {
      progress.stop(moreStates(statesMax));
      return false;
    }
    progress.states++;
    if (places.length > depthMax) {
      progress.cut(`a path of ${depthMax} steps was not followed on, which is the limit of depth`);
      return false;
    }
    const mark = this.opened.vm.words.mark();
    places.push({ mark, waits: new Waits(), thread: 0, choice: 0, choices: 1, successors: 0 });
    progress.depth = Math.max(progress.depth, places.length - 1);
    progress.waiting = places.length;
    if (progress.witnessed.length > 0) progress.witness();
    return true;
  }

  /** Every step of the last state of the path was tried. */
  private leave(place: Place): void {
    const { vm, progress } = this.opened;
    progress.judgeState(place.successors, place.waits, () => this.path(null));
    this.places.pop();
    this.taken.pop();
    const before = this.places.at(-1);
    if (before !== undefined) vm.words.undo(before.mark);
    progress.waiting = this.places.length;
  }

  private path(last: PathStep | null): PathStep[] {
    const path = last === null ? this.taken : [...this.taken, last];
    return unmerge(this.program, this.options, path);
  }

  private measure(): void {
    // The journal holds two words for each write of the path; a place of the path is a small object.
    this.progress.bytes = this.visited.bytes + 4 * this.opened.vm.words.mark() + 128 * this.places.length;
    this.progress.checkLimits();
  }
}
