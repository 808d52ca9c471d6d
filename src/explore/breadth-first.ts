/**
 * Level by level: the first path found to a violation is one of the shortest. A level is always finished, so
 * that what is found does not depend on how many threads search.
 */
import type { Mark } from '../base/words';
import type { Program } from '../language/program';
import { Expander, type Expansion, stepOf } from './expander';
import { Frontier, type Segment } from './frontier';
import { moreStates, type PathStep, Progress, type Search, type SearchOptions, unmerge } from './search';
import { Trail } from './trail';
import { Visited } from './visited';

/** States between two looks at the clock and at memory. */
const CHECK_EVERY = 512;

/** A breadth-first search. */
export class BreadthFirst implements Search, Expansion {
  readonly progress: Progress;
  /** Whether no state of the present level was expanded yet. */
  isAtLevel = true;
  readonly trail = new Trail();
  readonly visited = new Visited();
  private readonly expander: Expander;
  private readonly frontier: Frontier;
  private readonly hash = new Int32Array(4);
  private level = 0;
  private expanding = -1;
  private ended = false;
  /** A state was met that there is no room for. */
  private isFull = false;
  private isHandedOver = false;

  constructor(
    readonly program: Program,
    readonly options: SearchOptions,
  ) {
    this.expander = new Expander(program, options);
    const { vm } = this.expander;
    this.progress = new Progress(vm, options);
    this.frontier = new Frontier(vm.words);
    this.progress.keep(vm.claims.broken(), () => []);
    this.arrive(vm.words.mark(), 0);
    this.frontier.turn();
    this.ended = this.progress.isAnswered();
  }

  advance(states: number): boolean {
    const { progress, frontier } = this;
    if (this.isHandedOver) return this.ended || progress.isStopped;
    let isLevelOver = false;
    for (let count = 0; count < states && !this.ended && !isLevelOver; count++) {
      if (frontier.next()) {
        this.isAtLevel = false;
        this.expanding++;
        this.expander.expand(this);
      } else {
        this.endLevel(frontier.turn());
        // Whoever has this done may want others to do the next level.
        isLevelOver = true;
      }
      if (count % CHECK_EVERY === 0) this.measure();
      if (progress.isStopped) this.ended = true;
    }
    progress.waiting = progress.states - this.expanding - 1;
    if (this.ended) this.measure();
    return this.ended;
  }

  atLevel(): BreadthFirst | null {
    return this.isAtLevel && !this.ended && !this.isHandedOver ? this : null;
  }

  /** Takes in the present state, reached from the one being expanded, if it is new. */
  arrive(mark: Mark, action: number): void {
    const { progress, hash } = this;
    this.expander.vm.words.hashInto(hash);
    if (progress.states >= this.options.limits.statesMax) {
      this.isFull ||= !this.visited.has(hash[0] ?? 0, hash[1] ?? 0, hash[2] ?? 0, hash[3] ?? 0);
      return;
    }
    if (!this.visited.add(hash)) return;
    progress.states++;
    this.trail.append(Math.max(0, this.expanding), action);
    this.frontier.push(mark);
    if (progress.witnessed.length > 0) progress.witness();
  }

  path(last: PathStep | null): PathStep[] {
    return this.pathFrom(this.expanding, last);
  }

  /** The path to a state by its number, and one step on. */
  pathFrom(state: number, last: PathStep | null): PathStep[] {
    const path = last === null ? [] : [last];
    for (let at = state; at > 0; ) {
      const { parent, action } = this.trail.get(at);
      path.push(stepOf(action));
      at = parent;
    }
    return unmerge(this.program, this.options, path.reverse());
  }

  /** Hands the level that begins to others, who go on with `endLevel`. */
  handOver(): Segment[] {
    const segments = this.frontier.unreadSegments();
    this.frontier.readFrom([]);
    this.isHandedOver = true;
    return segments;
  }

  /** Whether a limit of time was reached. */
  isPastLimits(): boolean {
    this.progress.checkLimits();
    return this.progress.isStopped;
  }

  /** Whether a data race was found that makes this search one to give up. */
  mustBeginAgain(): boolean {
    const { findings } = this.progress;
    return (
      this.options.reductions.guarded && findings.some(({ violation }) => violation.property === 'data-race')
    );
  }

  /** Says how far others have come. */
  expandedByOthers(count: number, bytes: number): void {
    this.expanding += count;
    this.progress.waiting = this.progress.states - this.expanding - 1;
    this.progress.bytes = Math.max(this.progress.bytes, bytes + this.trail.bytes);
    this.progress.checkLimits();
  }

  /** Ends a level; `isMore` says whether there are states on the next one. True when the search is over. */
  endLevel(isMore: boolean): boolean {
    const { progress } = this;
    const { depthMax, statesMax } = this.options.limits;
    this.isAtLevel = true;
    if (progress.isAnswered()) this.ended = true;
    else if (this.isFull) progress.stop(moreStates(statesMax));
    else if (!isMore) {
      progress.complete = true;
      this.ended = true;
    } else {
      this.level++;
      progress.depth = this.level;
      if (this.level >= depthMax)
        progress.stop(`paths of ${depthMax} steps were not followed on, which is the limit of depth`);
    }
    this.ended ||= progress.isStopped;
    return this.ended;
  }

  /** Takes in a new state that somebody else found; false if there is no room for it. */
  adopt(parent: number, action: number): boolean {
    const { progress } = this;
    if (progress.states >= this.options.limits.statesMax) {
      this.isFull = true;
      return false;
    }
    progress.states++;
    progress.waiting++;
    this.trail.append(parent, action);
    return true;
  }

  private measure(): void {
    const { progress, visited, frontier, trail } = this;
    progress.bytes = Math.max(progress.bytes, visited.bytes + frontier.bytes + trail.bytes);
    progress.checkLimits();
  }
}
