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

/** A device asks for three pages, of which the log has room for one; somebody answers late. */
const asking = `
  fn answer(iommu: iommu, device: device) {
    wait until (ppr_pending(iommu));
    ppr_consume(iommu);
    complete_ppr(device, 0, 0, 1);
  }`;

test('page requests, those that are lost, and responses by kind are counted', () => {
  const program = compileToy(
    asking,
    `machine { frames 32  iommu amd { ppr-log 1  device gpu { ats  pri requests 3 } } }
     process P { mmap A, 1 page, rw, touched }
     task t0 in P on cpu 0 { answer(amd, gpu); answer(amd, gpu); complete_ppr(gpu, 0, 0, 15); }
     device gpu {
       var first = request_pages(A, 1 page, true);
       var second = request_pages(A, 1 page, true);
     }`,
  );
  const started = startSession(program, {});
  if ('problem' in started) throw new Error(started.problem.message);
  const { session } = started;
  session.playToEnd();
  expect(costsOf(session.events())).toMatchObject({
    pageRequests: 2,
    lostRequests: 0,
    requestInterrupts: 2,
    responsesSuccess: 0,
    responsesInvalid: 2,
    responsesUnexpected: 1,
    retries: 1,
    timeouts: 0,
  });
});

test('what is lost and who gives up is counted too', () => {
  const program = compileToy(
    '',
    `machine {
       frames 32
       iommu amd {
         ppr-log 1  ppr-auto-response 15  completion-timeouts 2
         device gpu { ats  pri requests 3 }
       }
     }
     process P { mmap A, 1 page, rw, touched }
     task t0 in P on cpu 0 {
       completion_wait(amd);
       spin until (completion_done());
       assert(completion_timed_out());
       assert(ppr_overflow(amd));
       ppr_restart(amd);
       assert(pri_failed(gpu));
     }
     device gpu { var answer = request_pages(A, 2 pages, true); assert(answer == 15); }
     replay { gpu until blocked  amd ppr until blocked  gpu until done  t0 1 step  amd timeouts 1 step }`,
  );
  const started = startSession(program, {});
  if ('problem' in started) throw new Error(started.problem.message);
  const { session } = started;
  session.playToEnd();
  expect(session.findings().map(({ violation }) => violation.message)).toEqual([]);
  expect(costsOf(session.events())).toMatchObject({
    timeouts: 1,
    pageRequests: 2,
    lostRequests: 1,
    requestInterrupts: 1,
    responsesFailure: 1,
  });
});
