/** Files that commands write. */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Program } from '../language/program';
import { Refusal, refuseFile } from './terminal';

/** Writes a text. Refuses, in words, where that is not possible. */
export async function saveText(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch((problem: unknown) => {
    throw refuseFile(path, problem);
  });
}

/** Where a schedule is saved: the file that was named, or one next to the scenario, under its name. */
export function traceFile(scenarioFile: string, program: Program, wanted: string | true): string {
  if (wanted === true) return join(dirname(scenarioFile), `${program.scenario.name}.trace`);
  // An option whose value may be left out takes the next word, and that may be a scenario.
  if (wanted.endsWith('.mmu')) throw new Refusal(`--save-trace ${wanted}: that is a scenario; name it first`);
  return wanted;
}
