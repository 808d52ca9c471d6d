/** Checks expressions and lowers them to the program's. */
import { PAGE_SIZE } from '../base/address';
import { unreachable } from '../base/assert';
import type { Body } from './body';
import { lowerCallInExpression } from './calls';
import type {
  Binary,
  Conditional,
  ConstantUse,
  Expression,
  Index,
  Member,
  NameUse,
  NumberLiteral,
  Unary,
} from './generated/ast';
import { nearestName } from './names';
import { spanOf, spanOfProperty } from './parse';
import { problems } from './problems';
import type { Expr, Field, Place, Struct, Type } from './program';
import type { Meaning, Scope } from './scope';
import {
  addrType,
  boolType,
  errorType,
  formatType,
  isAssignable,
  isReference,
  isValue,
  numberType,
  pteType,
  type StaticType,
  sameType,
  wordType,
} from './types';
import { recordUse } from './unit';

/** How deep operators may nest; a guard for the stack. */
const DEPTH_MAX = 200;

/** A lowered expression with its type. */
export interface Value {
  readonly expr: Expr;
  readonly type: StaticType;
}

const zero: Expr = { op: 'const', value: 0 };
const wrong: Value = { expr: zero, type: errorType };

/** A constant expression. */
export function constant(value: number): Expr {
  return { op: 'const', value };
}

/** Lowers an expression whose value is wanted. */
export function lowerExpression(body: Body, node: Expression): Value {
  if (body.depth >= DEPTH_MAX) {
    body.unit.problems.push(problems.expressionTooDeep(spanOf(node), DEPTH_MAX));
    return wrong;
  }
  body.depth += 1;
  const value = lowerByKind(body, node);
  body.depth -= 1;
  return value;
}

function lowerByKind(body: Body, node: Expression): Value {
  switch (node.$type) {
    case 'NumberLiteral':
      return lowerNumber(body, node);
    case 'BoolLiteral':
      return { expr: constant(node.value === 'true' ? 1 : 0), type: boolType };
    case 'NullLiteral':
      return { expr: zero, type: { kind: 'null' } };
    case 'NameUse':
    case 'Member':
    case 'Index':
      return lowerPlaceValue(body, node);
    case 'Unary':
      return lowerUnary(body, node);
    case 'Binary':
      return lowerBinary(body, node);
    case 'Conditional':
      return lowerConditional(body, node);
    case 'AtomicExpression': {
      const value = lowerExpression(body, node.expression);
      body.lifted.add(value.expr);
      return value;
    }
    case 'Call':
      return lowerCallInExpression(body, node);
    case 'New':
      body.unit.problems.push(problems.newInExpression(spanOf(node)));
      return wrong;
    default:
      return unreachable(node);
  }
}

/* Numbers. */

const units: Readonly<Record<string, number>> = {
  byte: 1,
  bytes: 1,
  page: PAGE_SIZE,
  pages: PAGE_SIZE,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** Value of a number as written, or null if it is none. 64-bit addresses of the kernel half become negative. */
export function numberOf(digits: string): number | null {
  if (!/^(0x[0-9a-fA-F][0-9a-fA-F_]*|[0-9][0-9_]*)$/.test(digits) || digits.length > 40) return null;
  const exact = BigInt(digits.replaceAll('_', ''));
  const value = Number(exact >= 2n ** 63n ? exact - 2n ** 64n : exact);
  return Number.isSafeInteger(value) ? value : null;
}

function lowerNumber(body: Body, node: NumberLiteral): Value {
  const value = numberOf(node.digits);
  if (value === null) {
    body.unit.problems.push(problems.malformedNumber(spanOf(node), node.digits));
    return wrong;
  }
  const unit = node.unit === undefined ? undefined : units[node.unit];
  if (unit === undefined) return { expr: constant(value), type: numberType };
  return { expr: constant(value * unit), type: addrType };
}

/** A number, or the name of a constant, where only such may stand: sizes, ranges, capacities. */
export function constantOf(body: Body, use: ConstantUse): number {
  const sign = use.negative ? -1 : 1;
  if (use.digits !== undefined) {
    const value = numberOf(use.digits);
    if (value === null) body.unit.problems.push(problems.malformedNumber(spanOf(use), use.digits));
    return sign * (value ?? 0);
  }
  const name = use.name ?? '';
  const meaning = body.lookup(name);
  if (meaning?.kind !== 'constant') {
    body.unit.problems.push(problems.notConstant(spanOf(use), name, nearConstant(body, name)));
    return 0;
  }
  recordUse(body.unit, spanOfProperty(use, 'name'), meaning.span, name, 'constant');
  return sign * meaning.value().value;
}

function nearConstant(body: Body, name: string): string | undefined {
  const constants = body.unit.scope.names('values').filter(other => body.lookup(other)?.kind === 'constant');
  return nearestName(name, constants);
}

/* Names, fields and elements. */

/** Constants that are built in; an address each. */
export const builtinConstants: Readonly<Record<string, number>> = {
  PAGE_SIZE,
  PMD_SIZE: PAGE_SIZE * 2 ** 9,
  PUD_SIZE: PAGE_SIZE * 2 ** 18,
  PGDIR_SIZE: PAGE_SIZE * 2 ** 27,
};

/** A place, or what else a name, member or element may be. */
export type Target =
  | { readonly kind: 'place'; readonly place: Place; readonly ghost: boolean }
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'wrong' };

function lowerPlaceValue(body: Body, node: NameUse | Member | Index): Value {
  const target = lowerTarget(body, node);
  if (target.kind === 'wrong') return wrong;
  if (target.kind === 'value') return target.value;
  const { place, ghost } = target;
  if (ghost && !body.readsGhosts) body.unit.problems.push(problems.ghostRead(spanOf(node)));
  if (!isValue(place.type)) {
    body.unit.problems.push(problems.notAValue(spanOf(node), formatType(place.type)));
    return wrong;
  }
  return { expr: place, type: place.type };
}

/** Lowers what may be a place: a variable, a field, an element. */
export function lowerTarget(body: Body, node: Expression): Target {
  if (node.$type === 'NameUse') return lowerName(body, node);
  if (node.$type === 'Member') return lowerMember(body, node);
  if (node.$type === 'Index') return lowerElement(body, node);
  return { kind: 'value', value: lowerExpression(body, node) };
}

function lowerName(body: Body, node: NameUse): Target {
  const meaning = body.lookup(node.name);
  if (meaning) return targetOf(body, node, meaning);
  const builtin = builtinConstants[node.name];
  if (builtin !== undefined) return { kind: 'value', value: { expr: constant(builtin), type: addrType } };
  if (node.name === 'current') {
    const expr: Expr = { op: 'builtin', name: 'current', args: [] };
    return { kind: 'value', value: { expr, type: { kind: 'task' } } };
  }
  reportUnknown(body, node);
  return { kind: 'wrong' };
}

function reportUnknown(body: Body, node: NameUse): void {
  const known = [...body.localNames(), ...body.unit.scope.names('values'), ...Object.keys(builtinConstants)];
  body.unit.problems.push(problems.unknownName(spanOf(node), node.name, nearestName(node.name, known)));
}

function targetOf(body: Body, node: NameUse, meaning: Meaning): Target {
  recordUse(body.unit, spanOf(node), meaning.span, node.name, meaning.kind);
  switch (meaning.kind) {
    case 'constant': {
      const { value, type } = meaning.value();
      return { kind: 'value', value: { expr: constant(value), type } };
    }
    case 'local': {
      const { slot, type } = meaning.local;
      return { kind: 'place', place: { op: 'local', slot, type }, ghost: false };
    }
    case 'global': {
      const { name, type, ghost } = meaning.global;
      return { kind: 'place', place: { op: 'global', name, type }, ghost };
    }
    case 'notifier': {
      body.isSymbolic = true;
      const symbol = { kind: 'ops', key: meaning.key } as const;
      const expr = { op: 'const', value: 0, symbol } as const;
      return { kind: 'value', value: { expr, type: { kind: 'ops' } } };
    }
    case 'wrong':
      return { kind: 'wrong' };
    case 'function':
    case 'parameter':
      body.unit.problems.push(problems.functionAsValue(spanOf(node), node.name));
      return { kind: 'wrong' };
    default:
      return unreachable(meaning);
  }
}

function lowerMember(body: Body, node: Member): Target {
  const driver = driverOf(body, node.target);
  if (driver) return lowerDriverMember(body, node, driver);
  const object = lowerExpression(body, node.target);
  if (object.type.kind === 'error') return { kind: 'wrong' };
  if (object.type.kind === 'ops') return lowerImplements(body, node, object.expr);
  const structs = structsOf(body.unit.scope, object.type);
  for (const struct of structs) {
    const field = struct.fields.find(({ name }) => name === node.name);
    if (!field) continue;
    recordUse(body.unit, spanOfProperty(node, 'name'), field.span, node.name, 'field');
    return { kind: 'place', place: fieldPlace(struct, field, object.expr), ghost: field.ghost };
  }
  const span = spanOfProperty(node, 'name');
  if (structs.length === 0 && object.type.kind !== 'task') {
    body.unit.problems.push(problems.noFields(span, formatType(object.type), node.name));
  } else {
    const known = structs.flatMap(({ fields }) => fields.map(({ name }) => name));
    const near = nearestName(node.name, known);
    body.unit.problems.push(problems.unknownField(span, node.name, formatType(object.type), near));
  }
  return { kind: 'wrong' };
}

function fieldPlace(struct: Struct, field: Field, object: Expr): Place {
  return { op: 'field', struct: struct.name, field: field.name, object, type: field.type };
}

/** The structs whose fields a value of this type has. */
function structsOf(scope: Scope, type: StaticType): Struct[] {
  switch (type.kind) {
    case 'ref': {
      const struct = scope.struct(type.struct);
      return struct ? [struct] : [];
    }
    // A table lies in a page and has its fields.
    case 'page':
    case 'table':
      return scope.structsPer('page');
    case 'cpu':
    case 'device':
    case 'iommu':
    case 'task':
      return scope.structsPer(type.kind);
    default:
      return [];
  }
}

/** The driver that a name stands for, where no variable hides it. */
export function driverOf(body: Body, node: Expression): Scope | undefined {
  if (node.$type !== 'NameUse' || body.lookup(node.name)) return undefined;
  return body.unit.scope.driver(node.name);
}

function lowerDriverMember(body: Body, node: Member, driver: Scope): Target {
  const meaning = driver.value(node.name);
  const span = spanOfProperty(node, 'name');
  if (meaning?.kind === 'global') {
    recordUse(body.unit, span, meaning.span, node.name, 'global');
    const { name, type, ghost } = meaning.global;
    return { kind: 'place', place: { op: 'global', name, type }, ghost };
  }
  if (meaning?.kind === 'constant') {
    recordUse(body.unit, span, meaning.span, node.name, 'constant');
    const { value, type } = meaning.value();
    return { kind: 'value', value: { expr: constant(value), type } };
  }
  if (meaning) body.unit.problems.push(problems.functionAsValue(span, node.name));
  else {
    body.unit.problems.push(
      problems.unknownName(span, node.name, nearestName(node.name, driver.names('values'))),
    );
  }
  return { kind: 'wrong' };
}

function lowerImplements(body: Body, node: Member, ops: Expr): Target {
  const callback = body.unit.scope.callback(node.name);
  const span = spanOfProperty(node, 'name');
  if (!callback) {
    const near = nearestName(node.name, body.unit.scope.names('callbacks'));
    body.unit.problems.push(problems.unknownCallback(span, node.name, near));
    return { kind: 'wrong' };
  }
  recordUse(body.unit, span, callback.span, node.name, 'callback');
  const expr: Expr = { op: 'implements', ops, callback: node.name };
  return { kind: 'value', value: { expr, type: boolType } };
}

function lowerElement(body: Body, node: Index): Target {
  const array = lowerTarget(body, node.target);
  const index = coerce(body, lowerExpression(body, node.index), wordType, node.index);
  if (array.kind === 'wrong') return array;
  if (array.kind === 'value' || array.place.type.kind !== 'array') {
    const type = array.kind === 'value' ? array.value.type : array.place.type;
    if (type.kind !== 'error') body.unit.problems.push(problems.notAnArray(spanOf(node), formatType(type)));
    return { kind: 'wrong' };
  }
  const { of, length } = array.place.type;
  if (index.op === 'const' && (index.value < 0 || length <= index.value)) {
    body.unit.problems.push(problems.indexOutOfRange(spanOf(node.index), index.value, length));
  }
  const place: Place = { op: 'element', array: array.place, index, type: of };
  return { kind: 'place', place, ghost: array.ghost };
}

/* Operators. */

/** Checks that a value fits a type, and adapts it. */
export function coerce(body: Body, value: Value, type: Type, node: Expression): Expr {
  if (!isAssignable(value.type, type)) {
    body.unit.problems.push(problems.wrongType(spanOf(node), formatType(type), formatType(value.type)));
    return value.expr;
  }
  if (type.kind === 'int' && value.expr.op === 'const' && value.type.kind === 'number') {
    const { value: number } = value.expr;
    if (number < type.min || type.max < number) {
      body.unit.problems.push(problems.outOfRange(spanOf(node), number, type.min, type.max));
    }
  }
  return value.expr;
}

/** A condition: a bool; or an integer or reference, which is true when it is not 0 or null. */
export function lowerCondition(body: Body, node: Expression): Expr {
  return truthOf(body, lowerExpression(body, node), node);
}

/** The truth of a value. */
export function truthOf(body: Body, value: Value, node: Expression): Expr {
  if (value.type.kind === 'bool' || value.type.kind === 'error') return value.expr;
  if (value.type.kind === 'int' || value.type.kind === 'number' || isReference(value.type)) {
    return { op: 'binary', fn: '!=', address: false, left: value.expr, right: zero };
  }
  body.unit.problems.push(problems.wrongType(spanOf(node), 'bool', formatType(value.type)));
  return value.expr;
}

function lowerUnary(body: Body, node: Unary): Value {
  if (node.operator === '!') {
    return { expr: { op: 'not', value: lowerCondition(body, node.operand) }, type: boolType };
  }
  const operand = lowerExpression(body, node.operand);
  if (operand.type.kind === 'error') return wrong;
  if (node.operator === '*') {
    const entry = coerce(body, operand, { kind: 'entry' }, node.operand);
    return { expr: { op: 'builtin', name: 'read_entry', args: [entry] }, type: pteType };
  }
  const { kind } = operand.type;
  if (kind !== 'int' && kind !== 'number' && kind !== 'addr') {
    body.unit.problems.push(problems.wrongType(spanOf(node.operand), 'int', formatType(operand.type)));
    return wrong;
  }
  const type = kind === 'int' ? wordType : operand.type;
  if (operand.expr.op === 'const') {
    const { value } = operand.expr;
    return { expr: constant(node.operator === '-' ? -value : -value - 1), type };
  }
  const negated: Expr = { op: 'negate', value: operand.expr };
  if (node.operator === '-') return { expr: negated, type };
  return { expr: { op: 'binary', fn: '-', address: false, left: negated, right: constant(1) }, type };
}

function lowerConditional(body: Body, node: Conditional): Value {
  const condition = lowerCondition(body, node.condition);
  const then = lowerExpression(body, node.then);
  const otherwise = lowerExpression(body, node.otherwise);
  const type = commonType(then.type, otherwise.type);
  if (!type) {
    const [one, other] = [formatType(then.type), formatType(otherwise.type)];
    body.unit.problems.push(problems.differentTypes(spanOf(node), one, other));
    return wrong;
  }
  // biome-ignore lint/suspicious/noThenProperty: expressions are never awaited.
  return { expr: { op: 'if', condition, then: then.expr, otherwise: otherwise.expr }, type };
}

/** The type two values have in common, if they may be compared or be the two ends of a choice. */
export function commonType(a: StaticType, b: StaticType): StaticType | null {
  if (a.kind === 'error' || b.kind === 'error') return errorType;
  if (a.kind === 'int' && b.kind === 'int') return sameType(a, b) ? wordType : null;
  if (a.kind === 'number' && b.kind === 'number') return a;
  if (a.kind === 'null' && b.kind === 'null') return a;
  if (a.kind !== 'number' && a.kind !== 'null' && isAssignable(b, a)) return a;
  if (b.kind !== 'number' && b.kind !== 'null' && isAssignable(a, b)) return b;
  return null;
}

function lowerBinary(body: Body, node: Binary): Value {
  const { operator } = node;
  if (operator === '&&' || operator === '||') {
    const left = lowerCondition(body, node.left);
    const right = lowerCondition(body, node.right);
    return { expr: { op: operator === '&&' ? 'and' : 'or', left, right }, type: boolType };
  }
  const left = lowerExpression(body, node.left);
  const right = lowerExpression(body, node.right);
  if (left.type.kind === 'error' || right.type.kind === 'error') return wrong;
  const type = binaryType(operator, left.type, right.type);
  if (!type) {
    const operands = [formatType(left.type), formatType(right.type)] as const;
    body.unit.problems.push(problems.wrongOperands(spanOf(node), operator, ...operands));
    return wrong;
  }
  if (left.expr.op === 'const' && right.expr.op === 'const' && type.kind !== 'bool') {
    return foldConstants(body, node, left.expr.value, right.expr.value, type);
  }
  const address = isAddressPair(left.type, right.type);
  return { expr: { op: 'binary', fn: operator, address, left: left.expr, right: right.expr }, type };
}

/** Both are addresses; a bare number beside an address is one. */
function isAddressPair(a: StaticType, b: StaticType): boolean {
  const kinds = [a.kind, b.kind];
  return kinds.includes('addr') && kinds.every(kind => kind === 'addr' || kind === 'number');
}

type Operator = Exclude<Binary['operator'], '&&' | '||'>;

function binaryType(operator: Operator, a: StaticType, b: StaticType): StaticType | null {
  const isNumeric = (type: StaticType) => type.kind === 'int' || type.kind === 'number';
  const integers = isNumeric(a) && isNumeric(b);
  const integer = a.kind === 'number' && b.kind === 'number' ? numberType : wordType;
  switch (operator) {
    case '==':
    case '!=': {
      const type = commonType(a, b);
      return type && (isValue(type) || type.kind === 'null') ? boolType : null;
    }
    case '<':
    case '<=':
    case '>':
    case '>=':
      return integers || isAddressPair(a, b) ? boolType : null;
    case '+':
    case '-':
    case '%':
      return integers ? integer : isAddressPair(a, b) ? addrType : null;
    case '*':
      if (integers) return integer;
      return (a.kind === 'addr' && isNumeric(b)) || (isNumeric(a) && b.kind === 'addr') ? addrType : null;
    case '/':
      if (integers) return integer;
      if (a.kind === 'addr' && isNumeric(b)) return addrType;
      return isAddressPair(a, b) ? wordType : null;
    default:
      return integers ? integer : null;
  }
}

function foldConstants(body: Body, node: Binary, a: number, b: number, type: StaticType): Value {
  if ((node.operator === '/' || node.operator === '%') && b === 0) {
    body.unit.problems.push(problems.divisionByZero(spanOf(node)));
    return wrong;
  }
  const value = foldOperator(node.operator, a, b);
  if (!Number.isSafeInteger(value)) {
    body.unit.problems.push(problems.malformedNumber(spanOf(node), String(value)));
    return wrong;
  }
  return { expr: constant(value), type };
}

function foldOperator(operator: Binary['operator'], a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return Math.trunc(a / b);
    case '%':
      return a % b;
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '<<':
      return a << b;
    case '>>':
      return a >> b;
    default:
      return 0;
  }
}
