/** Types as they are written in declarations. */
import type { Span } from '../base/span';
import type { Body } from './body';
import type { ConstantUse, ItemType, PlainType, TypeUse } from './generated/ast';
import { nearestName } from './names';
import { constantOf } from './numbers';
import { spanOf, spanOfProperty } from './parse';
import { problems } from './problems';
import type { Type } from './program';
import { formatType, intType, isValue, namedTypes } from './types';
import { recordUse, type Unit } from './unit';

/** Capacities of lists and lengths of arrays; state is fixed and searched, so they are small. */
const CAPACITY_MAX = 4096;

/** The type that is written. After a mistake: `int`. */
export function typeOf(body: Body, node: TypeUse): Type {
  switch (node.$type) {
    case 'ListType': {
      const of = rangedType(body, node.item);
      const capacity = sizeOf(body, node.capacity, 'capacity');
      if (!isValue(of)) body.unit.problems.push(problems.badItemType(spanOf(node.item), formatType(of)));
      return { kind: 'list', of, capacity };
    }
    case 'FunctionType': {
      const params = node.params.map(param => typeOf(body, param));
      return { kind: 'function', params, result: node.result ? typeOf(body, node.result) : null };
    }
    default: {
      const type = rangedType(body, node);
      return node.length ? { kind: 'array', of: type, length: sizeOf(body, node.length, 'length') } : type;
    }
  }
}

function sizeOf(body: Body, use: ConstantUse, what: string): number {
  const size = constantOf(body, use);
  if (1 <= size && size <= CAPACITY_MAX) return size;
  body.unit.problems.push(problems.badSize(spanOf(use), what, size, 1, CAPACITY_MAX));
  return 1;
}

function rangedType(body: Body, node: PlainType | ItemType): Type {
  const type = namedType(body.unit, node.name, spanOfProperty(node, 'name')) ?? intType;
  if (!node.min || !node.max) return type;
  const [min, max] = [constantOf(body, node.min), constantOf(body, node.max)];
  if (type.kind !== 'int') body.unit.problems.push(problems.rangeOfNoInt(spanOf(node), node.name));
  const fits = -(2 ** 31) <= min && min <= max && max < 2 ** 31;
  if (fits) return { kind: 'int', min, max };
  body.unit.problems.push(problems.badRange(spanOf(node), min, max));
  return type;
}

/** The type of a name: built in, a struct (a reference to an object of its pool), or an enumeration. */
export function namedType(unit: Unit, name: string, span: Span): Type | null {
  if (Object.hasOwn(namedTypes, name)) return namedTypes[name] ?? null;
  const meaning = unit.scope.type(name);
  if (!meaning) {
    const known = [...Object.keys(namedTypes), ...unit.scope.names('types')];
    unit.problems.push(problems.unknownType(span, name, nearestName(name, known)));
    return null;
  }
  recordUse(unit, span, meaning.span, name, meaning.kind);
  if (meaning.kind === 'enum') return { kind: 'enum', name: meaning.key };
  const count = unit.scope.struct(meaning.key)?.count;
  if (typeof count === 'string') {
    unit.problems.push(problems.notAPoolType(span, name, count));
    return null;
  }
  return { kind: 'ref', struct: meaning.key };
}
