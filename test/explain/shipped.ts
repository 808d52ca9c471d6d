/** Shipped scenarios as programs, for tests. Needs the models of a build. */

import { PassThrough } from 'node:stream';
import { readRun } from '../../src/cli/load';
import type { Program } from '../../src/language/program';
import { loadRun } from '../../src/session/load';

const terminal = {
  home: process.cwd(),
  columns: 100,
  out: () => {},
  err: () => {},
  stdin: new PassThrough(),
  stdout: new PassThrough(),
};

/** The program of the first scenario of a shipped file. */
export async function shippedProgram(name: string): Promise<Program> {
  const loaded = loadRun(await readRun(`scenarios/${name}.mmu`, { models: [] }, terminal), {});
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  return loaded.program;
}
