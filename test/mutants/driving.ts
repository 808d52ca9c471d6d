/** Drivers that forget something. */
import type { Mutant } from './mutant';

const common = 'drivers/amd_iommu.mmu';
const newDriver = 'drivers/amd_iommu_v2+invalidate_range.mmu';
const oldDriver = 'drivers/amd_iommu_v2.mmu';

/** Drivers that forget something. */
export const driving: readonly Mutant[] = [
  {
    name: 'unbind does not unregister',
    file: common,
    find: 'mmu_notifier_unregister(mn, mm);\n  put_pasid_state_wait',
    replace: 'put_pasid_state_wait',
    scenario: 'bind, unbind, exit',
    finds: 'assertion',
  },
  {
    name: 'bind counts no user of the address space',
    file: common,
    drops: ['atomic_inc(mm.mm_users);'],
    scenario: 'bind, unbind, exit',
    finds: 'table-use-after-free',
  },
  {
    name: 'a range is flushed as one page',
    file: newDriver,
    find: 'if (align_down(start, PAGE_SIZE) == align_down(end - 1 byte, PAGE_SIZE))',
    replace: 'if (true)',
    scenario: 'munmap beside a device',
    finds: 'use-after-free',
  },
  {
    name: 'a range is not flushed',
    file: newDriver,
    drops: ['amd_iommu_flush_tlb(domain, pasid);', 'amd_iommu_flush_page(domain, pasid, start);'],
    scenario: 'munmap beside a device',
    finds: 'use-after-free',
  },
  {
    name: 'a bracket leaves the real page table',
    file: oldDriver,
    drops: ['amd_iommu_domain_set_gcr3(domain, pasid, empty);'],
    scenario: 'a full batch with the empty page table',
    finds: 'use-after-free',
  },
  {
    name: 'brackets are not counted',
    file: oldDriver,
    drops: ['pasid_state.mmu_notifier_count = pasid_state.mmu_notifier_count + 1;'],
    scenario: 'the empty page table',
    finds: 'assertion',
  },
  {
    name: 'brackets are counted without the lock',
    file: oldDriver,
    drops: ['spin_lock_irq(pasid_state.lock);', 'spin_unlock_irq(pasid_state.lock);'],
    scenario: 'the empty page table',
    finds: 'data-race',
  },
  {
    name: 'a page is faulted in without mmap_sem',
    file: common,
    drops: ['down_read(mm.mmap_sem);', 'up_read(mm.mmap_sem);'],
    scenario: 'a page request beside munmap',
    finds: 'assertion',
  },
  {
    name: 'a page request is never answered',
    file: common,
    drops: ['amd_iommu_complete_ppr(device, pasid, pasid_state.status[tag], tag);'],
    scenario: 'a page request',
    finds: 'page-response',
  },
  {
    name: 'page requests are counted without the lock',
    file: common,
    drops: ['spin_lock_irq(pasid_state.lock);', 'spin_unlock_irq(pasid_state.lock);'],
    scenario: 'a page request',
    finds: 'data-race',
  },
  {
    name: 'bind keeps a user of the address space',
    file: common,
    find: 'pasid_state.invalid = false;\n  mmput(mm);',
    replace: 'pasid_state.invalid = false;',
    scenario: 'bind, unbind, exit',
    finds: 'refcount',
  },
  {
    name: 'a page that was faulted in is not put',
    file: common,
    drops: ['put_page(page);'],
    scenario: 'a page request',
    finds: 'refcount',
  },
  {
    name: 'bindings are published without the lock',
    file: common,
    drops: ['spin_lock_irq(dev_state.lock);', 'spin_unlock_irq(dev_state.lock);'],
    scenario: 'bind, unbind, exit',
    finds: 'data-race',
  },
  {
    name: 'a page is not flushed',
    file: common,
    drops: ['amd_iommu_flush_page(domain, pasid, address);'],
    scenario: 'move beside a device',
    finds: 'lost-write',
  },
  {
    name: 'the page behind is flushed',
    file: common,
    find: 'var pasid = pasid_state.pasid;\n  amd_iommu_flush_page(domain, pasid, address);',
    replace: 'var pasid = pasid_state.pasid;\n  amd_iommu_flush_page(domain, pasid, address + PAGE_SIZE);',
    scenario: 'move beside a device',
    finds: 'lost-write',
  },
  {
    name: 'devices are looked up without the lock',
    file: common,
    drops: ['spin_lock_irq(state_lock);', 'spin_unlock_irq(state_lock);'],
    scenario: 'bind, unbind, exit',
    finds: 'data-race',
  },
];
