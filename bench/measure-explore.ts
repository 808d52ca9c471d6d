/** Makes one search, and says how fast it was: the yardstick in some size, or a scenario on its kernel. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Outcome, outcomeOf, startSearch } from '../src/explore/explore';
import type { Reductions } from '../src/explore/movers';
import { compileModels, compileScenarioFile, type ModelSet } from '../src/language/compile';
import type { Program } from '../src/language/program';
import { bareKernel, mmun, type Sizes } from './mmun';

/** What is searched: the yardstick in some size with one of its bugs or none, or a shipped scenario. */
export type Subject =
  | { readonly kind: 'mmun'; readonly sizes: Sizes; readonly bug: 0 | 1 | 2 }
  | { readonly kind: 'scenario'; readonly name: string };

/** What is to be measured. Plain data. */
export interface Request {
  readonly subject: Subject;
  readonly reductions: Reductions;
  readonly statesMax: number;
}

/** One line of a table. */
export interface Searched {
  readonly states: number;
  readonly transitions: number;
  /** Of processor time, of all threads that Node runs, without compiling the program. */
  readonly seconds: number;
  /** Visited set, paths and frontier at their largest, per state. */
  readonly bytesPerState: number;
  /** Largest resident memory of the process, less what it was before the search, per state. */
  readonly residentPerState: number;
  readonly isWhole: boolean;
  readonly outcome: Outcome;
}

/** Makes a search. Meant to be called once in a process. */
export function measure(root: string, { subject, reductions, statesMax }: Request): Searched {
  const program =
    subject.kind === 'mmun' ? compile(mmun(subject.sizes, subject.bug)) : scenario(root, subject.name);
  const resident = process.resourceUsage().maxRSS;
  const start = process.cpuUsage();
  const search = startSearch(program, {
    order: 'breadth',
    limits: { statesMax, depthMax: 2 ** 31, memoryMax: 8 * 2 ** 30, secondsMax: 3600 },
    reductions,
    caches: 'demand',
    seed: 1,
    all: false,
    clock: () => performance.now() / 1000,
  });
  while (!search.advance(100_000));
  const { user, system } = process.cpuUsage(start);
  const { states, transitions, bytes, limit } = search.progress;
  return {
    states,
    transitions,
    seconds: (user + system) / 1e6,
    bytesPerState: bytes / states,
    residentPerState: (1024 * (process.resourceUsage().maxRSS - resident)) / states,
    isWhole: limit === null,
    outcome: outcomeOf(program, search),
  };
}

function scenario(root: string, name: string): Program {
  const models: ModelSet = JSON.parse(readFileSync(join(root, 'dist', 'models.json'), 'utf8'));
  const path = join(root, 'scenarios', name);
  return first(
    compileScenarioFile({ path, text: readFileSync(path, 'utf8') }, { models, imports: () => undefined }),
  );
}

function compile(text: string): Program {
  const { models } = compileModels({
    kernels: { bare: [{ path: 'bare/kernel.mmu', text: bareKernel }] },
    drivers: [],
  });
  return first(compileScenarioFile({ path: 'mmun.mmu', text }, { models, imports: () => undefined }));
}

function first({ scenarios }: ReturnType<typeof compileScenarioFile>): Program {
  const [found] = scenarios;
  if (found === undefined) throw new Error('the file holds no scenario');
  return found.program();
}
