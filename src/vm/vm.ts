/**
 * Runs a compiled program on a machine, one step at a time.
 *
 * All state is in `words`; what is kept here besides is fixed for a program (closures made from its code,
 * word indices)
 * or scratch of the step being made. `step` tries one step of one thread; nothing is written when it blocks.
 */
import { defined } from '../base/assert';
import { Layout } from '../base/layout';
import type { Span } from '../base/span';
import { Words } from '../base/words';
import type { Expr, FunctionCode, Instruction, Program, Type } from '../language/program';
import type { PropertyId } from '../language/properties';
import { type Thread, threadsOf } from '../language/threads';
import { devicesOf } from '../machine/config';
import { Machine } from '../machine/machine';
import type { SearchHooks } from '../machine/observer';
import { agentNote, agentStep } from './agents';
import { Caches } from './caches';
import { Claims } from './claims';
import { findDeadlock } from './deadlock';
import { type Access, compileExpr, readAt } from './expressions';
import { NOTED } from './happened';
import { BLOCKED, compileFunction, type Executor, STAY, SWITCHED } from './instructions';
import { layOut, type StateLayout, THREAD } from './layout';
import { allMms, placeOfSlot, rootOf } from './monitors/address-spaces';
import { Monitors } from './monitors/monitors';
import * as stack from './stack';
import type { Blocked, CacheMode, Frame, StepResult, Violation, VmEvent } from './types';

/** Instructions an atomic block may take, and steps the set-up of a scenario. */
const JOINED_MAX = 10_000;
const SETUP_STEPS_MAX = 5_000_000;
/** Words of state besides the contents of frames: beyond, making them would fail in ways of its own. */
const FIXED_WORDS_MAX = 2 ** 26;

/** The initial state of a scenario could not be built. */
export class SetupError extends Error {
  constructor(
    message: string,
    readonly span: Span | null,
  ) {
    super(message);
  }
}

/** A function ready to run. */
export interface CompiledFunction {
  readonly index: number;
  readonly fn: FunctionCode;
  readonly code: readonly Executor[];
  /** Per instruction, what of `NOTED` was ever true of it. No state: it is never taken back. */
  readonly executed: Uint8Array;
}

/** The virtual machine. See the file's comment; fields in the second group are scratch of one step. */
export class Vm {
  readonly words: Words;
  readonly machine: Machine;
  readonly threads: readonly Thread[];
  readonly layout: StateLayout;
  readonly monitors: Monitors;
  readonly claims: Claims;
  readonly caches: Caches;
  readonly functions: readonly CompiledFunction[];
  readonly functionIndex: ReadonlyMap<string, number>;
  /** Where calls store their results, by instruction. */
  readonly results = new WeakMap<Instruction, Access>();
  sink: ((event: VmEvent) => void) | undefined;

  /** Thread that is being stepped, word index of its frame and of the frame's locals. */
  thread = 0;
  frame = 0;
  locals = 0;
  /** The choice taken in this step, how many there are, and what they are called. */
  choice = 0;
  choices = 1;
  choiceNames: readonly string[] | null = null;
  /** Why the step blocked. */
  why: Blocked | null = null;
  limit: string | null = null;
  /** Whether the names of choices are asked for: making them costs. */
  wantsNames = false;
  /** What the step being made violates. */
  violations: Violation[] = [];
  private quiet = false;
  /** Whether there are claims to judge; not while the initial state is built. */
  private judging = false;

  /**
   * With `explicit` caches every step of them counts: their entries are kept sorted, so that fills in another
   * order give the same state, and what cannot be offered is a limit.
   */
  constructor(
    readonly program: Program,
    readonly mode: CacheMode = 'demand',
  ) {
    const layout = new Layout();
    const { scenario } = program;
    this.threads = threadsOf(program);
    const devices = devicesOf(scenario.machine).map(({ name }) => name);
    this.machine = new Machine(
      scenario.machine,
      {
        threads: this.threads.length,
        programs: scenario.devices.map(run => devices.indexOf(run.device)),
        search: mode === 'search' ? this.searchHooks() : undefined,
      },
      layout,
    );
    this.layout = layOut(program, this.threads, layout);
    this.monitors = new Monitors(this, layout);
    if (layout.size > FIXED_WORDS_MAX) {
      const text = `the state would take ${layout.size} words, expected at most ${FIXED_WORDS_MAX}`;
      throw new SetupError(`${text}: make pools, lists and arrays smaller`, scenario.span);
    }
    this.words = new Words(layout.size, scenario.machine.frames);
    this.machine.attach(this.words, this.monitors);
    if (mode === 'explicit') this.machine.sortCaches();
    const functions = Object.values(program.functions);
    this.functionIndex = new Map(functions.map((fn, index) => [fn.key, index]));
    this.functions = functions.map((fn, index) => ({
      index,
      fn,
      code: compileFunction(this, fn),
      executed: new Uint8Array(fn.code.length),
    }));
    this.claims = new Claims(this);
    this.caches = new Caches(this);
    this.initialise();
    this.judging = this.claims.count > 0;
  }

  /** Tries one step of a thread. Only a result of `stepped` has written anything. */
  step(thread: number, choice: number): StepResult {
    const mark = this.words.mark();
    this.wantsNames = true;
    const status = this.tryStep(thread, choice);
    this.wantsNames = false;
    if (status === 'stepped') {
      for (const violation of this.violations) this.emit({ type: 'violation', violation });
    } else {
      this.words.undo(mark);
      this.violations = [];
    }
    const { choices, choiceNames, violations, limit } = this;
    return { status, choices, choiceNames, violations, limit };
  }

  /**
   * As `step`, for those who make millions: what came of it is left in `choices`, `why`, `violations` and
   * `limit`. A step that could not be made may have written something; the caller takes it back.
   */
  tryStep(thread: number, choice: number): StepResult['status'] {
    this.begin(thread, choice);
    if (!this.judging) return this.advance(thread);
    this.claims.note();
    const status = this.advance(thread);
    if (status === 'stepped') this.claims.judge(thread);
    return status;
  }

  /** The frames of a thread, innermost first; a hardware agent has one that says what it does. */
  frames(thread: number): Frame[] {
    const note = agentNote(this, thread);
    const frames = stack.framesOf(this, thread);
    const top = frames[0];
    if (note === null) return frames;
    return [
      { name: note.name, fn: null, pc: 0, span: top?.span ?? null, locals: 0, note: note.text },
      ...frames,
    ];
  }

  /** Whether a thread has nothing left to do and never will. */
  finished(thread: number): boolean {
    return this.attempt(thread) === 'finished';
  }

  /** What a thread waits for; null when it can go on or has finished. */
  blocked(thread: number): Blocked | null {
    return this.attempt(thread) === 'blocked' ? this.why : null;
  }

  /**
   * Threads that can make a step now, in the order of the thread list. Not the caches: where nobody else can
   * go on, nothing goes on.
   */
  runnable(): number[] {
    return this.threads
      .filter(({ id, kind }) => kind !== 'caches' && this.attempt(id) === 'stepped')
      .map(({ id }) => id);
  }

  /** Whether what caches do on their own are steps of a search. */
  get explores(): boolean {
    return this.mode === 'explicit';
  }

  /** The thread of what caches do on their own. */
  get cachesThread(): number {
    return this.threads.length - 1;
  }

  /** How many choices the next step of a thread offers; 0 if it cannot step. */
  choiceCount(thread: number): { count: number; names: readonly string[] | null } {
    const status = this.attempt(thread);
    return { count: status === 'stepped' ? this.choices : 0, names: this.choiceNames };
  }

  /** A deadlock in this state, if there is one. */
  deadlock(): Violation | null {
    return findDeadlock(this);
  }

  /** What is wrong when nothing can run any more: a deadlock, or a page request never answered. */
  atRest(): Violation[] {
    const found = this.deadlock();
    return found === null ? this.monitors.atRest() : [found];
  }

  /** Evaluates an expression with the locals of a frame. Has no effect on state. */
  read(expr: Expr, thread: number, frame: Frame | null): number {
    const mark = this.words.mark();
    this.begin(thread, 0);
    this.locals = frame?.locals ?? 0;
    this.monitors.live = false;
    const value = compileExpr(this, expr)();
    this.monitors.live = true;
    this.words.undo(mark);
    return value;
  }

  /** The one- or two-word value of a type stored at a word index. */
  value(type: Type, index: number): number {
    return readAt(this, type, index);
  }

  /** Word index of a global variable. */
  globalAt(name: string): number {
    return defined(this.layout.globals.get(name), `globalAt: ${name}`);
  }

  /** Index of a function by its key. */
  functionNamed(key: string): number {
    return defined(this.functionIndex.get(key), `functionNamed: ${key}`);
  }

  /** Reports a violation of the step being made. */
  violate(property: PropertyId, message: string, at?: { address?: number; frame?: number }): void {
    const span = stack.currentSpan(this, this.thread);
    const fn = stack.currentName(this, this.thread);
    const { address = null, frame = null } = at ?? {};
    this.violations.push({ property, message, thread: this.thread, address, frame, fn, span });
  }

  /** Sends an event to the sink, if someone listens. */
  emit(event: VmEvent): void {
    if (this.isHeard) this.sink?.(event);
  }

  /** Whether somebody listens to this step: what only events need is not computed otherwise. */
  get isHeard(): boolean {
    return this.sink !== undefined && !this.quiet;
  }

  /** Notes something of the instruction that the current frame is at; one of `NOTED`. */
  note(what: number): void {
    const { executed } = stack.functionAt(this, this.frame);
    const pc = this.words.get(this.frame + 1);
    executed[pc] = (executed[pc] ?? 0) | what;
  }

  /** Says that this step cannot be made now, and why. */
  block(text: string, waitsFor: readonly number[], idle = false): void {
    this.why = { text, waitsFor, idle };
  }

  /**
   * Declares how many choices this step offers; returns the one to take. Where one step chooses several
   * times, its number stands for all of them, the first in the lowest place; some then mean the same.
   */
  choose(count: number, names: readonly string[] | null): number {
    const taken = this.choice % count;
    this.choice = Math.floor(this.choice / count);
    this.choiceNames = this.choices === 1 ? names : null;
    this.choices *= count;
    return taken;
  }

  /** Word index of a thread's region. */
  threadBase(thread: number): number {
    return defined(this.layout.threads[thread], 'threadBase: the thread');
  }

  /** What the machine asks when caches are those of a search. */
  private searchHooks(): SearchHooks {
    return {
      choose: count => this.choose(count, null),
      isIssueJudged: () => this.words.get(this.threadBase(this.thread) + THREAD.illegal) !== 0,
      isReleased: (device, pasid) => this.monitors.isReleased({ kind: 'device', index: device }, pasid),
      limit: text => {
        this.limit ??= text;
      },
    };
  }

  /** Tries a step and takes it back; `why` and `choices` tell about it. */
  private attempt(thread: number): StepResult['status'] {
    const mark = this.words.mark();
    const listening = this.quiet;
    const machineSink = this.machine.sink;
    this.quiet = true;
    this.wantsNames = true;
    this.machine.sink = undefined;
    this.begin(thread, 0);
    const status = this.advance(thread);
    this.words.undo(mark);
    this.violations = [];
    this.wantsNames = false;
    this.quiet = listening;
    this.machine.sink = machineSink;
    return status;
  }

  private begin(thread: number, choice: number): void {
    this.thread = thread;
    this.choice = choice;
    this.choices = 1;
    this.choiceNames = null;
    this.why = null;
    this.limit = null;
    if (this.violations.length > 0) this.violations = [];
    if (this.sink !== undefined && !this.quiet) {
      const { sink } = this;
      this.machine.sink = event => {
        const place = event.type === 'store-entry' ? placeOfSlot(this, event.frame, event.slot) : null;
        sink({ type: 'machine', thread: this.thread, event, place });
      };
    } else if (this.machine.sink !== undefined) this.machine.sink = undefined;
  }

  private advance(thread: number): StepResult['status'] {
    if (!stack.enter(this, thread)) return agentStep(this, thread);
    const compiled = stack.functionAt(this, this.frame);
    let pc = this.words.get(this.frame + 1);
    for (let steps = 0; ; steps++) {
      if (steps >= JOINED_MAX) {
        this.limit = `an atomic block of ${compiled.fn.name} takes more than ${JOINED_MAX} instructions`;
        return 'stepped';
      }
      const executor = defined(compiled.code[pc], 'advance: the instruction');
      const next = executor.run();
      if (this.why !== null || next === BLOCKED) return 'blocked';
      compiled.executed[pc] = (compiled.executed[pc] ?? 0) | NOTED.executed;
      if (next === STAY || next === SWITCHED) return 'stepped';
      this.words.put(this.frame + 1, next);
      if (!executor.joined) return 'stepped';
      pc = next;
    }
  }

  private initialise(): void {
    for (const global of this.program.globals) {
      if (global.initial !== 0) this.words.put(this.globalAt(global.name), global.initial);
    }
    this.setUp();
    this.checkLevels();
    this.machine.searched?.mayHold.forget();
    this.words.put(this.layout.failures, this.program.scenario.machine.failingAllocations);
    for (const thread of this.threads) {
      const passes = thread.kind === 'daemon' ? this.program.daemons[thread.index]?.passes : null;
      if (passes != null) this.words.put(this.threadBase(thread.id) + THREAD.passes, passes);
      else if (!this.isForked(thread)) this.start(thread);
    }
    this.words.forget();
  }

  /** Runs the scenario's set-up function on the first thread, alone, to its end. */
  private setUp(): void {
    const thread = 0;
    this.begin(thread, 0);
    stack.push(this, thread, this.functionNamed(this.program.scenario.setup), []);
    for (let steps = 0; this.words.get(this.threadBase(thread) + THREAD.depth) > 0; steps++) {
      const span = stack.currentSpan(this, thread);
      if (steps > SETUP_STEPS_MAX) throw this.setUpError('it takes too many steps', span);
      const result = this.setUpStep(thread);
      const found = result.violations[0];
      if (found !== undefined) throw this.setUpError(found.message, found.span);
      if (result.limit !== null) throw this.setUpError(result.limit, span);
      if (result.status !== 'stepped')
        throw this.setUpError(`it waits for ever: ${this.why?.text ?? 'finished'}`, span);
    }
    this.words.forget();
  }

  /** Hardware walks tables of the machine's levels, whatever the kernel has built. */
  private checkLevels(): void {
    const { levels } = this.machine.config;
    for (const root of allMms(this).map(mm => rootOf(this, mm))) {
      const built = root < 0 ? levels : this.machine.tableLevel(root);
      if (built === levels || built === 0) continue;
      const text = `the kernel's page tables have ${built} levels, the machine walks ${levels} (levels)`;
      throw new SetupError(text, this.program.scenario.span);
    }
  }

  /** What goes wrong when memory has run out is mostly the work of that. */
  private setUpError(text: string, span: Span | null): SetupError {
    const { frames } = this.machine;
    if (!frames.isFull()) return new SetupError(`building the initial state: ${text}`, span);
    const message = `${frames.count} frames do not suffice for the initial state: raise 'frames'`;
    return new SetupError(message, this.program.scenario.span);
  }

  /** A step of the set-up; hardware works off its queues when the code waits for it. */
  private setUpStep(thread: number): StepResult {
    const result = this.step(thread, 0);
    if (result.status === 'stepped') return result;
    for (const agent of this.threads) {
      if (agent.kind !== 'commands' && agent.kind !== 'ats') continue;
      const moved = this.step(agent.id, 0);
      if (moved.status === 'stepped') return moved;
    }
    return this.step(thread, 0);
  }

  /** Whether a thread is a task that another one has to start. */
  isForked(thread: Thread): boolean {
    return thread.kind === 'task' && this.program.scenario.tasks[thread.index]?.parent != null;
  }

  /** Gives a thread its first frame; false if it has none to be given, or has been given one. */
  start(thread: Thread): boolean {
    const key = this.firstFunction(thread);
    const started = this.threadBase(thread.id) + THREAD.started;
    if (key === null || this.words.get(started) !== 0) return false;
    this.words.put(started, 1);
    stack.push(this, thread.id, this.functionNamed(key), []);
    return true;
  }

  private firstFunction(thread: Thread): string | null {
    const { scenario, daemons } = this.program;
    if (thread.kind === 'task') return scenario.tasks[thread.index]?.fn ?? null;
    if (thread.kind === 'device') return scenario.devices[thread.index]?.fn ?? null;
    if (thread.kind === 'daemon') return daemons[thread.index]?.fn ?? null;
    return null;
  }
}
