/** What a program is held against. */
import type { Expectation, Program } from './program';

/**
 * What the scenario expects of this program. It was written for the kernel and the drivers that the scenario
 * names, and says nothing of others: null there, and where the scenario says nothing at all.
 */
export function expectationOf({ kernel, scenario }: Program): Expectation | null {
  return kernel === scenario.kernel && scenario.driver === null ? scenario.expect : null;
}

/** Why a program is held against nothing, where `expectationOf` is null. */
export function unsaidText({ kernel, scenario }: Program): string {
  if (scenario.expect === null) return 'the scenario does not say what it expects';
  const whose = kernel === scenario.kernel ? 'the drivers that the scenario binds' : scenario.kernel;
  return `the expectation is for ${whose}`;
}
