/** `shootdown compare`: the same scenario on each kernel and with each driver that it fits, side by side. */
import { type ExploreReport, runJob, usualSearch } from '../explore/job';
import type { Program } from '../language/program';
import { type Counts, countEvents } from '../session/counts';
import { type Fit, fitsOf } from '../session/fits';
import { startSession } from '../session/load';
import { verdict } from '../session/verdict';
import { SetupError } from '../vm/vm';
import { type LoadOptions, readRun } from './load';
import { exitCodes, Refusal, type Terminal } from './terminal';

/** Options of `compare`. */
export interface CompareOptions extends Omit<LoadOptions, 'kernel'> {
  readonly explore?: boolean;
  readonly states: number;
  readonly seconds: number;
  readonly json?: boolean;
}

/** One row: a kernel and a driver, and what came of it. */
interface Row {
  readonly scenario: string;
  readonly kernel: string;
  readonly driver: string | null;
  /** Whether the scenario itself names this kernel and driver. */
  readonly isOwn: boolean;
  /** On the one schedule that `run` plays. */
  readonly run: string;
  readonly counts: Counts | null;
  /** Over every interleaving; null if that was not asked for. */
  readonly explored: string | null;
  readonly states: number | null;
}

/** Prints a table for each scenario of the file. That verdicts differ is no mistake. */
export async function compare(file: string, options: CompareOptions, terminal: Terminal): Promise<number> {
  const files = await readRun(file, options, terminal);
  const fits = fitsOf(files, options.scenario);
  if (fits.length === 0) {
    const which = options.scenario === undefined ? 'scenario' : `scenario '${options.scenario}'`;
    throw new Refusal(`${file} holds no ${which} that fits a kernel: shootdown check says why`);
  }
  const rows: Row[] = [];
  for (const fit of fits) {
    const row = await rowOf(fit, options);
    if (options.json) terminal.out(`${JSON.stringify(row)}\n`);
    rows.push(row);
  }
  if (!options.json) terminal.out(tables(rows));
  return exitCodes.expected;
}

async function rowOf(fit: Fit, options: CompareOptions): Promise<Row> {
  const { scenario, kernel, driver, isOwn } = fit;
  const program = fit.program();
  const report = options.explore ? await explored(program, options) : null;
  return {
    scenario,
    kernel,
    driver,
    isOwn,
    ...played(program),
    explored: report === null ? null : 'problem' in report ? report.problem : exploredText(report),
    states: report === null || 'problem' in report ? null : report.states,
  };
}

/** Plays the scenario's own schedule; where that is none, or cannot be followed, everyone in turn. */
function played(program: Program, schedule?: 'fair'): Pick<Row, 'run' | 'counts'> {
  const started = startSession(program, { schedule });
  if ('problem' in started) return { run: started.problem.message, counts: null };
  const { session } = started;
  session.playToEnd();
  const stopped = session.stoppedAt();
  if (stopped !== null && schedule === undefined) {
    const { run, counts } = played(program, 'fair');
    const line = stopped.replace(/^.*:/, '');
    return { run: `${run} (fair: the replay cannot be followed from line ${line})`, counts };
  }
  const { text, violated } = verdict(session);
  const found = violated.length === 0 ? 'no violation' : `violated: ${violated.join(', ')}`;
  // Whether that was to be expected is said for one kernel only, so here it is told of none.
  return { run: session.limits().length > 0 ? text : found, counts: countEvents(session.events()) };
}

async function explored(
  program: Program,
  { states, seconds }: CompareOptions,
): Promise<ExploreReport | { readonly problem: string }> {
  const limits = { statesMax: states, depthMax: 1_000_000, memoryMax: 2 ** 30, secondsMax: seconds };
  const options = { ...usualSearch, limits, all: true };
  try {
    const clock = () => performance.now() / 1000;
    return await runJob({ program, options, workers: 1 }, { clock });
  } catch (problem) {
    if (problem instanceof SetupError) return { problem: problem.message };
    throw problem;
  }
}

function exploredText({ verdict: how, findings, incomplete }: ExploreReport): string {
  const violated = [...new Set(findings.map(({ violation }) => violation.property))];
  if (violated.length > 0) return `violated: ${violated.join(', ')}`;
  return how === 'incomplete' ? `incomplete: ${incomplete}` : how;
}

/* The table. */

const headings = ['kernel', 'driver', 'callbacks', 'CPU flushes', 'interrupts', 'IOMMU', 'page requests'];

function tables(rows: readonly Row[]): string {
  const names = [...new Set(rows.map(({ scenario }) => scenario))];
  return names
    .map(name => `${name}\n${tableOf(rows.filter(({ scenario }) => scenario === name))}`)
    .join('\n');
}

function tableOf(rows: readonly Row[]): string {
  const isExplored = rows.some(({ explored: text }) => text !== null);
  const head = [...headings, 'on this schedule', ...(isExplored ? ['on every schedule'] : [])];
  const lines = [head, ...rows.map(row => fieldsOf(row, isExplored))];
  const widths = head.map((_, column) => Math.max(...lines.map(line => (line[column] ?? '').length)));
  const text = lines.map(line =>
    line
      .map((field, column) => field.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${text.map(line => `  ${line}`).join('\n')}\n`;
}

function fieldsOf(
  { kernel, driver, isOwn, run, counts, explored: text }: Row,
  isExplored: boolean,
): string[] {
  const calls = Object.values(counts?.callbacks ?? {}).reduce((sum, count) => sum + count, 0);
  const numbers =
    counts === null
      ? ['', '', '', '', '']
      : [calls, counts.cpuFlushes, counts.interrupts, counts.iommuCommands, counts.pageRequests].map(String);
  const own = isOwn ? ' *' : '';
  return [kernel, `${driver ?? '-'}${own}`, ...numbers, run, ...(isExplored ? [text ?? ''] : [])];
}
