/**
 * Which steps commute with everything that all other threads can ever still do, judged state by state: from
 * where each thread is, over all ways its code can go on. A search need not try such a step before and after
 * the others' steps: one order shows what all of them show.
 */
import type { Expr, FunctionCode, Instruction, Program } from '../language/program';
import type { Thread } from '../language/threads';
import { FRAME_HEADER, STACK_FRAMES, THREAD } from '../vm/layout';
import type { Vm } from '../vm/vm';
import { both, type Footprint, Footprints, isKnown, isPlain, nothing } from './footprint';
import { returnsToLocal } from './movers';

/** What is known about one function, by instruction. */
interface Analysed {
  /** What the step that begins here may touch; null where it does more than that, or goes back in a loop. */
  readonly steps: readonly (Masks | null)[];
  /** Whether the instruction goes back in a loop, or may. */
  readonly back: readonly boolean[];
  /** What may be touched from here until the function has returned. */
  readonly future: readonly Masks[];
  /** The same after the call that stands here has returned. */
  readonly after: readonly Masks[];
}

/** A footprint in words of 32 bits: what is read, then what is written. */
type Masks = Int32Array;

/** See the file's comment. */
export class Independence {
  private readonly functions: readonly Analysed[];
  private readonly idle: readonly Masks[];
  /** Frames that an interrupt can put on a stack. */
  private readonly interruptFrames: number;
  /** Words of half a mask. */
  private readonly half: number;
  /** What each thread may touch from now on; what any may; what two or more may. Made when asked for. */
  private readonly futures: readonly Masks[];
  private readonly once: Masks;
  private readonly twice: Masks;
  private isStale = true;

  constructor(private readonly vm: Vm) {
    const { program } = vm;
    const threads = vm.mode !== 'demand' ? vm.threads : vm.threads.slice(0, vm.cachesThread);
    const analysis = new Analysis(program);
    this.functions = Object.values(program.functions).map(fn => analysis.of(fn));
    this.idle = threads.map(thread => analysis.masks(analysis.idle(thread)));
    this.interruptFrames = analysis.interruptFrames;
    this.half = analysis.words;
    this.futures = threads.map(() => new Int32Array(2 * this.half));
    this.once = new Int32Array(2 * this.half);
    this.twice = new Int32Array(2 * this.half);
  }

  /** From now on questions are about the present state; steps of the thread asked about do not count. */
  begin(): void {
    this.isStale = true;
  }

  /** Whether a thread is at the end of a loop's body, or at a jump back. */
  goesBack(thread: number): boolean {
    const { words } = this.vm;
    const base = this.vm.threadBase(thread);
    const frame = base + THREAD.words + words.get(base + THREAD.top) - 1;
    return this.functions[words.get(frame) - 1]?.back[words.get(frame + 1)] === true;
  }

  /** Whether a step may meet what the other threads do from where they were when `begin` was called. */
  private meets(step: Masks, thread: number): boolean {
    if (this.isStale) this.look();
    const { half, once, twice } = this;
    const own = this.futures[thread] ?? nowhere;
    for (let at = 0; at < half; at++) {
      const reads = step[at] ?? 0;
      const writes = step[half + at] ?? 0;
      if ((reads | writes) === 0) continue;
      // What others may touch is what two may, and what any may but this one.
      const written = (twice[half + at] ?? 0) | ((once[half + at] ?? 0) & ~(own[half + at] ?? 0));
      const read = (twice[at] ?? 0) | ((once[at] ?? 0) & ~(own[at] ?? 0));
      if ((reads & written) !== 0 || (writes & (read | written)) !== 0) return true;
    }
    return false;
  }

  private look(): void {
    const { futures, once, twice } = this;
    this.isStale = false;
    once.fill(0);
    twice.fill(0);
    for (let thread = 0; thread < futures.length; thread++) {
      const future = futures[thread] ?? nowhere;
      this.lookAt(thread, future);
      for (let at = 0; at < future.length; at++) {
        const bits = future[at] ?? 0;
        twice[at] = (twice[at] ?? 0) | ((once[at] ?? 0) & bits);
        once[at] = (once[at] ?? 0) | bits;
      }
    }
  }

  /** Whether the next step of a thread commutes with all that others can do. */
  commutes(thread: number): boolean {
    const { words } = this.vm;
    const base = this.vm.threadBase(thread);
    const top = words.get(base + THREAD.top);
    if (top === 0) return false;
    // Where an interrupt's frames may not fit, it makes a difference when it comes.
    if (words.get(base + THREAD.depth) + this.interruptFrames > STACK_FRAMES) return false;
    const frame = base + THREAD.words + top - 1;
    const fn = words.get(frame) - 1;
    const pc = words.get(frame + 1);
    const step = this.functions[fn]?.steps[pc];
    if (step === undefined || step === null || (step.length > 0 && this.meets(step, thread))) return false;
    return this.vm.functions[fn]?.fn.code[pc]?.op !== 'return' || this.returnsAlone(base, frame);
  }

  /** Whether the frame was called by code that takes the result in a local. */
  private returnsAlone(base: number, frame: number): boolean {
    const { words, functions } = this.vm;
    const caller = words.get(frame + 2);
    if (caller === 0) return false;
    const at = base + THREAD.words + caller - 1;
    const instruction = functions[words.get(at) - 1]?.fn.code[words.get(at + 1)];
    return instruction !== undefined && returnsToLocal(instruction);
  }

  private lookAt(thread: number, future: Masks): void {
    const { words, functions } = this.vm;
    const base = this.vm.threadBase(thread);
    future.set(this.idle[thread] ?? nowhere);
    let isCalled = false;
    for (let top = words.get(base + THREAD.top); top !== 0; ) {
      const frame = base + THREAD.words + top - 1;
      const fn = words.get(frame) - 1;
      const analysed = this.functions[fn];
      add(future, (isCalled ? analysed?.after : analysed?.future)?.[words.get(frame + 1)] ?? nowhere);
      // After a fault or an interrupt the frame below does its instruction, again or for the first time.
      const role = functions[fn]?.fn.role;
      isCalled = role !== 'fault' && role !== 'interrupt';
      top = words.get(frame + FRAME_HEADER - 1);
    }
  }
}

const nowhere: Masks = new Int32Array(0);

function add(sum: Masks, more: Masks): void {
  for (let at = 0; at < more.length; at++) sum[at] = (sum[at] ?? 0) | (more[at] ?? 0);
}

/** Finds out what is fixed for a program. */
class Analysis {
  private readonly footprints: Footprints;
  private readonly functions: readonly FunctionCode[];
  /** By function key, per instruction: what may be touched from there on. */
  private readonly futures = new Map<string, Footprint[]>();
  private readonly interrupts: readonly FunctionCode[];
  /** By function key, per instruction: what it touches itself, its result included. */
  private readonly touched = new Map<string, Footprint[]>();

  constructor(private readonly program: Program) {
    this.footprints = new Footprints(program);
    this.functions = Object.values(program.functions);
    this.interrupts = this.functions.filter(({ role }) => role === 'interrupt');
    for (const fn of this.functions) {
      this.touched.set(
        fn.key,
        fn.code.map(each => both(this.footprints.of(fn, each), this.footprints.result(each))),
      );
      this.futures.set(
        fn.key,
        fn.code.map(() => nothing),
      );
    }
    while (this.functions.some(fn => this.grow(fn)));
  }

  /** Frames on the deepest stack that an interrupt handler makes. */
  get interruptFrames(): number {
    return Math.max(0, ...this.interrupts.map(fn => this.depth(fn, [])));
  }

  of(fn: FunctionCode): Analysed {
    const future = (this.futures.get(fn.key) ?? []).map(each => this.masks(each));
    const after = fn.code.map(instruction =>
      this.masks(both(this.footprints.result(instruction), this.rest(fn, instruction))),
    );
    const back = fn.code.map((_, pc) => goesBack(fn, pc));
    const steps = fn.code.map((_, pc) => {
      const step = this.step(fn, pc);
      return step === null ? null : step.reads === 0n && step.writes === 0n ? nowhere : this.masks(step);
    });
    return { steps, back, future, after };
  }

  /** Words that half a mask takes. */
  get words(): number {
    return Math.ceil(this.footprints.count / 32);
  }

  /** A footprint, made quick to look at. Only for when all classes are known. */
  masks({ reads, writes }: Footprint): Masks {
    const half = this.words;
    const masks = new Int32Array(2 * half);
    for (let at = 0; at < half; at++) {
      const shift = BigInt(32 * at);
      masks[at] = Number(BigInt.asIntN(32, reads >> shift));
      masks[half + at] = Number(BigInt.asIntN(32, writes >> shift));
    }
    return masks;
  }

  /** What a thread may touch whatever its stack: hardware, and frames that come from outside. */
  idle({ kind, index }: Thread): Footprint {
    const agent = this.footprints.agent(kind);
    if (kind === 'kworker')
      return this.handed()
        .map(key => this.from(key))
        .reduce(both, agent);
    // A pass may still have to begin.
    if (kind === 'daemon') {
      const daemon = this.program.daemons[index];
      return daemon?.passes == null ? agent : both(this.footprints.judged, this.from(daemon.fn));
    }
    if (kind !== 'cpu') return agent;
    if (this.interrupts.length === 0) return nothing;
    const taken = [...this.reached(this.interrupts)].flatMap(fn => fn.code);
    const locks = taken.map(instruction => this.footprints.alone(instruction)).reduce(both, nothing);
    return [locks, ...this.interrupts.map(fn => this.from(fn.key))].reduce(both, agent);
  }

  /** Functions, and those that may come on the stack above them. */
  private reached(functions: readonly FunctionCode[]): Set<FunctionCode> {
    const found = new Set(functions);
    for (const fn of found)
      for (const key of fn.code.flatMap(instruction => this.entered(instruction))) {
        const callee = this.program.functions[key];
        if (callee !== undefined) found.add(callee);
      }
    return found;
  }

  /** The step that begins at an instruction, with those joined to it. */
  private step(fn: FunctionCode, start: number): Footprint | null {
    let footprint = nothing;
    const seen = new Set([start]);
    for (const pc of seen) {
      const instruction = fn.code[pc];
      if (instruction === undefined || !this.isKnown(fn, instruction)) return null;
      const next = successors(instruction);
      if (goesBack(fn, pc)) return null;
      footprint = both(footprint, this.footprints.of(fn, instruction));
      if (instruction.joined) for (const each of next) seen.add(each);
    }
    return footprint;
  }

  private isKnown(fn: FunctionCode, instruction: Instruction): boolean {
    switch (instruction.op) {
      case 'call': {
        const callee = this.program.functions[instruction.fn];
        return callee !== undefined && isPlain(callee);
      }
      case 'return':
        return isPlain(fn);
      case 'builtin':
        return isKnown(instruction.name);
      case 'callback':
        return false;
      default:
        return true;
    }
  }

  /** One round over a function; whether anything was added. */
  private grow(fn: FunctionCode): boolean {
    const future = this.futures.get(fn.key) ?? [];
    let changed = false;
    for (let pc = fn.code.length - 1; pc >= 0; pc--) {
      const instruction = fn.code[pc];
      const before = future[pc];
      if (instruction === undefined || before === undefined) continue;
      const all = [
        before,
        this.touched.get(fn.key)?.[pc] ?? nothing,
        ...this.entered(instruction).map(key => this.from(key)),
        this.rest(fn, instruction),
      ].reduce(both);
      if (all.reads === before.reads && all.writes === before.writes) continue;
      future[pc] = all;
      changed = true;
    }
    return changed;
  }

  private rest(fn: FunctionCode, instruction: Instruction): Footprint {
    const future = this.futures.get(fn.key) ?? [];
    return successors(instruction)
      .map(pc => future[pc] ?? nothing)
      .reduce(both, nothing);
  }

  private from(key: string): Footprint {
    return this.futures.get(key)?.[0] ?? nothing;
  }

  /** Functions that an instruction may put on the stack of its thread. */
  private entered(instruction: Instruction): string[] {
    if (instruction.op === 'call') return [instruction.fn];
    if (instruction.op === 'callback') {
      const { callback } = instruction;
      return this.program.notifiers.flatMap(({ callbacks }) => callbacks[callback] ?? []);
    }
    // A task that is started makes its steps as if whoever starts it did.
    if (instruction.op === 'builtin' && instruction.name === 'start_task')
      return this.program.scenario.tasks.filter(({ parent }) => parent !== null).map(({ fn }) => fn);
    const mayFault = instruction.op === 'builtin' && ['load', 'store'].includes(instruction.name);
    return mayFault ? this.functions.filter(({ role }) => role === 'fault').map(({ key }) => key) : [];
  }

  /** Functions whose names are handed to somebody: work items, interrupt handlers. */
  private handed(): string[] {
    const found = new Set<string>();
    const look = (expr: Expr): void => {
      if (expr.op === 'function') found.add(expr.name);
    };
    for (const fn of this.functions)
      for (const instruction of fn.code) if (instruction.op === 'builtin') instruction.args.forEach(look);
    return [...found];
  }

  private depth(fn: FunctionCode, above: readonly string[]): number {
    if (above.includes(fn.key)) return STACK_FRAMES;
    const callees = fn.code.flatMap(instruction => this.entered(instruction));
    const depths = [...new Set(callees)].map(key => {
      const callee = this.program.functions[key];
      return callee === undefined ? 0 : this.depth(callee, [...above, fn.key]);
    });
    return 1 + Math.max(0, ...depths);
  }
}

/**
 * Whether an instruction may go back in a loop that could go on for ever: such a step gives the others their
 * turn. A loop over the entries of a table or the CPUs of a mask comes to its end.
 */
function goesBack(fn: FunctionCode, pc: number): boolean {
  const instruction = fn.code[pc];
  if (instruction === undefined) return false;
  const ends = (head: Instruction | undefined): boolean =>
    head?.op === 'each_entry' || head?.op === 'each_cpu';
  return successors(instruction).some(next => next <= pc && !ends(fn.code[next]));
}

/** Instructions of the same function that may come next. */
function successors(instruction: Instruction): number[] {
  switch (instruction.op) {
    case 'branch':
      return [instruction.then, instruction.otherwise];
    case 'return':
      return [];
    case 'select':
      return [
        ...instruction.arms.map(({ next }) => next),
        ...(instruction.otherwise === null ? [] : [instruction.otherwise]),
      ];
    case 'either':
      return [...instruction.arms];
    case 'each_entry':
    case 'each_item':
    case 'each_cpu':
      return [instruction.body, instruction.exit];
    default:
      return [instruction.next];
  }
}
