/** Call stacks: frames of a thread, pushed by calls, callbacks, faults, interrupts and work items. */
import { highWord, lowWord } from '../base/address';
import { defined } from '../base/assert';
import type { Span } from '../base/span';
import type { FunctionCode, Instruction, Type } from '../language/program';
import { FRAME_HEADER, STACK_FRAMES, THREAD } from './layout';
import type { Frame } from './types';
import type { CompiledFunction, Vm } from './vm';

/** Makes the innermost frame of a thread the current one; false if it has none. */
export function enter(vm: Vm, thread: number): boolean {
  const base = vm.threadBase(thread);
  const top = vm.words.get(base + THREAD.top);
  if (top === 0) return false;
  vm.frame = base + THREAD.words + top - 1;
  vm.locals = vm.frame + FRAME_HEADER;
  return true;
}

/** The function of the frame at a word index. */
export function functionAt(vm: Vm, frame: number): CompiledFunction {
  return defined(vm.functions[vm.words.get(frame) - 1], 'functionAt: the function');
}

/** Pushes a frame with argument values on a thread. False, with a finding, when the stack is full. */
export function push(vm: Vm, thread: number, functionIndex: number, args: readonly number[]): boolean {
  const { words } = vm;
  const base = vm.threadBase(thread);
  const depth = words.get(base + THREAD.depth);
  const { fn } = defined(vm.functions[functionIndex], 'push: the function');
  if (depth >= STACK_FRAMES) {
    vm.violate('assertion', `stack-overflow: ${fn.name} would be frame ${depth + 1} of ${STACK_FRAMES}`);
    // The thread stays at its call: it would be made again for ever.
    vm.limit = `the stack of ${vm.threads[thread]?.name ?? '?'} holds ${STACK_FRAMES} frames and is full`;
    return false;
  }
  const top = words.get(base + THREAD.top);
  const offset = top === 0 ? 0 : top - 1 + frameWords(vm, base + THREAD.words + top - 1);
  const frame = base + THREAD.words + offset;
  words.put(frame, functionIndex + 1);
  words.put(frame + 1, 0);
  words.put(frame + 2, top);
  for (const [index, param] of fn.params.entries())
    writeValue(vm, frame + FRAME_HEADER + param.slot, param.type, args[index] ?? 0);
  words.put(base + THREAD.top, offset + 1);
  words.put(base + THREAD.depth, depth + 1);
  vm.emit({ type: 'call', thread, fn });
  vm.monitors.entered(thread, fn, frame);
  return true;
}

/**
 * Takes the innermost frame off a thread and clears its words; the caller's frame becomes the current one, if
 * any.
 */
export function pop(vm: Vm, thread: number): void {
  const { words } = vm;
  const base = vm.threadBase(thread);
  const top = words.get(base + THREAD.top);
  const frame = base + THREAD.words + top - 1;
  const { fn } = functionAt(vm, frame);
  vm.monitors.leaving(thread, fn, frame);
  vm.emit({ type: 'return', thread, fn });
  words.put(base + THREAD.top, words.get(frame + 2));
  words.put(base + THREAD.depth, words.get(base + THREAD.depth) - 1);
  const end = frame + FRAME_HEADER + fn.frameWords;
  for (let index = frame; index < end; index++) words.put(index, 0);
}

/** Stores a value of a type at a word index. */
export function writeValue(vm: Vm, index: number, type: Type, value: number): void {
  vm.words.put(index, lowWord(value));
  if (type.kind === 'addr') vm.words.put(index + 1, highWord(value));
}

/** The frames of a thread that run code, innermost first. */
export function framesOf(vm: Vm, thread: number): Frame[] {
  const { words } = vm;
  const base = vm.threadBase(thread);
  const frames: Frame[] = [];
  for (let top = words.get(base + THREAD.top); top !== 0; ) {
    const frame = base + THREAD.words + top - 1;
    const { fn } = functionAt(vm, frame);
    const pc = words.get(frame + 1);
    const locals = frame + FRAME_HEADER;
    frames.push({ name: fn.name, fn, pc, span: spanAt(fn, pc), locals, note: null });
    top = words.get(frame + 2);
  }
  return frames;
}

/** Source of the statement a thread is at; null for hardware. */
export function currentSpan(vm: Vm, thread: number): Span | null {
  const base = vm.threadBase(thread);
  const top = vm.words.get(base + THREAD.top);
  if (top === 0) return null;
  const frame = base + THREAD.words + top - 1;
  const { fn } = functionAt(vm, frame);
  return spanAt(fn, vm.words.get(frame + 1));
}

/** Name of the innermost function of a thread; null for hardware. */
export function currentName(vm: Vm, thread: number): string | null {
  const base = vm.threadBase(thread);
  const top = vm.words.get(base + THREAD.top);
  if (top === 0) return null;
  return functionAt(vm, base + THREAD.words + top - 1).fn.name;
}

/** The instruction that the frame at a word index is at. */
export function instructionAt(vm: Vm, frame: number): Instruction {
  const { fn } = functionAt(vm, frame);
  return defined(fn.code[vm.words.get(frame + 1)], 'instructionAt: the instruction');
}

function spanAt(fn: FunctionCode, pc: number): Span {
  return fn.code[pc]?.span ?? fn.span;
}

function frameWords(vm: Vm, frame: number): number {
  const { fn } = functionAt(vm, frame);
  return FRAME_HEADER + fn.frameWords;
}
