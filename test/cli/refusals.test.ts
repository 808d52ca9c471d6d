/** What the command line refuses, and what it says instead of passing over it in silence. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { shootdown } from './run-command-line';

const folder = mkdtempSync(join(tmpdir(), 'shootdown-refusals-'));
const early = 'scenarios/start-is-too-early.mmu';
const small = (name: string, body: string) => `scenario ${name} {
  kernel linux-3.18
  machine { cpus 1  frames 16 }
  process P { mmap A, 1 page, rw, touched }
  task t0 in P on cpu 0 { ${body} }
  expect holds
}
`;

afterAll(() => rmSync(folder, { recursive: true }));

test('a seed where nothing is drawn', async () => {
  const explored = await shootdown('explore', early, '--seed', '7');
  expect(explored).toEqual({
    code: 2,
    out: '',
    err: '--seed is the seed of --order random: say that too\n',
  });
  const run = await shootdown('run', early, '--seed', '3');
  expect(run).toEqual({ code: 2, out: '', err: '--seed is the seed of --schedule random: say that too\n' });
  expect((await shootdown('run', early, '--schedule', 'random', '--seed', '3')).err).toBe('');
});

test('a schedule that is to be saved, where none was found', async () => {
  const path = join(folder, 'holds.mmu');
  writeFileSync(path, small('quiet', 'skip;'));
  const { code, err } = await shootdown('explore', path, '--save-trace', join(folder, 'none.trace'));
  expect({ code, err }).toEqual({
    code: 0,
    err: 'quiet: no violation was found, so there is no schedule to save\n',
  });
});

test('the version is that of the package', async () => {
  const { code, out } = await shootdown('--version');
  expect({ code, out }).toEqual({
    code: 0,
    out: `${JSON.parse(readFileSync('package.json', 'utf8')).version}\n`,
  });
});

test('a folder stands for its files, and drivers among them are passed over', async () => {
  const inner = mkdtempSync(join(folder, 'inner-'));
  writeFileSync(join(inner, 'a.mmu'), small('first', 'skip;') + small('second', 'store(A, 1);'));
  writeFileSync(join(inner, 'b.mmu'), readFileSync('models/drivers/flush_in_end.mmu'));
  const { code, out, err } = await shootdown('explore', inner);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out.match(/^\w+ on linux-3.18: .*/gm)).toEqual([
    'first on linux-3.18: holds, as expected',
    'second on linux-3.18: holds, as expected',
  ]);
  expect(out.trimEnd().split('\n').at(-1)).toBe('2 scenarios: 2 hold');
  expect(out.match(/sequentially consistent/g)).toHaveLength(1);
  expect(out).toContain('assumes: besides, what was said of the scenarios above');
  expect((await shootdown('check', inner)).code).toBe(0);
  const empty = mkdtempSync(join(folder, 'empty-'));
  expect((await shootdown('check', empty)).code).toBe(2);
});

test('what a conformance run was asked for, and is not there', async () => {
  const kernel = await shootdown('conformance', '--kernel', 'linux-9');
  expect(kernel.err).toMatch(/^nothing was recorded of kernel 'linux-9', expected one of linux-3\.18/);
  const op = await shootdown('conformance', '--op', 'munmap_444');
  expect(op.err).toMatch(/^no operation 'munmap_444' was recorded, did you mean 'munmap_4/);
  const swapped = await shootdown('conformance', early, 'recording.json');
  expect(swapped.err).toContain('the recording comes first, then the scenario');
  expect([kernel.code, op.code, swapped.code]).toEqual([2, 2, 2]);
});

test('problems come in the order of the file; a constant is not taken for a function', async () => {
  const path = join(folder, 'wrong.mmu');
  const text = small('wrong', 'madvise(A, 1 page, MADV_FREE);').replace('touched', 'touchd');
  writeFileSync(path, text);
  const { err } = await shootdown('check', path);
  expect(err).not.toContain('pgd_free');
  const lines = [...err.matchAll(/wrong\.mmu:(\d+):/g)].map(([, line]) => Number(line));
  expect(lines).toEqual([4, 5]);
  writeFileSync(path, small('wrong', 'skip;').replace('touched', 'quickly'));
  expect((await shootdown('check', path)).err).toContain('expected one of r, ro, rw');
});
