/** Every shipped scenario, searched as users search it: its verdict is the one it expects. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { shootdown } from './run-command-line';

/** Too large to be decided within the limit; a search says so, and nothing else. */
const tooLarge: readonly string[] = [
  'bind-inside-a-bracket',
  'empty-page-table-starves',
  'unregister-in-mid-bracket',
];

const names = ['', 'hardware/'].flatMap(folder =>
  readdirSync(join('scenarios', folder))
    .filter(name => name.endsWith('.mmu'))
    .map(name => folder + name.replace('.mmu', '')),
);

test.each(names.filter(name => !tooLarge.includes(name)))('%s', { timeout: 90_000 }, async name => {
  const { code, out } = await explored(name, 400_000);
  expect({ code, states: out.incomplete }).toEqual({ code: 0, states: null });
});

test.each(tooLarge)('%s is not decided, and not said to hold', { timeout: 90_000 }, async name => {
  const { code, out } = await explored(name, 10_000);
  expect(code).toBe(3);
  expect(out.verdict).toBe('incomplete');
  expect(out.incomplete).toContain('which is the limit, and there are more');
});

async function explored(name: string, states: number) {
  const { code, out } = await shootdown(
    'explore',
    join('scenarios', `${name}.mmu`),
    '--json',
    '--workers',
    '1',
    '--states',
    String(states),
  );
  return { code, out: JSON.parse(out) };
}
