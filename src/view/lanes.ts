/** The schedule of a run as lanes: a column per agent, a row per thing that happened, the verdict and its explanation. */
import { explain } from '../session/causes';
import type { Session } from '../session/session';
import { verdict } from '../session/verdict';
import { type Happened, happenings } from './happenings';

/** Rows shown; the middle of longer runs is left out. */
const ROWS_MAX = 200;
/** Narrowest column in which a text still says something. */
const COLUMN_MIN = 17;
const STEP_WIDTH = 6;

/** The run up to the present position, as text without a line longer than `columns`. */
export function lanes(session: Session, { columns }: { columns: number }): string {
  const { program } = session;
  const title = `${program.scenario.name} on ${program.kernel}, ${session.position} steps`;
  const rows = happenings(session, session.events());
  const lines = [title, '', ...table(session, rows, columns), ''];
  for (const finding of session.findings()) {
    const [headline = '', ...causes] = explain(session, finding);
    lines.push(...wrapped(headline, columns, 0));
    for (const cause of causes) lines.push(...wrapped(cause, columns, 2));
  }
  for (const limit of session.limits()) lines.push(...wrapped(`limit: ${limit.text}`, columns, 0));
  lines.push(...wrapped(verdict(session).text, columns, 0));
  return `${lines.join('\n')}\n`;
}

function table(session: Session, rows: readonly Happened[], columns: number): string[] {
  const active = session.vm.threads.filter(({ id }) => rows.some(({ thread }) => thread === id));
  const room = columns - STEP_WIDTH;
  const lanesMax = Math.max(1, Math.floor(room / COLUMN_MIN));
  // Agents that do not fit share the last column, under their names.
  const own = active.length <= lanesMax ? active : active.slice(0, lanesMax - 1);
  const shared = active.length > own.length;
  const width = Math.min(60, Math.floor(room / Math.max(1, own.length + (shared ? 1 : 0))));
  const heads = [...own.map(({ shortName }) => shortName), ...(shared ? ['others'] : [])];
  const head = 'step'.padEnd(STEP_WIDTH) + heads.map(name => cell(name, width)).join('');
  const lines = [head.trimEnd(), '-'.repeat(Math.min(columns, STEP_WIDTH + width * heads.length))];
  for (const row of leftOut(rows)) {
    if (row === null) lines.push(`${' '.repeat(STEP_WIDTH)}... ${rows.length - ROWS_MAX} more ...`);
    else
      lines.push(
        line(
          session,
          row,
          own.map(({ id }) => id),
          width,
        ),
      );
  }
  return lines;
}

function line(session: Session, row: Happened, own: readonly number[], width: number): string {
  const lane = own.indexOf(row.thread);
  const at = lane < 0 ? own.length : lane;
  const name = session.vm.threads[row.thread]?.shortName ?? '';
  const text = lane < 0 ? `${name}: ${row.text}` : row.text;
  const step = `${row.position}`.padEnd(STEP_WIDTH);
  return (step + ' '.repeat(at * width) + cell(text, width)).trimEnd();
}

function cell(text: string, width: number): string {
  const short = text.length < width ? text : `${text.slice(0, width - 2)}…`;
  return short.padEnd(width);
}

/** The rows, with null where the middle was left out. */
function leftOut(rows: readonly Happened[]): (Happened | null)[] {
  if (rows.length <= ROWS_MAX) return [...rows];
  return [...rows.slice(0, ROWS_MAX / 2), null, ...rows.slice(-ROWS_MAX / 2)];
}

/** Breaks a text at spaces; what is longer than a line is cut. */
function wrapped(text: string, columns: number, indent: number): string[] {
  const lines: string[] = [];
  let current = ' '.repeat(indent);
  for (const word of text.split(/\s+/)) {
    const isEmpty = current.trim() === '';
    const longer = isEmpty ? current + word : `${current} ${word}`;
    if (longer.length <= columns) current = longer;
    else {
      if (!isEmpty) lines.push(current);
      current = ' '.repeat(indent + 2) + word.slice(0, columns - indent - 2);
    }
  }
  lines.push(current);
  return lines;
}
