/** Files with a mistake: each gets a message with a place and a code, exit code 2, and never a stack trace. */
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { shootdown } from './run-command-line';

const folder = 'test/cli/broken';
const files = readdirSync(folder).filter(name => name.endsWith('.mmu'));

/** `file:line:column: message [code]`, as editors and people find their way by. */
const message = /^test\/cli\/broken\/[\w-]+\.mmu:\d+:\d+: \S.* \[[A-Z]+\d+\]$/;

test('there are broken files of many kinds', () => {
  expect(files.length).toBeGreaterThan(40);
});

test.each(files)('%s is refused with a message', async name => {
  const path = `${folder}/${name}`;
  const { code, out, err } = await shootdown('run', path);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  const lines = err.trimEnd().split('\n');
  for (const line of lines) expect(line).toMatch(message);
  // One mistake is one message, or the few it leads to.
  expect(lines.length).toBeLessThan(6);
  await expect(err).toMatchFileSnapshot(`broken/${name.replace(/\.mmu$/, '.txt')}`);
});

test('check finds the same as run', async () => {
  for (const name of files.filter(file => !/^replay|too-few/.test(file))) {
    const path = `${folder}/${name}`;
    const [checked, played] = [await shootdown('check', path), await shootdown('run', path)];
    expect(checked).toEqual({ code: 2, out: '', err: played.err });
  }
});

test('what is not a readable file is refused by name', async () => {
  expect(await shootdown('run', 'test/cli/nowhere.mmu')).toEqual({
    code: 2,
    out: '',
    err: 'test/cli/nowhere.mmu: there is no such file\n',
  });
  expect(await shootdown('check', 'test/cli/broken')).toEqual({
    code: 2,
    out: '',
    err: 'test/cli/broken: this is a folder, and a file is expected\n',
  });
  expect((await shootdown('run', 'package.json/x.mmu')).err).toBe(
    'package.json/x.mmu: there is no such file\n',
  );
});
