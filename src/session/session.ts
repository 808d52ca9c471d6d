/**
 * One run of a scenario that can be walked forward and back. It knows neither the Debug Adapter Protocol nor
 * the editor.
 *
 * All state of the run is in the vm's words; the session keeps the path that led here (`history`), so that a
 * step back is an undo, and forward after back replays what was recorded until a choice is made.
 */
import { assert } from '../base/assert';
import type { Program } from '../language/program';
import { type PropertyId, propertyIds } from '../language/properties';
import { fair, random, replay, type Scheduler, type ScheduleState } from '../vm/schedule';
import type { Violation, VmEvent } from '../vm/types';
import { Vm } from '../vm/vm';
import { Breakpoints } from './breakpoints';
import { countUpTo, type Finding, History, type LimitReached, type Recorded, type Step } from './history';
import { placeText } from './names';
import { type Root, rootsOf } from './notes';
import { placeOf, rangeOf } from './place';

/** Who decides which thread runs next. */
export type ScheduleName = 'fair' | 'random' | 'manual' | 'replay';

/** How a session is run. */
export interface SessionOptions {
  /** `replay` by default if there is something to replay, else `fair`. */
  readonly schedule?: ScheduleName | undefined;
  readonly seed?: number | undefined;
  /** Replays this (a saved schedule) instead of the scenario's replay block. */
  readonly replay?: Scheduler | undefined;
  /** Ids of the properties to watch; all by default. */
  readonly properties?: readonly PropertyId[] | null | undefined;
  readonly stepsMax?: number | undefined;
  /** Follows a path of a search with `explicit` caches: numbers of choices are as there. */
  readonly explores?: boolean | undefined;
}

/** Steps a run may make by default: some hundred megabytes of journal. */
const STEPS_MAX = 1_000_000;

/** What came of trying to go on. */
export type Advance =
  | { readonly kind: 'stepped'; readonly thread: number }
  | { readonly kind: 'rest' }
  | { readonly kind: 'blocked' | 'limit' | 'diverged'; readonly thread: number; readonly text: string };

/** The step that comes next. */
interface Plan {
  readonly kind: 'plan';
  readonly thread: number;
  readonly choice: number;
  readonly after: ScheduleState;
  readonly recorded: boolean;
}

/** A run that can be walked. */
export class Session {
  readonly vm: Vm;
  readonly schedule: ScheduleName;
  readonly watched: ReadonlySet<PropertyId>;
  readonly breakpoints: Breakpoints;
  /** Roots that devices walk from the start. */
  readonly firstRoots: readonly Root[];
  /** Ids of properties, and `io-page-fault`, at which a motion stops. */
  stopsAt: ReadonlySet<string> = new Set<string>(propertyIds);
  /** The present position: steps made from the initial state. */
  position = 0;
  private readonly history = new History<ScheduleState>();
  private readonly scheduler: Scheduler | null;
  private readonly stepsMax: number;
  private readonly firstStep = new Map<number, number>();
  /** State of the scheduler at the present position. */
  private state: ScheduleState;
  /** Position at which it was found that nothing can run. */
  private restAt = -1;
  private divergence: { readonly position: number; readonly place: string } | null = null;

  constructor(
    readonly program: Program,
    readonly options: SessionOptions = {},
  ) {
    this.vm = new Vm(program, options.explores ? 'explicit' : 'demand');
    this.schedule =
      options.schedule ?? (options.replay || program.scenario.replay.length > 0 ? 'replay' : 'fair');
    this.scheduler = schedulerOf(program, this.schedule, options);
    this.state = this.scheduler?.initial ?? 0;
    this.stepsMax = options.stepsMax ?? STEPS_MAX;
    const unwatched = new Set(program.scenario.unwatched.map(({ property }) => property));
    const wanted = options.properties ?? propertyIds;
    this.watched = new Set(wanted.filter(property => !unwatched.has(property)));
    this.breakpoints = new Breakpoints(this);
    this.firstRoots = rootsOf(this);
    this.keep(this.vm.claims.broken());
  }

  /** Steps recorded; more than `position` after a step back. */
  get length(): number {
    return this.history.steps.length;
  }

  /** The recorded steps. */
  get steps(): readonly Step<ScheduleState>[] {
    return this.history.steps;
  }

  /** The thread that goes next; null when it is not known without trying (at rest, in a manual schedule). */
  next(chosen: number | null): number | null {
    const plan = this.plan(chosen);
    return plan.kind === 'plan' ? plan.thread : null;
  }

  /**
   * Makes the next step. `chosen` is the thread that runs in a manual schedule, and is ignored by all others.
   */
  forward(chosen: number | null = null, choice = 0): Advance {
    const plan = this.plan(chosen, choice);
    if (plan.kind !== 'plan') return plan;
    const mark = this.vm.words.mark();
    if (!plan.recorded) this.cut();
    this.vm.sink = plan.recorded ? undefined : event => this.record(plan.thread, event);
    const result = this.vm.step(plan.thread, plan.choice);
    this.vm.sink = undefined;
    if (result.status !== 'stepped') return this.refused(plan.thread);
    this.position++;
    if (!plan.recorded) {
      const { thread, choice: taken, after } = plan;
      const step = { thread, choice: taken, mark, before: this.state, after, choices: result.choices };
      this.history.steps.push(step);
      if (!this.firstStep.has(thread)) this.firstStep.set(thread, this.position - 1);
      this.keep(result.violations);
      if (result.limit !== null) this.history.limits.push({ position: this.position, text: result.limit });
      this.lookForCycle(thread);
    }
    this.state = plan.after;
    return { kind: 'stepped', thread: plan.thread };
  }

  /** Takes back the last step. Returns its thread, or null at the start. */
  back(): number | null {
    const step = this.history.steps[this.position - 1];
    if (step === undefined) return null;
    this.vm.words.undo(step.mark);
    this.position--;
    this.state = step.before;
    return step.thread;
  }

  /** Goes to a recorded position, forward or back. */
  goTo(position: number): void {
    assert(0 <= position && position <= this.length, 'goTo: no such position was recorded');
    while (this.position > position) this.back();
    while (this.position < position) this.replayOne();
  }

  /**
   * Makes the recorded steps up to the present position once more, and tells of all that happens on the way:
   * locks and returns too, which are not kept. Ends where it began. `arrived` is called at each position.
   */
  retrace(told: (event: VmEvent) => void, arrived: () => void): void {
    const end = this.position;
    this.goTo(0);
    arrived();
    while (this.position < end) {
      this.vm.sink = told;
      this.replayOne();
      this.vm.sink = undefined;
      arrived();
    }
  }

  /** Runs to where nothing can go on, whatever is found on the way. For the command line. */
  playToEnd(): Advance {
    for (;;) {
      const advance = this.forward();
      if (advance.kind !== 'stepped') return advance;
    }
  }

  /** Everything that happened up to the present position, in order. */
  events(): readonly Recorded[] {
    return this.history.events.slice(0, countUpTo(this.history.events, this.position));
  }

  /** What the step that led here did. */
  eventsHere(): readonly Recorded[] {
    return this.history.eventsAt(this.position);
  }

  /** The watched violations found up to the present position, in order. */
  findings(): readonly Finding[] {
    return this.history.findings.slice(0, countUpTo(this.history.findings, this.position));
  }

  /** All watched violations of the recorded path, also beyond the present position. */
  recordedFindings(): readonly Finding[] {
    return this.history.findings;
  }

  /** The violations found at the present position. */
  findingsHere(): readonly Finding[] {
    return this.history.findingsAt(this.position);
  }

  /** Limits of the scenario reached up to the present position: what comes after them proves nothing. */
  limits(): readonly LimitReached[] {
    return this.history.limits.slice(0, countUpTo(this.history.limits, this.position));
  }

  /** `first.mmu:15` of the schedule, if it could not be followed from here; null if it could, or may be. */
  stoppedAt(): string | null {
    return this.divergence?.position === this.position ? this.divergence.place : null;
  }

  /** Whether a thread has made a step on the way here. */
  hasStepped(thread: number): boolean {
    const first = this.firstStep.get(thread);
    return first !== undefined && first < this.position;
  }

  /** What a thread waits for, as the rest of a sentence; empty when it can run or has ended. */
  waitsFor(thread: number): string {
    return this.vm.blocked(thread)?.text ?? '';
  }

  private plan(chosen: number | null, choice = 0): Plan | Exclude<Advance, { kind: 'stepped' }> {
    const recorded = this.history.steps[this.position];
    const manual = this.scheduler === null;
    if (recorded !== undefined && (!manual || chosen === null || recorded.thread === chosen)) {
      const { thread, choice: taken, after } = recorded;
      return { kind: 'plan', thread, choice: taken, after, recorded: true };
    }
    const limit = this.limits().at(-1);
    if (limit !== undefined) return { kind: 'limit', thread: this.lastThread(), text: limit.text };
    if (this.position >= this.stepsMax) {
      const text = `${this.stepsMax} steps were made, which is the limit of a run`;
      this.history.limits.push({ position: this.position, text });
      return { kind: 'limit', thread: this.lastThread(), text };
    }
    if (this.scheduler === null) return this.planManual(chosen, choice);
    const pick = this.scheduler.pick(this.vm, this.state);
    if (pick === null) return this.rest();
    if ('problem' in pick) {
      this.divergence = { position: this.position, place: placeText(pick.place) };
      return { kind: 'diverged', thread: this.lastThread(), text: pick.problem };
    }
    return { kind: 'plan', thread: pick.thread, choice: pick.choice, after: pick.state, recorded: false };
  }

  private planManual(chosen: number | null, choice: number): Plan | Exclude<Advance, { kind: 'stepped' }> {
    const runnable = this.vm.runnable();
    const isCaches = chosen === this.vm.cachesThread;
    if (runnable.length === 0 && !isCaches) return this.rest();
    const thread = chosen ?? runnable[0] ?? 0;
    const canStep = isCaches ? this.vm.choiceCount(thread).count > 0 : runnable.includes(thread);
    if (!canStep) return this.refused(thread);
    return { kind: 'plan', thread, choice, after: this.state, recorded: false };
  }

  /** Nothing can run: what is wrong with that is looked for once. */
  private rest(): Advance & { kind: 'rest' } {
    if (this.restAt !== this.position) {
      this.restAt = this.position;
      const known = new Set(this.findings().map(({ violation }) => violation.message));
      const found = this.vm.atRest().filter(({ message }) => !known.has(message));
      this.keep(found);
    }
    return { kind: 'rest' };
  }

  private refused(thread: number): Advance & { kind: 'blocked' } {
    const name = this.vm.threads[thread]?.name ?? '';
    const wait = this.vm.blocked(thread);
    const text = wait === null ? `${name} has ended` : `${name} ${wait.text}`;
    return { kind: 'blocked', thread, text };
  }

  private replayOne(): void {
    const step = this.history.steps[this.position];
    assert(step !== undefined, 'replayOne: nothing was recorded here');
    const result = this.vm.step(step.thread, step.choice);
    assert(result.status === 'stepped', 'replayOne: a recorded step could not be made again');
    this.position++;
    this.state = step.after;
  }

  private cut(): void {
    if (this.position === this.length) return;
    this.history.cut(this.position);
    for (const [thread, first] of this.firstStep) if (first >= this.position) this.firstStep.delete(thread);
    if (this.restAt > this.position) this.restAt = -1;
    this.divergence = null;
    this.breakpoints.cut(this.position);
  }

  private record(thread: number, event: VmEvent): void {
    if (unkept.has(event.type)) return;
    if (event.type === 'violation' && !this.watched.has(event.violation.property)) return;
    const place = placeOf(this.vm, this.causeOf(thread));
    this.history.events.push({
      position: this.position + 1,
      thread,
      event,
      fn: place?.fn.name ?? null,
      span: place?.span ?? null,
      stack: showsStack(event) ? this.stackOf(thread) : [],
      range: event.type === 'call' && place !== null ? rangeOf(this.vm, place) : null,
    });
  }

  /** As recorded traces have it: down to the system call. */
  private stackOf(thread: number): string[] {
    const frames = this.vm.frames(thread).filter(({ fn }) => fn?.role !== 'task');
    return frames.map(({ name }) => name);
  }

  /** What a device's translation agent does, a statement of the device's program has asked for. */
  private causeOf(thread: number): number {
    const agent = this.vm.threads[thread];
    if (agent?.kind !== 'ats') return thread;
    const asking = this.vm.machine.requests(agent.index)[0]?.program;
    return this.vm.threads.find(({ kind, index }) => kind === 'device' && index === asking)?.id ?? thread;
  }

  private keep(violations: readonly Violation[]): void {
    for (const violation of violations)
      if (this.watched.has(violation.property))
        this.history.findings.push({ position: this.position, violation });
  }

  /** A step that leaves its thread blocked may have closed a cycle of waits while other threads still run. */
  private lookForCycle(thread: number): void {
    const wait = this.vm.blocked(thread);
    if (wait === null || wait.idle || wait.waitsFor.length === 0) return;
    const found = this.vm.deadlock();
    if (found !== null) this.keep([found]);
  }

  private lastThread(): number {
    return this.history.steps[this.position - 1]?.thread ?? 0;
  }
}

/** What only explanations ask for: they make the path once more to hear it. */
const unkept: ReadonlySet<VmEvent['type']> = new Set(['lock', 'unlock', 'return', 'page']);

function showsStack(event: VmEvent): boolean {
  if (event.type === 'callback' || event.type === 'call') return true;
  return event.type === 'machine' && (event.event.type === 'free-frame' || event.event.type === 'flush-tlb');
}

function schedulerOf(program: Program, schedule: ScheduleName, options: SessionOptions): Scheduler | null {
  switch (schedule) {
    case 'fair':
      return fair();
    case 'random':
      return random(options.seed ?? 1);
    case 'replay':
      return options.replay ?? replay(program.scenario.replay);
    case 'manual':
      return null;
  }
}
