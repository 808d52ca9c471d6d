import { type ArithmeticOperator, arithmetic } from '../base/arithmetic';
import type { Body } from './body';
import { lowerExpression } from './expressions';
import type { Binary, Conditional, Expression, Unary } from './generated/ast';
import { spanOf } from './parse';
import { problems } from './problems';
import type { Expr, Type } from './program';
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
import { constant, type Value, wrongValue } from './value';

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
    return { op: 'binary', fn: '!=', address: false, left: value.expr, right: constant(0) };
  }
  body.unit.problems.push(problems.wrongType(spanOf(node), 'bool', formatType(value.type)));
  return value.expr;
}

/** Lowers an operator with its operands. */
export function lowerUnary(body: Body, node: Unary): Value {
  if (node.operator === '!') {
    return { expr: { op: 'not', value: lowerCondition(body, node.operand) }, type: boolType };
  }
  const operand = lowerExpression(body, node.operand);
  if (operand.type.kind === 'error') return wrongValue;
  if (node.operator === '*') {
    const entry = coerce(body, operand, { kind: 'entry' }, node.operand);
    return { expr: { op: 'builtin', name: 'read_entry', args: [entry] }, type: pteType };
  }
  const { kind } = operand.type;
  if (kind !== 'int' && kind !== 'number' && kind !== 'addr') {
    body.unit.problems.push(problems.wrongType(spanOf(node.operand), 'int', formatType(operand.type)));
    return wrongValue;
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

/** Lowers an operator with its operands. */
export function lowerConditional(body: Body, node: Conditional): Value {
  const condition = lowerCondition(body, node.condition);
  const then = lowerExpression(body, node.then);
  const otherwise = lowerExpression(body, node.otherwise);
  const type = commonType(then.type, otherwise.type);
  if (!type) {
    const [one, other] = [formatType(then.type), formatType(otherwise.type)];
    body.unit.problems.push(problems.differentTypes(spanOf(node), one, other));
    return wrongValue;
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

/** Lowers an operator with its operands. */
export function lowerBinary(body: Body, node: Binary): Value {
  const { operator } = node;
  if (operator === '&&' || operator === '||') {
    const left = lowerCondition(body, node.left);
    const right = lowerCondition(body, node.right);
    return { expr: { op: operator === '&&' ? 'and' : 'or', left, right }, type: boolType };
  }
  const left = lowerExpression(body, node.left);
  const right = lowerExpression(body, node.right);
  if (left.type.kind === 'error' || right.type.kind === 'error') return wrongValue;
  const type = binaryType(operator, left.type, right.type);
  if (!type) {
    const operands = [formatType(left.type), formatType(right.type)] as const;
    body.unit.problems.push(problems.wrongOperands(spanOf(node), operator, ...operands));
    return wrongValue;
  }
  if (left.expr.op === 'const' && right.expr.op === 'const' && isArithmetic(operator)) {
    return foldConstants(body, node, operator, left.expr.value, right.expr.value, type);
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

function isArithmetic(operator: Operator): operator is ArithmeticOperator {
  return Object.hasOwn(arithmetic, operator);
}

function foldConstants(
  body: Body,
  node: Binary,
  operator: ArithmeticOperator,
  a: number,
  b: number,
  type: StaticType,
): Value {
  if ((operator === '/' || operator === '%') && b === 0) {
    body.unit.problems.push(problems.divisionByZero(spanOf(node)));
    return wrongValue;
  }
  const value = arithmetic[operator](a, b);
  if (!Number.isSafeInteger(value)) {
    body.unit.problems.push(problems.malformedNumber(spanOf(node), String(value)));
    return wrongValue;
  }
  return { expr: constant(value), type };
}
