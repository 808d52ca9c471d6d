/** Programs without page tables, for searches whose states can be counted on paper. */
import { bareKernel } from '../../bench/mmun';
import { type Outcome, outcomeOf, startSearch } from '../../src/explore/explore';
import type { Progress, SearchOptions } from '../../src/explore/search';
import { compileModels, compileScenarioFile } from '../../src/language/compile';
import type { Program } from '../../src/language/program';

/** No reduction at all: what the others are held against. */
export const unreduced = { local: false, guarded: false, deadLocals: false };

/** Limits that none of the tests' programs reaches. */
const options: SearchOptions = {
  order: 'breadth',
  limits: { statesMax: 3_000_000, depthMax: 100_000, memoryMax: 2 ** 30, secondsMax: 600 },
  reductions: unreduced,
  caches: 'demand',
  seed: 1,
  all: false,
  clock: () => 0,
};

const { models } = compileModels({
  kernels: { bare: [{ path: 'bare/kernel.mmu', text: bareKernel }] },
  drivers: [],
});

/** Compiles declarations and the body of a scenario. */
export function compileBare(declarations: string, body: string): Program {
  return compileFile(`${declarations}\nscenario test {\n  kernel bare\n${body}\n}`);
}

/** Compiles the first scenario of a file, on the bare kernel. */
export function compileFile(text: string): Program {
  const compiled = compileScenarioFile({ path: 'test.mmu', text }, { models, imports: () => undefined });
  const [scenario] = compiled.scenarios;
  if (scenario === undefined || compiled.problems.length > 0)
    throw new Error(`${JSON.stringify(compiled.problems.slice(0, 3), null, 1)}\n${text}`);
  return scenario.program();
}

/** Searches a program to its end. */
export function search(
  program: Program,
  changed: Partial<SearchOptions> = {},
): { progress: Progress; outcome: Outcome } {
  const found = startSearch(program, { ...options, ...changed });
  while (!found.advance(100_000));
  return { progress: found.progress, outcome: outcomeOf(program, found) };
}
