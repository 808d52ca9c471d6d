import { unreachable } from '../base/assert';
import type { Body } from './body';
import { lowerCallInExpression } from './calls';
import type { Expression, Index, Member, NameUse } from './generated/ast';
import { nearestName } from './names';
import { builtinConstants, lowerNumber } from './numbers';
import { coerce, lowerBinary, lowerConditional, lowerUnary } from './operators';
import { spanOf, spanOfProperty } from './parse';
import { problems } from './problems';
import type { Expr, Field, Place, Struct } from './program';
import type { Meaning, Scope } from './scope';
import { addrType, boolType, formatType, isValue, type StaticType, wordType } from './types';
import { recordUse } from './unit';
import { constant, type Value, wrongValue } from './value';

/** How deep operators may nest; a guard for the stack. */
const DEPTH_MAX = 200;

/** Lowers an expression whose value is wanted. */
export function lowerExpression(body: Body, node: Expression): Value {
  if (body.depth >= DEPTH_MAX) {
    body.unit.problems.push(problems.expressionTooDeep(spanOf(node), DEPTH_MAX));
    return wrongValue;
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
      return { expr: constant(0), type: { kind: 'null' } };
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
      return wrongValue;
    default:
      return unreachable(node);
  }
}

/* Names, fields and elements. */

/** A place, or what else a name, member or element may be. */
export type Target =
  | { readonly kind: 'place'; readonly place: Place; readonly ghost: boolean }
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'wrong' };

function lowerPlaceValue(body: Body, node: NameUse | Member | Index): Value {
  const target = lowerTarget(body, node);
  if (target.kind === 'wrong') return wrongValue;
  if (target.kind === 'value') return target.value;
  const { place, ghost } = target;
  if (ghost && !body.readsGhosts) body.unit.problems.push(problems.ghostRead(spanOf(node)));
  if (!isValue(place.type)) {
    body.unit.problems.push(problems.notAValue(spanOf(node), formatType(place.type)));
    return wrongValue;
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
  const builtin = Object.hasOwn(builtinConstants, node.name) ? builtinConstants[node.name] : undefined;
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
  // A constant is no misspelt function: what is written in capitals is looked for among such names.
  const isConstant = /^[A-Z][A-Z0-9_]*$/.test(node.name);
  const alike = isConstant ? known.filter(name => name === name.toUpperCase()) : known;
  body.unit.problems.push(problems.unknownName(spanOf(node), node.name, nearestName(node.name, alike)));
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
