/** `shootdown explore`: searches every interleaving of scenarios, and shows a shortest way to a violation. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { answerLines, notationOf, type Shown, shownOf, whyOf } from '../explain/answer';
import { notReachedText, uncovered } from '../explain/coverage';
import { type ExploreJob, type ExploreReport, type JobProgress, runJob, usualSearch } from '../explore/job';
import type { SearchOrder } from '../explore/search';
import type { Program } from '../language/program';
import { compileRun, type RunProblem } from '../session/load';
import { formatSchedule } from '../trace/saved-schedule';
import type { CacheMode } from '../vm/types';
import { type JunitCase, type JunitSuite, junitXml } from './junit';
import { filesOf, formatProblem, type LoadOptions, readRun, refuseSetUp } from './load';
import { nodeWorker } from './node-worker';
import { saveText, traceFile } from './save';
import { exitCodes, Refusal, type Terminal } from './terminal';

/** Options of `explore`. */
export interface ExploreOptions extends LoadOptions {
  readonly order: SearchOrder;
  readonly seed?: number;
  readonly all?: boolean;
  readonly json?: boolean;
  /** A file, or true for one next to the scenario. */
  readonly saveTrace?: string | boolean;
  /** A file for JUnit XML. */
  readonly junit?: string;
  /** Only the report and the diagram. */
  readonly notation?: boolean;
  readonly notChecked?: boolean;
  readonly mergeLocal: boolean;
  readonly mergeGuarded: boolean;
  readonly caches: CacheMode;
  readonly clearDead: boolean;
  readonly skipIndependent: boolean;
  readonly workers: number;
  readonly states: number;
  readonly depth: number;
  readonly memory: number;
  readonly seconds: number;
}

/** Lines of text are hard to read beyond. */
const WIDTH_MAX = 100;

/** Searches the scenarios of the files one after the other; the worst exit code counts. */
export async function explore(
  files: readonly string[],
  options: ExploreOptions,
  terminal: Terminal,
): Promise<number> {
  if (options.seed !== undefined && options.order !== 'random')
    throw new Refusal('--seed is the seed of --order random: say that too');
  const codes: number[] = [];
  const suites: JunitSuite[] = [];
  const reports: ExploreReport[] = [];
  const told = new Set<string>();
  for (const file of await filesOf(files)) {
    const { programs, problems } = await programsOf(file, options, terminal, !files.includes(file));
    for (const problem of problems) terminal.err(formatProblem(problem));
    if (problems.length > 0) codes.push(exitCodes.wrongInput);
    const cases: JunitCase[] = problems.length > 0 ? [problemCase(problems)] : [];
    for (const program of programs) {
      const explored = await exploreOne(program, options, terminal);
      await saveTrace(file, explored, options, terminal);
      print(explored, options, terminal, told);
      reports.push(explored.report);
      cases.push(caseOf(explored));
      codes.push(explored.report.exitCode);
    }
    suites.push({ file, cases });
  }
  if (options.junit !== undefined) await saveText(options.junit, junitXml(suites));
  if (reports.length > 1 && options.json !== true) terminal.out(`\n${summaryOf(reports)}\n`);
  const worst = [exitCodes.wrongInput, exitCodes.differs, exitCodes.incomplete];
  return worst.find(code => codes.includes(code)) ?? exitCodes.expected;
}

/** `3 scenarios: 2 hold, 1 violated; all as expected`. */
function summaryOf(reports: readonly ExploreReport[]): string {
  const words = { holds: 'hold', violated: 'violated', incomplete: 'incomplete' } as const;
  const counts = (['holds', 'violated', 'incomplete'] as const).flatMap(kind => {
    const count = reports.filter(({ verdict }) => verdict === kind).length;
    return count === 0 ? [] : [`${count} ${words[kind]}`];
  });
  const differing = reports.filter(({ exitCode }) => exitCode === 1).length;
  const end = differing > 0 ? `; ${differing} not as expected` : '';
  return `${reports.length} scenarios: ${counts.join(', ')}${end}`;
}

function problemCase(problems: readonly RunProblem[]): JunitCase {
  const text = problems.map(formatProblem).join('');
  const message = problems[0]?.message ?? '';
  return { name: 'compile', kernel: '', seconds: 0, problem: { kind: 'error', message }, text };
}

async function programsOf(
  file: string,
  options: ExploreOptions,
  terminal: Terminal,
  isOfFolder: boolean,
): Promise<{ programs: Program[]; problems: readonly RunProblem[] }> {
  const files = await readRun(file, options, terminal);
  const { scenarios, problems } = compileRun(files, options.kernel);
  const wanted = scenarios.filter(({ name }) => options.scenario === undefined || name === options.scenario);
  const errors = problems.filter(({ severity }) => severity === 'error');
  // Drivers lie beside scenarios.
  if (wanted.length === 0 && isOfFolder) return { programs: [], problems: [] };
  if (wanted.length === 0 && errors.length === 0) {
    const which = options.scenario === undefined ? 'scenario' : `scenario '${options.scenario}'`;
    throw new Refusal(`${file} holds no ${which}`);
  }
  const fine = wanted.filter(scenario => scenario.problems.length === 0);
  const own = options.scenario === undefined ? errors : wanted.flatMap(scenario => scenario.problems);
  return { programs: fine.map(scenario => scenario.program()), problems: fine.length > 0 ? own : errors };
}

/** A scenario that was explored. */
interface Explored {
  readonly program: Program;
  readonly report: ExploreReport;
  readonly shown: Shown | null;
  readonly trace: string | null;
}

async function exploreOne(program: Program, options: ExploreOptions, terminal: Terminal): Promise<Explored> {
  const report = await searched(program, options, terminal);
  const shown = shownOf(program, report, options.caches);
  const trace = shown === null ? null : formatSchedule(shown.session);
  return { program, report, shown, trace };
}

function print(
  { program, report, shown, trace }: Explored,
  options: ExploreOptions,
  terminal: Terminal,
  told: Set<string>,
): void {
  if (options.json) {
    terminal.out(`${JSON.stringify(record({ program, report, shown, trace }))}\n`);
    return;
  }
  if (options.notation && shown !== null) {
    terminal.out(notationOf(shown.session, shown.found));
    return;
  }
  const lines = options.notation
    ? [`${program.scenario.name} on ${program.kernel}: ${report.text}`]
    : answerLines(program, report, shown, {
        columns: Math.min(terminal.columns, WIDTH_MAX),
        unreached: '--not-checked lists them',
        told,
      });
  const unreached = options.notChecked ? notReachedText(program, report.covered) : [];
  terminal.out(`${[...lines, ...unreached].join('\n')}\n`);
}

/** Saves a schedule; null for the file: next to the scenario, under its name. */
async function saveTrace(
  file: string,
  { program, trace }: Explored,
  { saveTrace: wanted }: ExploreOptions,
  terminal: Terminal,
): Promise<void> {
  if (wanted === undefined || wanted === false) return;
  if (trace === null) {
    terminal.err(`${program.scenario.name}: no violation was found, so there is no schedule to save\n`);
    return;
  }
  await saveText(traceFile(file, program, wanted), trace);
}

function caseOf({ program, report, shown }: Explored): JunitCase {
  const { exitCode, text, seconds } = report;
  const kind = exitCode === 1 ? 'failure' : exitCode === 3 ? 'skipped' : null;
  const problem = kind === null ? null : ({ kind, message: text } as const);
  const story = shown === null ? text : notationOf(shown.session, shown.found);
  return { name: program.scenario.name, kernel: program.kernel, seconds, problem, text: story };
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
      cores: availableParallelism(),
      startShard: () => nodeWorker(join(terminal.home, 'dist', 'explore-worker.js')),
    });
  } catch (problem) {
    throw refuseSetUp(problem);
  } finally {
    terminal.status?.('');
    release?.();
  }
}

function jobOf(program: Program, options: ExploreOptions): ExploreJob {
  const {
    order,
    seed = usualSearch.seed,
    caches,
    all = false,
    workers,
    states,
    depth,
    memory,
    seconds,
  } = options;
  const limits = { statesMax: states, depthMax: depth, memoryMax: memory * 2 ** 20, secondsMax: seconds };
  const { mergeLocal: local, mergeGuarded: guarded, clearDead: deadLocals } = options;
  const reductions = { local, guarded, deadLocals, independent: options.skipIndependent };
  return { program, options: { order, limits, reductions, caches, seed, all }, workers };
}

function progressLine(program: Program, progress: JobProgress): string {
  const { states, statesPerSecond, depth, waiting, seconds } = progress;
  const found = `${number(states)} states, ${number(statesPerSecond)} states/s, depth ${number(depth)}`;
  return `${program.scenario.name}: ${found}, ${number(waiting)} waiting, ${seconds.toFixed(0)} s`;
}

/** One line of `--json`. */
function record({ program, report, shown, trace }: Explored) {
  const { verdict, findings, states, transitions, depth, seconds, assumptions, incomplete, notes } = report;
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
    notes,
    incomplete,
    trace,
    why: shown === null ? null : whyRecord(shown),
    notation: shown === null ? null : notationOf(shown.session, shown.found),
    notReached: uncovered(program, report.covered),
  };
}

function whyRecord(shown: Shown) {
  const { property, message, position, cause, moments } = whyOf(shown);
  const told = moments.map(({ span, trace: _, ...moment }) => {
    return { ...moment, file: span?.file ?? null, line: span?.line ?? null };
  });
  return { property, message, position, cause, moments: told };
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en');
}
