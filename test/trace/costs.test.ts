/** Costs are counted from what happened, and go back with it. */
import { expect, test } from 'vitest';
import { startSession } from '../../src/session/load';
import { costsOf, costsText } from '../../src/trace/costs';
import { compileToy } from '../vm/toy';

const flushing = `
  syscall fn unmap(mm: mm, start: addr, len: addr) {
    __mmu_notifier_invalidate_range_start(mm, start, start + len);
    clear(mm, start, start + len, true, false);
    __mmu_notifier_invalidate_range_end(mm, start, start + len);
    local_flush_tlb();
  }`;

test('callbacks, flushes and invalidations are counted', () => {
  const program = compileToy(
    flushing,
    `machine { frames 32  iommu amd { device gpu { ats } } }
     process P { mmap A, 2 pages, rw, touched  bind gpu, pasid 1, driver bracketed }
     task t0 in P on cpu 0 {
       unmap(P, A, 2 pages);
       invalidate_iommu_pages(gpu, 1, A, true, true);
       invalidate_iotlb_pages(gpu, 1, A, true);
       completion_wait(amd);
       spin until (completion_done());
     }`,
  );
  const started = startSession(program, {});
  if ('problem' in started) throw new Error(started.problem.message);
  const { session } = started;
  session.playToEnd();
  const costs = costsOf(session.events());
  expect(costs).toMatchObject({
    callbacks: { invalidate_range_start: 1, invalidate_range_end: 1 },
    cpuFlushes: 1,
    cpuPageFlushes: 2,
    interrupts: 0,
    iommuInvalidations: 1,
    deviceInvalidations: 1,
    completionWaits: 1,
    pageRequests: 0,
  });
  expect(costsText(costs)).toMatchInlineSnapshot(`
    "costs:
      invalidate_range_end      1
      invalidate_range_start    1
      CPU TLB flushes           1
      CPU page flushes          2
      IOMMU invalidations       1
      device TLB invalidations  1
      completion waits          1
    "
  `);
});
