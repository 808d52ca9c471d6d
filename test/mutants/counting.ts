/** References that are not taken, or not dropped. */
import type { Mutant } from './mutant';

const base = 'linux-3.18';

/** References that are not taken, or not dropped. */
export const counting: readonly Mutant[] = [
  {
    name: 'a page is looked up without a reference',
    file: `${base}/gup.mmu`,
    fn: 'follow_page_pte',
    drops: ['get_page_foll(page);'],
    scenario: 'dontneed beside a pin',
    finds: 'assertion',
  },
  {
    name: 'a page that was copied is put without a reference',
    file: `${base}/fault.mmu`,
    fn: 'do_wp_page',
    drops: ['get_page(old_page);'],
    scenario: 'copy on write',
    finds: 'assertion',
  },
  {
    name: 'a new page has no reference',
    file: `${base}/fault.mmu`,
    fn: 'do_anonymous_page',
    drops: ['page._count = 1;'],
    scenario: 'munmap beside a first touch',
    finds: 'refcount',
  },
  {
    name: 'exit takes no reference for the CPU that keeps the address space',
    file: `${base}/exit.mmu`,
    fn: 'exit_mm',
    drops: ['atomic_inc(mm.mm_count);'],
    scenario: 'exit',
    finds: 'assertion',
  },
  {
    name: 'exit does not make the CPU lazy',
    file: `${base}/exit.mmu`,
    fn: 'exit_mm',
    drops: ['enter_lazy_tlb(this_cpu());'],
    scenario: 'exit',
    finds: 'assertion',
  },
  {
    name: 'pages are not put after the flush',
    file: `${base}/mmu_gather.mmu`,
    fn: 'tlb_flush_mmu',
    drops: ['tlb_flush_mmu_free(tlb);'],
    scenario: 'munmap beside a store',
    finds: 'refcount',
  },
  {
    name: 'the CPU keeps its reference of an address space that has exited',
    file: `${base}/exit.mmu`,
    fn: 'schedule',
    drops: ['mmdrop(mm);'],
    scenario: 'exit',
    finds: 'refcount',
  },
  {
    name: 'the CPU keeps the table of an address space, but its flush has made it leave',
    file: `${base}/exit.mmu`,
    fn: 'schedule',
    drops: ['load_cr3(cpu, pgd);'],
    scenario: 'exit',
    finds: 'harmless',
  },
  {
    name: 'a page that was copied is not put',
    file: `${base}/fault.mmu`,
    fn: 'do_wp_page',
    drops: ['put_page(old_page);'],
    scenario: 'copy on write',
    finds: 'refcount',
  },
];
