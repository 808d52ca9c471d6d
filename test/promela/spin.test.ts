/**
 * Ten shipped scenarios, searched by Spin as `shootdown export` writes them: its verdict is ours, with
 * caches that fill on demand. Needs `spin` and `gcc`, which the set-up of the tests installs, and the
 * models of a build.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { shootdown } from '../cli/run-command-line';

const folder = mkdtempSync(join(tmpdir(), 'shootdown-promela-'));
const start = promisify(execFile);

afterAll(() => rmSync(folder, { recursive: true }));

/** What a scenario violates, null for nothing. */
const scenarios: readonly (readonly [string, string | null])[] = [
  ['device-without-ats', null],
  ['second-binding-goes-on', null],
  ['munmap-makes-the-fault-handler-wait', null],
  ['pointer-to-a-live-table', null],
  ['end-is-too-late-holds', null],
  ['mprotect-races-with-a-store', null],
  ['start-is-too-early', 'use-after-free'],
  ['end-is-too-late-tables', 'table-use-after-free'],
  ['table-walk-before', 'table-use-after-free'],
  ['parallel-dontneed', 'stale-after-return'],
];

/** Runs a command in the folder of a scenario; what it printed, whatever its exit code. */
async function run(cwd: string, command: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await start(command, args, { cwd, maxBuffer: 1 << 26 }).catch(
    problem => problem,
  );
  return `${stdout}${stderr}`;
}

test.each(scenarios)('Spin agrees about %s', { timeout: 120_000 }, async (name, property) => {
  const path = join('scenarios', `${name}.mmu`);
  const ours = await shootdown('explore', path, '--caches', 'demand', '--all', '--json');
  const violated: string[] = JSON.parse(ours.out).violations;
  expect(property === null ? violated : violated.includes(property)).toEqual(property === null ? [] : true);
  const cwd = mkdtempSync(join(folder, 'model-'));
  const exported = await shootdown('export', '--promela', path);
  expect(exported.err).toMatch(/^not judged by the model: data-race, lost-write, .*\n$/);
  writeFileSync(join(cwd, 'model.pml'), exported.out);
  const only = property === null ? [] : [`-DONLY=${property.replaceAll('-', '_')}`];
  expect(await run(cwd, 'spin', ...only, '-a', 'model.pml')).toBe('');
  await run(cwd, 'gcc', '-O0', '-w', '-DSAFETY', '-DCOLLAPSE', '-DVECTORSZ=65536', '-o', 'pan', 'pan.c');
  const verdict = await run(cwd, './pan', '-m2000000', ...(property === null ? [] : ['-E']));
  expect(verdict).toMatch(property === null ? /errors: 0\b/ : /assertion violated .*bad/);
  expect(verdict).not.toContain('Search not completed\n\tmax search depth');
});
