/** Changes of the models, one at a time: the explorer finds what each breaks, or proves it harmless. */
import { describe, expect, test } from 'vitest';
import { compileShipped } from '../language/models';
import { commands } from './commands';
import { counting } from './counting';
import { driving } from './driving';
import { flushing } from './flushing';
import { grounds } from './grounds';
import { hypervisor } from './hypervisor';
import { intel } from './intel';
import { locking } from './locking';
import type { Mutant } from './mutant';
import { explore, type Found, type Ground, programOf } from './mutate';
import { notifying } from './notifying';
import { reverseMapping } from './reverse-mapping';

const mutants = {
  flushing,
  locking,
  counting,
  notifying,
  commands,
  driving,
  hypervisor,
  intel,
  reverseMapping,
};

const { models } = compileShipped();

/** What a search found, in the words of the table. */
function outcome({ verdict, properties, incomplete }: Found): string | null {
  return verdict === 'holds' ? 'harmless' : (properties[0] ?? incomplete);
}

// Without this a finding might have nothing to do with the change.
test.each<[string, Ground]>(Object.entries(grounds))('holds as it is: %s', (_, ground) => {
  expect(outcome(explore(programOf(ground, null, models)))).toBe('harmless');
});

describe.each(Object.entries(mutants))('%s', (_, list: readonly Mutant[]) => {
  test.each(list.map((mutant): [string, Mutant] => [mutant.name, mutant]))('%s', (_, mutant) => {
    const found = explore(programOf(grounds[mutant.scenario], mutant, models));
    expect(outcome(found)).toBe(mutant.finds);
  });
});

test('names tell mutants apart, and no scenario is left without one', () => {
  const all = Object.values(mutants).flat();
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  const used = new Set<string>(all.map(({ scenario }) => scenario));
  expect(Object.keys(grounds).filter(name => !used.has(name))).toEqual([]);
});

test('a change that does not fit the models any more is refused', () => {
  const change = { file: 'linux-3.18/memory.mmu', fn: 'zap_pte_range', find: 'no such text' };
  expect(() => programOf(grounds.exit, change, models)).toThrow('0 places with no such text');
  expect(() => programOf(grounds.exit, { ...change, fn: 'no_such' }, models)).toThrow('no function no_such');
  const twice = { ...change, find: 'force_flush' };
  expect(() => programOf(grounds.exit, twice, models)).toThrow('places with force_flush');
});
