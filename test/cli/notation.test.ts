/** `run --notation`: a report and a diagram of one schedule, or a diagram alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { scheduledFile } from '../schedules';
import { shootdown } from './run-command-line';

const folder = mkdtempSync(join(tmpdir(), 'shootdown-notation-'));

afterAll(() => rmSync(folder, { recursive: true }));

test('a schedule with a violation: the report, then the diagram', async () => {
  const { code, out } = await shootdown('run', '--notation', scheduledFile('start-is-too-early', folder));
  expect(code).toBe(0);
  expect(out).toMatch(/^=+\nBUG: shootdown: use-after-free in dma_write at\s+start-is-too-early\.mmu:14\n/);
  expect(out).toMatch(/\nCause: the invalidation came before the entry was changed\n/);
  expect(out).toMatch(/\nFreed, by t0 \[P\] cpu0, step \d+:\n free_pages_prepare \(linux-3\.18/);
  expect(out).toMatch(/\n +DMA write A \+ 1 page\n +\*\*\* use-after-free \*\*\*\n$/);
  expect(out.split('\n').filter(line => line.length > 72)).toEqual([]);
});

test('a schedule without one: all that happened', async () => {
  const { code, out } = await shootdown(
    'run',
    '--notation',
    scheduledFile('pointer-to-a-live-table', folder),
  );
  expect(code).toBe(0);
  expect(out).toMatch(/^CPU0 +gpu\n---- +---\n/);
  expect(out).toContain('clear pte A .. A + 2 pages');
  expect(out.split('\n').filter(line => line.length > 72)).toEqual([]);
});
