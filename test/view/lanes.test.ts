/** The schedule as lanes, and the trees of a stop. */
import { expect, test } from 'vitest';
import { lanes } from '../../src/view/lanes';
import { tlbNodes } from '../../src/view/tlbs';
import type { TreeNode } from '../../src/view/tree';
import { sessionOf } from '../session/run';

test('lanes show the schedule, the findings and the verdict', () => {
  const session = sessionOf('unmap.mmu', 'too_late');
  session.playToEnd();
  expect(lanes(session, { columns: 100 })).toMatchInlineSnapshot(`
    "too_late on toy+late, 96 steps

    step  t0        gpu       gpu ats   amd commands
    ----------------------------------------------------------------------------------------------------
    2                         walk cache of amd takes A (levels 4..2)
    5                         IOTLB of amd takes A + 1 page
    6                         ATC of gpu takes A + 1 page
    8               DMA write A + 1 page
    9     munmap()
    16    > on_end.invalidate_range_start A .. A + 2 pages
    18    < on_end.invalidate_range_start
    40    clears 2 entries, A .. A + 2 pages
    50    cpu0 TLB: 2 invalidations
    61    frees 2 frames
    70              DMA write A + 1 page
    70              !! use-after-free
    76    > on_end.invalidate_range_end A .. A + 2 pages
    81    queues INVALIDATE_IOMMU_PAGES domain 1 pasid 1 all PDE
    83    queues INVALIDATE_IOTLB_PAGES gpu pasid 1 all
    84    queues COMPLETION_WAIT for t0
    85                                  INVALIDATE_IOMMU_PAGES domain 1 pasid 1 all PDE
    86                                  INVALIDATE_IOTLB_PAGES gpu pasid 1 all
    87                        ATS invalidation completed by gpu
    88                                  COMPLETION_WAIT for t0
    91    < on_end.invalidate_range_end

    use-after-free: gpu (pasid 1) writes to A + 1 page in frame 5, which was freed after the translation
      was made
      filled: the ATC of gpu took A + 1 page -> frame 5, by gpu ats in gpu (unmap.mmu:31), step 6
      told: on_end.invalidate_range_start A .. A + 2 pages, by t0 [P] cpu0 in
        on_end.invalidate_range_start (drivers/on_end.mmu:7), step 16
      made stale: the entry of A + 1 page -> frame 5 was cleared, by t0 [P] cpu0 in zap_range
        (toy/mm.mmu:42), step 43
      never sent: no invalidation for gpu PASID 1 between the store (step 43) and the free (step 65), by
        t0 [P] cpu0 in zap_range (toy/mm.mmu:42), step 43
      freed: frame 5, by t0 [P] cpu0 in free_gathered (toy/mm.mmu:59), step 65
      found, by gpu in gpu (unmap.mmu:32), step 70
    violated: use-after-free, as expected
    "
  `);
});

test('no line is longer than asked for', () => {
  const session = sessionOf('unmap.mmu', 'too_late');
  session.playToEnd();
  for (const columns of [40, 60, 100]) {
    for (const line of lanes(session, { columns }).split('\n'))
      expect(line.length).toBeLessThanOrEqual(columns);
  }
});

function staleIn(nodes: readonly TreeNode[]): string[] {
  return nodes.flatMap(node => [
    ...(node.children.length === 0 && node.marks.includes('stale') ? [node.id, node.description] : []),
    ...staleIn(node.children),
  ]);
}

test('an entry is stale as long as the tables do not back it, also after going back', () => {
  const session = sessionOf('unmap.mmu', 'too_late');
  const stale: number[] = [];
  session.playToEnd();
  const end = session.position;
  for (let position = 0; position <= end; position++) {
    session.goTo(position);
    if (staleIn(tlbNodes(session, position, file => file)).length > 0) stale.push(position);
  }
  session.goTo(stale[0] ?? 0);
  expect(staleIn(tlbNodes(session, 0, file => file))).toMatchInlineSnapshot(`
    [
      "iotlb0/1.1.1.leaf.139637976731648",
      "-> frame 5 W U D, stale: the page is not mapped any more, gpu PASID 1",
      "atc0/1.1.1.leaf.139637976731648",
      "-> frame 5 W U D, stale: the page is not mapped any more, PASID 1",
    ]
  `);
  // From the clear of the entry to the flush there is no position without it.
  expect(stale).toEqual(Array.from({ length: stale.length }, (_, index) => (stale[0] ?? 0) + index));
});

test('ids are unique in a tree, and the same at the next stop', () => {
  const session = sessionOf('unmap.mmu', 'too_late');
  session.playToEnd();
  const ids = (nodes: readonly TreeNode[]): string[] =>
    nodes.flatMap(node => [node.id, ...ids(node.children)]);
  const found = ids(tlbNodes(session, 0, file => file));
  expect(new Set(found).size).toBe(found.length);
});

test('what caches do on their own has a lane', () => {
  const session = sessionOf('unmap.mmu', 'in_time', { schedule: 'manual' });
  const { vm } = session;
  const make = (name: string) => {
    const choice = vm.choiceCount(vm.cachesThread).names?.indexOf(name) ?? -1;
    expect(session.forward(vm.cachesThread, choice).kind).toBe('stepped');
  };
  for (const level of [4, 3, 2]) make(`fill cpu0 psc A level ${level}`);
  make('fill cpu0 tlb A');
  make('evict cpu0 tlb A');
  expect(lanes(session, { columns: 100 }).split('\n').slice(2, 8)).toMatchInlineSnapshot(`
    [
      "step  caches",
      "----------------------------------------------------------------------------------------------------",
      "1     paging-structure cache of cpu0 takes A (levels 4..2)",
      "4     TLB of cpu0 takes A",
      "5     TLB of cpu0 evicts A",
      "",
    ]
  `);
});
