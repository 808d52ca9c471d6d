/** Shipped scenarios as programs, for tests. Needs the models of a build. */

import { PassThrough } from 'node:stream';
import { readRun } from '../../src/cli/load';
import type { Program } from '../../src/language/program';
import { loadRun } from '../../src/session/load';
import { scheduledText } from '../schedules';

const terminal = {
  home: process.cwd(),
  columns: 100,
  out: () => {},
  err: () => {},
  stdin: new PassThrough(),
  stdout: new PassThrough(),
};

/** The program of the first scenario of a shipped file. */
export function shippedProgram(name: string): Promise<Program> {
  return programOf(name, text => text);
}

/** The same with its stated schedule. */
export function scheduledProgram(name: string): Promise<Program> {
  return programOf(name, () => scheduledText(name));
}

/** The program of a text, as if it were a shipped file. */
export function textProgram(text: string): Promise<Program> {
  return programOf('start-is-too-early', () => text);
}

async function programOf(name: string, change: (text: string) => string): Promise<Program> {
  const files = await readRun(`scenarios/${name}.mmu`, { models: [] }, terminal);
  const { path, text } = files.scenario;
  const loaded = loadRun({ ...files, scenario: { path, text: change(text) } }, {});
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  return loaded.program;
}
