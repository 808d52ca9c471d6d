/**
 * The schedule of a run as lanes: a column per agent, a row per thing that happened, the verdict and its
 * explanation.
 */

import { reasonsOf } from '../explain/why';
import type { Thread } from '../language/threads';
import type { Finding } from '../session/history';
import { notes } from '../session/notes';
import type { Session } from '../session/session';
import { verdict } from '../session/verdict';
import { type Happened, happenings } from './happenings';

/** Rows shown; the middle of longer runs is left out. */
const ROWS_MAX = 200;
/** Room left of a lane's text so that it says something. */
const TEXT_MIN = 34;
const STEP_WIDTH = 6;
const NAME_MAX = 16;

/** A column: one agent, or all that found no room. */
interface Lane {
  readonly name: string;
  readonly start: number;
}

/** How lanes are drawn. */
export interface LanesOptions {
  readonly columns: number;
  /** Explains every finding, not just the first of each property. */
  readonly all?: boolean;
}

/** The run up to the present position, as text without a line longer than `columns`. */
export function lanes(session: Session, { columns, all = false }: LanesOptions): string {
  const { program } = session;
  const title = `${program.scenario.name} on ${program.kernel}, ${session.position} steps`;
  const rows = happenings(session, session.events());
  const lines = [title, '', ...table(session, rows, columns), ''];
  for (const findings of grouped(session.findings(), all)) {
    const [first, ...others] = findings;
    if (first === undefined) continue;
    const [headline = '', ...causes] = reasonsOf(session, first).map(({ text }) => text);
    lines.push(...wrapped(headline, columns, 0));
    for (const cause of causes) lines.push(...wrapped(cause, columns, 2));
    if (others.length === 0) continue;
    const steps = others.map(({ position }) => position).join(', ');
    const where = `at ${others.length === 1 ? 'step' : 'steps'} ${steps}`;
    lines.push(...wrapped(`and ${others.length} more ${where} (--all explains them)`, columns, 2));
  }
  for (const limit of session.limits()) lines.push(...wrapped(`limit: ${limit.text}`, columns, 0));
  for (const note of notes(session)) lines.push(...wrapped(note, columns, 0));
  lines.push(...wrapped(verdict(session).text, columns, 0));
  return `${lines.join('\n')}\n`;
}

/** Findings of one property together, in the order of their first ones. */
function grouped(findings: readonly Finding[], all: boolean): Finding[][] {
  if (all) return findings.map(finding => [finding]);
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const { property } = finding.violation;
    groups.set(property, [...(groups.get(property) ?? []), finding]);
  }
  return [...groups.values()];
}

/** A row holds one thing, so its text may run on over the lanes to its right. */
function table(session: Session, rows: readonly Happened[], columns: number): string[] {
  const active = session.vm.threads.filter(({ id }) => rows.some(({ thread }) => thread === id));
  const { lanes: drawn, laneOf } = layOut(active, columns);
  const head = drawn.reduce((text, { name, start }) => text.padEnd(start) + name, 'step');
  const lines = [head, '-'.repeat(columns)];
  for (const row of leftOut(rows)) {
    const step = row === null ? '' : `${row.position}`;
    const { name, start } = row === null ? { name: '', start: STEP_WIDTH } : laneOf(row.thread);
    const text = row === null ? `... ${rows.length - ROWS_MAX} more ...` : name + row.text;
    lines.push(cut(step.padEnd(start) + text, columns));
  }
  return lines;
}

/** Where each agent's lane begins. Agents that find no room share the last lane, under their names. */
function layOut(agents: readonly Thread[], columns: number) {
  const lanes: Lane[] = [];
  const at = new Map<number, Lane>();
  let start = STEP_WIDTH;
  for (const [index, { id, shortName }] of agents.entries()) {
    const isLast = index === agents.length - 1;
    const width = Math.max(8, Math.min(NAME_MAX, shortName.length)) + 2;
    const shared = lanes.at(-1)?.name === 'others' || (!isLast && start + width > columns - TEXT_MIN);
    if (!shared || lanes.at(-1)?.name !== 'others') {
      lanes.push({ name: shared ? 'others' : cut(shortName, NAME_MAX), start });
      start += width;
    }
    const lane = lanes.at(-1);
    if (lane !== undefined) at.set(id, { name: shared ? `${shortName}: ` : '', start: lane.start });
  }
  return { lanes, laneOf: (thread: number): Lane => at.get(thread) ?? { name: '', start: STEP_WIDTH } };
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
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
