/** `shootdown compare`: the same scenario on each kernel and with each driver that it fits, side by side. */
import { type ComparedRow, playedRow, type Searched, searchedBy } from '../compare/compare';
import { type Fit, fitsOf } from '../compare/fits';
import { tableText } from '../compare/table';
import { runJob, usualSearch } from '../explore/job';
import type { Program } from '../language/program';
import { type LoadOptions, readRun } from './load';
import { exitCodes, Refusal, type Terminal } from './terminal';

/** Options of `compare`. */
export interface CompareOptions extends Omit<LoadOptions, 'kernel'> {
  readonly explore?: boolean;
  readonly states: number;
  readonly seconds: number;
  readonly json?: boolean;
}

/** Prints a table for each scenario of the file. That verdicts differ is no mistake. */
export async function compare(file: string, options: CompareOptions, terminal: Terminal): Promise<number> {
  const files = await readRun(file, options, terminal);
  const fits = fitsOf(files, options.scenario);
  if (fits.length === 0) {
    const which = options.scenario === undefined ? 'scenario' : `scenario '${options.scenario}'`;
    throw new Refusal(`${file} holds no ${which} that fits a kernel: shootdown check says why`);
  }
  const rows: ComparedRow[] = [];
  for (const fit of fits) {
    const row = await rowOf(fit, options);
    if (options.json) terminal.out(`${JSON.stringify(record(row))}\n`);
    rows.push(row);
  }
  if (!options.json) terminal.out(tables(rows));
  return exitCodes.expected;
}

async function rowOf(fit: Fit, options: CompareOptions): Promise<ComparedRow> {
  const row = playedRow(fit);
  return options.explore ? { ...row, searched: await searched(fit.program(), options) } : row;
}

function searched(program: Program, { states, seconds }: CompareOptions): Promise<Searched> {
  const limits = { statesMax: states, depthMax: 1_000_000, memoryMax: 2 ** 30, secondsMax: seconds };
  const options = { ...usualSearch, limits, all: true };
  const clock = () => performance.now() / 1000;
  return searchedBy(async () => ({
    report: await runJob({ program, options, workers: 1 }, { clock }),
    trace: null,
  }));
}

/** A row of `--json`; the search by its verdict and its number of states. */
function record({ isViolated: _, searched: found, ...row }: ComparedRow): object {
  return { ...row, explored: found?.text ?? null, states: found?.states ?? null };
}

function tables(rows: readonly ComparedRow[]): string {
  const names = [...new Set(rows.map(({ scenario }) => scenario))];
  return names
    .map(name => `${name}\n${tableText(rows.filter(({ scenario }) => scenario === name))}`)
    .join('\n');
}
