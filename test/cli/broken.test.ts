/** Files with a mistake: each gets a message with a place and a code, and exit code 2. */
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { shootdown } from './run-command-line';

const folder = 'test/cli/broken';
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
  name => name.endsWith('.mmu') && !name.includes('models'),
);

/** `file:line:column: message [code]`; a file without scenarios has no place for it. */
const placed = /^[\w./+-]+\.mmu:[1-9]\d*:[1-9]\d*: \S.* \[(?:MMU\d+|set-up)\]$/;
const empty = /^[\w./-]+\.mmu holds no scenario \[no-scenario\]$/;

/** The initial state is built when a scenario is run, so a mistake in it is not seen before. */
const seenWhenRun = ['too-few-frames.mmu'];

/** The scenario that is run is sound; it is the other one that is not. */
const seenWhenChecked = ['duplicate-scenario.mmu'];

test('there are broken files of many kinds', () => {
  expect(files.length).toBeGreaterThan(40);
});

test.each(files)('%s is refused with a message', async name => {
  const path = `${folder}/${name}`;
  const command = seenWhenRun.includes(name) ? 'run' : 'check';
  const { code, out, err } = await shootdown(command, path);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  const lines = err.trimEnd().split('\n');
  for (const line of lines)
    expect(placed.test(line) || empty.test(line) ? 'a message' : line).toBe('a message');
  // One mistake is one message, or the few it leads to.
  expect(lines.length).toBeLessThan(6);
  if (!seenWhenChecked.includes(name)) {
    expect(await shootdown('run', path)).toEqual({ code: 2, out: '', err });
  }
  // Lines of shipped models move when the models change.
  const stable = err.replace(/^(linux-[^:]+):\d+:\d+/gm, '$1');
  await expect(stable).toMatchFileSnapshot(`broken/${name.replace(/\.mmu$/, '.txt')}`);
});

test('with --json, check prints one problem a line', async () => {
  const { code, out, err } = await shootdown('check', `${folder}/unknown-mapping.mmu`, '--json');
  expect({ code, err }).toEqual({ code: 2, err: '' });
  expect(
    out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line)),
  ).toMatchObject([{ code: 'MMU010', file: `${folder}/unknown-mapping.mmu`, line: 8, column: 34 }]);
});

test('what is not a readable file is refused by name', async () => {
  expect(await shootdown('run', 'test/cli/nowhere.mmu')).toEqual({
    code: 2,
    out: '',
    err: 'test/cli/nowhere.mmu: there is no such file\n',
  });
  expect(await shootdown('run', folder)).toEqual({
    code: 2,
    out: '',
    err: `${folder}: this is a folder, and a file is expected\n`,
  });
  expect(await shootdown('check', 'package.json/x.mmu')).toEqual({
    code: 2,
    out: '',
    err: 'package.json/x.mmu: there is no such file [file]\n',
  });
});
