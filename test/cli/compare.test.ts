/** `shootdown compare`: one scenario on every kernel and with every driver that it fits. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { scheduledFile } from '../schedules';
import { shootdown } from './run-command-line';

const folder = mkdtempSync(join(tmpdir(), 'shootdown-compare-'));

afterAll(() => rmSync(folder, { recursive: true }));

test('what a driver changes is seen beside what a kernel changes', async () => {
  const { code, out } = await shootdown('compare', scheduledFile('table-walk-before', folder));
  expect(code).toBe(0);
  const rows = out.split('\n').map(line => line.trim().split(/ {2,}/));
  const row = (kernel: string, driver: string) =>
    rows.find(([name, other]) => name === kernel && other === driver)?.at(-1);
  expect(row('linux-3.18', 'amd_iommu_v2 *')).toContain('violated: missed-range');
  expect(row('linux-3.18+invalidate_range', 'amd_iommu_v2')).toContain('violated: missed-range');
  expect(row('linux-3.18+invalidate_range', 'amd_iommu_v2+invalidate_range')).toBe('no violation');
  // A driver with a callback that the kernel lacks does not fit it.
  expect(row('linux-3.18', 'amd_iommu_v2+invalidate_range')).toBeUndefined();
});

test('a replay that names what another driver does is not followed, and that is said', async () => {
  const { out } = await shootdown('compare', scheduledFile('start-is-too-early', folder));
  expect(out).toMatch(/flush_in_start \*.*violated: use-after-free/);
  expect(out).toMatch(/flush_in_end .*fair: the replay cannot be followed from line 21/);
});

test('rows as JSON hold the callbacks by kind', async () => {
  const { out } = await shootdown('compare', 'scenarios/table-walk-after.mmu', '--json');
  const rows = out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  const own = rows.find(row => row.isOwn);
  expect(own.driver).toBe('amd_iommu_v2+invalidate_range');
  expect(own.counts.callbacks.invalidate_range).toBeGreaterThan(0);
  expect(own.explored).toBeNull();
});

test('every interleaving is searched if asked for', async () => {
  const args = ['compare', 'scenarios/start-is-too-early.mmu', '--explore', '--states', '2000', '--json'];
  const { out } = await shootdown(...args);
  const rows = out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  expect(rows.every(row => /^(violated|incomplete|holds)/.test(row.explored))).toBe(true);
  expect(rows.some(row => row.states > 0)).toBe(true);
});

test('a row that is searched to its end holds, or is violated', async () => {
  const { code, out } = await shootdown('compare', 'scenarios/device-without-ats.mmu', '--explore', '--json');
  const rows = out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  expect(code).toBe(0);
  expect(rows.find(row => row.isOwn).explored).toBe('holds');
});

test('a file without a scenario is refused', async () => {
  const { code, err } = await shootdown('compare', 'models/drivers/flush_in_end.mmu');
  expect(code).toBe(2);
  expect(err).toContain('holds no scenario that fits a kernel');
});
