import type { Body } from './body';
import { builtinNamed } from './builtins';
import { type Collected, refuseHiding, refuseTwice } from './collected';
import { typeOf } from './declared-types';
import type { FunctionSource } from './functions';
import type {
  CallbackDeclaration,
  DaemonDeclaration,
  FunctionDeclaration,
  NotifierCallback,
  NotifierDeclaration,
} from './generated/ast';
import type { FunctionHeader } from './module';
import { nearestName } from './names';
import { docOf, spanOf, spanOfProperty } from './parse';
import { problems } from './problems';
import type { Callback, Type } from './program';
import { isValue } from './types';
import { recordUse, type Unit } from './unit';

/** Makes a function known, and keeps it to be compiled. */
export function declareFunction(unit: Unit, body: Body, node: FunctionDeclaration, found: Collected): void {
  const span = spanOfProperty(node, 'name');
  const signature = node.params.map(({ name, type }) => ({ name, type: typeOf(body, type) }));
  const result = node.result ? typeOf(body, node.result) : null;
  checkSignature(unit, node, signature, result);
  const role = node.role ?? 'plain';
  const header: FunctionHeader = {
    key: unit.prefix + node.name,
    name: node.name,
    role,
    signature,
    result,
    span,
  };
  checkPlace(unit, header, node.override);
  unit.scope.values.set(node.name, { kind: 'function', span, header });
  found.functions.push({
    header,
    isOverride: node.override,
    span: spanOf(node),
    doc: docOf(node),
    block: node.body,
    revokes: node.from && node.to ? { from: node.from, to: node.to } : null,
    driver: unit.kind === 'driver' ? unit.name : null,
    callback: null,
    paramSpans: node.params.map(param => spanOfProperty(param, 'name')),
  });
}

function checkSignature(
  unit: Unit,
  node: FunctionDeclaration,
  signature: FunctionHeader['signature'],
  result: Type | null,
): void {
  signature.forEach(({ name, type }, index) => {
    const param = node.params[index];
    if (!param || isValue(type) || (type.kind === 'function' && !node.role)) return;
    unit.problems.push(problems.badParameter(spanOf(param), name));
  });
  if (result && !isValue(result) && node.result) unit.problems.push(problems.badResult(spanOf(node.result)));
  const name = spanOfProperty(node, 'name');
  if (node.role === 'interrupt' && (signature.length > 0 || result)) {
    unit.problems.push(problems.interruptSignature(name));
  }
  if (node.role === 'fault') {
    const isRight =
      signature.length === 2 &&
      signature[0]?.type.kind === 'addr' &&
      signature[1]?.type.kind === 'bool' &&
      result?.kind === 'bool';
    if (!isRight) unit.problems.push(problems.faultSignature(name));
  }
  if (node.from && node.role !== 'syscall' && node.role !== 'fault') {
    unit.problems.push(problems.revokesOfPlain(name));
  }
}

/** A name is new, or it overrides a function that is there and is called in the same way. */
function checkPlace(unit: Unit, header: FunctionHeader, isOverride: boolean): void {
  const { span, name } = header;
  refuseTwice(unit, span, name, unit.scope.values.has(name));
  if (builtinNamed(name) === name) unit.problems.push(problems.isBuiltin(span, name));
  if (unit.scope.values.has(name)) return;
  const there = unit.scope.value(name);
  if (!isOverride) {
    if (there && unit.kind !== 'driver') unit.problems.push(problems.existsInKernel(span, name));
    return;
  }
  if (unit.kind === 'driver') {
    unit.problems.push(problems.overrideInDriver(span, name));
    return;
  }
  if (there?.kind !== 'function') {
    const near = nearestName(name, unit.scope.names('values'));
    unit.problems.push(problems.nothingToOverride(span, name, near));
    return;
  }
  recordUse(unit, span, there.span, name, 'override');
  if (!sameHeader(header, there.header)) unit.problems.push(problems.overrideDiffers(span, name));
}

function sameHeader(a: FunctionHeader, b: FunctionHeader): boolean {
  const shape = ({ role, signature, result }: FunctionHeader) =>
    JSON.stringify([role, signature.map(({ type }) => shapeOf(type)), result && shapeOf(result)]);
  return shape(a) === shape(b);
}

/** A type without the ranges of its integers. */
function shapeOf(type: Type): unknown {
  if (type.kind === 'int') return 'int';
  if (type.kind === 'function') return [type.params.map(shapeOf), type.result && shapeOf(type.result)];
  return type;
}

/** Makes a daemon known: a function of the same name that a thread runs. */
export function declareDaemon(unit: Unit, node: DaemonDeclaration, found: Collected): void {
  const span = spanOfProperty(node, 'name');
  const key = unit.prefix + node.name;
  const header: FunctionHeader = { key, name: node.name, role: 'daemon', signature: [], result: null, span };
  checkPlace(unit, header, node.override);
  unit.scope.values.set(node.name, { kind: 'function', span, header });
  if (!node.override) {
    found.daemons.push({ name: key, fn: key, passes: node.isPass ? 0 : null, module: unit.name, span });
  }
  found.functions.push({
    header,
    isOverride: node.override,
    span: spanOf(node),
    doc: docOf(node),
    block: node.body,
    revokes: null,
    driver: unit.kind === 'driver' ? unit.name : null,
    callback: null,
    paramSpans: [],
  });
}

/** Makes a driver's table of callbacks known. */
export function declareNotifier(unit: Unit, body: Body, node: NotifierDeclaration, found: Collected): void {
  if (unit.kind !== 'driver') return;
  const span = spanOfProperty(node, 'name');
  const key = unit.prefix + node.name;
  refuseTwice(unit, span, node.name, unit.scope.values.has(node.name));
  const callbacks: Record<string, string> = {};
  for (const callback of node.callbacks) {
    const source = callbackSource(unit, body, node.name, callback);
    if (!source) continue;
    refuseTwice(unit, source.header.span, callback.name, Object.hasOwn(callbacks, callback.name));
    callbacks[callback.name] = source.header.key;
    found.functions.push(source);
  }
  unit.scope.values.set(node.name, { kind: 'notifier', span, key });
  found.notifiers.push({ name: node.name, driver: unit.name, callbacks, span });
}

function callbackSource(
  unit: Unit,
  body: Body,
  notifier: string,
  node: NotifierCallback,
): FunctionSource | undefined {
  const span = spanOfProperty(node, 'name');
  const callback = unit.scope.callback(node.name);
  if (!callback) {
    const near = nearestName(node.name, unit.scope.names('callbacks'));
    unit.problems.push(problems.unknownCallback(span, node.name, near));
    return undefined;
  }
  recordUse(unit, span, callback.span, node.name, 'callback');
  const wanted = callback.params.map(({ name }) => name);
  if (node.params.length !== wanted.length) {
    unit.problems.push(problems.callbackParameters(span, node.name, wanted));
  }
  const signature = callback.params.map(({ type }, index) => {
    const param = node.params[index];
    const declared = param?.type ? typeOf(body, param.type) : type;
    if (param && JSON.stringify(shapeOf(declared)) !== JSON.stringify(shapeOf(type))) {
      unit.problems.push(problems.callbackParameters(spanOf(param), node.name, wanted));
    }
    return { name: param?.name ?? `$${index}`, type };
  });
  const key = `${unit.prefix}${notifier}.${node.name}`;
  const name = `${notifier}.${node.name}`;
  const { result } = callback;
  return {
    header: { key, name, role: 'callback', signature, result, span },
    isOverride: false,
    span: spanOf(node),
    doc: docOf(node),
    block: node.body,
    revokes: null,
    driver: unit.name,
    callback: node.name,
    paramSpans: node.params.map(param => spanOfProperty(param, 'name')),
  };
}

/** Makes a callback of the kernel known. */
export function declareCallback(unit: Unit, body: Body, node: CallbackDeclaration, found: Collected): void {
  const span = spanOfProperty(node, 'name');
  const isKnown = unit.scope.callbacks.has(node.name);
  refuseTwice(unit, span, node.name, isKnown);
  refuseHiding(unit, span, node.name, !isKnown && unit.scope.callback(node.name) !== undefined);
  const params = node.params.map(param => ({ name: param.name, type: typeOf(body, param.type) }));
  const result = node.result ? typeOf(body, node.result) : null;
  const callback: Callback = { name: node.name, params, result, span };
  unit.scope.callbacks.set(node.name, callback);
  found.callbacks.push(callback);
}
