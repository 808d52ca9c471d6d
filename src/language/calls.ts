/**
 * Checks calls: of functions, of callbacks, of builtins. Says what is called; the statement around it emits
 * it.
 */
import type { Body } from './body';
import {
  aliases,
  type Builtin,
  type BuiltinName,
  builtinNamed,
  builtins,
  type ParamKind,
  parameterTexts,
} from './builtins';
import { driverOf, lowerExpression, lowerTarget } from './expressions';
import type { Call, Expression, Member, NameUse } from './generated/ast';
import type { FunctionHeader, SymbolicConst } from './module';
import { nearestName } from './names';
import { coerce, commonType, truthOf } from './operators';
import { spanOf, spanOfProperty, textOf } from './parse';
import { problems } from './problems';
import type { Expr, Type } from './program';
import type { Meaning, Scope } from './scope';
import { errorType, formatType, isLock, kindType, type StaticType, sameSignature } from './types';
import { recordUse } from './unit';
import type { Value } from './value';

/** A checked call, ready to be emitted. */
export type Called =
  | { readonly kind: 'function'; readonly key: string; readonly args: Expr[]; readonly type: StaticType }
  | {
      readonly kind: 'callback';
      readonly callback: string;
      readonly ops: Expr;
      readonly args: Expr[];
      readonly type: StaticType;
    }
  | {
      readonly kind: 'builtin';
      readonly name: BuiltinName;
      readonly args: Expr[];
      readonly type: StaticType;
    }
  | { readonly kind: 'wrong'; readonly type: StaticType };

const wrong: Called = { kind: 'wrong', type: errorType };

/** A builtin's entry, by name. */
export function builtinOf(name: BuiltinName): Builtin {
  return builtins[name];
}

/** Whether a builtin does more than compute: it must stand where a call may stand. */
export function hasEffect(builtin: Builtin): boolean {
  const { access, blocks, choices, result } = builtin;
  return access === 'atomic' || access === 'write' || result === null || !!blocks || !!choices;
}

/** A call inside an expression: only builtins without an effect. */
export function lowerCallInExpression(body: Body, node: Call): Value {
  const called = lowerCall(body, node);
  if (called.kind === 'builtin' && !hasEffect(builtinOf(called.name))) {
    return { expr: { op: 'builtin', name: called.name, args: called.args }, type: called.type };
  }
  if (called.kind !== 'wrong')
    body.unit.problems.push(problems.callInExpression(spanOf(node), textOf(node.callee)));
  return { expr: { op: 'const', value: 0 }, type: errorType };
}

/** Resolves and checks a call. */
export function lowerCall(body: Body, node: Call): Called {
  if (node.callee.$type === 'Member') return lowerMemberCall(body, node, node.callee);
  if (node.callee.$type !== 'NameUse') {
    body.unit.problems.push(problems.notCallable(spanOf(node.callee), textOf(node.callee)));
    return wrong;
  }
  const { callee } = node;
  const meaning = body.lookup(callee.name);
  if (meaning) return lowerNamedCall(body, node, callee, meaning);
  const name = builtinNamed(callee.name);
  if (name) return lowerBuiltin(body, node, name);
  const known = [...body.unit.scope.names('values'), ...Object.keys(builtins), ...Object.keys(aliases)];
  const near = nearestName(callee.name, known);
  body.unit.problems.push(problems.unknownFunction(spanOf(callee), callee.name, near));
  return wrong;
}

function lowerNamedCall(body: Body, node: Call, callee: NameUse, meaning: Meaning): Called {
  recordUse(body.unit, spanOf(callee), meaning.span, callee.name, meaning.kind);
  if (meaning.kind === 'function') return lowerFunctionCall(body, node, meaning.header);
  if (meaning.kind === 'parameter' && meaning.type.kind === 'function') {
    const { params, result } = meaning.type;
    const signature = params.map((type, index) => ({ name: `argument ${index + 1}`, type }));
    const args = lowerArguments(body, node, callee.name, signature).args;
    const key = `$${meaning.name}`;
    body.calls.push({ key, span: spanOf(node), isCall: true });
    return { kind: 'function', key, args, type: result ?? { kind: 'void' } };
  }
  body.unit.problems.push(problems.notCallable(spanOf(callee), callee.name));
  return wrong;
}

function lowerMemberCall(body: Body, node: Call, callee: Member): Called {
  const driver = driverOf(body, callee.target);
  if (driver) return lowerDriverCall(body, node, callee, driver);
  const ops = lowerExpression(body, callee.target);
  if (ops.type.kind === 'error') return wrong;
  if (ops.type.kind !== 'ops') {
    body.unit.problems.push(problems.notCallable(spanOf(callee), textOf(callee)));
    return wrong;
  }
  const span = spanOfProperty(callee, 'name');
  const callback = body.unit.scope.callback(callee.name);
  if (!callback) {
    const near = nearestName(callee.name, body.unit.scope.names('callbacks'));
    body.unit.problems.push(problems.unknownCallback(span, callee.name, near));
    return wrong;
  }
  recordUse(body.unit, span, callback.span, callee.name, 'callback');
  const { args } = lowerArguments(body, node, callee.name, callback.params);
  const type = callback.result ?? ({ kind: 'void' } as const);
  return { kind: 'callback', callback: callee.name, ops: ops.expr, args, type };
}

function lowerDriverCall(body: Body, node: Call, callee: Member, driver: Scope): Called {
  const meaning = driver.value(callee.name);
  const span = spanOfProperty(callee, 'name');
  if (meaning?.kind !== 'function') {
    const near = nearestName(callee.name, driver.names('values'));
    body.unit.problems.push(problems.unknownFunction(span, textOf(callee), near));
    return wrong;
  }
  recordUse(body.unit, span, meaning.span, callee.name, 'function');
  return lowerFunctionCall(body, node, meaning.header);
}

function lowerFunctionCall(body: Body, node: Call, header: FunctionHeader): Called {
  if (header.role === 'daemon' || header.role === 'interrupt' || header.role === 'fault') {
    body.unit.problems.push(problems.roleNotCallable(spanOf(node), header.name, header.role));
  }
  const { args, functions } = lowerArguments(body, node, header.name, header.signature);
  const key = functions.length === 0 ? header.key : `${header.key}<${functions.join(',')}>`;
  body.calls.push({ key, span: spanOf(node), isCall: true });
  return { kind: 'function', key, args, type: header.result ?? { kind: 'void' } };
}

interface Arguments {
  readonly args: Expr[];
  /** Keys of the functions that are passed, in order. */
  readonly functions: string[];
}

function lowerArguments(
  body: Body,
  node: Call,
  name: string,
  signature: readonly { readonly name: string; readonly type: Type }[],
): Arguments {
  if (node.args.length !== signature.length) {
    const wanted = signature.map(({ name, type }) => `${name}: ${formatType(type)}`);
    body.unit.problems.push(problems.wrongArgumentCount(spanOf(node), name, node.args.length, wanted));
  }
  const args: Expr[] = [];
  const functions: string[] = [];
  node.args.forEach((arg, index) => {
    const type = signature[index]?.type;
    if (type?.kind === 'function') {
      const key = functionArgument(body, arg, type);
      if (key !== undefined) functions.push(key);
    } else {
      const value = lowerExpression(body, arg);
      args.push(type ? coerce(body, value, type, arg) : value.expr);
    }
  });
  return { args, functions };
}

/** The function an argument names: its key, or `$name` for a parameter of the function being compiled. */
function functionArgument(
  body: Body,
  node: Expression,
  wanted: (Type & { kind: 'function' }) | null,
): string | undefined {
  const found = functionNamed(body, node);
  if (!found) {
    body.unit.problems.push(problems.notAFunction(spanOf(node), textOf(node)));
    return undefined;
  }
  if (wanted && !sameSignature(found.type, wanted)) {
    body.unit.problems.push(
      problems.wrongFunction(spanOf(node), textOf(node), formatType(wanted), formatType(found.type)),
    );
  }
  return found.key;
}

interface NamedFunction {
  readonly key: string;
  readonly type: Type & { kind: 'function' };
  readonly header: FunctionHeader | null;
}

function functionNamed(body: Body, node: Expression): NamedFunction | undefined {
  const meaning = functionMeaning(body, node);
  if (!meaning) return undefined;
  recordUse(body.unit, spanOf(node), meaning.span, textOf(node), 'function');
  if (meaning.kind === 'parameter') {
    if (meaning.type.kind !== 'function') return undefined;
    return { key: `$${meaning.name}`, type: meaning.type, header: null };
  }
  if (meaning.kind !== 'function') return undefined;
  const { key, signature, result } = meaning.header;
  const type = { kind: 'function', params: signature.map(({ type }) => type), result } as const;
  return { key, type, header: meaning.header };
}

function functionMeaning(body: Body, node: Expression): Meaning | undefined {
  if (node.$type === 'NameUse') return body.lookup(node.name);
  if (node.$type === 'Member') return driverOf(body, node.target)?.value(node.name);
  return undefined;
}

/* Builtins. */

const frameAllocators = new Set<BuiltinName>([
  'alloc_page',
  'alloc_page_nowait',
  'alloc_pages',
  'alloc_table',
]);

function lowerBuiltin(body: Body, node: Call, name: BuiltinName): Called {
  const builtin = builtinOf(name);
  checkContext(body, node, name);
  if (frameAllocators.has(name)) body.allocates = true;
  if (node.args.length !== builtin.params.length) {
    body.unit.problems.push(
      problems.wrongArgumentCount(
        spanOf(node),
        textOf(node.callee),
        node.args.length,
        parameterTexts(builtin),
      ),
    );
    return wrong;
  }
  const values = node.args.map((arg, index) => lowerBuiltinArgument(body, name, arg, builtin.params[index]));
  const result = checkRelations(body, node, builtin, name, values);
  return { kind: 'builtin', name, args: values.map(({ expr }) => expr), type: result };
}

/** Builtins that belong to one kind of thread. */
function checkContext(body: Body, node: Call, name: BuiltinName): void {
  const ofDevices: readonly string[] = ['dma_read', 'dma_write', 'request_pages', 'stop_marker'];
  if (ofDevices.includes(name) && body.role !== 'device')
    body.unit.problems.push(problems.onlyInDevice(spanOf(node), name));
  const noUser: readonly string[] = ['device', 'daemon', 'interrupt', 'setup'];
  const isAccess = ['load', 'store', 'vm_enter', 'guest_load', 'guest_store'].includes(name);
  if (isAccess && noUser.includes(body.role)) {
    body.unit.problems.push(problems.onlyInTask(spanOf(node), name));
  }
}

function lowerBuiltinArgument(
  body: Body,
  name: BuiltinName,
  node: Expression,
  kind: ParamKind | undefined,
): Value {
  if (kind === 'function') return lowerDeferredFunction(body, name, node);
  if (kind === 'workqueue') return lowerWorkqueue(body, node);
  if (kind?.startsWith('place:')) return lowerPlaceArgument(body, node, kind);
  const value = lowerExpression(body, node);
  if (kind === 'bool') return { expr: truthOf(body, value, node), type: value.type };
  if (kind === undefined || kind === 'any') return value;
  if (kind === 'object' || kind === 'notifier') {
    const isRight = value.type.kind === 'ref' && (kind === 'object' || value.type.struct === 'mmu_notifier');
    if (!isRight && value.type.kind !== 'error') {
      const wanted = kind === 'object' ? 'a reference to an object' : 'mmu_notifier';
      body.unit.problems.push(problems.wrongType(spanOf(node), wanted, formatType(value.type)));
    }
    return value;
  }
  const type = kindType(kind);
  return type ? { expr: coerce(body, value, type, node), type: value.type } : value;
}

/** A function that runs later: as a work item or an interrupt. */
function lowerDeferredFunction(body: Body, name: BuiltinName, node: Expression): Value {
  const wrongValue: Value = { expr: { op: 'const', value: 0 }, type: errorType };
  const found = functionNamed(body, node);
  if (!found) {
    body.unit.problems.push(problems.notAFunction(spanOf(node), textOf(node)));
    return wrongValue;
  }
  const isInterrupt = name === 'send_ipi';
  if (isInterrupt && found.header && found.header.role !== 'interrupt') {
    body.unit.problems.push(problems.notAnInterrupt(spanOf(node), found.header.name));
  }
  const wanted = isInterrupt ? 0 : 1;
  if (found.type.params.length !== wanted) {
    body.unit.problems.push(problems.wrongDeferred(spanOf(node), textOf(node), wanted));
  }
  body.calls.push({ key: found.key, span: spanOf(node), isCall: false });
  return { expr: { op: 'function', name: found.key }, type: found.type.params[0] ?? errorType };
}

function lowerWorkqueue(body: Body, node: Expression): Value {
  const name = node.$type === 'NameUse' ? node.name : '';
  const workqueue = body.unit.scope.workqueue(name);
  if (!workqueue) {
    const near = nearestName(name, body.unit.scope.names('workqueues'));
    body.unit.problems.push(problems.unknownWorkqueue(spanOf(node), textOf(node), near));
    return { expr: { op: 'const', value: 0 }, type: errorType };
  }
  recordUse(body.unit, spanOf(node), workqueue.span, name, 'workqueue');
  body.isSymbolic = true;
  const expr: SymbolicConst = { op: 'const', value: 0, symbol: { kind: 'workqueue', key: workqueue.key } };
  return { expr, type: errorType };
}

function lowerPlaceArgument(body: Body, node: Expression, kind: ParamKind): Value {
  const target = lowerTarget(body, node);
  const wanted = kind.slice('place:'.length);
  if (target.kind === 'wrong') return { expr: { op: 'const', value: 0 }, type: errorType };
  if (target.kind === 'value') {
    if (target.value.type.kind !== 'error') {
      body.unit.problems.push(problems.notAPlace(spanOf(node), textOf(node)));
    }
    return { expr: target.value.expr, type: errorType };
  }
  const { place } = target;
  const isContainer = place.type.kind === 'list' || place.type.kind === 'array';
  const isRight = wanted === 'any' ? !isContainer : place.type.kind === wanted;
  if (!isRight) body.unit.problems.push(problems.wrongType(spanOf(node), wanted, formatType(place.type)));
  return { expr: place, type: isRight ? place.type : errorType };
}

/** Checks what arguments must have to do with each other, and finds the type of the result. */
function checkRelations(
  body: Body,
  node: Call,
  builtin: Builtin,
  name: BuiltinName,
  values: readonly Value[],
): StaticType {
  const first = values[0]?.type ?? errorType;
  const related = first.kind === 'list' ? first.of : first;
  if (name === 'queue_work' || name === 'min' || name === 'max') return checkPair(body, node, name, values);
  if (name === 'is_locked' && !isLock(first) && first.kind !== 'error') {
    body.unit.problems.push(problems.wrongType(spanOf(node), 'a lock', formatType(first)));
  }
  builtin.params.forEach((kind, index) => {
    const arg = node.args[index];
    const value = values[index];
    if (kind !== 'any' || !arg || !value || related.kind === 'error') return;
    if (related.kind === 'number' || related.kind === 'null' || related.kind === 'void') return;
    coerce(body, value, related, arg);
  });
  if (builtin.result === null) return { kind: 'void' };
  if (builtin.result === 'same') return related;
  return kindType(builtin.result) ?? errorType;
}

function checkPair(body: Body, node: Call, name: BuiltinName, values: readonly Value[]): StaticType {
  const [first, second] = name === 'queue_work' ? values.slice(1) : values;
  if (!first || !second) return errorType;
  const type = commonType(first.type, second.type);
  if (!type) {
    const [one, other] = [formatType(first.type), formatType(second.type)];
    body.unit.problems.push(problems.differentTypes(spanOf(node), one, other));
  }
  return name === 'queue_work' ? { kind: 'bool' } : (type ?? errorType);
}
