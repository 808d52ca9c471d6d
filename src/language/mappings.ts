/** Places the mappings of processes in their address spaces. */
import { alignUp, PAGE_SIZE } from '../base/address';
import type { Span } from '../base/span';
import { Body } from './body';
import { lowerExpression } from './expressions';
import type { Mapping as MappingNode, Process } from './generated/ast';
import { nearestName } from './names';
import { coerce } from './operators';
import { spanOf, spanOfProperty } from './parse';
import { problems } from './problems';
import type { Mapping } from './program';
import { addrType } from './types';
import { recordUse, type Unit } from './unit';

/** Where the first mapping goes that does not say where. */
const FIRST_ADDRESS = 0x7f00_0000_0000;
/** Mappings lie so far apart that each has a page table of its own. */
const DISTANCE = 2 * 2 ** 20;
/** The first address of the kernel half's gap. */
const USER_END = 2 ** 47;

/** A mapping with what the set-up needs besides. */
export interface PlacedMapping extends Mapping {
  readonly end: number;
  readonly isWritable: boolean;
  readonly isTouched: boolean;
  readonly span: Span;
}

/** Places the mappings of one process, and makes their names constants of the scenario. */
export function placeMappings(unit: Unit, process: Process): PlacedMapping[] {
  const body = new Body(unit, 'setup', null);
  const placed: PlacedMapping[] = [];
  for (const node of process.mappings) {
    const size = constantAddress(body, node.size);
    if (size === null) continue;
    const address = addressOf(body, node, size, placed);
    if (address === null) continue;
    const why = refusal(address, size, placed);
    if (why !== null) {
      unit.problems.push(problems.badPlacement(spanOf(node), node.name, why));
      continue;
    }
    const flags = readFlags(unit, node);
    const span = spanOf(node);
    const pages = size / PAGE_SIZE;
    placed.push({
      name: node.name,
      process: process.name,
      address,
      pages,
      end: address + size,
      span,
      ...flags,
    });
    nameMapping(unit, node, address, placed);
  }
  return placed;
}

function constantAddress(body: Body, node: MappingNode['size']): number | null {
  const value = lowerExpression(body, node);
  if (value.type.kind === 'error') return null;
  const expr = coerce(body, value, addrType, node);
  if (expr.op === 'const') return expr.value;
  body.unit.problems.push(problems.valueNotConstant(spanOf(node), 'this size or address'));
  return null;
}

function addressOf(
  body: Body,
  node: MappingNode,
  size: number,
  placed: readonly PlacedMapping[],
): number | null {
  if (node.at) return constantAddress(body, node.at);
  if (node.after !== undefined) {
    const before = placed.find(({ name }) => name === node.after);
    const span = spanOfProperty(node, 'after');
    if (before) {
      recordUse(body.unit, span, before.span, before.name, 'mapping');
      return before.end;
    }
    const near = nearestName(
      node.after,
      placed.map(({ name }) => name),
    );
    body.unit.problems.push(problems.unknownMapping(span, node.after, near));
    return null;
  }
  let address = FIRST_ADDRESS;
  // The lowest place that shares no page table with another mapping.
  for (let isFree = false; !isFree; ) {
    const start = address;
    const other = placed.find(
      mapping => start < alignUp(mapping.end, DISTANCE) && mapping.address < alignUp(start + size, DISTANCE),
    );
    isFree = other === undefined;
    if (other) address = alignUp(other.end, DISTANCE);
  }
  return address;
}

function refusal(address: number, size: number, placed: readonly PlacedMapping[]): string | null {
  if (size <= 0 || size % PAGE_SIZE !== 0) return 'must have a size of whole pages';
  if (address % PAGE_SIZE !== 0) return 'must begin at a page';
  if (address < PAGE_SIZE || USER_END < address + size) return 'must lie between 0x1000 and 0x800000000000';
  const other = placed.find(mapping => address < mapping.end && mapping.address < address + size);
  return other ? `overlaps with mapping '${other.name}'` : null;
}

function readFlags(unit: Unit, node: MappingNode): { isWritable: boolean; isTouched: boolean } {
  const flags = node.flags.map(({ name }) => name);
  const rights = flags.filter(flag => flag === 'rw' || flag === 'ro');
  const strange = node.flags.find(({ name }) => !['rw', 'ro', 'touched'].includes(name));
  if (strange) unit.problems.push(problems.badFlags(spanOf(strange), strange.name));
  else if (rights.length !== 1 || new Set(flags).size < flags.length) {
    unit.problems.push(problems.badFlags(spanOf(node), flags.join(', ') || 'nothing'));
  }
  return { isWritable: rights[0] === 'rw', isTouched: flags.includes('touched') };
}

/** The same name may mean one address in several processes, but not two addresses. */
function nameMapping(unit: Unit, node: MappingNode, address: number, placed: readonly PlacedMapping[]): void {
  const span = spanOfProperty(node, 'name');
  const known = unit.scope.values.get(node.name);
  const isTwice = placed.slice(0, -1).some(({ name }) => name === node.name);
  if (isTwice) unit.problems.push(problems.alreadyDeclared(span, node.name, 'in this process'));
  else if (known?.kind === 'constant' && known.value().type.kind === 'addr') {
    if (known.value().value !== address) unit.problems.push(problems.ambiguousMapping(span, node.name));
  } else if (known) unit.problems.push(problems.alreadyDeclared(span, node.name, 'in this scenario'));
  else {
    const constant = { value: address, type: addrType } as const;
    unit.scope.values.set(node.name, { kind: 'constant', span, value: () => constant });
  }
}
