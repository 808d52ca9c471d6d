/** Arguments: what is wrong with them is said in a sentence, with exit code 2. */
import { expect, test } from 'vitest';
import { shootdown } from './run-command-line';

test.each([
  [['run'], "error: missing required argument 'file'"],
  [['check'], "error: missing required argument 'file'"],
  [['fly', 'x.mmu'], "error: unknown command 'fly'"],
  [['run', 'x.mmu', '--fast'], "error: unknown option '--fast'"],
  [['run', 'x.mmu', 'y.mmu'], "error: too many arguments for 'run'. Expected 1 argument but got 2."],
  [
    ['run', 'x.mmu', '--seed', 'many'],
    "error: option '--seed <number>' argument 'many' is invalid. expected a whole number up to 4294967295",
  ],
  [
    ['run', 'x.mmu', '--schedule', 'manual'],
    "error: option '--schedule <name>' argument 'manual' is invalid. " +
      'Allowed choices are fair, random, replay.',
  ],
  [
    ['run', 'x.mmu', '--width', '7'],
    "error: option '--width <columns>' argument '7' is invalid. expected a number of columns from 40 to 999",
  ],
  [
    ['dap', '--port', '99999'],
    "error: option '--port <number>' argument '99999' is invalid. expected a port from 0 to 65535",
  ],
])('%j', async (args, message) => {
  const { code, out, err } = await shootdown(...args);
  expect({ code, out, err: err.split('\n')[0] }).toEqual({ code: 2, out: '', err: message });
});

test('without arguments, the help; asked for, exit code 0', async () => {
  expect((await shootdown()).code).toBe(2);
  const help = await shootdown('--help');
  expect(help.code).toBe(0);
  for (const name of ['run', 'check', 'dap']) expect(help.out).toContain(name);
});
