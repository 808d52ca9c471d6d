/**
 * Where a thread is in the code: read straight from the words of state, because it is asked for after every
 * step.
 */
import { fromWords } from '../base/address';
import type { Span } from '../base/span';
import type { FunctionCode, Instruction } from '../language/program';
import { FRAME_HEADER, THREAD } from '../vm/layout';
import type { Vm } from '../vm/vm';

/** The innermost frame of a thread that runs code. */
export interface Place {
  readonly fn: FunctionCode;
  readonly pc: number;
  readonly span: Span;
  /** Frames on the stack. */
  readonly depth: number;
  /** Word index of the frame: equal for two places of one call. */
  readonly frame: number;
}

/** Where a thread is; null when it runs no code: it has ended, waits for work, or is hardware. */
export function placeOf(vm: Vm, thread: number): Place | null {
  const base = vm.threadBase(thread);
  const top = vm.words.get(base + THREAD.top);
  if (top === 0) return null;
  const frame = base + THREAD.words + top - 1;
  const compiled = vm.functions[vm.words.get(frame) - 1];
  if (compiled === undefined) return null;
  const { fn } = compiled;
  const pc = vm.words.get(frame + 1);
  return { fn, pc, span: fn.code[pc]?.span ?? fn.span, depth: vm.words.get(base + THREAD.depth), frame };
}

/** The instruction a place is at. */
export function instructionOf(place: Place): Instruction | undefined {
  return place.fn.code[place.pc];
}

/** Whether two places lie in the same statement of the same call. */
export function sameStatement(a: Place, b: Place): boolean {
  return a.frame === b.frame && a.depth === b.depth && a.fn === b.fn && sameStart(a.span, b.span);
}

/** Whether two spans begin at the same character. */
export function sameStart(a: Span, b: Span): boolean {
  return a.line === b.line && a.column === b.column && a.file === b.file;
}

/** The arguments `start` and `end` of a call, if it has both. */
export function rangeOf(vm: Vm, place: Place): { readonly start: number; readonly end: number } | null {
  const [start, end] = ['start', 'end'].map(name => {
    const param = place.fn.params.find(each => each.name === name);
    if (param === undefined || param.type.kind !== 'addr') return null;
    const index = place.frame + FRAME_HEADER + param.slot;
    return fromWords(vm.words.get(index), vm.words.get(index + 1));
  });
  return start == null || end == null ? null : { start, end };
}
