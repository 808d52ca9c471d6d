/** Messages that name things once, and by one name. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { scheduledFile } from '../schedules';
import { shootdown } from './run-command-line';

const folder = mkdtempSync(join(tmpdir(), 'shootdown-wording-'));

afterAll(() => rmSync(folder, { recursive: true }));

test('a lock asked for twice is not called one another', async () => {
  const path = join(folder, 'twice.mmu');
  writeFileSync(
    path,
    `var twice: spinlock
fn take() {
  spin_lock(twice);
  spin_lock(twice);
}
scenario s {
  kernel linux-3.18
  machine { cpus 1  frames 32  iommu amd { device gpu { } } }
  process P { }
  task t0 in P on cpu 0 { take(); }
}
`,
  );
  const { out, err } = await shootdown('run', path, '--width', '200');
  expect(err).toBe('');
  expect(out).toContain('waits for twice, held by itself: it waits for itself for ever');
});

test('a lock of an object is named with the object', async () => {
  const path = join(folder, 'race.mmu');
  writeFileSync(
    path,
    `struct acme pool 2 { lock: spinlock  count: int 0..9 guarded_by(lock) }
fn touch() {
  var acme = new acme;
  acme.count = 1;
}
scenario s {
  kernel linux-3.18
  machine { cpus 1  frames 32  iommu amd { device gpu { } } }
  process P { }
  task t0 in P on cpu 0 { touch(); }
}
`,
  );
  const { out, err } = await shootdown('run', path, '--width', '200');
  expect(err).toBe('');
  expect(out).toContain('data-race: acme.count is written without acme.lock');
});

test('a frame is a frame, whatever it holds', async () => {
  const { out } = await shootdown('run', scheduledFile('table-walk-before', folder), '--width', '200');
  expect(out).toMatch(/to frame (\d+) is gone, and the page table in frame \1 is freed/);
});

test('the one scenario of a file is named by itself', async () => {
  const { err } = await shootdown('run', 'scenarios/table-walk-before.mmu', '--scenario', 'other');
  expect(err).toContain("expected 'table_walk_before'");
});
