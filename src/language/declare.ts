/** Collects the declarations of a module, in an order in which each finds what it needs, then compiles the bodies. */
import type { Span } from '../base/span';
import { Body } from './body';
import { builtinNamed } from './calls';
import { typeOf } from './declared-types';
import { constantOf, lowerExpression } from './expressions';
import { compileFunction, type FunctionSource } from './functions';
import type {
  CallbackDeclaration,
  ConstantDeclaration,
  DaemonDeclaration,
  Declaration,
  EnumDeclaration,
  FunctionDeclaration,
  GlobalDeclaration,
  NotifierCallback,
  NotifierDeclaration,
  StructDeclaration,
} from './generated/ast';
import type {
  Constant,
  ConstantType,
  Declarations,
  Enumeration,
  FunctionHeader,
  ModuleFunction,
} from './module';
import { nearestName } from './names';
import { docOf, spanOf, spanOfProperty, textOf } from './parse';
import { problems } from './problems';
import type { Callback, Daemon, Field, Global, Guard, Notifier, Struct, Type, Workqueue } from './program';
import { typeWords } from './program';
import { addMembers } from './scope';
import { isLock, isValue } from './types';
import { recordUse, type Unit } from './unit';

/** Objects in a pool. */
const POOL_MAX = 4096;

interface Collected {
  readonly structs: Struct[];
  readonly enums: Enumeration[];
  readonly constants: Constant[];
  readonly globals: Global[];
  readonly functions: FunctionSource[];
  readonly callbacks: Callback[];
  readonly workqueues: Workqueue[];
  readonly daemons: Daemon[];
  readonly notifiers: Notifier[];
}

/** Compiles declarations into the module; `unit.scope` must be empty but for its parents. */
export function compileDeclarations(unit: Unit, nodes: readonly Declaration[]): Declarations {
  const body = new Body(unit, 'plain', null);
  const found: Collected = {
    structs: [],
    enums: [],
    constants: [],
    globals: [],
    functions: [],
    callbacks: [],
    workqueues: [],
    daemons: [],
    notifiers: [],
  };
  for (const node of nodes) declareName(unit, body, node, found);
  for (const node of nodes) if (node.$type === 'ConstantDeclaration') finishConstant(unit, node, found);
  for (const node of nodes) if (node.$type === 'StructDeclaration') sizeStruct(unit, body, node);
  for (const node of nodes) declareTyped(unit, body, node, found);
  // Callbacks are implemented by notifiers, wherever either stands.
  for (const node of nodes)
    if (node.$type === 'NotifierDeclaration') declareNotifier(unit, body, node, found);
  const functions: ModuleFunction[] = found.functions.map(source => compileFunction(unit, source));
  return { ...found, functions };
}

/* Names. */

function refuseTwice(unit: Unit, span: Span, name: string, isKnown: boolean): void {
  if (isKnown) unit.problems.push(problems.alreadyDeclared(span, name, `in ${unit.kind} ${unit.name}`));
}

/** A kernel that extends another may not silently hide what is there; a driver hides names of the kernel. */
function refuseHiding(unit: Unit, span: Span, name: string, isThere: boolean): void {
  if (isThere && unit.kind !== 'driver') unit.problems.push(problems.existsInKernel(span, name));
}

function declareName(unit: Unit, body: Body, node: Declaration, found: Collected): void {
  const { scope, prefix } = unit;
  if (node.$type === 'EnumDeclaration') declareEnum(unit, node, found);
  if (node.$type === 'ConstantDeclaration') declareConstant(unit, body, node);
  if (node.$type === 'StructDeclaration') {
    const span = spanOfProperty(node, 'name');
    refuseTwice(unit, span, node.name, scope.types.has(node.name));
    refuseHiding(unit, span, node.name, scope.type(node.name) !== undefined && !scope.types.has(node.name));
    const key = prefix + node.name;
    scope.types.set(node.name, { kind: 'struct', span, key });
    return;
  }
  if (node.$type === 'WorkqueueDeclaration') {
    const span = spanOfProperty(node, 'name');
    refuseTwice(unit, span, node.name, scope.workqueues.has(node.name));
    scope.workqueues.set(node.name, { key: prefix + node.name, span });
    return;
  }
  if (unit.kind === 'driver') {
    const isMisplaced = ['Driver', 'Scenario', 'KernelManifest', 'CallbacksDeclaration'].includes(node.$type);
    if (isMisplaced) unit.problems.push(problems.notInDriver(spanOf(node)));
  } else if (node.$type === 'NotifierDeclaration') {
    unit.problems.push(problems.onlyInDriver(spanOf(node), 'notifier'));
  }
}

function declareValue(unit: Unit, span: Span, name: string): void {
  refuseTwice(unit, span, name, unit.scope.values.has(name));
  refuseHiding(unit, span, name, unit.scope.value(name) !== undefined && !unit.scope.values.has(name));
}

function declareEnum(unit: Unit, node: EnumDeclaration, found: Collected): void {
  const span = spanOfProperty(node, 'name');
  const key = unit.prefix + node.name;
  refuseTwice(unit, span, node.name, unit.scope.types.has(node.name));
  refuseHiding(
    unit,
    span,
    node.name,
    unit.scope.type(node.name) !== undefined && !unit.scope.types.has(node.name),
  );
  unit.scope.types.set(node.name, { kind: 'enum', span, key });
  const members = node.members.map(member => ({ name: member.name, span: spanOf(member) }));
  for (const member of members) declareValue(unit, member.span, member.name);
  addMembers(unit.scope, key, members);
  found.enums.push({ name: key, members, span });
}

function declareConstant(unit: Unit, body: Body, node: ConstantDeclaration): void {
  const span = spanOfProperty(node, 'name');
  declareValue(unit, span, node.name);
  let known: { value: number; type: ConstantType } | undefined;
  let isBusy = false;
  const value = () => {
    if (known) return known;
    if (isBusy) {
      unit.problems.push(problems.constantCycle(span, node.name));
      return { value: 0, type: { kind: 'number' } } as const;
    }
    isBusy = true;
    known = constantValue(unit, body, node);
    isBusy = false;
    return known;
  };
  unit.scope.values.set(node.name, { kind: 'constant', span, value });
}

function constantValue(
  unit: Unit,
  body: Body,
  node: ConstantDeclaration,
): { value: number; type: ConstantType } {
  const { expr, type } = lowerExpression(body, node.value);
  if (type.kind === 'error') return { value: 0, type: { kind: 'number' } };
  if (expr.op !== 'const' || type.kind === 'null' || type.kind === 'void') {
    unit.problems.push(problems.valueNotConstant(spanOf(node.value), textOf(node.value)));
    return { value: 0, type: { kind: 'number' } };
  }
  return { value: expr.value, type };
}

function finishConstant(unit: Unit, node: ConstantDeclaration, found: Collected): void {
  const meaning = unit.scope.values.get(node.name);
  if (meaning?.kind !== 'constant') return;
  found.constants.push({ name: unit.prefix + node.name, ...meaning.value(), span: meaning.span });
}

/* Structs. */

const perCounts: Readonly<Record<string, Struct['count']>> = {
  cpu: 'cpu',
  frame: 'page',
  page: 'page',
  device: 'device',
  iommu: 'iommu',
  task: 'task',
};

/** Makes a struct known with its size, before any type mentions it. */
function sizeStruct(unit: Unit, body: Body, node: StructDeclaration): void {
  const span = spanOfProperty(node, 'name');
  const name = unit.prefix + node.name;
  const count = structCount(unit, body, node);
  unit.scope.structs.set(name, { name, count, fields: [], words: 0, module: unit.name, span });
}

function structCount(unit: Unit, body: Body, node: StructDeclaration): Struct['count'] {
  if (node.per !== undefined) {
    const count = perCounts[node.per];
    if (count !== undefined) return count;
    unit.problems.push(problems.unknownPer(spanOfProperty(node, 'per'), node.per));
    return 'cpu';
  }
  const count = node.count ? constantOf(body, node.count) : 1;
  if (1 <= count && count <= POOL_MAX) return count;
  unit.problems.push(problems.badSize(spanOfProperty(node, 'count'), 'pool', count, 1, POOL_MAX));
  return 1;
}

function declareStruct(unit: Unit, body: Body, node: StructDeclaration): Struct {
  const name = unit.prefix + node.name;
  const fields: Field[] = [];
  let offset = 0;
  for (const declared of node.fields) {
    const span = spanOfProperty(declared, 'name');
    const type = typeOf(body, declared.type);
    if (type.kind === 'function') unit.problems.push(problems.functionVariable(span, declared.name));
    refuseTwice(
      unit,
      span,
      declared.name,
      fields.some(field => field.name === declared.name),
    );
    const { ghost } = declared;
    fields.push({ name: declared.name, type, offset, guard: null, ghost, span });
    offset += typeWords(type);
  }
  const guarded = fields.map((field, index) => {
    const declared = node.fields[index];
    const guard = declared?.guard === undefined ? null : declared.guard;
    if (!declared || guard === null) return field;
    return { ...field, guard: guardOf(unit, guard, spanOfProperty(declared, 'guard'), fields) };
  });
  const known = unit.scope.structs.get(name);
  const count = known?.count ?? 1;
  return {
    name,
    count,
    fields: guarded,
    words: offset,
    module: unit.name,
    span: spanOfProperty(node, 'name'),
  };
}

/** A lock of the same object, or else a global lock. */
function guardOf(unit: Unit, name: string, span: Span, fields: readonly Field[]): Guard | null {
  const field = fields.find(other => other.name === name);
  if (field && isLock(field.type)) {
    recordUse(unit, span, field.span, name, 'field');
    return { field: name };
  }
  const meaning = unit.scope.value(name);
  if (meaning?.kind === 'global' && isLock(meaning.global.type)) {
    recordUse(unit, span, meaning.span, name, 'global');
    return { global: meaning.global.name };
  }
  const locks = fields.filter(({ type }) => isLock(type)).map(other => other.name);
  unit.problems.push(problems.notALock(span, name, nearestName(name, locks)));
  return null;
}

/* What has a type. */

function declareTyped(unit: Unit, body: Body, node: Declaration, found: Collected): void {
  switch (node.$type) {
    case 'StructDeclaration': {
      const struct = declareStruct(unit, body, node);
      unit.scope.structs.set(struct.name, struct);
      found.structs.push(struct);
      return;
    }
    case 'GlobalDeclaration': {
      const global = declareGlobal(unit, body, node);
      unit.scope.values.set(node.name, { kind: 'global', span: global.span, global });
      found.globals.push(global);
      return;
    }
    case 'WorkqueueDeclaration': {
      const capacity = constantOf(body, node.capacity);
      const span = spanOfProperty(node, 'name');
      if (capacity < 1 || 64 < capacity) {
        unit.problems.push(problems.badSize(spanOfProperty(node, 'capacity'), 'capacity', capacity, 1, 64));
      }
      found.workqueues.push({ name: unit.prefix + node.name, capacity, module: unit.name, span });
      return;
    }
    case 'FunctionDeclaration':
      declareFunction(unit, body, node, found);
      break;
    case 'DaemonDeclaration':
      declareDaemon(unit, node, found);
      break;
    case 'CallbacksDeclaration':
      for (const callback of node.callbacks) declareCallback(unit, body, callback, found);
      return;
    default:
      return;
  }
}

function declareGlobal(unit: Unit, body: Body, node: GlobalDeclaration): Global {
  const span = spanOfProperty(node, 'name');
  declareValue(unit, span, node.name);
  const type = typeOf(body, node.type);
  if (type.kind === 'function') unit.problems.push(problems.functionVariable(span, node.name));
  let initial = 0;
  if (node.value) {
    const value = lowerExpression(body, node.value);
    const isConstant = value.expr.op === 'const' && !('symbol' in value.expr);
    if (!isConstant && value.type.kind !== 'error') {
      unit.problems.push(problems.valueNotConstant(spanOf(node.value), textOf(node.value)));
    } else if (value.expr.op === 'const') {
      if (!isValue(type)) unit.problems.push(problems.noInitialValue(spanOf(node.value), node.name));
      else initial = value.expr.value;
    }
  }
  const guard =
    node.guard === undefined ? null : guardOf(unit, node.guard, spanOfProperty(node, 'guard'), []);
  const name = unit.prefix + node.name;
  return { name, type, initial, guard, ghost: node.ghost, module: unit.name, span };
}

function declareCallback(unit: Unit, body: Body, node: CallbackDeclaration, found: Collected): void {
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

/* Functions. */

function declareFunction(unit: Unit, body: Body, node: FunctionDeclaration, found: Collected): void {
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

function declareDaemon(unit: Unit, node: DaemonDeclaration, found: Collected): void {
  const span = spanOfProperty(node, 'name');
  const key = unit.prefix + node.name;
  const header: FunctionHeader = { key, name: node.name, role: 'daemon', signature: [], result: null, span };
  checkPlace(unit, header, node.override);
  unit.scope.values.set(node.name, { kind: 'function', span, header });
  if (!node.override) found.daemons.push({ name: key, fn: key, module: unit.name, span });
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

/* Notifiers. */

function declareNotifier(unit: Unit, body: Body, node: NotifierDeclaration, found: Collected): void {
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
