/**
 * What a verdict rests on: how the hardware behaves, what was merged, what is not watched. Each is a
 * sentence, and says what is not seen because of it.
 */
import type { FunctionCode, Program } from '../language/program';
import { devicesOf } from '../machine/config';
import type { CacheMode } from '../vm/types';
import type { Progress } from './search';
import { omissionOdds } from './visited';

const cacheAssumptions: Readonly<Record<CacheMode, readonly string[]>> = {
  demand: ['caches fill on demand only and evict nothing unless full: no speculation'],
  search: [
    'caches are unlimited, fill on speculation and evict at will',
    'what depends on how much caches hold, or on walks that failed being cached, is not seen',
    'an access that finds a translation without the right it needs asks for it anew before it faults',
  ],
  explicit: [
    'caches fill on speculation and evict at any time, with capacities as configured',
    'an access that a cache can answer is answered by the youngest copy that grants it',
  ],
};

/** What every verdict rests on. */
export function assumptionsOf(program: Program, progress: Progress): string[] {
  const { options, states } = progress;
  const assumptions = ['execution is sequentially consistent: bugs of missing barriers are not seen'];
  if (hasTranslations(program)) assumptions.push(...cacheAssumptions[options.caches]);
  assumptions.push(...hardwareAssumptions(program));
  if (options.order !== 'random') {
    const odds = omissionOdds(states).toExponential(1);
    assumptions.push(`states are told apart by 128-bit hashes: odds of an omission below ${odds}`);
  }
  const merged = [
    ...(options.reductions.local ? ['steps on locals are merged'] : []),
    ...(options.reductions.local && options.reductions.guarded
      ? ['accesses under their lock are merged']
      : []),
  ];
  if (options.reductions.independent === true)
    merged.push('steps that commute with all that others can still do are made in one order');
  if (options.reductions.deadLocals) merged.push('locals that are not read any more do not count');
  assumptions.push(...merged);
  assumptions.push(...progress.unanswered);
  for (const { property, reason } of program.scenario.unwatched)
    assumptions.push(`${property} is not watched: ${reason}`);
  return assumptions;
}

/** Where the hardware of a scenario does one thing that real hardware may do otherwise. */
function hardwareAssumptions({ scenario: { machine } }: Program): string[] {
  const devices = devicesOf(machine);
  const assumptions: string[] = [];
  if (machine.iommus.length > 0) {
    assumptions.push(
      'an IOMMU carries out the commands of its queue one by one, in their order',
      'a completion wait completes when the commands before it, and the DMA they concern, are over',
    );
    const isPatient = machine.iommus.every(({ completionTimeouts }) => completionTimeouts === 0);
    if (isPatient) assumptions.push('no command is lost, and nobody gives up waiting for a completion');
  }
  if (devices.some(({ atc }) => atc > 0))
    assumptions.push(
      'a device drops at once what an ATS invalidation names, and answers when its DMA is over',
    );
  if (devices.some(({ requests }) => requests > 0))
    assumptions.push('page requests reach their log in the order in which a device makes them');
  assumptions.push(
    'a CPU tags translations by page table only: no PCID, and a load of CR3 empties its caches',
  );
  assumptions.push('no scheduler: a task keeps its CPU, and nothing else runs there but interrupts');
  return assumptions;
}

/** What stores a page-table entry or goes through one. */
const translating = new Set([
  'cmpxchg_entry',
  'dma_read',
  'dma_write',
  'guest_load',
  'guest_store',
  'load',
  'load_eptp',
  'set_entry',
  'set_gcr3',
  'store',
]);

/** Whether there is anything a cache could hold: an entry, or an access that asks for one. */
export function hasTranslations(program: Program): boolean {
  if (program.scenario.mappings.length > 0) return true;
  return Object.values(program.functions).some(fn => usesTranslations(fn));
}

/** Looks for the names wherever they stand in a statement. A variable of such a name counts too: no harm. */
function usesTranslations(fn: FunctionCode): boolean {
  return [...JSON.stringify(fn.code).matchAll(/"name":"(\w+)"/g)].some(([, name]) =>
    translating.has(name ?? ''),
  );
}
