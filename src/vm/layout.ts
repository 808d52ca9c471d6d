/**
 * Where everything of a program lies in the fixed words of state. Computed once per program, never changes.
 */
import type { Layout } from '../base/layout';
import { type Program, type Struct, typeWords } from '../language/program';
import type { Thread } from '../language/threads';
import { devicesOf } from '../machine/config';

/** Frames a thread's stack holds. */
export const STACK_FRAMES = 32;

/**
 * Words before a frame's locals: 1 + function index, index of the next instruction, 1 + offset of the
 * caller's frame.
 */
export const FRAME_HEADER = 3;

/**
 * Words at the start of a thread's region.
 *
 *     top          1 + offset of the innermost frame in the stack, 0 when there is none
 *     depth        number of frames
 *     irqOff       how many times interrupts were turned off
 *     atomic       spinlocks held and preempt_disable calls
 *     graceSrcu    1 + word index of the srcu it waits for in synchronize_srcu
 *     grace        bit mask of threads whose read sections it waits for
 *     operation    1 + offset of the frame that is the operation being watched (syscall, fault, daemon pass,
 *     work item)
 *     revokes      1 if that operation revokes a range; then four words: from, to
 *     illegal      1 if the access being made was not allowed when it was issued
 *     started      1 once a thread with a first function was given its frame
 *     accessing    1 from an access being issued until it completes
 *     interrupts   number of interrupt handlers on its stack
 *     passes       of a daemon that makes passes: how many it has still to begin
 */
export const THREAD = {
  top: 0,
  depth: 1,
  irqOff: 2,
  atomic: 3,
  graceSrcu: 4,
  grace: 5,
  operation: 6,
  revokes: 7,
  from: 8,
  to: 10,
  illegal: 12,
  started: 13,
  passes: 14,
  accessing: 15,
  interrupts: 16,
  words: 17,
} as const;

/** Word indices of a program's state. */
export interface StateLayout {
  readonly globals: ReadonlyMap<string, number>;
  readonly structs: ReadonlyMap<string, StructLayout>;
  /** Start of each thread's region. */
  readonly threads: readonly number[];
  /** Words of stack in a thread's region, after the header. */
  readonly stackWords: number;
  /** Per CPU, a bit mask of pending interrupt handlers. */
  readonly pendingInterrupts: number;
  /** One word: how many allocations may still fail. */
  readonly failures: number;
  /** Per work queue: item count, then (1 + function, argument) pairs. */
  readonly workqueues: readonly number[];
}

/** Where the objects of a struct are. */
export interface StructLayout {
  readonly struct: Struct;
  readonly base: number;
  readonly count: number;
  /** Per object a word that is 1 while it is in use; null for structs with one object per machine object. */
  readonly inUse: number | null;
}

/** Reserves the regions of a program after those the machine has reserved. */
export function layOut(program: Program, threads: readonly Thread[], layout: Layout): StateLayout {
  const { scenario } = program;
  const globals = new Map<string, number>();
  for (const global of program.globals) globals.set(global.name, layout.reserve(typeWords(global.type)));
  const structs = new Map<string, StructLayout>();
  for (const struct of Object.values(program.structs)) {
    const count = objectCount(struct, program, threads.length);
    const inUse = typeof struct.count === 'number' ? layout.reserve(count) : null;
    structs.set(struct.name, { struct, base: layout.reserve(count * struct.words), count, inUse });
  }
  const widest = Math.max(0, ...Object.values(program.functions).map(fn => fn.frameWords));
  const stackWords = STACK_FRAMES * (FRAME_HEADER + widest);
  return {
    globals,
    structs,
    stackWords,
    threads: threads.map(() => layout.reserve(THREAD.words + stackWords)),
    pendingInterrupts: layout.reserve(scenario.machine.cpus),
    failures: layout.reserve(1),
    workqueues: program.workqueues.map(queue => layout.reserve(1 + 2 * queue.capacity)),
  };
}

function objectCount(struct: Struct, program: Program, threadCount: number): number {
  const { machine } = program.scenario;
  switch (struct.count) {
    case 'cpu':
      return machine.cpus;
    case 'page':
      return machine.frames;
    case 'iommu':
      return machine.iommus.length;
    case 'device':
      return devicesOf(machine).length;
    case 'task':
      return threadCount;
    default:
      return struct.count;
  }
}
