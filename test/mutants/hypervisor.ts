/** A hypervisor that forgets something: its entries for the guest outlive the pages they lead to. */
import type { Mutant } from './mutant';

const file = 'drivers/kvm_main.mmu';
const retry = 'drivers/kvm.mmu';

/** A hypervisor that forgets something. */
export const hypervisor: readonly Mutant[] = [
  {
    name: 'a fault of the guest does not look whether the page was taken away meanwhile',
    file,
    find: 'if (mmu_notifier_retry(kvm, mmu_seq)) {',
    replace: 'if (false) {',
    scenario: 'a guest beside munmap',
    finds: 'use-after-free',
  },
  {
    name: 'a fault of the guest looks whether a bracket is open, and not at the sequence',
    file: retry,
    find: 'return kvm.mmu_notifier_seq != mmu_seq;',
    replace: 'return false;',
    scenario: 'a guest beside munmap',
    finds: 'use-after-free',
  },
  {
    name: 'a fault of the guest looks at the sequence, and not whether a bracket is open',
    file: retry,
    find: 'if (kvm.mmu_notifier_count > 0) {',
    replace: 'if (false) {',
    scenario: 'a guest beside dontneed',
    finds: 'use-after-free',
  },
  {
    name: 'the end of a bracket leaves the sequence as it was',
    file,
    find: 'kvm_mmu_notifier_seq_inc(kvm);\n    atomic_dec(kvm.mmu_notifier_count);',
    replace: 'atomic_dec(kvm.mmu_notifier_count);',
    scenario: 'a guest beside munmap',
    finds: 'use-after-free',
  },
  {
    name: 'the sequence is read after the page was looked up',
    file,
    find: 'var mmu_seq = kvm.mmu_notifier_seq;\n  var page = gfn_to_pfn_prot(kvm, gpa, write);',
    replace: 'var page = gfn_to_pfn_prot(kvm, gpa, write);\n  var mmu_seq = kvm.mmu_notifier_seq;',
    scenario: 'a guest beside munmap',
    finds: 'use-after-free',
  },
  {
    name: 'a bracket takes no entry away',
    file,
    find: 'var need_flush = kvm_handle_hva_range(kvm, start, end, no_pte(), kvm_unmap_rmapp);',
    replace: 'var need_flush = false;',
    scenario: 'a guest beside munmap',
    finds: 'use-after-free',
  },
  {
    name: 'the virtual CPUs keep what they cached',
    file,
    drops: ['kvm_make_all_cpus_request(kvm);'],
    scenario: 'a guest beside munmap',
    finds: 'use-after-free',
  },
  {
    // The flush of the process's own TLB interrupts its CPU too, before the page is freed.
    name: 'a virtual CPU in its guest is asked, and not interrupted',
    file,
    drops: ['ack_flush_many(cpus);'],
    scenario: 'a guest that writes twice beside munmap',
    finds: 'harmless',
  },
  {
    // The entry keeps its dirty bit, so nothing that the guest writes is lost.
    name: 'a page that is written out keeps its entry',
    file,
    find: 'var need_flush = kvm_handle_hva_range(kvm, start, start + PAGE_SIZE, no_pte(), kvm_unmap_rmapp);',
    replace: 'var need_flush = false;',
    scenario: 'a guest beside msync',
    finds: 'harmless',
  },
  {
    name: 'a virtual CPU does not look at its requests',
    file,
    find: 'if (xchg(vcpu.requests, false)) {\n    kvm_vcpu_flush_tlb(id);\n  }',
    replace: 'xchg(vcpu.requests, false);',
    scenario: 'a guest that writes twice beside munmap',
    finds: 'use-after-free',
  },
  {
    name: 'requests are not looked at again after the mode was set',
    file,
    find: 'vcpu.mode == EXITING_GUEST_MODE || vcpu.requests',
    replace: 'false',
    scenario: 'a guest that writes twice beside munmap',
    finds: 'use-after-free',
  },
  {
    // Every place that calls it is inside a bracket, whose start has taken the entry away.
    name: 'the entry does not go over to a new page',
    file,
    find: 'var need_flush = kvm_handle_hva_range(kvm, address, address + 1 byte, newpte, kvm_set_pte_rmapp);',
    replace: 'var need_flush = false;',
    scenario: 'a guest beside copy on write',
    finds: 'harmless',
  },
  {
    name: 'tables of the guest are freed before the virtual CPUs have forgotten them',
    file,
    find: '  kvm_flush_remote_tlbs(kvm);\n  var sp = list_first(kvm.invalid_list);',
    replace: '  var sp = list_first(kvm.invalid_list);',
    scenario: 'a guest beside its memory going',
    finds: 'table-use-after-free',
  },
  {
    name: 'guest memory goes without being invalid first',
    file,
    find: 'without.invalid[old] = true;',
    replace: 'skip;',
    scenario: 'a guest beside its memory going',
    finds: 'use-after-free',
  },
  {
    name: 'nobody is waited for when guest memory goes',
    file,
    drops: ['synchronize_srcu(kvm.srcu);'],
    scenario: 'a guest beside its memory going',
    finds: 'assertion',
  },
];
