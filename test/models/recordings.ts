/**
 * What 3.18.140 did, before the series and with its three patches, copied by hand from the recordings. Here
 * it is with them; before the series the same came without the RANGE tokens, as was recorded too.
 *
 * `clear*4` are entries seen cleared (a leaf, or the pointer to a table). Names are those of the recordings:
 * `A+2..6` ends before page 6, `free[...]` has what was freed in that order. Of call stacks, innermost first,
 * `system_call_fastpath` is left out: the model begins with the system call itself, in a frame of its own.
 */

/** An operation: what a scenario must say to play it, and what came of it. */
export interface Recording {
  readonly name: string;
  readonly mappings: string;
  readonly task: string;
  /** Further tasks. */
  readonly more?: string;
  /** The allocator has no page for a further batch. */
  readonly fails?: boolean;
  readonly tokens: string;
  /** Entries are changed, not cleared: that they are empty for a moment under the lock was not recorded. */
  readonly changes?: boolean;
  /** Not recorded: freed by the model in other batches, so only compared as a set. */
  readonly otherBatches?: boolean;
  /**
   * By token; `RANGE` is the one of the last flush, `RANGE END` the one of the bracket, and what is `first`
   * is of a batch that was full.
   */
  readonly stacks: Readonly<Record<string, string>>;
}

const A = 'mmap A at 0x1000000000';
const N = 'mmap N at 0x1000100000, 1 page, rw, touched';
// The rest of a real process: keeps the PUD table.
const X = 'mmap X at 0x400000, 1 page, rw, touched';
const fourPages = `${X}  ${A}, 4 pages, rw, touched  ${N}`;
const twoMappings = `${X}  ${A}, 4 pages, rw, touched  mmap B after A, 4 pages, rw, touched  ${N}`;
const fourMegabytes = `${X}  mmap N at 0x3001000000, 1 page, rw, touched  mmap A at 0x3002000000, 4 MiB, rw
  mmap B at 0x3004000000, 1 page, rw, touched`;
const touchFourMegabytes =
  'store(A, 1); store(A + 5 pages, 1); store(A + 512 pages, 1); store(A + 1023 pages, 1);';
const manyPages = `${X}  mmap A at 0x3000000000, 48 pages, rw, touched`;

const freed =
  'free_pages_prepare free_hot_cold_page free_hot_cold_page_list release_pages free_pages_and_swap_cache';

/** The stacks of an operation that unmaps, by what called do_munmap or the like. */
function unmapping(outer: string): Record<string, string> {
  return {
    START: `__mmu_notifier_invalidate_range_start unmap_vmas ${outer}`,
    'RANGE END': `__mmu_notifier_invalidate_range_end unmap_vmas ${outer}`,
    END: `__mmu_notifier_invalidate_range_end unmap_vmas ${outer}`,
    flush: `flush_tlb_mm_range tlb_flush_mmu_tlbonly tlb_finish_mmu ${outer}`,
    IPI: `native_flush_tlb_others flush_tlb_mm_range tlb_flush_mmu_tlbonly tlb_finish_mmu ${outer}`,
    remote_flush:
      'flush_tlb_func generic_smp_call_function_single_interrupt smp_call_function_single_interrupt ' +
      'call_function_single_interrupt',
    RANGE: `__mmu_notifier_invalidate_range tlb_flush_mmu_tlbonly tlb_finish_mmu ${outer}`,
    free: `${freed} tlb_finish_mmu ${outer}`,
  };
}

const munmap = unmapping('unmap_region do_munmap SyS_munmap');

const mmap = unmapping(
  'unmap_region do_munmap mmap_region do_mmap_pgoff vm_mmap_pgoff SyS_mmap_pgoff SyS_mmap',
);

const madvise = {
  START: '__mmu_notifier_invalidate_range_start zap_page_range SyS_madvise',
  'RANGE END': '__mmu_notifier_invalidate_range_end zap_page_range SyS_madvise',
  END: '__mmu_notifier_invalidate_range_end zap_page_range SyS_madvise',
  flush: 'flush_tlb_mm_range tlb_flush_mmu_tlbonly zap_page_range SyS_madvise',
  RANGE: '__mmu_notifier_invalidate_range tlb_flush_mmu_tlbonly zap_page_range SyS_madvise',
  free: `${freed} zap_page_range SyS_madvise`,
};

/** The stacks of a full batch. */
function inBracket(outer: string): Record<string, string> {
  const zapping = `zap_pte_range unmap_page_range unmap_single_vma ${outer}`;
  return {
    'first flush': `flush_tlb_mm_range tlb_flush_mmu_tlbonly ${zapping}`,
    'first RANGE': `__mmu_notifier_invalidate_range tlb_flush_mmu_tlbonly ${zapping}`,
    'first free': `${freed} ${zapping}`,
  };
}

const changing = 'change_protection_range mprotect_fixup SyS_mprotect';

const mprotect = {
  START: `__mmu_notifier_invalidate_range_start ${changing}`,
  'RANGE END': `__mmu_notifier_invalidate_range_end ${changing}`,
  END: `__mmu_notifier_invalidate_range_end ${changing}`,
  flush: `flush_tlb_mm_range ${changing}`,
  IPI: `native_flush_tlb_others flush_tlb_mm_range ${changing}`,
  remote_flush: munmap.remote_flush ?? '',
};

const exit = 'exit_mmap mmput do_exit do_group_exit SyS_exit_group';

/** The operations that were recorded and that the models have. */
export const recordings: readonly Recording[] = [
  {
    name: 'munmap_1',
    mappings: `${X}  ${A}, 1 page, rw, touched  ${N}`,
    task: 'munmap(A, 1 page);',
    tokens: 'START(A+0..1) clear RANGE(A+0..1) END(A+0..1) flush(A+0..1) RANGE(A+0..1) free[p[A+0]]',
    stacks: munmap,
  },
  {
    name: 'munmap_1_isolated',
    mappings: `${X}  mmap A at 0x3000000000, 1 page, rw, touched`,
    task: 'munmap(A, 1 page);',
    tokens:
      'START(A+0..1) clear RANGE(A+0..1) END(A+0..1) clear*2 flush(A+0..1) RANGE(A+0..1) ' +
      'free[pmd_table:A+0,pte_table:A+0,p[A+0]]',
    stacks: munmap,
  },
  {
    name: 'munmap_4',
    mappings: fourPages,
    task: 'munmap(A, 4 pages);',
    tokens:
      'START(A+0..4) clear*4 RANGE(A+0..4) END(A+0..4) flush(A+0..4) RANGE(A+0..4) ' +
      'free[p[A+3],p[A+2],p[A+1],p[A+0]]',
    stacks: munmap,
  },
  {
    name: 'munmap_4_smp',
    mappings: fourPages,
    task: 'munmap(A, 4 pages);',
    more: 'task t1 in P on cpu 1 { store(N, 1); }',
    tokens:
      'START(A+0..4) clear*4 RANGE(A+0..4) END(A+0..4) flush(A+0..4) IPI(A+0..4) remote_flush ' +
      'RANGE(A+0..4) free[p[A+3],p[A+2],p[A+1],p[A+0]]',
    stacks: munmap,
  },
  {
    name: 'munmap_untouched',
    mappings: `${X}  ${A}, 4 pages, rw  ${N}`,
    task: 'munmap(A, 4 pages);',
    tokens: 'START(A+0..4) RANGE(A+0..4) END(A+0..4)',
    stacks: munmap,
  },
  {
    name: 'munmap_partial_touched',
    mappings: `${X}  ${A}, 8 pages, rw  ${N}`,
    task: 'store(A + 1 page, 1); store(A + 5 pages, 1); munmap(A, 8 pages);',
    tokens: 'START(A+0..8) clear*2 RANGE(A+0..8) END(A+0..8) flush(A+1..6) RANGE(A+1..6) free[p[A+5],p[A+1]]',
    stacks: munmap,
  },
  {
    name: 'munmap_across_two_vmas',
    mappings: twoMappings,
    task: 'munmap(A + 2 pages, 4 pages);',
    tokens:
      'START(A+2..6) clear*4 RANGE(A+2..6) END(A+2..6) flush(A+2..6) RANGE(A+2..6) ' +
      'free[p[B+1],p[B+0],p[A+3],p[A+2]]',
    stacks: munmap,
  },
  {
    name: 'munmap_4m_tables',
    mappings: fourMegabytes,
    task: `${touchFourMegabytes} munmap(A, 4 MiB);`,
    tokens:
      'START(A+0..1024) clear*4 RANGE(A+0..1024) END(A+0..1024) clear*2 flush(A+0..1024) RANGE(A+0..1024) ' +
      'free[pte_table:A+512,pte_table:A+0,p[A+1023],p[A+512],p[A+5],p[A+0]]',
    stacks: munmap,
  },
  {
    // Recorded: 12288 pages, of which the gather holds 8 + 19 * 510 = 9698. Here 48, and it holds 8 + 4 * 8.
    name: 'munmap_48m_batches, scaled',
    mappings: manyPages,
    task: 'munmap(A, 48 pages);',
    tokens:
      'START(A+0..48) clear*40 flush(A+0..40) RANGE(A+0..40) free*40 clear*8 RANGE(A+0..48) END(A+0..48) ' +
      'clear*2 flush(A+0..48) RANGE(A+0..48) ' +
      'free[p[A+47],p[A+46],p[A+45],p[A+44],p[A+43],p[A+42],p[A+41],p[A+40],pmd_table:A+0,pte_table:A+0]',
    stacks: { ...munmap, ...inBracket('unmap_vmas unmap_region do_munmap SyS_munmap') },
  },
  {
    // Not recorded with so few pages: the allocator gives no page, and the first eight fill the gather.
    name: 'munmap of more pages than the gather itself holds',
    mappings: `${X}  ${A}, 12 pages, rw, touched  ${N}`,
    task: 'munmap(A, 12 pages);',
    fails: true,
    tokens:
      'START(A+0..12) clear*8 flush(A+0..8) RANGE(A+0..8) free*8 clear*4 RANGE(A+0..12) END(A+0..12) ' +
      'flush(A+8..12) RANGE(A+8..12) free[p[A+11],p[A+10],p[A+9],p[A+8]]',
    stacks: { ...munmap, ...inBracket('unmap_vmas unmap_region do_munmap SyS_munmap') },
  },
  {
    name: 'dontneed_4',
    mappings: fourPages,
    task: 'madvise(A, 4 pages, MADV_DONTNEED);',
    tokens:
      'START(A+0..4) clear*4 RANGE(A+0..4) END(A+0..4) flush(A+0..4) RANGE(A+0..4) ' +
      'free[p[A+3],p[A+2],p[A+1],p[A+0]]',
    stacks: madvise,
  },
  {
    name: 'dontneed_two_vmas',
    mappings: twoMappings,
    task: 'madvise(A, 8 pages, MADV_DONTNEED);',
    tokens:
      'START(A+0..4) clear*4 RANGE(A+0..4) END(A+0..4) flush(A+0..4) RANGE(A+0..4) ' +
      'free[p[A+3],p[A+2],p[A+1],p[A+0]] ' +
      'START(A+4..8) clear*4 RANGE(A+4..8) END(A+4..8) flush(A+4..8) RANGE(A+4..8) ' +
      'free[p[B+3],p[B+2],p[B+1],p[B+0]]',
    stacks: madvise,
  },
  {
    name: 'dontneed_4m',
    mappings: fourMegabytes,
    task: `${touchFourMegabytes} madvise(A, 4 MiB, MADV_DONTNEED);`,
    tokens:
      'START(A+0..1024) clear*4 RANGE(A+0..1024) END(A+0..1024) flush(A+0..1024) RANGE(A+0..1024) ' +
      'free[p[A+1023],p[A+512],p[A+5],p[A+0]]',
    stacks: madvise,
  },
  {
    name: 'dontneed_48m_batches, scaled',
    mappings: manyPages,
    task: 'madvise(A, 48 pages, MADV_DONTNEED);',
    tokens:
      'START(A+0..48) clear*40 flush(A+0..40) RANGE(A+0..40) free*40 clear*8 RANGE(A+0..48) END(A+0..48) ' +
      'flush(A+40..48) RANGE(A+40..48) ' +
      'free[p[A+47],p[A+46],p[A+45],p[A+44],p[A+43],p[A+42],p[A+41],p[A+40]]',
    stacks: { ...madvise, ...inBracket('zap_page_range SyS_madvise') },
  },
  {
    name: 'mmap_fixed_over',
    mappings: fourPages,
    task: 'mmap(A, 4 pages, true);',
    tokens:
      'START(A+0..4) clear*4 RANGE(A+0..4) END(A+0..4) flush(A+0..4) RANGE(A+0..4) ' +
      'free[p[A+3],p[A+2],p[A+1],p[A+0]]',
    stacks: mmap,
  },
  {
    name: 'mprotect_ro',
    mappings: fourPages,
    task: 'mprotect(A, 4 pages, PROT_READ);',
    changes: true,
    tokens: 'START(A+0..4) RANGE(A+0..4) END(A+0..4) flush(A+0..4)',
    stacks: mprotect,
  },
  {
    name: 'mprotect_ro_smp',
    mappings: fourPages,
    task: 'mprotect(A, 4 pages, PROT_READ);',
    more: 'task t1 in P on cpu 1 { store(N, 1); }',
    changes: true,
    tokens: 'START(A+0..4) RANGE(A+0..4) END(A+0..4) flush(A+0..4) IPI(A+0..4) remote_flush',
    stacks: mprotect,
  },
  {
    name: 'mprotect_none',
    mappings: fourPages,
    task: 'mprotect(A, 4 pages, PROT_NONE);',
    changes: true,
    tokens: 'START(A+0..4) RANGE(A+0..4) END(A+0..4) flush(A+0..4)',
    stacks: mprotect,
  },
  {
    // Recorded: the second of the two. The entries stay as they are, so that the first store is a fault.
    name: 'mprotect_ro and mprotect_ro_to_rw, then write_after_ro_rw',
    mappings: fourPages,
    task: 'mprotect(A, 4 pages, PROT_READ); mprotect(A, 4 pages, PROT_READ | PROT_WRITE); store(A, 1);',
    changes: true,
    tokens:
      'START(A+0..4) RANGE(A+0..4) END(A+0..4) flush(A+0..4) ' +
      'START(A+0..4) RANGE(A+0..4) END(A+0..4) flush(A+0..4)',
    stacks: mprotect,
  },
  {
    name: 'mprotect_untouched',
    mappings: `${X}  ${A}, 4 pages, rw  ${N}`,
    task: 'mprotect(A, 4 pages, PROT_READ);',
    tokens: 'START(A+0..4) RANGE(A+0..4) END(A+0..4)',
    stacks: mprotect,
  },
  {
    name: 'mremap_move_4',
    mappings: fourPages,
    task: 'mremap(A, 4 pages, 4 pages, MREMAP_MAYMOVE | MREMAP_FIXED, 0x2000000000);',
    tokens:
      'START(A+0..4) clear*4 flush(A+0..4) RANGE(A+0..4) END(A+0..4) START(A+0..4) RANGE(A+0..4) END(A+0..4)',
    stacks: {},
  },
  {
    name: 'mremap_move_4m',
    mappings: fourMegabytes,
    task: `${touchFourMegabytes} mremap(A, 4 MiB, 4 MiB, MREMAP_MAYMOVE | MREMAP_FIXED, 0x3000000000);`,
    tokens:
      'START(A+0..1024) clear*2 flush(A+0..64) clear flush(A+512..576) clear flush(A+960..1024) ' +
      'RANGE(A+0..1024) END(A+0..1024) START(A+0..1024) RANGE(A+0..1024) END(A+0..1024) clear*2 ' +
      'flush(A+0..513) RANGE(A+0..513) free[pte_table:A+512,pte_table:A+0]',
    stacks: {},
  },
  {
    name: 'mremap_grow',
    mappings: fourPages,
    task: 'mremap(A, 4 pages, 8 pages, 0, 0); store(A + 7 pages, 1);',
    tokens: '',
    stacks: {},
  },
  {
    name: 'zero_read',
    mappings: `${X}  ${A}, 4 pages, rw  ${N}`,
    task: 'var word = load(A); assert(word == 0);',
    tokens: '',
    stacks: {},
  },
  {
    name: 'first_touch_write',
    mappings: `${X}  ${A}, 4 pages, rw  ${N}`,
    task: 'store(A, 1); store(A + 1 page, 1); store(A + 2 pages, 1); store(A + 3 pages, 1);',
    tokens: '',
    stacks: {},
  },
  {
    // Recorded: the pages and tables that were watched.
    name: 'exit',
    mappings: `${A}, 4 pages, rw, touched  ${N}`,
    task: 'exit_group();',
    otherBatches: true,
    tokens:
      'RELEASE clear*8 flush(ALL) ' +
      'free[p[A+0],p[A+1],p[A+2],p[A+3],p[N+0],pmd_table:A+0,pte_table:A+0,pud_table:0x0]',
    stacks: {
      RELEASE: `__mmu_notifier_release ${exit}`,
      flush: `flush_tlb_mm_range tlb_flush_mmu_tlbonly tlb_finish_mmu ${exit}`,
      free: `${freed} tlb_finish_mmu ${exit}`,
    },
  },
];
