/** missed-range: its explanation says since when nobody was told, and names no copy that is gone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { scheduledFile } from '../schedules';
import { shootdown } from './run-command-line';

const folder = mkdtempSync(join(tmpdir(), 'shootdown-missed-'));
const stated = scheduledFile('table-walk-before', folder);

afterAll(() => rmSync(folder, { recursive: true }));

/** The explanations of the run, one line each. */
async function explanations(...args: string[]): Promise<string[]> {
  const { out } = await shootdown('run', ...args);
  const text = out.slice(out.indexOf('missed-range:')).replace(/\n {4}/g, ' ');
  return text.split('\n');
}

test('on a kernel without a callback for tables, the driver is not to blame', async () => {
  const lines = await explanations(stated);
  const missed = lines.filter(line => line.startsWith('  missed:'));
  const [since, hint] = (missed[0] ?? '').split('; ');
  expect(since).toMatch(
    /^ {2}missed: no callback of amd_iommu_v2 covered it since step \d+ and before step \d+ \(page-table/,
  );
  expect(hint).toContain('linux-3.18 has no callback for page tables: no driver is told');
});

test('the lanes hide no table, no walk and no finding', async () => {
  const { out } = await shootdown('run', stated, '--width', '120');
  expect(out).toMatch(/walk cache of amd takes A \(levels 4\.\.2\)/);
  const rows = out.split('\n').map(line => line.slice(6));
  for (const [index, row] of rows.entries())
    if (row.startsWith('!! missed-range'))
      expect(rows[index - 1]).toMatch(/^frees page table \(level \d\) in frame \d+$/);
  expect(out).toContain('clears 4 entries, A .. A + 4 pages');
  expect(out).toContain('COMPLETION_WAIT for t0');
  expect(out.split('\n')[3]).toBe('-'.repeat(120));
});

test('a copy that was flushed is no cause', async () => {
  // The device accesses the range first; the flush at the end of the bracket empties all caches.
  const { out } = await shootdown('run', stated, '--schedule', 'fair', '--json');
  const fill = out.split('\n').findLastIndex(line => line.includes('"fill"') && line.includes('walk-cache'));
  expect(fill).toBeGreaterThan(0);
  const lines = await explanations(stated, '--schedule', 'fair');
  expect(lines.filter(line => line.startsWith('  missed:')).length).toBeGreaterThan(0);
  expect(lines.filter(line => line.startsWith('  filled:'))).toEqual([]);
});
