/** What each builtin of the language does: one function per name, made for its arguments. */
import type { BuiltinName } from '../../language/builtins';
import type { Expr } from '../../language/program';
import type { Eval } from '../expressions';
import type { Vm } from '../vm';
import { dataBuiltins } from './data';
import { hardwareBuiltins } from './hardware';
import { lockBuiltins } from './locks';
import type { BuiltinMaker } from './maker';
import { memoryBuiltins } from './memory';

let makers: Readonly<Record<BuiltinName, BuiltinMaker>> | undefined;

/**
 * Joined on first use: these files import each other, so one of them may not be there yet when this one is
 * read.
 */
function allMakers(): Readonly<Record<BuiltinName, BuiltinMaker>> {
  makers ??= { ...lockBuiltins, ...dataBuiltins, ...memoryBuiltins, ...hardwareBuiltins };
  return makers;
}

/** The closure of one use of a builtin. */
export function builtinFor(vm: Vm, name: BuiltinName, args: readonly Expr[]): Eval {
  return allMakers()[name](vm, args);
}
