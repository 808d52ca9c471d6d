/** One function while it is compiled: its locals, its code so far, and what may stand where. */
import type { Span } from '../base/span';
import type { CallSite } from './module';
import type { Expr, FunctionRole, Instruction, Local, Place, Type } from './program';
import { typeWords } from './program';
import type { Meaning } from './scope';
import type { Unit } from './unit';

/** A place in the code that is known once an instruction is emitted there. */
export interface Label {
  at: number | null;
}

/** Makes an instruction when all labels are known. */
type Build = (at: (label: Label) => number, joined: boolean) => Instruction;

interface Draft {
  readonly span: Span;
  readonly build: Build;
  /** What this instruction may do besides going on, for the rules of atomic blocks. */
  readonly mayWait: boolean;
  isJoined: boolean;
}

/** A loop around the present statement: where `continue` goes, and who came to `break`. */
export interface Loop {
  readonly head: Label;
  readonly exits: Label[];
}

/** A function being compiled. Instructions are emitted forwards; `pending` labels wait for the next one. */
export class Body {
  readonly unit: Unit;
  readonly role: FunctionRole;
  readonly result: Type | null;
  readonly params: Local[] = [];
  readonly functionParams: string[] = [];
  readonly locals: Local[] = [];
  readonly calls: CallSite[] = [];
  readonly loops: Loop[] = [];
  /** Expressions in `atomic(...)`: the rule of one access does not count them. */
  readonly lifted = new Set<Expr>();
  isSymbolic = false;
  allocates = false;
  /** Inside `atomic { ... }`. */
  isAtomic = false;
  /** Loops that were open when the atomic block began: a jump out of it would leave the step half done. */
  atomicLoops = 0;
  /** Whether ghost variables may be read: in claims, and to compute a ghost. */
  readsGhosts = false;
  /** Nesting of the expression being compiled. */
  depth = 0;
  frameWords = 0;
  private readonly drafts: Draft[] = [];
  private pending: Label[] = [];
  private readonly scopes: Map<string, Meaning>[] = [new Map()];
  private hiddenCount = 0;

  constructor(unit: Unit, role: FunctionRole, result: Type | null) {
    this.unit = unit;
    this.role = role;
    this.result = result;
  }

  /** Meaning of a name, locals first. */
  lookup(name: string): Meaning | undefined {
    for (let index = this.scopes.length - 1; index >= 0; index--) {
      const meaning = this.scopes[index]?.get(name);
      if (meaning) return meaning;
    }
    return this.unit.scope.value(name);
  }

  /** Names of locals that can be seen here. */
  localNames(): string[] {
    return this.scopes.flatMap(scope => [...scope.keys()]);
  }

  /** The meaning of a name declared in the innermost block. */
  declaredHere(name: string): Meaning | undefined {
    return this.scopes.at(-1)?.get(name);
  }

  /** Runs `work` in a block of its own. */
  inBlock(work: () => void): void {
    this.scopes.push(new Map());
    work();
    this.scopes.pop();
  }

  /** Adds a parameter. */
  addParameter(name: string, type: Type, span: Span): void {
    if (type.kind === 'function') {
      this.functionParams.push(name);
      this.declare(name, { kind: 'parameter', span, name, type });
      return;
    }
    const local = this.reserve(name, type, span);
    this.params.push(local);
    this.declare(name, { kind: 'local', span, local });
  }

  /** Adds a local variable to the innermost block. */
  addLocal(name: string, type: Type, span: Span): Place {
    const local = this.reserve(name, type, span);
    this.locals.push(local);
    this.declare(name, { kind: 'local', span, local });
    return { op: 'local', slot: local.slot, type };
  }

  /** Adds a local variable the user does not see by its own name. */
  addHidden(type: Type, span: Span): Place & { op: 'local' } {
    this.hiddenCount += 1;
    const local = this.reserve(`$${this.hiddenCount}`, type, span);
    this.locals.push(local);
    return { op: 'local', slot: local.slot, type };
  }

  /** Makes a name known in the innermost block. */
  declare(name: string, meaning: Meaning): void {
    this.scopes.at(-1)?.set(name, meaning);
  }

  /** Makes a name known whose declaration is wrong: its uses are not reported. */
  declareWrong(name: string): void {
    const span = this.locals.at(-1)?.span;
    if (span) this.declare(name, { kind: 'wrong', span });
  }

  private reserve(name: string, type: Type, span: Span): Local {
    const local = { name, type, slot: this.frameWords, span };
    this.frameWords += typeWords(type);
    return local;
  }

  /* Code. */

  /** Whether control can come to the next instruction. */
  get isReachable(): boolean {
    return this.pending.length > 0 || this.drafts.length === 0;
  }

  /** Index of the next instruction. */
  get position(): number {
    return this.drafts.length;
  }

  /** Emits an instruction that goes on in ways of its own. The labels in `flow` are open after it. */
  emit(span: Span, flow: Label[], build: Build, mayWait = false): void {
    for (const label of this.pending) label.at = this.drafts.length;
    this.pending = flow;
    this.drafts.push({ span, build, mayWait, isJoined: this.isAtomic });
  }

  /** Emits an instruction that goes on with the next one. */
  emitNext(span: Span, build: (next: number, joined: boolean) => Instruction, mayWait = false): void {
    const next: Label = { at: null };
    this.emit(span, [next], (at, joined) => build(at(next), joined), mayWait);
  }

  /** Takes the open labels away: what follows is not reached from here. */
  takePending(): Label[] {
    const taken = this.pending;
    this.pending = [];
    return taken;
  }

  /** Lets labels flow into the next instruction. */
  flowInto(labels: readonly Label[]): void {
    this.pending = [...this.pending, ...labels];
  }

  /** A label for the next instruction. */
  here(): Label {
    const label: Label = { at: null };
    this.pending = [...this.pending, label];
    return label;
  }

  /** Sends labels back to an instruction that exists already. */
  flowBack(labels: readonly Label[], head: Label): void {
    for (const label of labels) label.at = head.at;
  }

  /** Ends an atomic block that began at `start`; the last step of it is not joined to what follows. */
  endAtomic(start: number, span: Span): void {
    const last = this.drafts.at(-1);
    const isStraight = this.pending.length === 1 && this.drafts.length > start && !this.branchesFrom(start);
    if (isStraight && last) last.isJoined = false;
    else if (this.pending.length > 0) {
      // A block with several ends gets one: a last instruction of the same step.
      this.emitStepEnd(span);
    }
  }

  /** Joins the last instruction to whatever follows it. */
  joinStep(): void {
    const last = this.drafts.at(-1);
    if (last) last.isJoined = true;
  }

  /** Ends a step that an instruction before it has joined. Takes none of its own. */
  emitStepEnd(span: Span): void {
    this.emitNext(span, next => ({ op: 'skip', span, joined: false, next }));
    this.endStep();
  }

  /** Marks the last instruction as the end of its step. */
  endStep(): void {
    const last = this.drafts.at(-1);
    if (last) last.isJoined = false;
  }

  private branchCounts: number[] = [];

  /** Notes that the instruction emitted last has more than one way to go on. */
  noteBranch(): void {
    this.branchCounts.push(this.drafts.length - 1);
  }

  private branchesFrom(start: number): boolean {
    return this.branchCounts.some(index => index >= start);
  }

  /**
   * Instructions from `start` on that may wait, other than the one at `start`: a mistake in an atomic
   * block.
   */
  waitsAfter(start: number): Span[] {
    return this.drafts
      .slice(start + 1)
      .filter(draft => draft.mayWait)
      .map(({ span }) => span);
  }

  /** The finished code. */
  finish(): Instruction[] {
    const last = this.drafts.length - 1;
    const at = (label: Label) => label.at ?? last;
    return this.drafts.map(({ build, isJoined }) => build(at, isJoined));
  }
}
