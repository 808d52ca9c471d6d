/**
 * Turns expressions into closures. Values are numbers; addresses are exact integers, references 1 + index.
 */
import { addressBelow, fromWords, highWord, lowWord } from '../base/address';
import { arithmetic } from '../base/arithmetic';
import { unreachable } from '../base/assert';
import { type Expr, type Field, type Guard, type Place, type Type, typeWords } from '../language/program';
import { builtinFor } from './builtins/table';
import { holds } from './locks';
import type { Vm } from './vm';

/** Evaluates an expression in the current frame. */
export type Eval = () => number;

/** A variable, ready to be read, written, or locked. */
export interface Access {
  readonly type: Type;
  /** Word index, or -1 after a null reference was followed (a finding was reported). */
  readonly address: () => number;
  readonly read: Eval;
  readonly write: (value: number) => void;
  /** Judges whether its lock is held, for who looks at the words itself. After `address`. */
  readonly judge: (write: boolean) => void;
  /** Source-like name, for messages. */
  readonly name: string;
  /** Whether it counts references. */
  readonly isRefcount: boolean;
}

/** The closure of an expression. */
export function compileExpr(vm: Vm, expr: Expr): Eval {
  switch (expr.op) {
    case 'const': {
      const { value } = expr;
      return () => value;
    }
    case 'local':
    case 'global':
    case 'field':
    case 'element':
      return compilePlace(vm, expr).read;
    case 'not': {
      const value = compileExpr(vm, expr.value);
      return () => (value() === 0 ? 1 : 0);
    }
    case 'negate': {
      const value = compileExpr(vm, expr.value);
      return () => -value();
    }
    case 'binary':
      return compileBinary(vm, expr);
    case 'and': {
      const [left, right] = [compileExpr(vm, expr.left), compileExpr(vm, expr.right)];
      return () => (left() !== 0 && right() !== 0 ? 1 : 0);
    }
    case 'or': {
      const [left, right] = [compileExpr(vm, expr.left), compileExpr(vm, expr.right)];
      return () => (left() !== 0 || right() !== 0 ? 1 : 0);
    }
    case 'if': {
      const condition = compileExpr(vm, expr.condition);
      const [then, otherwise] = [compileExpr(vm, expr.then), compileExpr(vm, expr.otherwise)];
      return () => (condition() !== 0 ? then() : otherwise());
    }
    case 'builtin':
      return builtinFor(vm, expr.name, expr.args);
    case 'implements': {
      const ops = compileExpr(vm, expr.ops);
      return () => (vm.program.notifiers[ops() - 1]?.callbacks[expr.callback] === undefined ? 0 : 1);
    }
    case 'new':
      return () => allocate(vm, expr.struct);
    case 'function': {
      const index = 1 + (vm.functionIndex.get(expr.name) ?? -1);
      return () => index;
    }
    default:
      return unreachable(expr);
  }
}

function compileBinary(vm: Vm, expr: Expr & { readonly op: 'binary' }): Eval {
  const [left, right] = [compileExpr(vm, expr.left), compileExpr(vm, expr.right)];
  const below = expr.address ? addressBelow : (a: number, b: number) => a < b;
  switch (expr.fn) {
    case '==':
      return () => (left() === right() ? 1 : 0);
    case '!=':
      return () => (left() !== right() ? 1 : 0);
    case '<':
      return () => (below(left(), right()) ? 1 : 0);
    case '<=':
      return () => (below(right(), left()) ? 0 : 1);
    case '>':
      return () => (below(right(), left()) ? 1 : 0);
    case '>=':
      return () => (below(left(), right()) ? 0 : 1);
    case '/':
    case '%': {
      const divide = arithmetic[expr.fn];
      return () => {
        const [dividend, divisor] = [left(), right()];
        if (divisor !== 0) return exact(vm, divide(dividend, divisor));
        vm.violate('assertion', 'division by zero');
        return 0;
      };
    }
    default: {
      const apply = arithmetic[expr.fn];
      return () => exact(vm, apply(left(), right()));
    }
  }
}

/** Numbers are exact up to 53 bits. A result beyond is a finding, and counts as 0. */
function exact(vm: Vm, value: number): number {
  if (Number.isSafeInteger(value)) return value;
  vm.violate('assertion', 'a result is no whole number of at most 53 bits');
  return 0;
}

/** The closures of a variable. */
export function compilePlace(vm: Vm, place: Place): Access {
  const { type } = place;
  const name = placeName(place);
  const { address, guard } = compileAddress(vm, place);
  const isRefcount = place.op === 'field' && fieldOf(vm, place)?.refcount === true;
  const read = (): number => {
    const index = address();
    if (index < 0) return 0;
    guard?.(false);
    return readAt(vm, type, index);
  };
  const write = (value: number): void => {
    const index = address();
    if (index < 0) return;
    guard?.(true);
    checkRange(vm, type, value, name, isRefcount);
    vm.words.put(index, lowWord(value));
    if (type.kind === 'addr') vm.words.put(index + 1, highWord(value));
  };
  const judge = (writes: boolean): void => guard?.(writes);
  return { type, address, read, write, judge, name, isRefcount };
}

/** The value of a type at a word index. */
export function readAt(vm: Vm, type: Type, index: number): number {
  const low = vm.words.get(index);
  return type.kind === 'addr' ? fromWords(low, vm.words.get(index + 1)) : low;
}

/** Reports a value that leaves the range its variable declares. */
function checkRange(vm: Vm, type: Type, value: number, name: string, isRefcount: boolean): void {
  if (type.kind !== 'int' || (type.min <= value && value <= type.max)) return;
  if (isRefcount && value < 0) {
    vm.violate('refcount', `${name} is dropped below zero`);
    return;
  }
  vm.violate('assertion', `${name} = ${value} leaves its range ${type.min}..${type.max}`);
}

interface Located {
  readonly address: () => number;
  readonly guard: ((write: boolean) => void) | undefined;
}

function compileAddress(vm: Vm, place: Place): Located {
  switch (place.op) {
    case 'local': {
      const { slot } = place;
      return { address: () => vm.locals + slot, guard: undefined };
    }
    case 'global': {
      const index = vm.globalAt(place.name);
      const global = vm.program.globals.find(each => each.name === place.name);
      return { address: () => index, guard: guardOf(vm, global?.guard ?? null, place.name, () => 0) };
    }
    case 'field':
      return compileField(vm, place);
    case 'element': {
      const array = compileAddress(vm, place.array);
      const index = compileExpr(vm, place.index);
      const length = place.array.type.kind === 'array' ? place.array.type.length : 0;
      const width = typeWords(place.type);
      const perCpu = place.array;
      return {
        address: () => elementAddress(vm, array.address(), index(), length, width, perCpu),
        guard: array.guard,
      };
    }
    default:
      return unreachable(place);
  }
}

function elementAddress(
  vm: Vm,
  base: number,
  index: number,
  length: number,
  width: number,
  of: Place,
): number {
  if (base >= 0 && 0 <= index && index < length) return base + index * width;
  if (base >= 0) vm.violate('assertion', `index ${index} of ${placeName(of)} is not below ${length}`);
  return -1;
}

function fieldOf(vm: Vm, place: Place & { readonly op: 'field' }): Field | undefined {
  const fields = vm.program.structs[place.struct]?.fields;
  return fields?.find(({ name }) => name === place.field);
}

function compileField(vm: Vm, place: Place & { readonly op: 'field' }): Located {
  const object = compileExpr(vm, place.object);
  const where = vm.layout.structs.get(place.struct);
  const field = where?.struct.fields.find(each => each.name === place.field);
  if (where === undefined || field === undefined) throw new Error(`no field ${place.struct}.${place.field}`);
  const { base, inUse, count } = where;
  const { words } = where.struct;
  const { offset } = field;
  const objectBase = (value: number): number => {
    if (value < 1 || value > count) {
      const what = value === 0 ? 'NULL' : `a bad reference (${value})`;
      vm.violate('assertion', `${placeName(place)}: ${what} is followed`);
      return -1;
    }
    if (inUse !== null && vm.words.get(inUse + value - 1) === 0) {
      vm.violate('assertion', `${placeName(place)}: use of a freed ${place.struct}`);
      return -1;
    }
    return base + (value - 1) * words;
  };
  let last = 0;
  const address = (): number => {
    last = object();
    const start = objectBase(last);
    return start < 0 ? -1 : start + offset;
  };
  const start = (): number => base + (last - 1) * words;
  return { address, guard: guardOf(vm, field.guard, placeName(place), start, where.struct.fields) };
}

function guardOf(
  vm: Vm,
  guard: Guard | null,
  name: string,
  object: () => number,
  fields: readonly { readonly name: string; readonly offset: number; readonly type: Type }[] = [],
): ((write: boolean) => void) | undefined {
  if (guard === null) return undefined;
  // A lock in a struct is the lock of this object: its name alone says nothing.
  const lock = 'field' in guard ? `${name.replace(/[^.]*$/, '')}${guard.field}` : guard.global;
  const field = 'field' in guard ? fields.find(each => each.name === guard.field) : undefined;
  const global = 'global' in guard ? vm.program.globals.find(each => each.name === guard.global) : undefined;
  const type = field?.type ?? global?.type;
  const index = global === undefined ? undefined : vm.layout.globals.get(global.name);
  if (type === undefined) throw new Error(`no lock ${lock}`);
  return write => {
    const at = index ?? object() + (field?.offset ?? 0);
    if (!vm.monitors.live || holds(vm, type, at, vm.thread, write)) return;
    vm.violate('data-race', `${name} is ${write ? 'written' : 'read'} without ${lock}`);
  };
}

/** Takes the lowest free object of a pool, cleared; 0 and a limit when none is left. */
function allocate(vm: Vm, struct: string): number {
  const where = vm.layout.structs.get(struct);
  if (where === undefined || where.inUse === null) throw new Error(`no pool ${struct}`);
  for (let index = 0; index < where.count; index++) {
    if (vm.words.get(where.inUse + index) !== 0) continue;
    vm.words.put(where.inUse + index, 1);
    return index + 1;
  }
  vm.limit = `all ${where.count} objects of struct ${struct} are in use: raise its pool`;
  return 0;
}

/** A place as its source would say it. */
function placeName(place: Place): string {
  switch (place.op) {
    case 'local':
      return 'a local';
    case 'global':
      return place.name;
    case 'field':
      return place.object.op === 'field'
        ? `${placeName(place.object)}.${place.field}`
        : `${place.struct}.${place.field}`;
    case 'element':
      return `${placeName(place.array)}[]`;
    default:
      return unreachable(place);
  }
}
