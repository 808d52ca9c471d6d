/** `shootdown explore`: searches every interleaving of scenarios, and shows a shortest way to a violation. */
import { writeFile } from 'node:fs/promises';
import { notReachedCount, notReachedText } from '../explain/coverage';
import { type ExploreJob, type ExploreReport, type JobProgress, mainFinding, runJob } from '../explore/job';
import type { CacheMode, Finding, SearchOrder } from '../explore/search';
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
  readonly notChecked?: boolean;
  readonly mergeLocal: boolean;
  readonly mergeGuarded: boolean;
  readonly caches: CacheMode;
  readonly clearDead: boolean;
  readonly skipIndependent: boolean;
  readonly states: number;
  readonly depth: number;
  readonly memory: number;
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
  const report = await searched(program, options, terminal);
  const shown = mainFinding(program, report.findings);
  const session = shown?.path ? followPath(program, shown.path, options.caches) : null;
  const trace = session === null ? null : formatSchedule(session);
  if (options.saveTrace !== undefined && trace !== null) await save(options.saveTrace, trace);
  if (options.json) terminal.out(`${JSON.stringify(record(program, report, trace))}\n`);
  else {
    if (session !== null) terminal.out(`${lanes(session, { columns: terminal.columns })}\n`);
    terminal.out(summary(program, report, shown));
    if (options.notChecked) terminal.out(`${notReachedText(program, report.covered).join('\n')}\n`);
  }
  return report.exitCode;
}

/** Searches on this thread; progress is a line that is written over, and an interrupt ends the search. */
async function searched(
  program: Program,
  options: ExploreOptions,
  terminal: Terminal,
): Promise<ExploreReport> {
  let isCancelled = false;
  const release = terminal.onInterrupt?.(() => {
    isCancelled = true;
  });
  try {
    return await runJob(jobOf(program, options), {
      clock: () => performance.now() / 1000,
      onProgress: progress => terminal.status?.(progressLine(program, progress)),
      isCancelled: () => isCancelled,
    });
  } catch (problem) {
    if (!(problem instanceof SetupError)) throw problem;
    const { message, span } = problem;
    throw new Refusal(formatProblem({ code: 'set-up', span, message }).trimEnd());
  } finally {
    terminal.status?.('');
    release?.();
  }
}

function jobOf(program: Program, options: ExploreOptions): ExploreJob {
  const { order, seed, caches, all = false, states, depth, memory, seconds } = options;
  const limits = { statesMax: states, depthMax: depth, memoryMax: memory * 2 ** 20, secondsMax: seconds };
  const { mergeLocal: local, mergeGuarded: guarded, clearDead: deadLocals } = options;
  const reductions = { local, guarded, deadLocals, independent: options.skipIndependent };
  return { program, options: { order, limits, reductions, caches, seed, all }, workers: 0 };
}

function progressLine(program: Program, progress: JobProgress): string {
  const { states, statesPerSecond, depth, waiting, seconds } = progress;
  const found = `${number(states)} states, ${number(statesPerSecond)} states/s, depth ${number(depth)}`;
  return `${program.scenario.name}: ${found}, ${number(waiting)} waiting, ${seconds.toFixed(0)} s`;
}

function record(program: Program, report: ExploreReport, trace: string | null) {
  const { verdict, findings, states, transitions, depth, seconds, assumptions, incomplete } = report;
  return {
    scenario: program.scenario.name,
    kernel: program.kernel,
    verdict,
    violations: findings.map(({ violation }) => violation.property),
    states,
    transitions,
    depth,
    seconds: Number(seconds.toFixed(3)),
    assumptions,
    incomplete,
    trace,
  };
}

function summary(program: Program, report: ExploreReport, shown: Finding | null): string {
  const { states, transitions, depth, seconds } = report;
  const size = `${number(states)} states, ${number(transitions)} transitions, depth ${number(depth)}`;
  const rate = number(states / Math.max(seconds, 0.001));
  const bytes = number(report.bytes / Math.max(1, states));
  const lines = [`${program.scenario.name} on ${program.kernel}: ${report.text}`];
  for (const { violation, path } of report.findings) {
    const steps = path === null ? 'on no path' : `in ${path.length} steps`;
    const mark = shown?.violation === violation && path !== null ? ' (above)' : '';
    lines.push(`  ${violation.property} ${steps}${mark}: ${violation.message}`);
  }
  lines.push(`  ${size}`, `  ${seconds.toFixed(2)} s, ${rate} states/s, ${bytes} bytes a state`);
  if (report.limit !== null) lines.push(`  ${number(report.waiting)} states were not expanded`);
  lines.push(...report.assumptions.map(assumption => `  assumes: ${assumption}`));
  const unreached = notReachedCount(program, report.covered);
  if (unreached !== null) lines.push(`  not reached: ${unreached} (--not-checked lists them)`);
  return `${lines.join('\n')}\n`;
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en');
}

async function save(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch((problem: unknown) => {
    throw refuseFile(path, problem);
  });
}
