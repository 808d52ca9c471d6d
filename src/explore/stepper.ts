/**
 * Steps of a search: a step of the vm, and the movers after it in the same go. What they leave out are
 * states in which a thread is about to do something that no other thread can tell from being done.
 */

import { FRAME_HEADER, STACK_FRAMES, THREAD } from '../vm/layout';
import type { StepResult, Violation } from '../vm/types';
import type { Vm } from '../vm/vm';
import { type DeadLocals, deadLocalsOf } from './dead-locals';
import { interruptFrames } from './futures';
import { Independence } from './independence';
import { MOVER, moversOf, type Reductions, returnsToLocal } from './movers';

/** Makes steps of a search on a vm. */
export class Stepper {
  /** What the step made last violates, and the limit it reached. */
  violations: readonly Violation[] = [];
  limit: string | null = null;
  /** Choices that the step tried last offers. */
  choices = 1;
  /** Steps of the vm it took. */
  length = 0;
  private readonly movers: readonly Uint8Array[];
  private readonly merges: boolean;
  /** Frames of a stack at which an interrupt still fits. */
  private readonly depthMax: number;
  private readonly dead: readonly DeadLocals[] | null;
  private readonly independence: Independence | null;

  constructor(
    readonly vm: Vm,
    reductions: Reductions,
  ) {
    this.movers = moversOf(vm.program, reductions);
    this.dead = reductions.deadLocals ? deadLocalsOf(vm.program) : null;
    this.depthMax = STACK_FRAMES - interruptFrames(vm.program);
    // A claim looks at everything after every step.
    const isWanted = reductions.independent === true && vm.program.scenario.claims.length === 0;
    this.independence = isWanted ? new Independence(vm, this.depthMax) : null;
    this.merges = isWanted || this.movers.some(code => code.some(each => each !== MOVER.none));
  }

  /** Says that the present state is one to go on from: steps that are tried begin here. */
  begin(): void {
    this.independence?.begin();
  }

  /** Whether it is enough to try the steps of this thread, if it can make any. */
  suffices(thread: number): boolean {
    return this.independence?.commutes(thread) === true;
  }

  /** Tries a step of a thread. When it could not be made, the caller takes back what was written. */
  step(thread: number, choice: number): StepResult['status'] {
    const { vm } = this;
    const status = vm.tryStep(thread, choice);
    this.choices = vm.choices;
    this.violations = vm.violations;
    this.limit = vm.limit;
    this.length = 1;
    if (status === 'stepped' && this.limit === null) {
      if (this.merges) this.follow(thread);
      if (this.dead !== null) this.clear(thread, this.dead);
    }
    return status;
  }

  /** Sets what is dead in the innermost frame of a thread to 0. */
  private clear(thread: number, dead: readonly DeadLocals[]): void {
    const { words } = this.vm;
    const base = this.vm.threadBase(thread);
    const top = words.get(base + THREAD.top);
    if (top === 0) return;
    const frame = base + THREAD.words + top - 1;
    const slots = dead[words.get(frame) - 1]?.[words.get(frame + 1)] ?? [];
    for (let at = 0; at < slots.length; at++) words.put(frame + FRAME_HEADER + (slots[at] ?? 0), 0);
  }

  /** Makes the movers that follow, up to a loop's way back. */
  private follow(thread: number): void {
    const { vm } = this;
    const { words } = vm;
    const base = vm.threadBase(thread);
    for (;;) {
      const top = words.get(base + THREAD.top);
      // Where an interrupt's frames may not fit, it makes a difference when it comes.
      if (top === 0 || words.get(base + THREAD.depth) > this.depthMax) return;
      const frame = base + THREAD.words + top - 1;
      const pc = words.get(frame + 1);
      const mover = this.movers[words.get(frame) - 1]?.[pc] ?? MOVER.none;
      const isMover = mover !== MOVER.none && (mover !== MOVER.return || this.returnsAlone(base, frame));
      if (this.independence?.goesBack(thread)) return;
      if (!isMover && !this.independence?.commutes(thread)) return;
      const mark = words.mark();
      const status = vm.tryStep(thread, 0);
      if (status !== 'stepped' || vm.choices > 1) {
        words.undo(mark);
        return;
      }
      this.length++;
      if (vm.violations.length > 0) this.violations = [...this.violations, ...vm.violations];
      if (vm.limit !== null) {
        this.limit = vm.limit;
        return;
      }
      if (mover === MOVER.within && words.get(frame + 1) <= pc) return;
    }
  }

  /** Whether the frame was called by code that takes the result in a local. */
  private returnsAlone(base: number, frame: number): boolean {
    const { vm } = this;
    const caller = vm.words.get(frame + 2);
    if (caller === 0) return false;
    const at = base + THREAD.words + caller - 1;
    const instruction = vm.functions[vm.words.get(at) - 1]?.fn.code[vm.words.get(at + 1)];
    return instruction !== undefined && returnsToLocal(instruction);
  }
}
