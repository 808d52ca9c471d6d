/** Turns the instructions of a function into closures. Each returns where the frame goes on. */
import { alignDown, entrySpan, fromWords, highWord, lowWord, tableIndex } from '../base/address';
import { unreachable } from '../base/assert';
import { FRAME_WORDS } from '../base/words';
import { type Builtin, builtins } from '../language/builtins';
import type { Expr, FunctionCode, Instruction, Place } from '../language/program';
import { argument } from './builtins/maker';
import { builtinFor } from './builtins/table';
import { type Access, compileExpr, compilePlace } from './expressions';
import { NOTED } from './happened';
import { THREAD } from './layout';
import { mightSleep } from './locks';
import * as stack from './stack';
import type { Vm } from './vm';

/** The step cannot be made. */
export const BLOCKED = -1;
/** The step was made and the frame stays at this instruction. */
export const STAY = -2;
/** The step was made and has itself said where to go on: a call, a return. */
export const SWITCHED = -3;

/**
 * An instruction, ready to run in the current frame; `run` returns the next instruction or one of the above.
 */
export interface Executor {
  readonly joined: boolean;
  readonly run: () => number;
}

/** The executors of a function's code, by instruction. */
export function compileFunction(vm: Vm, fn: FunctionCode): Executor[] {
  return fn.code.map(instruction => {
    let run: (() => number) | undefined;
    return {
      joined: instruction.joined,
      run: () => {
        run ??= compileInstruction(vm, fn, instruction);
        return run();
      },
    };
  });
}

function compileInstruction(vm: Vm, fn: FunctionCode, instruction: Instruction): () => number {
  switch (instruction.op) {
    case 'set': {
      const target = compilePlace(vm, instruction.target);
      const value = compileExpr(vm, instruction.value);
      const { next } = instruction;
      return () => {
        target.write(value());
        return next;
      };
    }
    case 'branch': {
      const condition = compileExpr(vm, instruction.condition);
      const { then, otherwise } = instruction;
      return () => (condition() !== 0 ? then : otherwise);
    }
    case 'call':
      return compileCall(vm, instruction.fn, instruction.args);
    case 'callback':
      return compileCallback(vm, instruction);
    case 'return':
      return compileReturn(vm, fn, instruction.value);
    case 'builtin':
      return compileBuiltin(vm, instruction);
    case 'wait':
      return compileWait(vm, instruction);
    case 'select':
      return compileSelect(vm, instruction);
    case 'choose': {
      const target = compilePlace(vm, instruction.target);
      const [from, to] = [compileExpr(vm, instruction.from), compileExpr(vm, instruction.to)];
      return () => {
        const first = from();
        target.write(first + vm.choose(Math.max(1, to() - first + 1), null));
        return instruction.next;
      };
    }
    case 'either':
      return () => instruction.arms[vm.choose(instruction.arms.length, null)] ?? 0;
    case 'each_entry':
      return compileEachEntry(vm, instruction);
    case 'each_item':
      return compileEachItem(vm, instruction);
    case 'each_cpu':
      return compileEachCpu(vm, instruction);
    case 'assert': {
      const condition = compileExpr(vm, instruction.condition);
      return () => {
        if (condition() === 0) vm.violate('assertion', `assert(${instruction.text}) does not hold`);
        return instruction.next;
      };
    }
    case 'skip':
      return () => instruction.next;
    default:
      return unreachable(instruction);
  }
}

function compileCall(vm: Vm, key: string, args: readonly Expr[]): () => number {
  const index = vm.functionIndex.get(key);
  if (index === undefined) throw new Error(`no function ${key}`);
  const values = args.map(arg => compileExpr(vm, arg));
  return () => {
    stack.push(
      vm,
      vm.thread,
      index,
      values.map(value => value()),
    );
    return SWITCHED;
  };
}

function compileCallback(vm: Vm, instruction: Instruction & { readonly op: 'callback' }): () => number {
  const ops = compileExpr(vm, instruction.ops);
  const values = instruction.args.map(arg => compileExpr(vm, arg));
  const { callback } = instruction;
  return () => {
    const key = vm.program.notifiers[ops() - 1]?.callbacks[callback];
    const index = key === undefined ? undefined : vm.functionIndex.get(key);
    if (index === undefined) {
      vm.violate('assertion', `the subscriber has no ${callback}: NULL is called`);
      return instruction.next;
    }
    const args = values.map(value => value());
    stack.push(vm, vm.thread, index, args);
    return SWITCHED;
  };
}

/** Returns to the caller: stores the value where the call says, and moves the caller past it. */
function compileReturn(vm: Vm, fn: FunctionCode, value: Expr | null): () => number {
  const evaluate = value === null ? undefined : compileExpr(vm, value);
  return () => {
    const result = evaluate?.() ?? 0;
    const { thread } = vm;
    stack.pop(vm, thread);
    if (fn.role === 'interrupt') {
      const base = vm.threadBase(thread);
      vm.words.put(base + THREAD.irqOff, vm.words.get(base + THREAD.irqOff) - 1);
      vm.words.put(base + THREAD.interrupts, vm.words.get(base + THREAD.interrupts) - 1);
    } else if (stack.enter(vm, thread)) resume(vm, fn, result);
    return SWITCHED;
  };
}

/** The variable that takes the result of a call; made once per instruction. */
function resultOf(vm: Vm, instruction: Instruction & { readonly result: Place | null }): Access | undefined {
  if (instruction.result === null) return undefined;
  let access = vm.results.get(instruction);
  if (access === undefined) {
    access = compilePlace(vm, instruction.result);
    vm.results.set(instruction, access);
  }
  return access;
}

/** Lets the frame that called go on. After a fault the access is tried again, or given up for SIGSEGV. */
function resume(vm: Vm, fn: FunctionCode, result: number): void {
  const instruction = stack.instructionAt(vm, vm.frame);
  if (fn.role === 'fault') {
    if (result !== 0 || instruction.op !== 'builtin') return;
    const address = compileExpr(vm, argument(instruction.args, 0))();
    vm.note(NOTED.killed);
    vm.emit({ type: 'sigsegv', thread: vm.thread, address });
    resultOf(vm, instruction)?.write(0);
    vm.words.put(vm.frame + 1, instruction.next);
    return;
  }
  if (instruction.op !== 'call' && instruction.op !== 'callback') return;
  resultOf(vm, instruction)?.write(result);
  vm.words.put(vm.frame + 1, instruction.next);
}

/** Builtins that stay at their statement for several steps. */
const repeating: ReadonlySet<string> = new Set([
  'dma_read',
  'dma_write',
  'guest_load',
  'guest_store',
  'load',
  'request_pages',
  'stop_marker',
  'store',
  'synchronize_srcu',
]);

function compileBuiltin(vm: Vm, instruction: Instruction & { readonly op: 'builtin' }): () => number {
  const run = builtinFor(vm, instruction.name, instruction.args);
  const result = instruction.result === null ? undefined : compilePlace(vm, instruction.result);
  const { next } = instruction;
  const entry: Builtin = builtins[instruction.name];
  const sleeps = entry.blocks === 'sleep';
  const repeats = repeating.has(instruction.name);
  return () => {
    if (sleeps) mightSleep(vm, instruction.name);
    const value = run();
    if (vm.why !== null) return BLOCKED;
    if (repeats && value === STAY) return STAY;
    if (repeats && value === SWITCHED) return SWITCHED;
    result?.write(value);
    return next;
  };
}

function compileWait(vm: Vm, instruction: Instruction & { readonly op: 'wait' }): () => number {
  const condition = compileExpr(vm, instruction.condition);
  const { how, next } = instruction;
  const forHardware =
    instruction.condition.op === 'builtin' && instruction.condition.name === 'completion_done';
  const agents = vm.threads.filter(({ kind }) => forHardware && kind === 'commands').map(({ id }) => id);
  return () => {
    if (how !== 'spin') mightSleep(vm, 'wait until');
    if (condition() !== 0) return next;
    vm.block(waitText(how, instruction.condition), agents, how === 'idle');
    return BLOCKED;
  };
}

function waitText(how: 'sleep' | 'spin' | 'idle', condition: Expr): string {
  const verb = how === 'spin' ? 'spins until' : how === 'idle' ? 'is idle until' : 'waits until';
  if (condition.op === 'builtin') return `${verb} ${condition.name}`;
  return `${verb} its condition holds`;
}

function compileSelect(vm: Vm, instruction: Instruction & { readonly op: 'select' }): () => number {
  const arms = instruction.arms.map(arm => ({ condition: compileExpr(vm, arm.condition), next: arm.next }));
  const open = new Int32Array(arms.length);
  return () => {
    let count = 0;
    for (let arm = 0; arm < arms.length; arm++) if (arms[arm]?.condition() !== 0) open[count++] = arm;
    if (count > 0) return arms[open[vm.choose(count, null)] ?? 0]?.next ?? 0;
    if (instruction.otherwise !== null) return instruction.otherwise;
    vm.block('no guard of its select holds', []);
    return BLOCKED;
  };
}

function compileEachEntry(vm: Vm, instruction: Instruction & { readonly op: 'each_entry' }): () => number {
  const table = compileExpr(vm, instruction.table);
  const to = compileExpr(vm, instruction.to);
  const { entry, address, cursor, body, exit, present } = instruction;
  return () => {
    const frame = table() - 1;
    if (frame < 0) {
      vm.violate('assertion', 'for each entry: NULL is no table');
      return exit;
    }
    const span = entrySpan(Math.max(1, vm.machine.tableLevel(frame)));
    const start = wideLocal(vm, cursor);
    const last = to() - 1;
    if (start > last) return exit;
    const level = Math.max(1, vm.machine.tableLevel(frame));
    const first = tableIndex(start, level);
    // The table ends where its last entry does: a range may go beyond it.
    const slots = Math.min(
      FRAME_WORDS,
      first + Math.floor((alignDown(last, span) - alignDown(start, span)) / span) + 1,
    );
    const slot = present ? vm.machine.nextPopulated(frame, first, slots) : first;
    if (slot < 0) return exit;
    const at = slot === first ? start : alignDown(start, span) + (slot - first) * span;
    vm.words.put(vm.locals + entry, 1 + frame * FRAME_WORDS + slot);
    putWide(vm, address, at);
    putWide(vm, cursor, slot === FRAME_WORDS - 1 ? last + 1 : alignDown(at, span) + span);
    return body;
  };
}

function wideLocal(vm: Vm, slot: number): number {
  return fromWords(vm.words.get(vm.locals + slot), vm.words.get(vm.locals + slot + 1));
}

function putWide(vm: Vm, slot: number, value: number): void {
  vm.words.put(vm.locals + slot, lowWord(value));
  vm.words.put(vm.locals + slot + 1, highWord(value));
}

function compileEachItem(vm: Vm, instruction: Instruction & { readonly op: 'each_item' }): () => number {
  const list = compilePlace(vm, instruction.list);
  const { item, body, exit } = instruction;
  return () => {
    const base = list.address();
    if (base < 0) return exit;
    list.judge(false);
    const count = vm.words.get(base);
    const current = vm.words.get(vm.locals + item);
    let position = 0;
    if (current !== 0) {
      while (position < count && vm.words.get(base + 1 + position) !== current) position++;
      if (position === count) {
        vm.violate('assertion', `an item left ${list.name} while a loop was at it`);
        return exit;
      }
      position++;
    }
    vm.words.put(vm.locals + item, position < count ? vm.words.get(base + 1 + position) : 0);
    return position < count ? body : exit;
  };
}

function compileEachCpu(vm: Vm, instruction: Instruction & { readonly op: 'each_cpu' }): () => number {
  const mask = compileExpr(vm, instruction.mask);
  const { item, body, exit } = instruction;
  return () => {
    const bits = mask();
    let cpu = vm.words.get(vm.locals + item);
    while (cpu < 32 && ((bits >>> cpu) & 1) === 0) cpu++;
    vm.words.put(vm.locals + item, cpu < 32 ? cpu + 1 : 0);
    return cpu < 32 ? body : exit;
  };
}

/**
 * Starts an interrupt handler on a thread: interrupts are off while it runs, a walk under way is abandoned.
 */
export function pushInterrupt(vm: Vm, thread: number, cpu: number, functionIndex: number): void {
  const base = vm.threadBase(thread);
  vm.words.put(base + THREAD.irqOff, vm.words.get(base + THREAD.irqOff) + 1);
  vm.words.put(base + THREAD.interrupts, vm.words.get(base + THREAD.interrupts) + 1);
  vm.machine.abandonWalk(cpu);
  const compiled = vm.functions[functionIndex];
  if (compiled !== undefined) vm.emit({ type: 'interrupt', thread, cpu, fn: compiled.fn });
  stack.push(vm, thread, functionIndex, []);
}
