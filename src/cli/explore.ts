/** `shootdown explore`: searches every interleaving of scenarios, and shows a shortest way to a violation. */
import { writeFile } from 'node:fs/promises';
import { type Outcome, outcomeOf, startSearch } from '../explore/explore';
import type { Finding, Search, SearchOptions, SearchOrder } from '../explore/search';
import type { Program } from '../language/program';
import { compileRun, type RunProblem } from '../session/load';
import { followPath } from '../session/path';
import { formatSchedule } from '../trace/saved-schedule';
import { lanes } from '../view/lanes';
import { SetupError } from '../vm/vm';
import { formatProblem, type LoadOptions, readRun } from './load';
import { exitCodes, Refusal, refuseFile, type Terminal } from './terminal';

/** Options of `explore`. */
export interface ExploreOptions extends LoadOptions {
  readonly order: SearchOrder;
  readonly seed: number;
  readonly all?: boolean;
  readonly json?: boolean;
  readonly saveTrace?: string;
  readonly mergeLocal: boolean;
  readonly mergeGuarded: boolean;
  readonly clearDead: boolean;
  readonly states: number;
  readonly depth: number;
  readonly memory: number;
  readonly seconds: number;
}

/** States searched in one go, between two looks at the clock by the caller. */
const SLICE = 10_000;

/** A search that is over. */
interface Explored {
  readonly program: Program;
  readonly search: Search;
  readonly outcome: Outcome;
  readonly seconds: number;
}

/** Searches the scenarios of the files one after the other; the worst exit code counts. */
export async function explore(
  files: readonly string[],
  options: ExploreOptions,
  terminal: Terminal,
): Promise<number> {
  const codes: number[] = [];
  for (const file of files) {
    const { programs, problems } = await programsOf(file, options, terminal);
    for (const problem of problems) terminal.err(formatProblem(problem));
    if (problems.length > 0) codes.push(exitCodes.wrongInput);
    for (const program of programs) codes.push(await exploreOne(program, options, terminal));
  }
  const worst = [exitCodes.wrongInput, exitCodes.differs, exitCodes.incomplete];
  return worst.find(code => codes.includes(code)) ?? exitCodes.expected;
}

async function programsOf(
  file: string,
  options: ExploreOptions,
  terminal: Terminal,
): Promise<{ programs: Program[]; problems: readonly RunProblem[] }> {
  const files = await readRun(file, options, terminal);
  const { scenarios, problems } = compileRun(files, options.kernel);
  const wanted = scenarios.filter(({ name }) => options.scenario === undefined || name === options.scenario);
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (wanted.length === 0 && errors.length === 0) {
    const which = options.scenario === undefined ? 'scenario' : `scenario '${options.scenario}'`;
    throw new Refusal(`${file} holds no ${which}`);
  }
  const fine = wanted.filter(scenario => scenario.problems.length === 0);
  const own = options.scenario === undefined ? errors : wanted.flatMap(scenario => scenario.problems);
  return { programs: fine.map(scenario => scenario.program()), problems: fine.length > 0 ? own : errors };
}

async function exploreOne(program: Program, options: ExploreOptions, terminal: Terminal): Promise<number> {
  const explored = searched(program, options);
  const shown = toShow(explored);
  const session = shown?.path ? followPath(program, shown.path) : null;
  const trace = session === null ? null : formatSchedule(session);
  if (options.saveTrace !== undefined && trace !== null) await save(options.saveTrace, trace);
  if (options.json) terminal.out(`${JSON.stringify(record(explored, trace))}\n`);
  else {
    if (session !== null) terminal.out(`${lanes(session, { columns: terminal.columns })}\n`);
    terminal.out(summary(explored, shown));
  }
  return explored.outcome.exitCode;
}

function searched(program: Program, options: ExploreOptions): Explored {
  const clock = () => performance.now() / 1000;
  const { order, seed, all = false, states, depth, memory, seconds } = options;
  const limits = { statesMax: states, depthMax: depth, memoryMax: memory * 2 ** 20, secondsMax: seconds };
  const { mergeLocal: local, mergeGuarded: guarded, clearDead: deadLocals } = options;
  const reductions = { local, guarded, deadLocals };
  const searchOptions: SearchOptions = { order, limits, reductions, seed, all, clock };
  const start = clock();
  try {
    const search = startSearch(program, searchOptions);
    while (!search.advance(SLICE));
    return { program, search, outcome: outcomeOf(program, search), seconds: clock() - start };
  } catch (problem) {
    if (!(problem instanceof SetupError)) throw problem;
    const { message, span } = problem;
    throw new Refusal(formatProblem({ code: 'set-up', span, message }).trimEnd());
  }
}

/** The finding that the scenario is about: an expected one if there is any. */
function toShow({ program, outcome }: Explored): Finding | null {
  const { expect } = program.scenario;
  const wanted: readonly string[] = expect?.verdict === 'violated' ? expect.properties : [];
  const { findings } = outcome;
  return findings.find(({ violation }) => wanted.includes(violation.property)) ?? findings[0] ?? null;
}

function record({ program, search, outcome, seconds }: Explored, trace: string | null) {
  const { states, transitions, depth } = search.progress;
  return {
    scenario: program.scenario.name,
    kernel: program.kernel,
    verdict: outcome.verdict,
    violations: outcome.findings.map(({ violation }) => violation.property),
    states,
    transitions,
    depth,
    seconds: Number(seconds.toFixed(3)),
    assumptions: outcome.assumptions,
    incomplete: outcome.incomplete,
    trace,
  };
}

function summary({ program, search, outcome, seconds }: Explored, shown: Finding | null): string {
  const { progress } = search;
  const number = (value: number) => Math.round(value).toLocaleString('en');
  const size =
    `${number(progress.states)} states, ${number(progress.transitions)} transitions, ` +
    `depth ${number(progress.depth)}`;
  const rate = number(progress.states / Math.max(seconds, 0.001));
  const bytes = number(progress.bytes / Math.max(1, progress.states));
  const lines = [`${program.scenario.name} on ${program.kernel}: ${outcome.text}`];
  for (const { violation, path } of outcome.findings) {
    const steps = path === null ? 'on no path' : `in ${path.length} steps`;
    const mark = shown?.violation === violation && path !== null ? ' (above)' : '';
    lines.push(`  ${violation.property} ${steps}${mark}: ${violation.message}`);
  }
  lines.push(`  ${size}`, `  ${seconds.toFixed(2)} s, ${rate} states/s, ${bytes} bytes a state`);
  if (progress.limit !== null) lines.push(`  ${number(progress.waiting)} states were not expanded`);
  lines.push(...outcome.assumptions.map(assumption => `  assumes: ${assumption}`));
  return `${lines.join('\n')}\n`;
}

async function save(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch((problem: unknown) => {
    throw refuseFile(path, problem);
  });
}
