/** Records of a run, in the fields of recorded Linux traces. */
import { expect, test } from 'vitest';
import { traceRecords } from '../../src/trace/records';
import { sessionOf } from '../session/run';

test('callbacks, flushes and frees come as recorded traces have them', () => {
  const session = sessionOf('unmap.mmu', 'in_time');
  session.playToEnd();
  const kept = traceRecords(session).filter(
    ({ type }) => type === 'cb' || type === 'probe' || type === 'free',
  );
  expect(
    kept.map(({ type, name, sub, range, page, cpu, stack }) => [
      type,
      name,
      ...(sub === undefined ? [] : [sub]),
      range === undefined ? (page ?? '') : `${range.start}..${range.end} ${range.pages}`,
      cpu,
      stack?.join(' < '),
    ]),
  ).toMatchInlineSnapshot(`
    [
      [
        "cb",
        "invalidate_range_start",
        0,
        "A+0..A+2 2",
        0,
        "on_end.invalidate_range_start < __mmu_notifier_invalidate_range_start < munmap",
      ],
      [
        "probe",
        "flush_tlb_range",
        "A+0..A+2 2",
        0,
        "flush_tlb_range < munmap",
      ],
      [
        "cb",
        "invalidate_range_end",
        0,
        "A+0..A+2 2",
        0,
        "on_end.invalidate_range_end < __mmu_notifier_invalidate_range_end < munmap",
      ],
      [
        "free",
        "mm_page_free",
        "p[A+0]",
        0,
        "free_gathered < munmap",
      ],
      [
        "free",
        "mm_page_free",
        "p[A+1]",
        0,
        "free_gathered < munmap",
      ],
    ]
  `);
});

test('entries that change are told with the record before, as recorded traces have it', () => {
  const session = sessionOf('unmap.mmu', 'in_time');
  session.playToEnd();
  const changes = traceRecords(session).flatMap(({ name, pte_changed, pte_after }) =>
    pte_changed === undefined && pte_after === undefined ? [] : [{ name, pte_changed, pte_after }],
  );
  expect(changes).toMatchInlineSnapshot(`
    [
      {
        "name": "invalidate_range_start",
        "pte_after": {
          "A+0": "none",
          "A+1": "none",
        },
        "pte_changed": undefined,
      },
    ]
  `);
});
