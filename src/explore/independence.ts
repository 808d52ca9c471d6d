/**
 * Which steps commute with everything that all other threads can ever still do, judged state by state: from
 * where each thread is, over all ways its code can go on. A search need not try such a step before and after
 * the others' steps: one order shows what all of them show.
 */
import { FRAME_HEADER, THREAD } from '../vm/layout';
import type { Vm } from '../vm/vm';
import { type Analysed, Analysis, add, type Masks, nowhere } from './futures';
import { returnsToLocal } from './movers';

/** See the file's comment. */
export class Independence {
  private readonly functions: readonly Analysed[];
  private readonly idle: readonly Masks[];
  /** Words of half a mask. */
  private readonly half: number;
  /** What each thread may touch from now on; what any may; what two or more may. Made when asked for. */
  private readonly futures: readonly Masks[];
  private readonly once: Masks;
  private readonly twice: Masks;
  private isStale = true;

  constructor(
    private readonly vm: Vm,
    /** Frames of a stack at which an interrupt still fits. */
    private readonly depthMax: number,
  ) {
    const { program } = vm;
    const threads = vm.mode !== 'demand' ? vm.threads : vm.threads.slice(0, vm.cachesThread);
    const analysis = new Analysis(program);
    this.functions = Object.values(program.functions).map(fn => analysis.of(fn));
    this.idle = threads.map(thread => analysis.idle(thread));
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
    if (words.get(base + THREAD.depth) > this.depthMax) return false;
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
