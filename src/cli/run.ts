/** `shootdown run`: plays one schedule, prints what happened, and holds it against what the scenario expects. */
import { writeFile } from 'node:fs/promises';
import type { Program } from '../language/program';
import type { LaunchFiles } from '../session/load';
import { type ScheduleName, Session } from '../session/session';
import { verdict } from '../session/verdict';
import { traceRecords } from '../trace/records';
import { formatSchedule, parseSchedule, type SavedSchedule } from '../trace/saved-schedule';
import { lanes } from '../view/lanes';
import { compileRun, formatProblem, type LoadOptions, readRun } from './load';
import { exitCodes, Refusal, refuseFile, type Terminal } from './terminal';

/** Options of `run`. */
export interface RunOptions extends LoadOptions {
  readonly schedule?: Exclude<ScheduleName, 'manual'>;
  readonly seed?: number;
  readonly trace?: string;
  readonly saveTrace?: string;
  readonly json?: boolean;
}

/** Plays a schedule to its end and answers with the exit code of the verdict. */
export async function run(file: string, options: RunOptions, terminal: Terminal): Promise<number> {
  const files = await readRun(file, options, terminal);
  const loaded = compileRun(files, options);
  if ('problems' in loaded) {
    for (const problem of loaded.problems) terminal.err(formatProblem(problem, file));
    return exitCodes.wrongInput;
  }
  const session = openSession(loaded.program, files, options);
  const stop = session.playToEnd();
  if (options.saveTrace) await saveTrace(options.saveTrace, formatSchedule(session));
  // A schedule that cannot be followed says nothing about the scenario.
  if (stop.reason === 'diverged') throw new Refusal(`${options.trace ?? file}: ${stop.text}`);
  if (options.json) printRecords(session, terminal);
  else terminal.out(`${lanes(session, { columns: terminal.columns })}\n`);
  return verdict(session).exitCode;
}

function openSession(program: Program, files: LaunchFiles, { schedule, seed }: RunOptions): Session {
  return new Session(program, {
    saved: savedSchedule(files),
    ...(schedule ? { schedule } : {}),
    ...(seed === undefined ? {} : { seed }),
  });
}

function savedSchedule({ trace }: LaunchFiles): SavedSchedule | null {
  if (!trace) return null;
  const saved = parseSchedule(trace);
  if ('problem' in saved) throw new Refusal(saved.problem);
  return saved;
}

async function saveTrace(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch((problem: unknown) => {
    throw refuseFile(path, problem);
  });
}

function printRecords(session: Session, terminal: Terminal): void {
  for (const record of traceRecords(session)) terminal.out(`${JSON.stringify(record)}\n`);
}
