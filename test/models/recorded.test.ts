/**
 * Holds the models to what real kernels did: the order of callbacks, CPU flushes and frees, and the call
 * stacks, as recorded on 3.18.140 before and after the series. A compiler inlines functions, so a recorded
 * stack must be a subsequence of the model's. Frees inside one batch may come in another order.
 */
import { expect, test } from 'vitest';
import { fromWords, PAGE_SIZE } from '../../src/base/address';
import { compileScenarioFile } from '../../src/language/compile';
import type { VmEvent } from '../../src/vm/types';
import { Vm } from '../../src/vm/vm';
import { compileShipped } from '../language/models';

const { models } = compileShipped();

const before = 'linux-3.18';
const after = 'linux-3.18+invalidate_range';

const near = 'mmap A at 0x1000000000, 4 pages, rw, touched  mmap N at 0x1000100000, 1 page, rw, touched';

/** What was done, and what came of it before the series. After it, the same with the RANGE entries. */
const operations = [
  {
    name: 'munmap of four pages',
    mappings: near,
    task: 'munmap(A, 4 pages);',
    recorded: 'START(A+0..4) clear*4 RANGE(A+0..4) END(A+0..4) flush(A+0..4) RANGE(A+0..4) free*4',
  },
  {
    name: 'munmap of pages that were never touched',
    mappings: 'mmap A at 0x1000000000, 4 pages, rw  mmap N at 0x1000100000, 1 page, rw, touched',
    task: 'munmap(A, 4 pages);',
    recorded: 'START(A+0..4) RANGE(A+0..4) END(A+0..4)',
  },
  {
    name: 'munmap of eight pages, two of them touched',
    mappings: 'mmap A at 0x1000000000, 8 pages, rw  mmap N at 0x1000100000, 1 page, rw, touched',
    task: 'store(A + 1 page, 1); store(A + 5 pages, 1); munmap(A, 8 pages);',
    recorded: 'START(A+0..8) clear*2 RANGE(A+0..8) END(A+0..8) flush(A+1..6) RANGE(A+1..6) free*2',
  },
  {
    name: 'munmap across two mappings',
    mappings: `mmap A at 0x1000000000, 4 pages, rw, touched  mmap B after A, 4 pages, rw, touched
      mmap N at 0x1000100000, 1 page, rw, touched`,
    task: 'munmap(A + 2 pages, 4 pages);',
    recorded: 'START(A+2..6) clear*4 RANGE(A+2..6) END(A+2..6) flush(A+2..6) RANGE(A+2..6) free*4',
  },
  {
    name: 'munmap of 4 MiB with two page tables of its own',
    mappings: `mmap A at 0x3002000000, 4 MiB, rw  mmap N at 0x3001000000, 1 page, rw, touched
      mmap B at 0x3004000000, 1 page, rw, touched`,
    task: `store(A, 1); store(A + 5 pages, 1); store(A + 512 pages, 1); store(A + 1023 pages, 1);
      munmap(A, 4 MiB);`,
    recorded:
      'START(A+0..1024) clear*4 RANGE(A+0..1024) END(A+0..1024) clear*2 ' +
      'flush(A+0..1024) RANGE(A+0..1024) free*6',
  },
  {
    name: 'munmap while another thread spins on CPU 1',
    mappings: near,
    task: 'munmap(A, 4 pages);',
    more: 'task t1 in P on cpu 1 { store(N, 1); }',
    recorded:
      'START(A+0..4) clear*4 RANGE(A+0..4) END(A+0..4) flush(A+0..4) IPI remote_flush RANGE(A+0..4) free*4',
  },
  {
    name: 'mmap over an old mapping',
    mappings: near,
    task: 'mmap(A, 4 pages, true);',
    recorded: 'START(A+0..4) clear*4 RANGE(A+0..4) END(A+0..4) flush(A+0..4) RANGE(A+0..4) free*4',
  },
  {
    name: 'MADV_DONTNEED over two mappings',
    mappings: `mmap A at 0x1000000000, 4 pages, rw, touched  mmap B after A, 4 pages, rw, touched
      mmap N at 0x1000100000, 1 page, rw, touched`,
    task: 'madvise(A, 8 pages, MADV_DONTNEED);',
    recorded:
      'START(A+0..4) clear*4 RANGE(A+0..4) END(A+0..4) flush(A+0..4) RANGE(A+0..4) free*4 ' +
      'START(A+4..8) clear*4 RANGE(A+4..8) END(A+4..8) flush(A+4..8) RANGE(A+4..8) free*4',
  },
  {
    name: 'exit',
    mappings: near,
    task: 'exit_group();',
    // Five pages, three page tables; the top-level table goes with the last reference.
    recorded: 'RELEASE clear*8 flush(ALL) free*9',
  },
  {
    name: 'munmap of more pages than a batch holds',
    mappings: 'mmap A at 0x1000000000, 12 pages, rw, touched  mmap N at 0x1000100000, 1 page, rw, touched',
    task: 'munmap(A, 12 pages);',
    fails: true,
    // Recorded with 12288 pages and a batch that filled after 9698 of them.
    recorded:
      'START(A+0..12) clear*8 flush(A+0..8) RANGE(A+0..8) free*8 clear*4 RANGE(A+0..12) END(A+0..12) ' +
      'flush(A+8..12) RANGE(A+8..12) free*4',
  },
];

for (const operation of operations) {
  test(`${operation.name}, before the series`, () => {
    const without = operation.recorded.split(' ').filter(token => !token.startsWith('RANGE'));
    expect(play(before, operation).tokens).toEqual(without);
  });
  test(`${operation.name}, after it`, () => {
    expect(play(after, operation).tokens).toEqual(operation.recorded.split(' '));
  });
}

const finish = ['tlb_finish_mmu', 'unmap_region', 'do_munmap', 'SyS_munmap'];
const freed = [
  'free_pages_prepare free_hot_cold_page free_hot_cold_page_list release_pages free_pages_and_swap_cache',
].flatMap(names => names.split(' '));
const zap = ['zap_pte_range', 'unmap_page_range', 'unmap_single_vma', 'unmap_vmas', ...finish.slice(1)];

/** Recorded stacks, innermost first, by the name of the operation above. */
const stacks: readonly (readonly [string, readonly string[]])[] = [
  ['munmap of four pages', ['__mmu_notifier_invalidate_range_start', 'unmap_vmas', ...finish.slice(1)]],
  ['munmap of four pages', ['__mmu_notifier_invalidate_range_end', 'unmap_vmas', ...finish.slice(1)]],
  ['munmap of four pages', ['flush_tlb_mm_range', 'tlb_flush_mmu_tlbonly', ...finish]],
  ['munmap of four pages', ['__mmu_notifier_invalidate_range', 'tlb_flush_mmu_tlbonly', ...finish]],
  ['munmap of four pages', [...freed, ...finish]],
  ['munmap of more pages than a batch holds', ['flush_tlb_mm_range', 'tlb_flush_mmu_tlbonly', ...zap]],
  ['munmap of more pages than a batch holds', [...freed, ...zap]],
  [
    'MADV_DONTNEED over two mappings',
    ['flush_tlb_mm_range', 'tlb_flush_mmu_tlbonly', 'zap_page_range', 'SyS_madvise'],
  ],
  [
    'munmap while another thread spins on CPU 1',
    [
      'flush_tlb_func',
      'generic_smp_call_function_single_interrupt',
      'smp_call_function_single_interrupt',
      'call_function_single_interrupt',
    ],
  ],
  [
    'mmap over an old mapping',
    [
      ...freed,
      ...finish.slice(0, 3),
      'mmap_region',
      'do_mmap_pgoff',
      'vm_mmap_pgoff',
      'SyS_mmap_pgoff',
      'SyS_mmap',
    ],
  ],
  ['exit', ['__mmu_notifier_release', 'exit_mmap', 'mmput', 'do_exit', 'do_group_exit', 'SyS_exit_group']],
];

test.each(stacks)('a recorded call stack of %s', (name, recorded) => {
  const operation = operations.find(each => each.name === name);
  expect(operation).toBeDefined();
  if (!operation) return;
  const mine = play(after, operation).stacks;
  expect(mine.some(stack => isSubsequence(recorded, stack))).toBe(true);
});

function isSubsequence(wanted: readonly string[], of: readonly string[]): boolean {
  let index = 0;
  for (const name of of) if (name === wanted[index]) index += 1;
  return index === wanted.length;
}

/** A subscriber with every callback of the brackets, which does nothing. */
function listener(kernel: string): string {
  const range = kernel === after ? 'invalidate_range(mn, mm, start, end) { skip; }' : '';
  return `driver listener {
    notifier listener {
      release(mn, mm) { skip; }
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

type Operation = (typeof operations)[number];

/** Plays an operation: what came, with equal neighbours counted, and every call stack at those moments. */
function play(kernel: string, operation: Operation): { tokens: string[]; stacks: string[][] } {
  const { mappings, task, more = '' } = operation;
  const text = `${listener(kernel)}
    scenario recorded {
      kernel ${kernel}
      machine { cpus 2  frames 48  iommu amd { device nic { } } }
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
  const start = program.scenario.mappings.find(({ name }) => name === 'A')?.address ?? 0;
  const tokens: string[] = [];
  const found: string[][] = [];
  vm.sink = event => {
    const token = tokenOf(vm, event, start);
    if (token === null) return;
    tokens.push(token);
    found.push(vm.frames('thread' in event ? event.thread : 0).map(frame => frame.name));
  };
  run(vm, operation.fails === true);
  return { tokens: counted(tokens), stacks: found };
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

const callbackTokens: Readonly<Record<string, string>> = {
  invalidate_range_start: 'START',
  invalidate_range_end: 'END',
  invalidate_range: 'RANGE',
  release: 'RELEASE',
};

/** What an event is called in the recordings; null for those that were not recorded. */
function tokenOf(vm: Vm, event: VmEvent, base: number): string | null {
  const range = (start: number, end: number) =>
    end === -1 ? '(ALL)' : `(A+${(start - base) / PAGE_SIZE}..${(end - base) / PAGE_SIZE})`;
  if (event.type === 'callback') {
    const { start, end } = event;
    return `${callbackTokens[event.callback]}${start === null || end === null ? '' : range(start, end)}`;
  }
  if (event.type === 'call') {
    const word = (index: number) => vm.words.get((vm.frames(event.thread)[0]?.locals ?? 0) + index);
    switch (event.fn.name) {
      case 'flush_tlb_mm_range':
        return `flush${range(fromWords(word(1), word(2)), fromWords(word(3), word(4)))}`;
      case 'native_flush_tlb_others':
        return 'IPI';
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

/** `free free free` as `free*3`. */
function counted(tokens: readonly string[]): string[] {
  const runs: { token: string; count: number }[] = [];
  for (const token of tokens) {
    const last = runs.at(-1);
    if (last?.token === token && (token === 'clear' || token === 'free')) last.count += 1;
    else runs.push({ token, count: 1 });
  }
  return runs.map(({ token, count }) => (count > 1 ? `${token}*${count}` : token));
}
