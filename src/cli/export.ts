/** `shootdown export`: a scenario with its models, written for another tool. */
import { writeFile } from 'node:fs/promises';
import { type JobOptions, runJob, usualSearch } from '../explore/job';
import type { Program } from '../language/program';
import type { Reached } from '../promela/code';
import { exportPromela, unjudged } from '../promela/export';
import { NotExportable } from '../promela/values';
import { loadRun } from '../session/load';
import { formatProblem, type LoadOptions, readRun, refuseSetUp } from './load';
import { exitCodes, Refusal, refuseFile, type Terminal } from './terminal';

/** Options of `export`. */
export interface ExportOptions extends LoadOptions {
  readonly promela?: boolean;
  readonly output?: string;
  readonly whole?: boolean;
  readonly states: number;
}

/** Prints the model, or writes it to a file. */
export async function exportScenario(
  file: string,
  options: ExportOptions,
  terminal: Terminal,
): Promise<number> {
  if (!options.promela) throw new Refusal('export: say what to export to: --promela');
  const loaded = loadRun(await readRun(file, options, terminal), options);
  if ('problems' in loaded) {
    for (const problem of loaded.problems) terminal.err(formatProblem(problem));
    return exitCodes.wrongInput;
  }
  const text = await promelaOf(file, loaded.program, options);
  terminal.err(`not judged by the model: ${unjudged.join(', ')}\n`);
  if (options.output === undefined) terminal.out(text);
  else
    await writeFile(options.output, text).catch((problem: unknown) => {
      throw refuseFile(options.output ?? '', problem);
    });
  return exitCodes.expected;
}

async function promelaOf(file: string, program: Program, options: ExportOptions): Promise<string> {
  try {
    return exportPromela(program, options.whole ? null : await reachedBy(program, options.states));
  } catch (problem) {
    if (!(problem instanceof NotExportable)) throw refuseSetUp(problem);
    const { name } = program.scenario;
    throw new Refusal(
      `${file}: ${name} uses what the export to Promela has no counterpart of: ${problem.message}`,
    );
  }
}

/** What a search reaches, so that the model need not hold what never runs. */
async function reachedBy(program: Program, statesMax: number): Promise<Reached> {
  const limits = { statesMax, depthMax: 1_000_000, memoryMax: 2 ** 30, secondsMax: 600 };
  const options: JobOptions = { ...usualSearch, limits, caches: 'demand', all: true };
  const clock = () => performance.now() / 1000;
  return (await runJob({ program, options, workers: 1 }, { clock })).covered;
}
