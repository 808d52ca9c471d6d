/**
 * Holds the models to what real kernels did: the order of callbacks, CPU flushes and frees, and the call
 * stack of each, as recorded on 3.18.140 before and after the series. A compiler inlines functions, so a
 * recorded stack must be a subsequence of the model's. Frees inside one batch may come in another order.
 */
import { expect, test } from 'vitest';
import { entrySpan, fromWords, PAGE_SIZE } from '../../src/base/address';
import { compileScenarioFile } from '../../src/language/compile';
import { pteFrame } from '../../src/machine/entry-format';
import type { VmEvent } from '../../src/vm/types';
import { Vm } from '../../src/vm/vm';
import { compileShipped } from '../language/models';
import { type Recording, recordings } from './recordings';

const { models } = compileShipped();

const before = 'linux-3.18';
const after = 'linux-3.18+invalidate_range';

/** One thing that came, and who called it. `page` is what was freed. */
interface Moment {
  readonly token: string;
  readonly page: string;
  readonly stack: readonly string[];
}

for (const recording of recordings) {
  const tokens = tokensOf(recording);
  test(`${recording.name}, before the series`, () => {
    const expected = tokens.filter(token => !token.startsWith('RANGE'));
    expect(counted(play(before, recording), recording)).toEqual(expected);
  });
  test(`${recording.name}, after it`, () => {
    expect(counted(play(after, recording), recording)).toEqual(tokens);
  });
  if (Object.keys(recording.stacks).length === 0) continue;
  test(`${recording.name}: the call stacks`, () => {
    const moments = play(after, recording);
    const fillsBatch = 'first free' in recording.stacks;
    let ended = false;
    for (const [index, { token, stack }] of moments.entries()) {
      const kind = token.replace(/\(.*/, '');
      if (kind === 'clear') continue;
      if (kind === 'END') ended = true;
      const ofBracket = kind === 'RANGE' && moments[index + 1]?.token.startsWith('END') === true;
      const isFirst = fillsBatch && !ended && !ofBracket && kind !== 'START';
      const key = ofBracket ? 'RANGE END' : isFirst ? `first ${kind}` : kind;
      const recorded = recording.stacks[key]?.split(' ') ?? ['not recorded'];
      expect({ key, stack: isSubsequence(recorded, stack) ? recorded : stack }).toEqual({
        key,
        stack: recorded,
      });
    }
  });
}

function tokensOf({ tokens }: Recording): string[] {
  return tokens === '' ? [] : tokens.split(' ');
}

function isSubsequence(wanted: readonly string[], of: readonly string[]): boolean {
  let index = 0;
  for (const name of of) if (name === wanted[index]) index += 1;
  return index === wanted.length;
}

/** A subscriber with every callback, which does nothing. */
function listener(kernel: string): string {
  const range = kernel === after ? 'invalidate_range(mn, mm, start, end) { skip; }' : '';
  return `driver listener {
    notifier listener {
      release(mn, mm) { skip; }
      clear_flush_young(mn, mm, start, end) -> bool { return false; }
      test_young(mn, mm, address) -> bool { return false; }
      change_pte(mn, mm, address, newpte) { skip; }
      invalidate_page(mn, mm, address) { skip; }
      invalidate_range_start(mn, mm, start, end) { skip; }
      ${range}
      invalidate_range_end(mn, mm, start, end) { skip; }
    }
    fn bind(mm: mm, device: device, pasid: int 0..31) {
      var mn = new mmu_notifier;
      mn.ops = listener;
      mmu_notifier_register(mn, mm);
    }
  }`;
}

/** Plays an operation: what came, in order. */
function play(kernel: string, { mappings, task, more = '', fails = false }: Recording): Moment[] {
  const text = `${listener(kernel)}
    scenario recorded {
      kernel ${kernel}
      machine { cpus 2  frames 80  iommu amd { device nic { } } }
      process P { ${mappings}  bind nic, pasid 1, driver listener }
      task t0 in P on cpu 0 { ${task} }
      ${more}
    }`;
  const file = { path: 'recorded.mmu', text };
  const { scenarios, problems } = compileScenarioFile(file, { models, imports: () => undefined });
  expect(problems).toEqual([]);
  const program = scenarios[0]?.program();
  if (!program) throw new Error('no program');
  const vm = new Vm(program);
  const names = namesOf(program.scenario.mappings);
  const frames = new Map<number, string>();
  const moments: Moment[] = [];
  vm.sink = event => {
    const token = tokenOf(vm, event, names.range);
    if (token === null) return;
    const page = pageOf(event, frames, names.page);
    // Recorded was what an entry had led to, neither the top-level table nor the pages that hold a batch.
    if (token === 'free' && page === '') return;
    const stack = vm.frames('thread' in event ? event.thread : 0).map(frame => frame.name);
    moments.push({ token, page, stack });
  };
  run(vm, fails);
  return moments;
}

/** Runs every thread in turn; where the allocator may fail, it does if `fails`. */
function run(vm: Vm, fails: boolean): void {
  for (let stepped = true; stepped; ) {
    stepped = false;
    for (const { id } of vm.threads) {
      const choice = fails && vm.choiceCount(id).names?.includes('fails') ? 1 : 0;
      const result = vm.step(id, choice);
      expect(result.violations).toEqual([]);
      stepped ||= result.status === 'stepped';
    }
  }
}

/** Addresses and ranges as the recordings name them. */
function namesOf(mappings: readonly { name: string; address: number; pages: number }[]) {
  const start = mappings.find(({ name }) => name === 'A')?.address ?? 0;
  const page = (address: number): string => {
    for (const { name, address: first, pages } of mappings) {
      const index = (address - first) / PAGE_SIZE;
      if (index >= 0 && index < pages) return `${name}+${index}`;
    }
    return `0x${address.toString(16)}`;
  };
  const range = (from: number, to: number) =>
    to === -1 ? '(ALL)' : `(A+${(from - start) / PAGE_SIZE}..${(to - start) / PAGE_SIZE})`;
  return { page, range };
}

const callbackTokens: Readonly<Record<string, string>> = {
  invalidate_range_start: 'START',
  invalidate_range_end: 'END',
  invalidate_range: 'RANGE',
  release: 'RELEASE',
};

/** What an event is called in the recordings; null for those that were not recorded. */
function tokenOf(vm: Vm, event: VmEvent, range: (start: number, end: number) => string): string | null {
  if (event.type === 'callback') {
    const { start, end } = event;
    const name = callbackTokens[event.callback] ?? event.callback;
    return `${name}${start === null || end === null ? '' : range(start, end)}`;
  }
  if (event.type === 'call') {
    const word = (index: number) => vm.words.get((vm.frames(event.thread)[0]?.locals ?? 0) + index);
    const rangeAt = (index: number) =>
      range(fromWords(word(index), word(index + 1)), fromWords(word(index + 2), word(index + 3)));
    switch (event.fn.name) {
      case 'flush_tlb_mm_range':
        return `flush${rangeAt(1)}`;
      case 'native_flush_tlb_others':
        return `IPI${rangeAt(2)}`;
      case 'flush_tlb_func':
        return 'remote_flush';
      default:
        return null;
    }
  }
  if (event.type !== 'machine') return null;
  if (event.event.type === 'free-frame') return 'free';
  return event.event.type === 'store-entry' && event.event.value === 0 ? 'clear' : null;
}

const tables = ['', 'pte_table', 'pmd_table', 'pud_table'];

/** Remembers what an entry that is cleared led to, and names what is freed. */
function pageOf(event: VmEvent, frames: Map<number, string>, name: (address: number) => string): string {
  if (event.type !== 'machine') return '';
  const { event: what, place } = event;
  if (what.type === 'free-frame') return frames.get(what.frame) ?? '';
  if (what.type !== 'store-entry' || place === null) return '';
  const { level } = place;
  const base = place.address - (place.address % entrySpan(level));
  frames.set(pteFrame(what.old), level === 1 ? `p[${name(base)}]` : `${tables[level - 1]}:${name(base)}`);
  return '';
}

/** `clear clear` as `clear*2`, and frees as they are in the recording: by name, or only counted. */
function counted(moments: readonly Moment[], recording: Recording): string[] {
  const recorded = tokensOf(recording);
  const runs: { token: string; pages: string[] }[] = [];
  for (const { token, page } of moments) {
    if (recording.changes === true && token === 'clear') continue;
    const last = runs.at(-1);
    if (last?.token === token && (token === 'clear' || token === 'free')) last.pages.push(page);
    else runs.push({ token, pages: [page] });
  }
  return runs.map(({ token, pages }) => {
    const count = pages.length > 1 ? `${token}*${pages.length}` : token;
    if (token !== 'free' || recorded.includes(count)) return count;
    return `free[${(recording.otherBatches ? pages.sort() : pages).join(',')}]`;
  });
}
