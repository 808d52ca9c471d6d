/** Checks statements and emits their instructions. */
import { unreachable } from '../base/assert';
import type { Span } from '../base/span';
import { accessesOf } from './accesses';
import type { Body, Label } from './body';
import { typeOf } from './declared-types';
import {
  accessContext,
  accessesOfTarget,
  checkAccesses,
  checkReads,
  emitBuiltin,
  emitCalled,
  emitRight,
  emitSet,
  inferredType,
  lowerGuard,
  lowerRight,
  typeOfRight,
} from './effects';
import { lowerExpression, lowerTarget } from './expressions';
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
import { lowerAtomic, lowerAtomicBlock, lowerForEntries, lowerForItems, lowerJump } from './loops';
import { coerce, lowerCondition } from './operators';
import { spanOf, spanOfProperty, textOf } from './parse';
import { problems } from './problems';
import type { Expr, Place } from './program';
import { addrType, entryType, formatType, isValue, pteType, wordType } from './types';
import { constant } from './value';

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

/**
 * From the first word of a statement to the end of its condition: what is shown while the guard is
 * evaluated.
 */
export function headOf(node: Statement, last: Expression): Span {
  const start = spanOf(node);
  const { endLine, endColumn } = spanOf(last);
  return { ...start, endLine, endColumn };
}

/** Emits a branch; what follows is where the condition holds. Returns where it does not. */
function emitBranch(body: Body, condition: Expr, span: Span): Label {
  const then: Label = { at: null };
  const otherwise: Label = { at: null };
  body.emit(span, [then], (at, joined) => {
    // biome-ignore lint/suspicious/noThenProperty: instructions are never awaited.
    return { op: 'branch', span, joined, condition, then: at(then), otherwise: at(otherwise) };
  });
  body.noteBranch();
  return otherwise;
}

function lowerIf(body: Body, node: If): void {
  const span = headOf(node, node.condition);
  const condition = lowerGuard(body, node.condition);
  checkReads(body, span, condition);
  const otherwise = emitBranch(body, condition, span);
  lowerNested(body, node.body);
  const after = body.takePending();
  body.flowInto([otherwise]);
  if (node.otherwise) lowerNested(body, node.otherwise);
  body.flowInto(after);
}

function lowerWhile(body: Body, node: While): void {
  const span = headOf(node, node.condition);
  const head = body.here();
  const condition = lowerGuard(body, node.condition);
  checkReads(body, span, condition);
  const isEndless = condition.op === 'const' && condition.value !== 0;
  const otherwise =
    isEndless && beginsByWaiting(node.body) ? { at: null } : emitBranch(body, condition, span);
  const exits: Label[] = [];
  body.loops.push({ head, exits });
  lowerNested(body, node.body);
  body.loops.pop();
  body.flowBack(body.takePending(), head);
  body.flowInto(isEndless ? exits : [otherwise, ...exits]);
}

/**
 * Whether a loop's body begins with a `select` or a wait. Of `while (true)` around one nothing is evaluated,
 * so it is no step: the loop waits where its body does.
 */
function beginsByWaiting(node: Statement): boolean {
  const first = node.$type === 'Block' ? node.statements[0] : node;
  return first?.$type === 'Select' || first?.$type === 'Wait';
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
  const isJoined = node.arms.some(({ isAtomic }) => isAtomic);
  if (isJoined) body.joinStep();
  const after: Label[] = [];
  for (const { label, arm } of arms) {
    body.flowInto([label]);
    if (arm.isAtomic) lowerAtomicBlock(body, arm.body, spanOf(arm));
    else {
      if (isJoined) body.emitStepEnd(span);
      lowerNested(body, arm.body);
    }
    after.push(...body.takePending());
  }
  if (otherwise && node.otherwise) {
    body.flowInto([otherwise]);
    if (isJoined) body.emitStepEnd(span);
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
  // A frame begins as zeros: what is declared ahead of the first statement needs no step to become 0.
  else if (body.position > 0) emitSet(body, place, constant(0), span);
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
