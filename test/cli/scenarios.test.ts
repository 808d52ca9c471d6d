/** Every shipped scenario through the command line, as it is played; what it must show is for a search. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { scenarioTemplate } from '../../src/vscode/template';
import { scheduledFile, scheduledNames } from '../schedules';
import { shootdown } from './run-command-line';

const scenarios = readdirSync('scenarios', { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.mmu'))
  .map(name => join('scenarios', name));
const folder = mkdtempSync(join(tmpdir(), 'shootdown-cli-'));

afterAll(() => rmSync(folder, { recursive: true }));

test.each(scenarios)('%s runs, and no run says otherwise than is expected', async path => {
  const { code, out, err } = await shootdown('run', path);
  expect(err).toBe('');
  // One schedule need not show what another one does, and then says so.
  const isStated = /^ {2}replay \{$/m.test(readFileSync(path, 'utf8'));
  if (code === 3 && !isStated) expect(out).toMatch(/did not show on this schedule: explore searches/);
  else {
    expect(code).toBe(0);
    expect(out).toMatch(/as expected/);
  }
  for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
});

test.each(scheduledNames)('%s shows on its stated schedule what it says', async name => {
  const { code, out, err } = await shootdown('run', scheduledFile(name, folder));
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/as expected/);
});

test('check finds nothing wrong with any of them', async () => {
  expect(await shootdown('check', ...scenarios)).toEqual({ code: 0, out: '', err: '' });
});

test.each(scenarios)('%s: a saved schedule replays to the same events', async path => {
  const saved = join(folder, 'saved.schedule');
  const first = await shootdown(
    'run',
    path,
    '--json',
    '--schedule',
    'random',
    '--seed',
    '7',
    '--save-trace',
    saved,
  );
  expect(first.err).toBe('');
  expect(readFileSync(saved, 'utf8')).toContain('shootdown schedule 1');
  const second = await shootdown('run', path, '--json', '--trace', saved);
  expect(second).toEqual(first);
});

test('one event a line, and nothing else, with --json', async () => {
  const { out } = await shootdown('run', 'scenarios/invalidate-range-repairs-munmap.mmu', '--json');
  const records = out
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
  expect(records.map(({ name }) => name)).toContain('invalidate_range');
  for (const record of records) expect(record).toHaveProperty('type');
});

test('the same seed gives the same run', async () => {
  const path = 'scenarios/invalidate-range-repairs-munmap.mmu';
  const run = (seed: string) => shootdown('run', path, '--json', '--schedule', 'random', '--seed', seed);
  expect(await run('3')).toEqual(await run('3'));
  expect((await run('3')).out).not.toBe((await run('4')).out);
});

test('a scenario that is not there is named, with those that are', async () => {
  const path = 'scenarios/invalidate-range-repairs-munmap.mmu';
  const { code, err } = await shootdown('run', path, '--scenario', 'nothing');
  expect(code).toBe(2);
  expect(err).toContain("no scenario 'nothing'");
  expect((await shootdown('run', path, '--kernel', 'linux-0.01')).err).toContain(
    "unknown kernel 'linux-0.01'",
  );
});

test('a file that is no saved schedule is refused with its place', async () => {
  const path = 'scenarios/invalidate-range-repairs-munmap.mmu';
  const { code, out, err } = await shootdown('run', path, '--trace', 'package.json');
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toMatch(/package\.json:1: expected 'shootdown schedule 1'/);
});

test('without a replay block and without a trace there is nothing to replay', async () => {
  const path = join(folder, 'mine.mmu');
  writeFileSync(path, scenarioTemplate('mine'));
  expect(await shootdown('run', path, '--schedule', 'replay')).toEqual({
    code: 2,
    out: '',
    err: "scenario 'mine' has no replay block, and no --trace is given\n",
  });
});
