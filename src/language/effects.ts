import type { Span } from '../base/span';
import { type AccessContext, accessesInside, accessesOf, accessesOfBuiltin, ownAccess } from './accesses';
import type { Body } from './body';
import type { BuiltinName } from './builtins';
import { builtinOf, type Called, hasEffect, lowerCall } from './calls';
import { lowerExpression } from './expressions';
import type { Expression } from './generated/ast';
import { nearestName } from './names';
import { coerce, lowerCondition, truthOf } from './operators';
import { spanOf, spanOfProperty, textOf } from './parse';
import { problems } from './problems';
import type { Expr, Place, Type } from './program';
import { addrType, isValue, type StaticType, wordType } from './types';
import { recordUse } from './unit';
import { constant, type Value } from './value';

/* The rule of one access. */

/** What counting accesses needs. */
export function accessContext(body: Body): AccessContext {
  return { scope: body.unit.scope, lifted: body.lifted };
}

/** Reports a step with more than one access to shared state. */
export function checkAccesses(body: Body, span: Span, accesses: readonly string[]): void {
  if (accesses.length <= 1 || body.isAtomic || body.role === 'setup') return;
  body.unit.problems.push(problems.tooManyAccesses(span, accesses));
}

/** Reports an expression that reads more than one shared variable. */
export function checkReads(body: Body, span: Span, ...exprs: readonly Expr[]): void {
  const context = accessContext(body);
  checkAccesses(
    body,
    span,
    exprs.flatMap(expr => accessesOf(context, expr)),
  );
}

/** Accesses of storing in a place. */
export function accessesOfTarget(body: Body, place: Place): string[] {
  const context = accessContext(body);
  return [...accessesInside(context, place), ...ownAccess(context, place)];
}

/* The right side of an assignment, of a return, of a condition. */

/** A value, or something with an effect that stands alone. */
export type Right =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'new'; readonly struct: string; readonly type: StaticType }
  | { readonly kind: 'called'; readonly called: Called; readonly type: StaticType };

/** Lowers an expression where a call may stand. */
export function lowerRight(body: Body, node: Expression): Right {
  if (node.$type === 'New') {
    const meaning = body.unit.scope.type(node.struct);
    const span = spanOfProperty(node, 'struct');
    if (meaning?.kind === 'struct' && typeof body.unit.scope.struct(meaning.key)?.count === 'number') {
      recordUse(body.unit, span, meaning.span, node.struct, 'struct');
      return { kind: 'new', struct: meaning.key, type: { kind: 'ref', struct: meaning.key } };
    }
    const near = nearestName(node.struct, body.unit.scope.names('types'));
    body.unit.problems.push(problems.notAPool(span, node.struct, near));
    return { kind: 'value', value: { expr: constant(0), type: { kind: 'error' } } };
  }
  if (node.$type === 'Call') {
    const called = lowerCall(body, node);
    if (called.kind === 'builtin' && !hasEffect(builtinOf(called.name))) {
      const expr: Expr = { op: 'builtin', name: called.name, args: called.args };
      return { kind: 'value', value: { expr, type: called.type } };
    }
    return { kind: 'called', called, type: called.type };
  }
  return { kind: 'value', value: lowerExpression(body, node) };
}

/** The type of a right side. */
export function typeOfRight(right: Right): StaticType {
  return right.kind === 'value' ? right.value.type : right.type;
}

/** Stores a right side in a place. */
export function emitRight(body: Body, right: Right, place: Place, node: Expression, span: Span): void {
  if (typeOfRight(right).kind === 'void') {
    body.unit.problems.push(problems.noResult(spanOf(node), textOf(node)));
    return;
  }
  if (right.kind === 'called') {
    const { called } = right;
    coerce(body, { expr: constant(0), type: right.type }, place.type, node);
    const isCall = called.kind === 'function' || called.kind === 'callback';
    // The result of a call arrives when the callee returns; storing it in shared state is a step of its own.
    const isLater = isCall && place.op !== 'local';
    const result = isLater ? body.addHidden(place.type, span) : place;
    emitCalled(body, called, result, span);
    if (isLater) emitSet(body, place, result, span);
  } else if (right.kind === 'new') {
    coerce(body, { expr: constant(0), type: right.type }, place.type, node);
    emitSet(body, place, { op: 'new', struct: right.struct }, span);
  } else emitSet(body, place, coerce(body, right.value, place.type, node), span);
}

/** Emits an assignment. */
export function emitSet(body: Body, target: Place, value: Expr, span: Span): void {
  const accesses = [...accessesOf(accessContext(body), value), ...accessesOfTarget(body, target)];
  checkAccesses(body, span, accesses);
  body.emitNext(span, (next, joined) => ({ op: 'set', span, joined, target, value, next }));
}

/** Emits a call of a function, of a callback, or of a builtin with an effect. */
export function emitCalled(body: Body, called: Called, result: Place | null, span: Span): void {
  if (called.kind === 'wrong') return;
  const { args } = called;
  if (called.kind === 'builtin') {
    emitBuiltin(body, called, result, span);
    return;
  }
  if (body.isAtomic) body.unit.problems.push(problems.callInAtomic(span));
  if (called.kind === 'function') {
    const { key: fn } = called;
    checkReads(body, span, ...args);
    body.emitNext(span, (next, joined) => ({ op: 'call', span, joined, fn, args, result, next }));
    return;
  }
  const { callback, ops } = called;
  checkReads(body, span, ops, ...args);
  body.emitNext(span, (next, joined) => {
    return { op: 'callback', span, joined, callback, ops, args, result, next };
  });
}

/** These are several steps each: lookup, walk, access. */
const longBuiltins: readonly string[] = [
  'load',
  'store',
  'guest_load',
  'guest_store',
  'dma_read',
  'dma_write',
  'request_pages',
  'stop_marker',
];

interface BuiltinCall {
  readonly name: BuiltinName;
  readonly args: readonly Expr[];
}

/** Emits a builtin. */
export function emitBuiltin(body: Body, { name, args }: BuiltinCall, result: Place | null, span: Span): void {
  if (body.isAtomic && longBuiltins.includes(name))
    body.unit.problems.push(problems.longInAtomic(span, name));
  const accesses = accessesOfBuiltin(accessContext(body), name, args);
  checkAccesses(body, span, result ? [...accesses, ...accessesOfTarget(body, result)] : accesses);
  const builtin = builtinOf(name);
  const mayWait = builtin.blocks !== undefined || builtin.choices !== undefined;
  body.emitNext(span, (next, joined) => ({ op: 'builtin', span, joined, name, args, result, next }), mayWait);
}

/** Lowers the condition of `if` and `while`, which may be a call, also negated. */
export function lowerGuard(body: Body, node: Expression): Expr {
  if (node.$type === 'Unary' && node.operator === '!') {
    return { op: 'not', value: lowerGuard(body, node.operand) };
  }
  if (node.$type !== 'Call') return lowerCondition(body, node);
  const right = lowerRight(body, node);
  if (right.kind !== 'called') return right.kind === 'value' ? truthOf(body, right.value, node) : constant(0);
  const type = concreteType(right.type);
  if (!type) {
    if (right.type.kind === 'void') body.unit.problems.push(problems.noResult(spanOf(node), textOf(node)));
    return constant(0);
  }
  const result = body.addHidden(type, spanOf(node));
  emitRight(body, right, result, node, spanOf(node));
  return truthOf(body, { expr: result, type }, node);
}

/** The type a local gets from its value, or null if the value has none. */
function concreteType(type: StaticType): Type | null {
  switch (type.kind) {
    case 'number':
      return wordType;
    case 'null':
    case 'void':
    case 'error':
      return null;
    default:
      return isValue(type) ? type : null;
  }
}

/** A bare number too large for an integer is an address. */
export function inferredType(right: Right): Type | null {
  const type = typeOfRight(right);
  const isLarge =
    right.kind === 'value' &&
    right.value.expr.op === 'const' &&
    right.value.expr.value !== (right.value.expr.value | 0);
  return type.kind === 'number' && isLarge ? addrType : concreteType(type);
}
