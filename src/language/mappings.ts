/** Places the mappings of processes in their address spaces. */
import { alignUp, PAGE_SIZE } from '../base/address';
import type { Span } from '../base/span';
import { Body } from './body';
import { lowerExpression } from './expressions';
import type { Expression, MappingFlag, Mapping as MappingNode, Process } from './generated/ast';
import { nearestName } from './names';
import { numberOf } from './numbers';
import { coerce } from './operators';
import { spanOf, spanOfProperty, textOf } from './parse';
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

/** Pages of a mapping that are populated before the start: from `first` to before `end`. */
export interface Populated {
  readonly first: number;
  readonly end: number;
  readonly write: boolean;
  readonly span: Span;
}

/** The part of a file that a mapping shows. */
export interface MappedFile {
  readonly name: string;
  readonly span: Span;
  /** First page of the file that is mapped. */
  readonly page: number;
}

/** A mapping with what the set-up needs besides. */
export interface PlacedMapping extends Mapping, MappingFlags {
  readonly end: number;
  readonly span: Span;
}

interface MappingFlags {
  readonly read: boolean;
  readonly write: boolean;
  readonly exec: boolean;
  readonly shared: boolean;
  readonly file: MappedFile | null;
  readonly populated: readonly Populated[];
  /** Words that the kernel knows and the language does not: `hugepage`, `locked`. */
  readonly others: readonly { readonly name: string; readonly span: Span }[];
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
    const pages = size / PAGE_SIZE;
    const flags = readFlags(body, node, pages);
    const span = spanOf(node);
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

/** The constant address or size that an expression is; null, with a problem, if it is none. */
export function constantAddress(body: Body, node: Expression, what = 'this size or address'): number | null {
  const value = lowerExpression(body, node);
  if (value.type.kind === 'error') return null;
  const expr = coerce(body, value, addrType, node);
  if (expr.op === 'const') return expr.value;
  body.unit.problems.push(problems.valueNotConstant(spanOf(node), what));
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

const rights: Readonly<Record<string, { read: boolean; write: boolean; exec: boolean }>> = {
  r: { read: true, write: false, exec: false },
  ro: { read: true, write: false, exec: false },
  rw: { read: true, write: true, exec: false },
  rx: { read: true, write: false, exec: true },
  rwx: { read: true, write: true, exec: true },
  none: { read: false, write: false, exec: false },
};

/** Words that every kernel knows; more are the parameters of its `setup_mmap`. */
export const mappingWords: readonly string[] = [
  ...Object.keys(rights),
  'private',
  'shared',
  'touched',
  'read',
];

function readFlags(body: Body, node: MappingNode, pages: number): MappingFlags {
  const { problems: found } = body.unit;
  const names = node.flags.map(flag => (flag.isFile ? 'file' : (flag.name ?? '')));
  const twice = node.flags.find((_, index) => {
    const name = names[index] ?? '';
    return names.indexOf(name) < index && name !== 'touched' && name !== 'read';
  });
  const given = names.filter(name => Object.hasOwn(rights, name));
  const ways = names.filter(name => name === 'private' || name === 'shared');
  if (given.length !== 1) found.push(problems.badRights(spanOf(node), given, Object.keys(rights)));
  if (ways.length > 1) found.push(problems.badFlag(spanOf(node), ways.join(', '), 'one of them'));
  if (twice) found.push(problems.badFlag(spanOf(twice), textOf(twice), 'it once'));
  const granted = rights[given[0] ?? 'rw'] ?? { read: true, write: true, exec: false };
  const populated: Populated[] = [];
  const others: { name: string; span: Span }[] = [];
  let file: MappedFile | null = null;
  for (const flag of node.flags) {
    const span = spanOf(flag);
    const name = flag.name ?? '';
    if (flag.isFile) file = fileOf(body, flag);
    else if (name === 'touched' || name === 'read') {
      const write = name === 'touched' && granted.write;
      const ranges = flag.pages.length === 0 ? [{ first: 0, end: pages }] : rangesOf(body, flag, pages);
      for (const range of ranges) populated.push({ ...range, write, span });
    } else {
      if (flag.pages.length > 0) found.push(problems.flagHasNoPages(span, name));
      if (!mappingWords.includes(name)) others.push({ name, span });
    }
  }
  return { ...granted, shared: ways[0] === 'shared', file, populated, others };
}

function fileOf(body: Body, flag: MappingFlag): MappedFile {
  const at = flag.at ? (constantAddress(body, flag.at, 'this place in the file') ?? 0) : 0;
  if (flag.at && (at < 0 || at % PAGE_SIZE !== 0)) {
    body.unit.problems.push(problems.badFlag(spanOf(flag.at), textOf(flag.at), 'whole pages'));
  }
  const span = spanOfProperty(flag, 'file');
  return { name: flag.file ?? '', span, page: Math.floor(at / PAGE_SIZE) };
}

/** The pages a flag names, as ranges of neighbours. */
function rangesOf(body: Body, flag: MappingFlag, pages: number): { first: number; end: number }[] {
  const named = new Set<number>();
  for (const range of flag.pages) {
    const [first, last] = [range.first, range.last ?? range.first].map(numberOf);
    const isRight = first != null && last != null && first <= last && last < pages;
    if (!isRight) {
      body.unit.problems.push(problems.badPages(spanOf(range), textOf(range), pages));
    } else for (let page = first; page <= last; page++) named.add(page);
  }
  const ranges: { first: number; end: number }[] = [];
  for (const page of [...named].sort((a, b) => a - b)) {
    const before = ranges.at(-1);
    if (before?.end === page) before.end = page + 1;
    else ranges.push({ first: page, end: page + 1 });
  }
  return ranges;
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
