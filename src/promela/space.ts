/**
 * What of the address space and of memory a model in Promela must be able to name. A scenario names
 * few pages; frames keep only the words that these pages' entries and the scenario's data fall into,
 * numbered without gaps.
 */
import { PAGE_SIZE, tableIndex, wordOf } from '../base/address';
import { FRAME_WORDS } from '../base/words';
import type { Expr, Program } from '../language/program';
import { devicesOf } from '../machine/config';
import type { Vm } from '../vm/vm';

/** Bits of the low part of an address: two numbers make one, as Promela has none of 48 bits. */
export const LOW_BITS = 30;

/** Commands that wait in the queue of an IOMMU at most; more end the search with an assertion. */
export const COMMANDS_MAX = 16;

/** What can be named, all of it numbered from 0. */
export interface Space {
  /** Page addresses. */
  readonly pages: readonly number[];
  /** For levels 2, 3 and 4: the number of the prefix of each page, and how many there are. */
  readonly prefixes: readonly { readonly of: readonly number[]; readonly count: number }[];
  /** Words of a frame, in order. */
  readonly slots: readonly number[];
  /** PASIDs are below. */
  readonly pasids: number;
}

/** Collects what a program can name, from its mappings, its constants and its initial state. */
export function spaceOf(program: Program, vm: Vm): Space {
  const { scenario } = program;
  const pages = scenario.mappings.flatMap(({ address, pages: count }) =>
    Array.from({ length: count }, (_, page) => address + page * PAGE_SIZE),
  );
  const slots = new Set<number>([0]);
  for (const page of pages) for (let level = 1; level <= 4; level++) slots.add(tableIndex(page, level));
  for (let frame = 0; frame < vm.words.frames; frame++)
    for (const [slot, word] of (vm.words.framePage(frame) ?? []).entries()) if (word !== 0) slots.add(slot);
  for (const fn of [...scenario.tasks, ...scenario.devices].map(each => program.functions[each.fn]))
    for (const value of constantsOf(fn?.code ?? []))
      if (value >= PAGE_SIZE) slots.add(wordOf(value % 2 ** 31));
  let pasids = 1 + Math.max(0, ...scenario.devices.map(({ pasid }) => pasid));
  for (const device of devicesOf(scenario.machine).keys())
    for (let pasid = pasids; pasid < 32; pasid++) if (vm.machine.gcr3(device, pasid) >= 0) pasids = pasid + 1;
  return {
    pages,
    prefixes: [2, 3, 4].map(level => prefixesOf(pages, level)),
    slots: [...slots].filter(slot => slot < FRAME_WORDS).sort((a, b) => a - b),
    pasids,
  };
}

function prefixesOf(pages: readonly number[], level: number): { of: number[]; count: number } {
  const span = PAGE_SIZE * 512 ** (level - 1);
  const known = [...new Set(pages.map(page => Math.floor(page / span)))];
  return { of: pages.map(page => known.indexOf(Math.floor(page / span))), count: Math.max(1, known.length) };
}

/** Every number in a piece of code. */
function constantsOf(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(constantsOf);
  if (typeof value !== 'object' || value === null) return [];
  if (isConst(value)) return [value.value];
  return Object.entries(value).flatMap(([key, part]) => (key === 'span' ? [] : constantsOf(part)));
}

function isConst(value: object): value is Expr & { readonly op: 'const' } {
  return 'op' in value && value.op === 'const';
}

/** `((x) == 4 -> 1 : ((x) == 9 -> 2 : 999))`: a table as an expression, since an array would be state. */
export function lookUp(
  of: string,
  values: readonly (readonly [number, number])[],
  otherwise: string,
): string {
  const same = new Set(values.map(([, value]) => value));
  if (same.size === 1 && otherwise === '0') return String(values[0]?.[1] ?? 0);
  return values.reduceRight((rest, [key, value]) => `((${of}) == ${key} -> ${value} : ${rest})`, otherwise);
}
