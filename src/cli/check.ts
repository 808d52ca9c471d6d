/** `shootdown check`: compiles every scenario of the files and prints what is wrong. */
import { checkDrivers, compileRun, type RunProblem } from '../session/load';
import { filesOf, formatProblem, type LoadOptions, readRun } from './load';
import { exitCodes, Refusal, type Terminal } from './terminal';

/** Options of `check`. */
export interface CheckOptions extends LoadOptions {
  readonly json?: boolean;
}

/** A finding, and whether it keeps a scenario from running. */
interface Found {
  readonly problem: RunProblem;
  readonly isError: boolean;
}

/** Checks the files one by one; a file that cannot be read does not keep the others from being checked. */
export async function check(
  files: readonly string[],
  options: CheckOptions,
  terminal: Terminal,
): Promise<number> {
  let isFine = true;
  for (const file of await filesOf(files)) {
    const found = await checkFile(file, options, terminal).catch((problem: unknown) => {
      if (!(problem instanceof Refusal)) throw problem;
      return [error('file', problem.message)];
    });
    for (const { problem } of found) print(problem, options, terminal);
    isFine &&= !found.some(({ isError }) => isError);
  }
  return isFine ? exitCodes.expected : exitCodes.wrongInput;
}

async function checkFile(file: string, options: CheckOptions, terminal: Terminal): Promise<Found[]> {
  const files = await readRun(file, options, terminal);
  const { scenarios, problems } = compileRun(files, options.kernel);
  const wanted = scenarios.filter(({ name }) => options.scenario === undefined || name === options.scenario);
  if (scenarios.length === 0 && problems.length === 0 && options.scenario === undefined) {
    const found = checkDrivers(files, options.kernel);
    if (found !== null) return found.map(problem => ({ problem, isError: true }));
  }
  if (wanted.length === 0 && problems.length === 0) {
    const what =
      options.scenario === undefined ? 'holds no scenario' : `holds no scenario '${options.scenario}'`;
    return [error('no-scenario', `${file} ${what}`)];
  }
  if (options.scenario !== undefined) {
    return wanted.flatMap(scenario => scenario.problems.map(problem => ({ problem, isError: true })));
  }
  return problems.map(problem => ({ problem, isError: problem.severity === 'error' }));
}

function error(code: string, message: string): Found {
  return { problem: { code, span: null, message }, isError: true };
}

/** Problems of files go to the error stream; with `--json` they are what was asked for. */
function print(problem: RunProblem, { json }: CheckOptions, terminal: Terminal): void {
  if (json) {
    const { code, span, message } = problem;
    terminal.out(`${JSON.stringify({ code, message, ...span })}\n`);
  } else terminal.err(formatProblem(problem));
}
