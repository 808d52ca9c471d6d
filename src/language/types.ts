/** Types while checking: those of the program, and what an expression may be besides. */
import type { ParamKind } from './builtins';
import type { Type } from './program';

/** The type of an expression. `error` was reported already and fits everything. */
export type StaticType =
  | Type
  | { readonly kind: 'number' }
  | { readonly kind: 'null' }
  | { readonly kind: 'void' }
  | { readonly kind: 'error' };

/** Any 32-bit word: results of arithmetic and of builtins. */
export const wordType: Type = { kind: 'int', min: -2147483648, max: 2147483647 };
/** `int` without a range. */
export const intType: Type = { kind: 'int', min: -32768, max: 32767 };
/** Addresses and sizes. */
export const addrType: Type = { kind: 'addr' };
/** Truth values. */
export const boolType: Type = { kind: 'bool' };
/** Values of page-table entries. */
export const pteType: Type = { kind: 'pte' };
/** Entries as places. */
export const entryType: Type = { kind: 'entry' };
/** The type of what went wrong. */
export const errorType: StaticType = { kind: 'error' };
/** Bare numbers. */
export const numberType: StaticType = { kind: 'number' };

/** Types with a name of their own. */
export const namedTypes: Readonly<Record<string, Type>> = {
  int: intType,
  bool: boolType,
  addr: addrType,
  page: { kind: 'page' },
  table: { kind: 'table' },
  entry: entryType,
  pte: pteType,
  cpu: { kind: 'cpu' },
  task: { kind: 'task' },
  device: { kind: 'device' },
  iommu: { kind: 'iommu' },
  ppr: { kind: 'ppr' },
  cpumask: { kind: 'cpumask' },
  ops: { kind: 'ops' },
  spinlock: { kind: 'spinlock' },
  rwsem: { kind: 'rwsem' },
  mutex: { kind: 'mutex' },
  srcu: { kind: 'srcu' },
};

const referenceKinds = new Set([
  'ref',
  'page',
  'table',
  'entry',
  'cpu',
  'task',
  'device',
  'iommu',
  'ppr',
  'ops',
]);
const lockKinds = new Set(['spinlock', 'rwsem', 'mutex', 'srcu']);

/** Whether `null` is a value of the type. */
export function isReference(type: StaticType): boolean {
  return referenceKinds.has(type.kind);
}

/** Whether the type is one of the locks. */
export function isLock(type: StaticType): boolean {
  return lockKinds.has(type.kind);
}

/** Whether a variable of the type can be read and assigned as a whole; locks, lists and arrays cannot. */
export function isValue(type: StaticType): boolean {
  return !isLock(type) && type.kind !== 'list' && type.kind !== 'array' && type.kind !== 'function';
}

/** Whether two types are the same; ranges of integers do not matter. */
export function sameType(a: StaticType, b: StaticType): boolean {
  if (a.kind === 'ref' && b.kind === 'ref') return a.struct === b.struct;
  if (a.kind === 'enum' && b.kind === 'enum') return a.name === b.name;
  if (a.kind === 'list' && b.kind === 'list') return sameType(a.of, b.of);
  if (a.kind === 'array' && b.kind === 'array') return sameType(a.of, b.of);
  if (a.kind === 'function' && b.kind === 'function') return sameSignature(a, b);
  return a.kind === b.kind;
}

interface Signature {
  readonly params: readonly Type[];
  readonly result: Type | null;
}

/** Whether two functions take and return the same. */
export function sameSignature(a: Signature, b: Signature): boolean {
  if (a.params.length !== b.params.length) return false;
  if (!a.params.every((type, index) => sameType(type, b.params[index] ?? errorType))) return false;
  return a.result === null || b.result === null ? a.result === b.result : sameType(a.result, b.result);
}

/** Whether a value of type `from` may be stored where `to` is wanted. */
export function isAssignable(from: StaticType, to: StaticType): boolean {
  if (from.kind === 'error' || to.kind === 'error') return true;
  if (!isValue(to)) return false;
  if (from.kind === 'number') return to.kind === 'int' || to.kind === 'addr';
  if (from.kind === 'null') return isReference(to);
  // Every table lies in a page.
  if (from.kind === 'table' && to.kind === 'page') return true;
  return sameType(from, to);
}

/** A type as the user writes it. */
export function formatType(type: StaticType): string {
  switch (type.kind) {
    case 'int':
      return sameRange(type, intType) || sameRange(type, wordType) ? 'int' : `int ${type.min}..${type.max}`;
    case 'enum':
      return plainName(type.name);
    case 'ref':
      return plainName(type.struct);
    case 'list':
      return `list of ${formatType(type.of)} [${type.capacity}]`;
    case 'array':
      return `${formatType(type.of)} [${type.length}]`;
    case 'function':
      return formatSignature(type);
    case 'void':
      return 'nothing';
    default:
      return type.kind;
  }
}

function formatSignature({ params, result }: Signature): string {
  const arrow = result ? ` -> ${formatType(result)}` : '';
  return `fn(${params.map(formatType).join(', ')})${arrow}`;
}

function sameRange(type: { min: number; max: number }, other: Type): boolean {
  return other.kind === 'int' && type.min === other.min && type.max === other.max;
}

/** A name without the driver it belongs to. Drivers' names may contain dots, plain names do not. */
export function plainName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

/** The type of a builtin's parameter or result, where it does not depend on the other arguments. */
export function kindType(kind: ParamKind): Type | null {
  if (kind === 'int') return wordType;
  return namedTypes[kind] ?? null;
}
