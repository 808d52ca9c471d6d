/** Checks statements and emits their instructions. */
import { unreachable } from '../base/assert';
import type { Span } from '../base/span';
import { type AccessContext, accessesInside, accessesOf, accessesOfBuiltin, ownAccess } from './accesses';
import type { Body, Label } from './body';
import type { BuiltinName } from './builtins';
import { builtinOf, type Called, hasEffect, lowerCall } from './calls';
import { typeOf } from './declared-types';
import {
  coerce,
  constant,
  lowerCondition,
  lowerExpression,
  lowerTarget,
  truthOf,
  type Value,
} from './expressions';
import type {
  Choose,
  Either,
  Expression,
  ExpressionStatement,
  If,
  LocalDeclaration,
  Return,
  Select,
  Statement,
  Wait,
  While,
} from './generated/ast';
import { lowerAtomic, lowerForEntries, lowerForItems, lowerJump } from './loops';
import { nearestName } from './names';
import { spanOf, spanOfProperty, textOf } from './parse';
import { problems } from './problems';
import type { Expr, Place, Type } from './program';
import { addrType, entryType, formatType, isValue, pteType, type StaticType, wordType } from './types';
import { recordUse } from './unit';

/** Lowers the statements of a block, in the scope that is open. */
export function lowerStatements(body: Body, statements: readonly Statement[]): void {
  let wasReachable = true;
  statements.forEach((statement, index) => {
    if (index < statements.length - 1) checkSemicolon(body, statement);
    if (!body.isReachable && wasReachable) {
      body.unit.problems.push(problems.unreachable(spanOf(statement)));
      wasReachable = false;
    }
    lowerStatement(body, statement);
  });
}

/** In a scenario semicolons may be left out: its lines are short. */
function checkSemicolon(body: Body, statement: Statement): void {
  if (body.role === 'task' || body.role === 'device') return;
  if (statement.$type === 'If') checkSemicolon(body, statement.otherwise ?? statement.body);
  else if (statement.$type === 'While') checkSemicolon(body, statement.body);
  else if ('semicolon' in statement && !statement.semicolon) {
    const { file, endLine: line, endColumn: column } = spanOf(statement);
    const span = { file, line, column, endLine: line, endColumn: column };
    body.unit.problems.push(problems.missingSemicolon(span));
  }
}

/** Lowers one statement in a block of its own. */
export function lowerNested(body: Body, statement: Statement): void {
  body.inBlock(() => {
    if (statement.$type === 'Block') lowerStatements(body, statement.statements);
    else lowerStatement(body, statement);
  });
}

function lowerStatement(body: Body, node: Statement): void {
  switch (node.$type) {
    case 'Block':
      lowerNested(body, node);
      break;
    case 'If':
      lowerIf(body, node);
      break;
    case 'While':
      lowerWhile(body, node);
      break;
    case 'ForItems':
      lowerForItems(body, node);
      break;
    case 'ForEntries':
      lowerForEntries(body, node);
      break;
    case 'Wait':
      lowerWait(body, node);
      break;
    case 'Select':
      lowerSelect(body, node);
      break;
    case 'Either':
      lowerEither(body, node);
      break;
    case 'AtomicBlock':
      lowerAtomic(body, node);
      break;
    case 'Choose':
      lowerChoose(body, node);
      break;
    case 'Return':
      lowerReturn(body, node);
      break;
    case 'Break':
    case 'Continue':
      lowerJump(body, node);
      break;
    case 'Assert':
      lowerAssert(body, node.condition, spanOf(node));
      break;
    case 'Skip': {
      const span = spanOf(node);
      body.emitNext(span, (next, joined) => ({ op: 'skip', span, joined, next }));
      break;
    }
    case 'LocalDeclaration':
      lowerLocal(body, node);
      break;
    case 'ExpressionStatement':
      lowerExpressionStatement(body, node);
      break;
    default:
      unreachable(node);
      break;
  }
}

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

function accessesOfTarget(body: Body, place: Place): string[] {
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
function emitCalled(body: Body, called: Called, result: Place | null, span: Span): void {
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
  const { callback, object, ops } = called;
  checkReads(body, span, ops, ...args);
  body.emitNext(span, (next, joined) => {
    return { op: 'callback', span, joined, callback, object, ops, args, result, next };
  });
}

/** These are several steps each: lookup, walk, access. */
const longBuiltins: readonly string[] = ['load', 'store', 'dma_read', 'dma_write'];

interface BuiltinCall {
  readonly name: BuiltinName;
  readonly args: readonly Expr[];
}

function emitBuiltin(body: Body, { name, args }: BuiltinCall, result: Place | null, span: Span): void {
  if (body.isAtomic && longBuiltins.includes(name))
    body.unit.problems.push(problems.longInAtomic(span, name));
  const accesses = accessesOfBuiltin(accessContext(body), name, args);
  checkAccesses(body, span, result ? [...accesses, ...accessesOfTarget(body, result)] : accesses);
  const builtin = builtinOf(name);
  const mayWait = builtin.blocks !== undefined || builtin.choices !== undefined;
  body.emitNext(span, (next, joined) => ({ op: 'builtin', span, joined, name, args, result, next }), mayWait);
}

/** Lowers the condition of `if` and `while`, which may be a call, also negated. */
function lowerGuard(body: Body, node: Expression): Expr {
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
function inferredType(right: Right): Type | null {
  const type = typeOfRight(right);
  const isLarge =
    right.kind === 'value' &&
    right.value.expr.op === 'const' &&
    right.value.expr.value !== (right.value.expr.value | 0);
  return type.kind === 'number' && isLarge ? addrType : concreteType(type);
}

/* Statements. */

/** From the first word of a statement to the end of its condition: what is shown while the guard is evaluated. */
export function headOf(node: Statement, last: Expression): Span {
  const start = spanOf(node);
  const { endLine, endColumn } = spanOf(last);
  return { ...start, endLine, endColumn };
}

function lowerIf(body: Body, node: If): void {
  const span = headOf(node, node.condition);
  const condition = lowerGuard(body, node.condition);
  checkReads(body, span, condition);
  const then: Label = { at: null };
  const otherwise: Label = { at: null };
  body.emit(span, [then], (at, joined) => {
    // biome-ignore lint/suspicious/noThenProperty: the name of a branch's way on; instructions are never awaited.
    return { op: 'branch', span, joined, condition, then: at(then), otherwise: at(otherwise) };
  });
  body.noteBranch();
  lowerNested(body, node.body);
  const after = body.takePending();
  body.flowInto([otherwise]);
  if (node.otherwise) lowerNested(body, node.otherwise);
  body.flowInto(after);
}

function lowerWhile(body: Body, node: While): void {
  if (body.isAtomic) body.unit.problems.push(problems.loopInAtomic(spanOf(node)));
  const span = headOf(node, node.condition);
  const head = body.here();
  const condition = lowerGuard(body, node.condition);
  checkReads(body, span, condition);
  const then: Label = { at: null };
  const otherwise: Label = { at: null };
  body.emit(span, [then], (at, joined) => {
    // biome-ignore lint/suspicious/noThenProperty: the name of a branch's way on; instructions are never awaited.
    return { op: 'branch', span, joined, condition, then: at(then), otherwise: at(otherwise) };
  });
  body.noteBranch();
  const exits: Label[] = [];
  body.loops.push({ head, exits });
  lowerNested(body, node.body);
  body.loops.pop();
  body.flowBack(body.takePending(), head);
  const isEndless = condition.op === 'const' && condition.value !== 0;
  body.flowInto(isEndless ? exits : [otherwise, ...exits]);
}

function lowerWait(body: Body, node: Wait): void {
  const span = spanOf(node);
  const condition = lowerCondition(body, node.condition);
  checkReads(body, span, condition);
  const how = node.how === 'wait' ? 'sleep' : node.how;
  body.emitNext(span, (next, joined) => ({ op: 'wait', span, joined, how, condition, next }), true);
}

function lowerSelect(body: Body, node: Select): void {
  const { file, line, column } = spanOf(node);
  const span = { file, line, column, endLine: line, endColumn: column + 'select'.length };
  const arms = node.arms.map(arm => {
    const condition = lowerCondition(body, arm.condition);
    checkReads(body, spanOf(arm.condition), condition);
    const label: Label = { at: null };
    return { condition, label, arm };
  });
  const otherwise: Label | null = node.otherwise ? { at: null } : null;
  const build = (at: (label: Label) => number, joined: boolean) =>
    ({
      op: 'select',
      span,
      joined,
      arms: arms.map(({ condition, label }) => ({ condition, next: at(label) })),
      otherwise: otherwise && at(otherwise),
    }) as const;
  body.emit(span, [], build, true);
  body.noteBranch();
  const after: Label[] = [];
  for (const { label, arm } of arms) {
    body.flowInto([label]);
    lowerNested(body, arm.body);
    after.push(...body.takePending());
  }
  if (otherwise && node.otherwise) {
    body.flowInto([otherwise]);
    lowerNested(body, node.otherwise);
  }
  body.flowInto(after);
}

function lowerEither(body: Body, node: Either): void {
  const { file, line, column } = spanOf(node);
  const span = { file, line, column, endLine: line, endColumn: column + 'either'.length };
  const labels = node.arms.map((): Label => ({ at: null }));
  body.emit(span, [], (at, joined) => ({ op: 'either', span, joined, arms: labels.map(at) }), true);
  body.noteBranch();
  const after: Label[] = [];
  node.arms.forEach((arm, index) => {
    body.flowInto(labels.slice(index, index + 1));
    lowerNested(body, arm);
    after.push(...body.takePending());
  });
  body.flowInto(after);
}

function lowerChoose(body: Body, node: Choose): void {
  const span = spanOf(node);
  const target = lowerPlace(body, node.target);
  if (!target) return;
  const { type } = target;
  if (type.kind !== 'int' && type.kind !== 'bool' && type.kind !== 'enum') {
    body.unit.problems.push(problems.wrongType(spanOf(node.target), 'int', formatType(type)));
    return;
  }
  const from = coerce(body, lowerExpression(body, node.from), type, node.from);
  const to = coerce(body, lowerExpression(body, node.to), type, node.to);
  const context = accessContext(body);
  const reads = [from, to].flatMap(expr => accessesOf(context, expr));
  checkAccesses(body, span, [...reads, ...accessesOfTarget(body, target)]);
  body.emitNext(span, (next, joined) => ({ op: 'choose', span, joined, target, from, to, next }), true);
}

/** Lowers a place that is assigned as a whole. */
function lowerPlace(body: Body, node: Expression): Place | null {
  const target = lowerTarget(body, node);
  if (target.kind === 'wrong') return null;
  if (target.kind === 'value') {
    if (target.value.type.kind !== 'error') {
      body.unit.problems.push(problems.notAPlace(spanOf(node), textOf(node)));
    }
    return null;
  }
  if (isValue(target.place.type)) return target.place;
  body.unit.problems.push(problems.notAValue(spanOf(node), formatType(target.place.type)));
  return null;
}

function lowerReturn(body: Body, node: Return): void {
  const span = spanOf(node);
  const value = node.value ? lowerReturnValue(body, node.value, span) : null;
  if (!node.value && body.result) {
    body.unit.problems.push(problems.returnWithoutValue(span, formatType(body.result)));
  }
  if (value) checkReads(body, span, value);
  body.emit(span, [], (_, joined) => ({ op: 'return', span, joined, value }));
  body.noteBranch();
  body.endStep();
}

function lowerReturnValue(body: Body, node: Expression, span: Span): Expr | null {
  const right = lowerRight(body, node);
  if (!body.result) {
    body.unit.problems.push(problems.returnWithValue(spanOf(node)));
    return null;
  }
  if (right.kind === 'value') return coerce(body, right.value, body.result, node);
  const result = body.addHidden(body.result, span);
  emitRight(body, right, result, node, span);
  return result;
}

/** Claims look at the whole state at once and may read ghosts, so the rule of one access is not for them. */
export function lowerClaim(body: Body, condition: Expression): Expr {
  const wasReading = body.readsGhosts;
  body.readsGhosts = true;
  const expr = lowerCondition(body, condition);
  body.readsGhosts = wasReading;
  return expr;
}

function lowerAssert(body: Body, node: Expression, span: Span): void {
  const condition = lowerClaim(body, node);
  const text = textOf(node);
  body.emitNext(span, (next, joined) => ({ op: 'assert', span, joined, condition, text, next }));
}

function lowerLocal(body: Body, node: LocalDeclaration): void {
  const span = spanOf(node);
  const declared = node.type ? typeOf(body, node.type) : null;
  if (declared && !isValue(declared)) {
    body.unit.problems.push(problems.notALocal(span, formatType(declared)));
    return;
  }
  const right = node.value ? lowerRight(body, node.value) : null;
  const type = declared ?? (right && inferredType(right));
  if (!right && !declared) body.unit.problems.push(problems.localWithoutType(span, node.name));
  if (right && !type) {
    const kind = typeOfRight(right).kind;
    if (kind === 'void')
      body.unit.problems.push(problems.noResult(span, node.value ? textOf(node.value) : ''));
    else if (kind === 'null') body.unit.problems.push(problems.localWithoutType(span, node.name));
  }
  if (body.declaredHere(node.name)) {
    body.unit.problems.push(problems.alreadyDeclared(spanOfProperty(node, 'name'), node.name, 'here'));
  }
  // After a mistake the local exists all the same, so that its uses are not mistakes too.
  const place = body.addLocal(node.name, type ?? wordType, spanOfProperty(node, 'name'));
  if (!type) body.declareWrong(node.name);
  else if (right && node.value) emitRight(body, right, place, node.value, span);
  else emitSet(body, place, constant(0), span);
}

function lowerExpressionStatement(body: Body, node: ExpressionStatement): void {
  const span = spanOf(node);
  if (node.value) {
    lowerAssignment(body, node.target, node.value, span);
    return;
  }
  const right = node.target.$type === 'Call' ? lowerRight(body, node.target) : null;
  if (right?.kind === 'called') {
    emitCalled(body, right.called, null, span);
    return;
  }
  if (!right) lowerExpression(body, node.target);
  if (!right || typeOfRight(right).kind !== 'error') body.unit.problems.push(problems.noEffect(span));
}

function lowerAssignment(body: Body, target: Expression, value: Expression, span: Span): void {
  if (target.$type === 'Unary' && target.operator === '*') {
    const entry = coerce(body, lowerExpression(body, target.operand), entryType, target.operand);
    const pte = coerce(body, lowerExpression(body, value), pteType, value);
    emitBuiltin(body, { name: 'set_entry', args: [entry, pte] }, null, span);
    return;
  }
  const lowered = lowerTarget(body, target);
  const isGhost = lowered.kind === 'place' && lowered.ghost;
  const wasReading = body.readsGhosts;
  body.readsGhosts = wasReading || isGhost;
  const right = lowerRight(body, value);
  body.readsGhosts = wasReading;
  if (lowered.kind === 'wrong') return;
  if (lowered.kind === 'value') {
    if (lowered.value.type.kind !== 'error') {
      body.unit.problems.push(problems.notAPlace(spanOf(target), textOf(target)));
    }
    return;
  }
  if (!isValue(lowered.place.type)) {
    body.unit.problems.push(problems.notAValue(spanOf(target), formatType(lowered.place.type)));
    return;
  }
  emitRight(body, right, lowered.place, value, span);
}

/** A local of type addr, for the cursor of a loop. */
export function addressLocal(body: Body, span: Span): Place & { op: 'local' } {
  return body.addHidden(addrType, span);
}
