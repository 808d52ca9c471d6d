/** How a builtin becomes a closure: its arguments are compiled once, and evaluated each time it runs. */
import type { Expr, Place } from '../../language/program';
import { LEVEL_MAX } from '../../machine/frames';
import { compileExpr, type Eval } from '../expressions';
import type { Vm } from '../vm';

/** Makes the closure of one use of a builtin. */
export type BuiltinMaker = (vm: Vm, args: readonly Expr[]) => Eval;

/** What a builtin does with the values of its arguments. */
export type Action = (vm: Vm, ...args: number[]) => number;

/** A builtin over the values of its arguments. */
export function values(action: Action): BuiltinMaker {
  return (vm, args) => {
    const evaluate = args.map(arg => compileExpr(vm, arg));
    return () => action(vm, ...evaluate.map(each => each()));
  };
}

/** A statement with no result. */
export function does(action: (vm: Vm, ...args: number[]) => void): BuiltinMaker {
  return values((vm, ...args) => {
    action(vm, ...args);
    return 0;
  });
}

/** Whether there are page tables of this level; a finding if not. */
export function isLevel(vm: Vm, name: string, level: number): boolean {
  if (1 <= level && level <= LEVEL_MAX) return true;
  vm.violate('assertion', `${name}: ${level} is no level of a page table`);
  return false;
}

/** The argument of this number. The language has counted them, so it is there. */
export function argument(args: readonly Expr[], index: number): Expr {
  const found = args[index];
  if (found === undefined) throw new Error(`a builtin lacks its argument ${index + 1}`);
  return found;
}

/** An argument that is a variable, for builtins that do more with it than read it. */
export function placeOf(expr: Expr): Place {
  if (expr.op === 'local' || expr.op === 'global' || expr.op === 'field' || expr.op === 'element')
    return expr;
  throw new Error(`expected a variable, found ${expr.op}`);
}
