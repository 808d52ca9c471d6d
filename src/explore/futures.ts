/**
 * What a thread may still touch from each instruction on, over all ways its code can go on, until the
 * function has returned. Found out once for a program.
 */
import type { Expr, FunctionCode, Instruction, Program } from '../language/program';
import type { Thread } from '../language/threads';
import { STACK_FRAMES } from '../vm/layout';
import { both, type Footprint, Footprints, isKnown, isPlain, nothing } from './footprint';

/** What is known about one function, by instruction. */
export interface Analysed {
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
export type Masks = Int32Array;

/** No words at all: touches nothing. */
export const nowhere: Masks = new Int32Array(0);

/** Adds to a sum; whether that changed it. */
export function add(sum: Masks, more: Masks): boolean {
  let changed = false;
  for (let at = 0; at < more.length; at++) {
    const before = sum[at] ?? 0;
    const after = before | (more[at] ?? 0);
    if (after !== before) {
      sum[at] = after;
      changed = true;
    }
  }
  return changed;
}

/** Finds out what is fixed for a program. */
export class Analysis {
  /** Words that half a mask takes. */
  readonly words: number;
  private readonly footprints: Footprints;
  private readonly functions: readonly FunctionCode[];
  /** By function key, per instruction: what may be touched from there on. */
  private readonly futures = new Map<string, Masks[]>();
  private readonly interrupts: readonly FunctionCode[];
  private readonly known = new Map<bigint, Map<bigint, Masks>>();
  private readonly entries = new Map<Instruction, readonly string[]>();

  constructor(private readonly program: Program) {
    this.footprints = new Footprints(program);
    this.functions = Object.values(program.functions);
    this.interrupts = this.functions.filter(({ role }) => role === 'interrupt');
    const touched = this.functions.map(fn =>
      fn.code.map(each => both(this.footprints.of(fn, each), this.footprints.result(each))),
    );
    // All classes are known only now.
    this.words = Math.ceil(this.footprints.count / 32);
    for (const [index, fn] of this.functions.entries())
      this.futures.set(fn.key, touched[index]?.map(each => this.masks(each).slice()) ?? []);
    this.grow();
  }

  of(fn: FunctionCode): Analysed {
    const future = this.futures.get(fn.key) ?? [];
    const after = fn.code.map(instruction => {
      const masks = this.masks(this.footprints.result(instruction)).slice();
      for (const pc of successors(instruction)) add(masks, future[pc] ?? nowhere);
      return masks;
    });
    const back = fn.code.map((_, pc) => goesBack(fn, pc));
    const steps = fn.code.map((_, pc) => {
      const step = this.step(fn, pc);
      return step === null ? null : step.reads === 0n && step.writes === 0n ? nowhere : this.masks(step);
    });
    return { steps, back, future, after };
  }

  /** What a thread may touch whatever its stack: hardware, and frames that come from outside. */
  idle({ kind, index }: Thread): Masks {
    const agent = this.masks(this.footprints.agent(kind));
    if (kind === 'kworker') return this.sum(agent, this.handed());
    // A pass may still have to begin.
    if (kind === 'daemon') {
      const daemon = this.program.daemons[index];
      return daemon?.passes == null ? agent : this.sum(this.masks(this.footprints.judged), [daemon.fn]);
    }
    if (kind !== 'cpu') return agent;
    if (this.interrupts.length === 0) return this.masks(nothing);
    const taken = [...this.reached(this.interrupts)].flatMap(fn => fn.code);
    const locks = taken.map(instruction => this.footprints.alone(instruction)).reduce(both, nothing);
    const sum = this.sum(
      agent,
      this.interrupts.map(({ key }) => key),
    );
    add(sum, this.masks(locks));
    return sum;
  }

  /** A footprint, made quick to look at. */
  private masks({ reads, writes }: Footprint): Masks {
    const byWrites = this.known.get(reads) ?? new Map<bigint, Masks>();
    this.known.set(reads, byWrites);
    const half = this.words;
    let masks = byWrites.get(writes);
    if (masks !== undefined) return masks;
    masks = new Int32Array(2 * half);
    for (let at = 0; at < half; at++) {
      const shift = BigInt(32 * at);
      masks[at] = Number(BigInt.asIntN(32, reads >> shift));
      masks[half + at] = Number(BigInt.asIntN(32, writes >> shift));
    }
    byWrites.set(writes, masks);
    return masks;
  }

  /** What some functions may touch, and more. */
  private sum(more: Masks, keys: readonly string[]): Masks {
    const sum = more.slice();
    for (const key of keys) add(sum, this.futures.get(key)?.[0] ?? nowhere);
    return sum;
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

  /** Adds up what may come after each instruction, until nothing is added any more. */
  private grow(): void {
    const callers = new Map<string, Set<FunctionCode>>();
    for (const fn of this.functions)
      for (const instruction of fn.code)
        for (const key of this.entered(instruction)) {
          const known = callers.get(key) ?? new Set();
          callers.set(key, known.add(fn));
        }
    const waiting = new Set(this.functions);
    for (const fn of waiting) {
      // One that comes to be in the set again is looked at again.
      waiting.delete(fn);
      const future = this.futures.get(fn.key) ?? [];
      const before = future[0]?.slice() ?? nowhere;
      while (this.growOnce(fn, future));
      if (future[0]?.some((bits, at) => bits !== before[at]))
        for (const caller of callers.get(fn.key) ?? []) waiting.add(caller);
    }
  }

  /** One round over a function; whether anything was added. */
  private growOnce(fn: FunctionCode, future: readonly Masks[]): boolean {
    let changed = false;
    for (let pc = fn.code.length - 1; pc >= 0; pc--) {
      const instruction = fn.code[pc];
      const masks = future[pc];
      if (instruction === undefined || masks === undefined) continue;
      for (const key of this.entered(instruction))
        if (add(masks, this.futures.get(key)?.[0] ?? nowhere)) changed = true;
      for (const next of successors(instruction)) if (add(masks, future[next] ?? nowhere)) changed = true;
    }
    return changed;
  }

  /** Functions that an instruction may put on the stack of its thread. */
  private entered(instruction: Instruction): readonly string[] {
    let keys = this.entries.get(instruction);
    if (keys === undefined) {
      keys = enteredBy(this.program, instruction);
      this.entries.set(instruction, keys);
    }
    return keys;
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

/** Functions that an instruction may put on the stack of its thread. */
function enteredBy(program: Program, instruction: Instruction): string[] {
  if (instruction.op === 'call') return [instruction.fn];
  if (instruction.op === 'callback') {
    const { callback } = instruction;
    return program.notifiers.flatMap(({ callbacks }) => callbacks[callback] ?? []);
  }
  // A task that is started makes its steps as if whoever starts it did.
  if (instruction.op === 'builtin' && instruction.name === 'start_task')
    return program.scenario.tasks.filter(({ parent }) => parent !== null).map(({ fn }) => fn);
  if (instruction.op !== 'builtin' || !['load', 'store'].includes(instruction.name)) return [];
  return Object.values(program.functions)
    .filter(({ role }) => role === 'fault')
    .map(({ key }) => key);
}

/** Frames that an interrupt can put on a stack, at most. */
export function interruptFrames(program: Program): number {
  const depth = (fn: FunctionCode, above: readonly string[]): number => {
    if (above.includes(fn.key)) return STACK_FRAMES;
    const keys = new Set(fn.code.flatMap(instruction => enteredBy(program, instruction)));
    const depths = [...keys].map(key => {
      const callee = program.functions[key];
      return callee === undefined ? 0 : depth(callee, [...above, fn.key]);
    });
    return 1 + Math.max(0, ...depths);
  };
  const handlers = Object.values(program.functions).filter(({ role }) => role === 'interrupt');
  return Math.max(0, ...handlers.map(fn => depth(fn, [])));
}
