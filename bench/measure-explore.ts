/** Searches the yardstick in its configurations, and says how fast. */
import { type Outcome, outcomeOf, startSearch } from '../src/explore/explore';
import type { Reductions } from '../src/explore/movers';
import { compileModels, compileScenarioFile } from '../src/language/compile';
import type { Program } from '../src/language/program';
import { bareKernel, mmun, type Sizes } from './mmun';

/** One line of the table. */
export interface Searched {
  readonly states: number;
  readonly transitions: number;
  readonly seconds: number;
  readonly bytesPerState: number;
  readonly outcome: Outcome;
}

/** Searches one configuration to its end. */
export function searchMmun(sizes: Sizes, bug: 0 | 1 | 2, reductions: Reductions): Searched {
  const program = compile(mmun(sizes, bug));
  const start = performance.now();
  const search = startSearch(program, {
    order: 'breadth',
    limits: { statesMax: 2 ** 31, depthMax: 2 ** 31, memoryMax: 8 * 2 ** 30, secondsMax: 3600 },
    reductions,
    caches: 'demand',
    seed: 1,
    all: false,
    clock: () => performance.now() / 1000,
  });
  while (!search.advance(100_000));
  const seconds = (performance.now() - start) / 1000;
  const { states, transitions, bytes } = search.progress;
  return { states, transitions, seconds, bytesPerState: bytes / states, outcome: outcomeOf(program, search) };
}

function compile(text: string): Program {
  const { models } = compileModels({
    kernels: { bare: [{ path: 'bare/kernel.mmu', text: bareKernel }] },
    drivers: [],
  });
  const [scenario] = compileScenarioFile(
    { path: 'mmun.mmu', text },
    { models, imports: () => undefined },
  ).scenarios;
  if (scenario === undefined) throw new Error('mmun.mmu holds no scenario');
  return scenario.program();
}
