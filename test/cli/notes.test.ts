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

const forks = (frames: number, body = 'store(A, 1);') => `scenario forks {
  kernel linux-3.18
  machine { cpus 2  frames ${frames} }
  process P { mmap A, 1 page, rw, touched }
  task t0 in P on cpu 0 { fork(c); }
  task c forked by t0 on cpu 1 { ${body} }
  expect holds
}
`;

test('a child that was never started, for want of frames, makes the proof one of little', async () => {
  const path = join(folder, 'forks.mmu');
  writeFileSync(path, forks(8));
  const { code, out } = await shootdown('explore', path, '--not-checked');
  const text = out.replace(/\s+/g, ' ');
  expect(code).toBe(0);
  expect(text).toContain('forks on linux-3.18: holds, with 2 notes, as expected');
  expect(text).toContain('note: task c was never started: nothing that it does was judged');
  expect(text).toMatch(
    /note: 8 frames did not suffice: allocations failed in \w+ \(memory\.mmu:\d+\); raise/,
  );
  expect(out).toMatch(/forks\.mmu\n {2}never called: c\n/);
  const [json] = (await shootdown('explore', path, '--json')).out.split('\n');
  expect(JSON.parse(json ?? '').notes).toHaveLength(2);
  expect((await shootdown('run', path)).out).toContain('note: task c was never started');
  writeFileSync(path, forks(32));
  const enough = await shootdown('explore', path);
  expect(enough.out).toContain('forks on linux-3.18: holds, as expected');
  expect(enough.out).not.toContain('note:');
});

test('a task that is killed is noted', async () => {
  const path = join(folder, 'killed.mmu');
  writeFileSync(path, forks(32, 'store(A, 1); store(A + 1 page, 2);'));
  const { out } = await shootdown('explore', path);
  expect(out.replace(/\s+/g, ' ')).toContain('note: accesses ended in SIGSEGV in c (killed.mmu:6)');
});

test('what hardware is taken to do is among the assumptions', async () => {
  const { out } = await shootdown('explore', 'scenarios/device-without-ats.mmu', '--json');
  const { assumptions } = JSON.parse(out);
  expect(assumptions.join('\n')).toContain(
    'carries out the commands of its queue one by one, in their order',
  );
  expect(assumptions.join('\n')).not.toContain('ATS');
});
