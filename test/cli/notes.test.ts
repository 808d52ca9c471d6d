/** Notes: what the verdict does not speak of. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { shootdown } from './run-command-line';

const folder = mkdtempSync(join(tmpdir(), 'shootdown-notes-'));
const note =
  'note: no subscriber answers for gpu PASID 1 (binds()): missed-range of page tables and ' +
  'walk-after-release are not judged';

afterAll(() => rmSync(folder, { recursive: true }));

const driver = (binds: string) => `driver silent {
  notifier silent {
    invalidate_page(mn, mm, address) { }
  }
  fn bind(mm: mm, device: device, pasid: int 0..31) {
    var mn = new mmu_notifier;
    assert(mn != null);
    atomic { mn.ops = silent; }
    mmu_notifier_register(mn, mm);
    ${binds}
    var root = mm.pgd;
    set_gcr3(device, pasid, root);
  }
}
`;
const scenario = `scenario bound {
  kernel linux-3.18
  machine { cpus 1  frames 32  iommu amd { device gpu { ats } } }
  process P { mmap A, 4 pages, rw, touched  bind gpu, pasid 1, driver silent }
  task t0 in P on cpu 0 { munmap(A, 4 pages); }
}
`;

test.each(['', 'binds(mn, device, pasid);'])('a root that nobody answers for is noted (%j)', async binds => {
  const path = join(folder, 'bound.mmu');
  writeFileSync(path, driver(binds) + scenario);
  const { out, err } = await shootdown('run', path);
  expect(err).toBe('');
  expect(out.replace(/\s+/g, ' ').includes(note)).toBe(binds === '');
  expect(out.trimEnd().split('\n').at(-1)).toMatch(/^violated: missed-range|^no violation/);
  const json = await shootdown('run', path, '--json');
  expect(json.out.includes('"type":"note"')).toBe(binds === '');
});

test('a driver that says what it binds has no note', async () => {
  expect(readFileSync('scenarios/table-walk-before.mmu', 'utf8')).toContain('bind gpu');
  expect((await shootdown('run', 'scenarios/table-walk-before.mmu')).out).not.toContain('note:');
});
