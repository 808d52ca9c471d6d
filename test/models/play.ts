/** Plays scenarios on the shipped models, step by step, and tells what was violated and called. */
import { expect } from 'vitest';
import { compileScenarioFile } from '../../src/language/compile';
import { Vm } from '../../src/vm/vm';
import { compileShipped } from '../language/models';

/** The models as they are in the folder. */
export const { models } = compileShipped();

/** Plays a scenario with every thread in turn: what was violated, and the functions that were called. */
export function play(text: string): { violated: string[]; called: string[] } {
  const file = { path: 'rules.mmu', text };
  const { scenarios, problems } = compileScenarioFile(file, { models, imports: () => undefined });
  expect(problems).toEqual([]);
  const program = scenarios[0]?.program();
  if (!program) throw new Error('no program');
  const vm = new Vm(program);
  const violated: string[] = [];
  const called: string[] = [];
  vm.sink = event => {
    if (event.type === 'call') called.push(event.fn.name);
  };
  for (let stepped = true; stepped; ) {
    stepped = false;
    // Caches could fill and drop entries for ever.
    for (const { id, kind } of vm.threads) {
      if (kind === 'caches') continue;
      const result = vm.step(id, 0);
      violated.push(...result.violations.map(({ property, message }) => `${property}: ${message}`));
      stepped ||= result.status === 'stepped';
    }
  }
  return { violated, called };
}
