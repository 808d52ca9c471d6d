/**
 * Collects the declarations of a module, in an order in which each finds what it needs, then compiles the
 * bodies.
 */
import type { Span } from '../base/span';
import { Body } from './body';
import { type Collected, refuseHiding, refuseTwice } from './collected';
import { declareCallback, declareDaemon, declareFunction, declareNotifier } from './declare-functions';
import { typeOf } from './declared-types';
import { lowerExpression } from './expressions';
import { compileFunction } from './functions';
import type {
  ConstantDeclaration,
  Declaration,
  EnumDeclaration,
  GlobalDeclaration,
  StructDeclaration,
} from './generated/ast';
import type { ConstantType, Declarations, ModuleFunction } from './module';
import { nearestName } from './names';
import { constantOf } from './numbers';
import { spanOf, spanOfProperty, textOf } from './parse';
import { problems } from './problems';
import type { Field, Global, Guard, Struct, Type } from './program';
import { typeWords } from './program';
import { addMembers } from './scope';
import { formatType, isLock, isValue } from './types';
import { recordUse, type Unit } from './unit';

/** What a field `counts` that is itself a count of references. */
const REFERENCES = 'references';

/** Objects in a pool. */
const POOL_MAX = 4096;

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
  for (const node of nodes) checkCounts(unit, node, found);
  const functions: ModuleFunction[] = found.functions.map(source => compileFunction(unit, source));
  return { ...found, functions };
}

/* Names. */

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
    const count = Object.hasOwn(perCounts, node.per) ? perCounts[node.per] : undefined;
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
    const { name: field, ghost } = declared;
    const isCount = declared.counts === REFERENCES;
    const refcount = isCount && type.kind === 'int';
    if (isCount && !refcount) unit.problems.push(problems.refcountType(span, field));
    const counts = isCount ? null : (declared.counts ?? null);
    fields.push({ name: field, type, offset, guard: null, ghost, refcount, counts, span });
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

/** What is counted must lead to something that has such a count. Structs are known by now. */
function checkCounts(unit: Unit, node: Declaration, found: Collected): void {
  if (node.$type === 'GlobalDeclaration' && node.counts !== undefined) {
    const global = found.globals.find(({ name }) => name === unit.prefix + node.name);
    if (global) checkCount(unit, spanOfProperty(node, 'counts'), node.counts, global.type);
  }
  if (node.$type !== 'StructDeclaration') return;
  const struct = unit.scope.structs.get(unit.prefix + node.name);
  node.fields.forEach((field, index) => {
    const type = struct?.fields[index]?.type;
    if (field.counts !== undefined && field.counts !== REFERENCES && type)
      checkCount(unit, spanOfProperty(field, 'counts'), field.counts, type);
  });
}

function checkCount(unit: Unit, span: Span, name: string, type: Type): void {
  const target = type.kind === 'list' || type.kind === 'array' ? type.of : type;
  const structs =
    target.kind === 'ref'
      ? [unit.scope.struct(target.struct)]
      : unit.scope.structsPer(target.kind === 'table' || target.kind === 'page' ? 'page' : 'cpu');
  const fields = structs.flatMap(struct => struct?.fields ?? []).filter(({ refcount }) => refcount);
  const field = fields.find(other => other.name === name);
  const isReference = ['ref', 'page', 'table'].includes(target.kind);
  if (isReference && field) recordUse(unit, span, field.span, name, 'field');
  else {
    const known = isReference ? fields.map(other => other.name) : [];
    unit.problems.push(problems.notARefcount(span, name, formatType(target), known));
  }
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
  const { ghost, counts = null } = node;
  return { name, type, initial, guard, ghost, counts, module: unit.name, span };
}
