/** Intel's driver, when it forgets something. */
import type { Mutant } from './mutant';

const file = 'drivers/intel_iommu.mmu';
const munmap = "munmap beside a device of Intel's";
const tables = "munmap of page tables beside a device of Intel's";

/** Intel's driver, when it forgets something. */
export const intel: readonly Mutant[] = [
  {
    name: 'a range is flushed in the TLB of the IOMMU only',
    file,
    find: 'if (sdev.dev_iotlb) {',
    replace: 'if (false) {',
    scenario: munmap,
    finds: 'use-after-free',
  },
  {
    name: 'a range is flushed in the TLB of the device only',
    file,
    drops: ['qi_flush_eiotlb(device, pasid, start, am, pages == ALL_PAGES, ih);'],
    scenario: munmap,
    finds: 'use-after-free',
  },
  {
    name: 'the TLB of the device is flushed first',
    file,
    find:
      '  qi_flush_eiotlb(device, pasid, start, am, pages == ALL_PAGES, ih);\n' +
      '  if (sdev.dev_iotlb) {\n' +
      '    var order = covering_order(start, pages);\n' +
      '    qi_flush_dev_eiotlb(device, pasid, start, order, pages == ALL_PAGES);\n' +
      '  }\n',
    replace:
      '  if (sdev.dev_iotlb) {\n' +
      '    var order = covering_order(start, pages);\n' +
      '    qi_flush_dev_eiotlb(device, pasid, start, order, pages == ALL_PAGES);\n' +
      '  }\n' +
      '  qi_flush_eiotlb(device, pasid, start, am, pages == ALL_PAGES, ih);\n',
    scenario: munmap,
    finds: 'use-after-free',
  },
  {
    name: 'a descriptor of the queue is not waited for',
    file,
    find: 'spin until (inv_wait_done());',
    replace: 'skip;',
    scenario: munmap,
    finds: 'use-after-free',
  },
  {
    name: 'a range is flushed as its first page',
    file,
    find: 'intel_flush_svm_range(svm, start, (end - start + PAGE_SIZE - 1 byte) / PAGE_SIZE, false);',
    replace: 'intel_flush_svm_range(svm, start, 1, false);',
    scenario: munmap,
    finds: 'use-after-free',
  },
  {
    name: 'a range is flushed with the hint that no table went',
    file,
    find: 'intel_flush_svm_range(svm, start, (end - start + PAGE_SIZE - 1 byte) / PAGE_SIZE, false);',
    replace: 'intel_flush_svm_range(svm, start, (end - start + PAGE_SIZE - 1 byte) / PAGE_SIZE, true);',
    scenario: tables,
    finds: 'table-use-after-free',
  },
  {
    name: 'a page that is written out is not flushed',
    file,
    find:
      '  invalidate_page(mn, mm, address) {\n' +
      '    var svm = svm_of(mn);\n' +
      '    intel_flush_svm_range(svm, address, 1, true);\n',
    replace: '  invalidate_page(mn, mm, address) {\n',
    scenario: "msync beside a device of Intel's",
    finds: 'lost-dirty',
  },
  {
    name: 'release leaves the PASID its root',
    file,
    drops: ['clear_pasid_entry(device, pasid);'],
    scenario: "exit beside a device of Intel's",
    finds: 'walk-after-release',
  },
  {
    name: 'release does not flush',
    file,
    drops: ['intel_flush_svm_range_dev(svm, sdev, 0, ALL_PAGES, false);'],
    scenario: "exit beside a device of Intel's",
    finds: 'walk-after-release',
  },
];
