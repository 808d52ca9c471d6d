/** `shootdown export`: a scenario with its models, written for another tool. */
import { writeFile } from 'node:fs/promises';
import { exportPromela } from '../promela/export';
import { NotExportable } from '../promela/values';
import { loadRun } from '../session/load';
import { SetupError } from '../vm/vm';
import { formatProblem, type LoadOptions, readRun } from './load';
import { exitCodes, Refusal, refuseFile, type Terminal } from './terminal';

/** Options of `export`. */
export interface ExportOptions extends LoadOptions {
  readonly promela?: boolean;
  readonly output?: string;
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
  const text = promelaOf(file, loaded.program);
  if (options.output === undefined) terminal.out(text);
  else
    await writeFile(options.output, text).catch((problem: unknown) => {
      throw refuseFile(options.output ?? '', problem);
    });
  return exitCodes.expected;
}

function promelaOf(file: string, program: Parameters<typeof exportPromela>[0]): string {
  try {
    return exportPromela(program);
  } catch (problem) {
    if (problem instanceof SetupError)
      throw new Refusal(
        formatProblem({ code: 'set-up', span: problem.span, message: problem.message }).trimEnd(),
      );
    if (!(problem instanceof NotExportable)) throw problem;
    const { name } = program.scenario;
    throw new Refusal(
      `${file}: ${name} uses what the export to Promela has no counterpart of: ${problem.message}`,
    );
  }
}
