/** `shootdown run`: plays one schedule, prints what happened, and judges it by what the scenario expects. */
import { notationOf } from '../explain/answer';
import type { Program } from '../language/program';
import { type LaunchFiles, loadRun, startSession } from '../session/load';
import { notes } from '../session/notes';
import type { ScheduleName, Session } from '../session/session';
import { verdict } from '../session/verdict';
import { costsOf, costsText } from '../trace/costs';
import { traceRecords } from '../trace/records';
import { formatSchedule, parseSchedule, savedScheduler } from '../trace/saved-schedule';
import { lanes } from '../view/lanes';
import { formatProblem, type LoadOptions, readRun } from './load';
import { saveText, traceFile } from './save';
import { exitCodes, Refusal, type Terminal } from './terminal';

/** Options of `run`. */
export interface RunOptions extends LoadOptions {
  readonly schedule?: Exclude<ScheduleName, 'manual'>;
  readonly seed?: number;
  readonly trace?: string;
  /** A file, or true for one next to the scenario. */
  readonly saveTrace?: string | boolean;
  /** The report and the diagram for a commit message, instead of lanes. */
  readonly notation?: boolean;
  readonly width?: number;
  readonly all?: boolean;
  readonly json?: boolean;
  readonly costs?: boolean;
}

/** Plays a schedule to its end and answers with the exit code of the verdict. */
export async function run(file: string, options: RunOptions, terminal: Terminal): Promise<number> {
  if (options.seed !== undefined && options.schedule !== 'random')
    throw new Refusal('--seed is the seed of --schedule random: say that too');
  const files = await readRun(file, options, terminal);
  const loaded = loadRun(files, options);
  if ('problems' in loaded) {
    for (const problem of loaded.problems) terminal.err(formatProblem(problem));
    return exitCodes.wrongInput;
  }
  for (const warning of loaded.warnings) terminal.err(formatProblem(warning));
  const session = openSession(loaded.program, files, options);
  const end = session.playToEnd();
  if (options.saveTrace)
    await saveText(traceFile(file, loaded.program, options.saveTrace), formatSchedule(session));
  if (options.json) printRecords(session, terminal);
  else if (options.notation) terminal.out(notationOf(session, session.findings()[0] ?? null));
  else
    terminal.out(lanes(session, { columns: options.width ?? terminal.columns, all: options.all ?? false }));
  if (end.kind === 'diverged') terminal.err(`${end.text}\n`);
  if (options.costs && !options.json) terminal.out(costsText(costsOf(session.events())));
  return verdict(session).exitCode;
}

function openSession(program: Program, files: LaunchFiles, { schedule, seed }: RunOptions): Session {
  const saved = files.trace ? parseSchedule(files.trace) : null;
  if (saved && 'problem' in saved) throw new Refusal(saved.problem);
  if (schedule === 'replay' && !saved && program.scenario.replay.length === 0) {
    throw new Refusal(`scenario '${program.scenario.name}' has no replay block, and no --trace is given`);
  }
  const replay = saved ? savedScheduler(saved) : undefined;
  const started = startSession(program, { schedule, seed, replay });
  if ('problem' in started) throw new Refusal(formatProblem(started.problem).trimEnd());
  return started.session;
}

function printRecords(session: Session, terminal: Terminal): void {
  for (const record of traceRecords(session)) terminal.out(`${JSON.stringify(record)}\n`);
  const costs = costsOf(session.events());
  terminal.out(`${JSON.stringify({ type: 'costs', name: 'costs', ...costs })}\n`);
  for (const text of notes(session))
    terminal.out(`${JSON.stringify({ type: 'note', name: 'note', text })}\n`);
  const { status, text, violated } = verdict(session);
  terminal.out(`${JSON.stringify({ type: 'verdict', name: status, text, violated })}\n`);
}
