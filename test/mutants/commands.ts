/** Commands to the IOMMU that are left out, narrowed, swapped or not waited for. */
import type { Mutant } from './mutant';

const common = 'drivers/amd_iommu.mmu';
const oneFlush = 'munmap with one flush beside a device';
const oneFlushOfTables = 'munmap of page tables with one flush beside a device';
const iotlb = 'invalidate_iommu_pages(device, pasid, address, size, true);';
const atc = 'invalidate_iotlb_pages(device, pasid, address, size);';
const wait = 'domain_flush_complete(iommu);';
const between = 'assert(has_ats(device));';

/** Commands to the IOMMU that are left out, narrowed, swapped or not waited for. */
export const commands: readonly Mutant[] = [
  {
    name: 'the IOTLB is not flushed',
    file: common,
    drops: [iotlb],
    scenario: oneFlush,
    finds: 'use-after-free',
  },
  {
    name: 'the ATC is not flushed: the IOTLB only',
    file: common,
    drops: [atc],
    scenario: oneFlush,
    finds: 'use-after-free',
  },
  {
    name: 'the ATC is flushed before the IOTLB',
    file: common,
    find: `${iotlb}\n  ${wait}\n  ${between}\n  ${atc}`,
    replace: `${atc}\n  ${wait}\n  ${between}\n  ${iotlb}`,
    scenario: oneFlush,
    finds: 'use-after-free',
  },
  {
    name: 'the ATC is flushed before the IOTLB, twice',
    file: common,
    find: `${iotlb}\n  ${wait}\n  ${between}\n  ${atc}`,
    replace: `${atc}\n  ${wait}\n  ${between}\n  ${iotlb}`,
    scenario: 'munmap beside a device',
    finds: 'harmless',
  },
  {
    name: 'pointers to page tables are not flushed',
    file: common,
    find: iotlb,
    replace: 'invalidate_iommu_pages(device, pasid, address, size, false);',
    scenario: oneFlushOfTables,
    finds: 'table-use-after-free',
  },
  {
    name: 'pointers to page tables are not flushed, and none is freed',
    file: common,
    find: iotlb,
    replace: 'invalidate_iommu_pages(device, pasid, address, size, false);',
    scenario: oneFlush,
    finds: 'harmless',
  },
  {
    name: 'of the IOTLB one page is flushed',
    file: common,
    find: iotlb,
    replace: 'invalidate_iommu_pages(device, pasid, address, false, true);',
    scenario: oneFlush,
    finds: 'use-after-free',
  },
  {
    name: 'of the ATC one page is flushed',
    file: common,
    find: atc,
    replace: 'invalidate_iotlb_pages(device, pasid, address, false);',
    scenario: oneFlush,
    finds: 'use-after-free',
  },
  {
    name: 'the IOTLB is not waited for, but commands are carried out in order',
    file: common,
    find: `${wait}\n  ${between}`,
    replace: between,
    scenario: oneFlush,
    finds: 'harmless',
  },
  {
    name: 'the ATC is not waited for',
    file: common,
    find: `${atc}\n  ${wait}`,
    replace: atc,
    scenario: oneFlush,
    finds: 'use-after-free',
  },
  {
    name: 'a completion is asked for and not waited for',
    file: common,
    find: 'completion_wait(iommu);\n  wait_on_sem();',
    replace: 'completion_wait(iommu);',
    scenario: oneFlush,
    finds: 'use-after-free',
  },
  {
    name: 'a completion is waited for asleep',
    file: common,
    find: 'spin until (completion_done());',
    replace: 'wait until (completion_done());',
    scenario: 'bind, unbind, exit',
    finds: 'sleep-in-atomic',
  },
  {
    name: 'release leaves the root',
    file: common,
    drops: ['clear_gcr3(device, pasid);\n'],
    scenario: 'unbind beside a device',
    finds: 'walk-after-release',
  },
  {
    name: 'release takes the root and flushes nothing',
    file: common,
    find: 'clear_gcr3(device, pasid);\n  __amd_iommu_flush_tlb(domain, pasid);',
    replace: 'clear_gcr3(device, pasid);',
    scenario: 'exit beside a device',
    finds: 'walk-after-release',
  },
  {
    name: 'the domain is not locked',
    file: common,
    drops: ['spin_lock_irq(domain.lock);', 'spin_unlock_irq(domain.lock);'],
    scenario: oneFlush,
    finds: 'harmless',
  },
];
