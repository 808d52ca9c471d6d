/** Numbers, sizes and the names that stand for them. */
import { PAGE_SIZE } from '../base/address';
import type { Body } from './body';
import type { ConstantUse, NumberLiteral } from './generated/ast';
import { nearestName } from './names';
import { spanOf, spanOfProperty } from './parse';
import { problems } from './problems';
import { addrType, numberType } from './types';
import { recordUse } from './unit';
import { constant, type Value, wrongValue } from './value';

const units: Readonly<Record<string, number>> = {
  byte: 1,
  bytes: 1,
  page: PAGE_SIZE,
  pages: PAGE_SIZE,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/**
 * Value of a number as written, or null if it is none. 64-bit addresses of the kernel half become negative.
 */
export function numberOf(digits: string): number | null {
  if (!/^(0x[0-9a-fA-F][0-9a-fA-F_]*|[0-9][0-9_]*)$/.test(digits) || digits.length > 40) return null;
  const exact = BigInt(digits.replaceAll('_', ''));
  const value = Number(exact >= 2n ** 63n ? exact - 2n ** 64n : exact);
  return Number.isSafeInteger(value) ? value : null;
}

/** Lowers a number with or without a unit. */
export function lowerNumber(body: Body, node: NumberLiteral): Value {
  const value = numberOf(node.digits);
  if (value === null) {
    body.unit.problems.push(problems.malformedNumber(spanOf(node), node.digits));
    return wrongValue;
  }
  const unit = node.unit === undefined ? undefined : units[node.unit];
  if (unit === undefined) return { expr: constant(value), type: numberType };
  if (!Number.isSafeInteger(value * unit)) {
    body.unit.problems.push(problems.malformedNumber(spanOf(node), `${node.digits} ${node.unit}`));
    return wrongValue;
  }
  return { expr: constant(value * unit), type: addrType };
}

/** A number, or the name of a constant, where only such may stand: sizes, ranges, capacities. */
export function constantOf(body: Body, use: ConstantUse): number {
  const sign = use.negative ? -1 : 1;
  if (use.digits !== undefined) {
    const value = numberOf(use.digits);
    if (value === null) body.unit.problems.push(problems.malformedNumber(spanOf(use), use.digits));
    return sign * (value ?? 0);
  }
  const name = use.name ?? '';
  const meaning = body.lookup(name);
  if (meaning?.kind !== 'constant') {
    body.unit.problems.push(problems.notConstant(spanOf(use), name, nearConstant(body, name)));
    return 0;
  }
  recordUse(body.unit, spanOfProperty(use, 'name'), meaning.span, name, 'constant');
  return sign * meaning.value().value;
}

function nearConstant(body: Body, name: string): string | undefined {
  const constants = body.unit.scope.names('values').filter(other => body.lookup(other)?.kind === 'constant');
  return nearestName(name, constants);
}

/** Constants that are built in; an address each. */
export const builtinConstants: Readonly<Record<string, number>> = {
  PAGE_SIZE,
  PMD_SIZE: PAGE_SIZE * 2 ** 9,
  PUD_SIZE: PAGE_SIZE * 2 ** 18,
  PGDIR_SIZE: PAGE_SIZE * 2 ** 27,
};
