/** `check` of a file that holds a driver and no scenario. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { scheduledFile } from '../schedules';
import { shootdown } from './run-command-line';

const folder = mkdtempSync(join(tmpdir(), 'shootdown-driver-'));

afterAll(() => rmSync(folder, { recursive: true }));

test('a shipped driver is sound for its own kernel', async () => {
  const path = 'models/drivers/amd_iommu_v2+invalidate_range.mmu';
  expect(await shootdown('check', path)).toEqual({ code: 0, out: '', err: '' });
  const range = 'linux-3.18+invalidate_range';
  expect(await shootdown('check', path, '--kernel', range)).toEqual({ code: 0, out: '', err: '' });
  const { code, err } = await shootdown('check', path, '--kernel', 'linux-3.18');
  expect(code).toBe(2);
  expect(err).toContain("this kernel has no callback 'invalidate_range'");
  const unknown = await shootdown('check', path, '--kernel', 'linux-0.01');
  expect(unknown.code).toBe(2);
  expect(unknown.err).toContain("unknown kernel 'linux-0.01', expected one of linux-3.18");
});

test('a mistake in a driver is found without a scenario', async () => {
  const path = join(folder, 'mine.mmu');
  writeFileSync(path, 'driver mine {\n  fn bind(mm: mm, device: device, pasid: int) { skipp(); }\n}\n');
  const { code, err } = await shootdown('check', path);
  expect(code).toBe(2);
  expect(err).toBe(`${path}:2:49: unknown function 'skipp' [MMU011]\n`);
});

test('repeated findings are counted, and explained with --all', async () => {
  const path = scheduledFile('table-walk-before', folder);
  const { out } = await shootdown('run', path);
  expect(out.match(/^missed-range: /gm)).toHaveLength(1);
  expect(out).toMatch(/^ {2}and 2 more at steps \d+, \d+ \(--all explains them\)$/m);
  const { out: all } = await shootdown('run', path, '--all');
  expect(all.match(/^missed-range: /gm)).toHaveLength(3);
});
