/** `shootdown diff`: what one kernel changes of another. */
import { expect, test } from 'vitest';
import { shootdown } from './run-command-line';

test('the series is a patch', async () => {
  const { code, out } = await shootdown('diff', 'linux-3.18', 'linux-3.18+invalidate_range');
  expect(code).toBe(0);
  expect(out).toContain(`@@ callback invalidate_range (added) @@
+invalidate_range(mn: mmu_notifier, mm: mm, start: addr, end: addr)
`);
  expect(out).toContain(`@@ fn tlb_flush_mmu_tlbonly (changed) @@
     return;
   }
   tlb_flush(tlb);
+  var mm = tlb.mm;
+  var start = tlb.start;
+  var end = tlb.end;
+  mmu_notifier_invalidate_range(mm, start, end);
   __tlb_reset_range(tlb);
 }
`);
  expect(out).toContain('--- linux-3.18: mm/memory.c\n+++ linux-3.18+invalidate_range: mm/memory.c\n');
});

test('the other way round what was added is removed', async () => {
  const { out } = await shootdown('diff', 'linux-3.18+invalidate_range', 'linux-3.18');
  expect(out).toContain('@@ fn __mmu_notifier_invalidate_range (removed) @@');
  expect(out).toContain('-  mmu_notifier_invalidate_range(mm, start, end);');
});

test('a kernel is the same as itself', async () => {
  const { code, out } = await shootdown('diff', 'linux-3.18', 'linux-3.18');
  expect({ code, out }).toEqual({ code: 0, out: 'linux-3.18 and linux-3.18 are the same\n' });
});

test('each declaration can be had as JSON', async () => {
  const { out } = await shootdown('diff', 'linux-3.18', 'linux-3.19', '--json');
  const records = out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  expect(records).toContainEqual(
    expect.objectContaining({ name: 'fn tlb_flush_mmu_tlbonly', how: 'changed', source: 'mm/memory.c' }),
  );
});

test('a kernel that is not there is refused', async () => {
  const { code, err } = await shootdown('diff', 'linux-3.18', 'linux-3.81');
  expect(code).toBe(2);
  expect(err).toBe("unknown kernel 'linux-3.81', did you mean 'linux-3.18'?\n");
});
