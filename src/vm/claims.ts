/**
 * The claims of a scenario: `never (g)` and `always (g)` are judged after every step, and reported by the
 * step that breaks them. `sometimes (g)` is for a search to look at: one path can only show that it holds.
 */
import { compileExpr, type Eval } from './expressions';
import type { Violation } from './types';
import type { Vm } from './vm';

interface Claim {
  readonly kind: 'never' | 'always' | 'sometimes';
  readonly text: string;
  readonly condition: Eval;
  readonly violation: Violation;
}

/** All claims of a program. */
export class Claims {
  private readonly invariants: readonly Claim[];
  private readonly witnesses: readonly Claim[];
  /** Which invariants were broken already before the step being made. Scratch. */
  private readonly before: Uint8Array;

  constructor(private readonly vm: Vm) {
    const claims = vm.program.scenario.claims.map((claim): Claim => {
      const { kind, text, span } = claim;
      const message = kind === 'never' ? `never (${text}): it holds` : `${kind} (${text}): it does not hold`;
      const violation: Violation = {
        property: 'assertion',
        message,
        thread: 0,
        address: null,
        frame: null,
        fn: null,
        span,
      };
      return { kind, text, condition: compileExpr(vm, claim.condition), violation };
    });
    this.invariants = claims.filter(({ kind }) => kind !== 'sometimes');
    this.witnesses = claims.filter(({ kind }) => kind === 'sometimes');
    this.before = new Uint8Array(this.invariants.length);
  }

  /** How many are judged after every step. */
  get count(): number {
    return this.invariants.length;
  }

  /** The conditions of `sometimes`, as the source has them. */
  get sometimes(): readonly Violation[] {
    return this.witnesses.map(({ violation, text }) => {
      return { ...violation, message: `sometimes (${text}): it never holds` };
    });
  }

  /** What is broken in the present state. */
  broken(): Violation[] {
    return this.looking(() => this.invariants.filter(isBroken).map(({ violation }) => violation));
  }

  /** Whether the condition of a `sometimes`, counted from 0, holds now. */
  isWitnessed(index: number): boolean {
    return this.looking(() => this.witnesses[index]?.condition() !== 0);
  }

  /** Remembers what is broken before a step. */
  note(): void {
    this.looking(() => {
      for (const [index, claim] of this.invariants.entries()) this.before[index] = isBroken(claim) ? 1 : 0;
    });
  }

  /** Reports what a step of this thread broke. */
  judge(thread: number): void {
    const broke = this.looking(() =>
      this.invariants.filter((claim, index) => this.before[index] === 0 && isBroken(claim)),
    );
    for (const { violation } of broke) this.vm.violations.push({ ...violation, thread });
  }

  /** Claims look at the whole state: that is no access, and a null they follow is no finding. */
  private looking<Result>(look: () => Result): Result {
    const { vm } = this;
    const { live } = vm.monitors;
    const found = vm.violations.length;
    vm.monitors.live = false;
    const result = look();
    vm.monitors.live = live;
    vm.violations.length = found;
    return result;
  }
}

function isBroken({ kind, condition }: Claim): boolean {
  return (condition() !== 0) === (kind === 'never');
}
