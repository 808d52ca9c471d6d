/**
 * Holds the caches of a search against real ones, whose fills and evictions are steps: on a program drawn by
 * a seed both must find the same properties violated, and give the same verdict.
 */
import { cacheProgram, compileCacheProgram } from './cache-programs';
import { search } from './counter';

/** What came of one program. */
export interface Checked {
  readonly seed: number;
  readonly found: readonly string[];
  /** How the two differ, in words; null where they do not. */
  readonly difference: string | null;
  /** Whether real caches made more states than were allowed, so that only what they missed counts. */
  readonly isCut: boolean;
  /** States with the caches of a search, and with real ones. */
  readonly states: readonly [number, number];
}

/** Searches the program of a seed both ways; with real caches no more than so many states. */
export function crossCheck(seed: number, statesMax: number): Checked {
  const program = compileCacheProgram(cacheProgram(seed));
  const reductions = { local: true, guarded: true, deadLocals: true };
  const limits = { statesMax, depthMax: 100_000, memoryMax: 2 ** 30, secondsMax: 600 };
  const [held, real] = (['search', 'explicit'] as const).map(caches => {
    const { outcome, progress } = search(program, { all: true, reductions, caches, limits });
    const found = [...new Set(outcome.findings.map(({ violation }) => violation.property))].sort();
    return { outcome, progress, found };
  });
  if (held === undefined || real === undefined) throw new Error('crossCheck: two searches were made');
  const isCut = real.progress.limit !== null;
  const missed = real.found.filter(property => !held.found.includes(property));
  const invented = isCut ? [] : held.found.filter(property => !real.found.includes(property));
  const parts = [
    ...(held.outcome.incomplete === null ? [] : [held.outcome.incomplete]),
    ...missed.map(property => `${property} is missed`),
    ...invented.map(property => `${property} is invented`),
    ...(isCut || held.outcome.verdict === real.outcome.verdict
      ? []
      : [`${held.outcome.verdict} instead of ${real.outcome.verdict}`]),
  ];
  const difference = parts.length === 0 ? null : parts.join(', ');
  return { seed, found: held.found, difference, isCut, states: [held.progress.states, real.progress.states] };
}
