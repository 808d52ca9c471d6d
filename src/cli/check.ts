/** `shootdown check`: compiles every scenario of the files and prints what is wrong. */

import { compileRun, formatProblem, type LoadOptions, readRun } from './load';
import { exitCodes, Refusal, type Terminal } from './terminal';

/** Options of `check`. */
export interface CheckOptions extends LoadOptions {
  readonly json?: boolean;
}

/** Checks the files one by one; a file that cannot be read does not keep the others from being checked. */
export async function check(
  files: readonly string[],
  options: CheckOptions,
  terminal: Terminal,
): Promise<number> {
  let problemCount = 0;
  for (const file of files) problemCount += await checkFile(file, options, terminal);
  return problemCount === 0 ? exitCodes.expected : exitCodes.wrongInput;
}
