/** What each builtin of the language does: one function per name, made for its arguments. */
import type { BuiltinName } from '../../language/builtins';
import type { Expr } from '../../language/program';
import type { Eval } from '../expressions';
import type { Vm } from '../vm';
import { dataBuiltins } from './data';
import { hardwareBuiltins } from './hardware';
import { lockBuiltins } from './locks';
import { memoryBuiltins } from './memory';

/** Makes the closure of one use of a builtin. */
export type BuiltinMaker = (vm: Vm, args: readonly Expr[]) => Eval;

const makers: Readonly<Record<BuiltinName, BuiltinMaker>> = {
  ...lockBuiltins,
  ...dataBuiltins,
  ...memoryBuiltins,
  ...hardwareBuiltins,
};

/** The closure of one use of a builtin. */
export function builtinFor(vm: Vm, name: BuiltinName, args: readonly Expr[]): Eval {
  return makers[name](vm, args);
}
