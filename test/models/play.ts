/** Plays scenarios on the shipped models, step by step, and tells what was violated and called. */
import { expect } from 'vitest';
import { compileScenarioFile } from '../../src/language/compile';
import { Vm } from '../../src/vm/vm';
import { compileShipped } from '../language/models';

/** The models as they are in the folder. */
export const { models } = compileShipped();

/** What was violated, and the functions that were called. */
export interface Played {
  readonly violated: string[];
  readonly called: string[];
}

/** Steps of a play at random: far more than any of these scenarios takes. */
const STEPS_MAX = 60_000;

function compile(text: string): Vm {
  const file = { path: 'rules.mmu', text };
  const { scenarios, problems } = compileScenarioFile(file, { models, imports: () => undefined });
  expect(problems).toEqual([]);
  const program = scenarios[0]?.program();
  if (!program) throw new Error('no program');
  return new Vm(program);
}

function listen(vm: Vm): string[] {
  const called: string[] = [];
  vm.sink = event => {
    if (event.type === 'call') called.push(event.fn.name);
  };
  return called;
}

/** Plays a scenario with every thread in turn. */
export function play(text: string): Played {
  const vm = compile(text);
  const violated: string[] = [];
  const called = listen(vm);
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

/** Plays a scenario with any thread at a time, by a seed, or, for 0, in turn; judges also what is left. */
export function playOut(text: string, seed = 0): Played {
  const vm = compile(text);
  const violated: string[] = [];
  const called = listen(vm);
  const threads = vm.threads.filter(({ kind }) => kind !== 'caches');
  let random = seed;
  let idle = 0;
  for (let turn = 0; idle <= threads.length; turn++) {
    if (turn > STEPS_MAX) throw new Error('the scenario does not end');
    random = (random * 1103515245 + 12345) % 2147483648;
    const pick = seed === 0 || idle > 0 ? turn : Math.floor(random / 65536);
    const thread = threads[pick % threads.length];
    if (thread === undefined) continue;
    const result = vm.step(thread.id, 0);
    if (result.limit !== null) throw new Error(result.limit);
    violated.push(...result.violations.map(({ property, message }) => `${property}: ${message}`));
    idle = result.status === 'stepped' ? 0 : idle + 1;
  }
  const left = vm.deadlock();
  const rest = [...vm.atRest(), ...(left === null ? [] : [left])];
  return {
    violated: [...violated, ...rest.map(({ property, message }) => `${property}: ${message}`)],
    called,
  };
}
