/**
 * A schedule in the notation of kernel commit messages: a column for each CPU and device, time going down,
 * functions indented by their calls.
 *
 *     CPU0                                gpu
 *     ----                                ---
 *     munmap()
 *       zap_pte_range()
 *         clear pte A .. A + 4 pages
 *                                         DMA write A + 1 page
 */

import type { Thread } from '../language/threads';
import { cpuName } from '../machine/config';
import type { Finding } from '../session/history';
import { deviceName, rangeText } from '../session/names';
import type { Session } from '../session/session';
import { type Activation, retrace, type Seen } from './retrace';
import { type Row, rowsOf, rowText, subjectOf } from './rows';
import { TEXT_COLUMNS, wrap } from './text';
import { why } from './why';

/** Rows drawn; of longer schedules the middle is left out. */
const ROWS_MAX = 120;
/** Columns between the beginnings of two columns, at least. */
const GAP_MIN = 9;

/** The diagram of a run up to its present position: what has to do with a finding, or everything. */
export function diagram(session: Session, finding: Finding | null): string[] {
  const now = session.position;
  if (finding !== null) session.goTo(finding.position);
  const seen = retrace(session);
  const subject = finding === null ? null : subjectOf(why(session, finding), finding.violation.frame);
  const rows = [
    ...withBeginnings(session, finding, rowsOf(session, seen, subject)),
    ...lastRows(session, finding),
  ];
  const lines = draw(session, seen, rows);
  session.goTo(now);
  return lines;
}

/** What those who wait for one another wait for: no event tells of it. */
function lastRows(session: Session, finding: Finding | null): Row[] {
  if (finding === null) return [];
  const { moments } = why(session, finding);
  return moments.flatMap(({ kind, thread: name, text, position }) => {
    const thread = session.vm.threads.find(each => each.name === name);
    if (kind !== 'waits' || thread === undefined) return [];
    return [{ position, thread: thread.id, call: null, text: `*** ${text} ***`, merge: null, owner: null }];
  });
}

/** An access in flight: since when, if others did something in between. */
function withBeginnings(session: Session, finding: Finding | null, rows: readonly Row[]): Row[] {
  if (finding === null) return [...rows];
  const began = why(session, finding).moments.find(({ kind }) => kind === 'began');
  const thread = session.vm.threads.find(({ name }) => name === began?.thread)?.id;
  if (began === undefined || thread === undefined) return [...rows];
  const at = rows.findIndex(({ position }) => position > began.position);
  const between = rows.slice(at).filter(row => row.position < finding.position && row.thread !== thread);
  if (at < 0 || between.length === 0) return [...rows];
  const text = began.text
    .replace('in flight: the access of ', '')
    .replace('has its translation', 'in flight');
  const row: Row = { position: began.position, thread, call: null, text, merge: null, owner: null };
  return [...rows.slice(0, at), row, ...rows.slice(at)];
}

/** A column, and what was drawn in it last. */
interface Column {
  readonly title: string;
  readonly cells: Cell[];
  drawn: readonly Activation[];
}

/** A line of a column; `line` counts over all columns. */
interface Cell {
  readonly line: number;
  readonly text: string;
}

function draw(session: Session, seen: readonly Seen[], rows: readonly Row[]): string[] {
  const ranges = rangesOf(seen);
  const columns = new Map<string, Column>();
  let line = 0;
  for (const row of leftOut(rows)) {
    if (row === null) {
      line++;
      continue;
    }
    const column = columnFor(session, row, columns);
    const chain = chainOf(row.call);
    let same = 0;
    while (same < chain.length && chain[same] === column.drawn[same]) same++;
    for (const [depth, call] of chain.entries())
      if (depth >= same)
        column.cells.push({ line: line++, text: '  '.repeat(depth) + callText(session, call, ranges) });
    column.drawn = chain;
    const text = rowText(session, row);
    if (text !== null) column.cells.push({ line: line++, text: '  '.repeat(chain.length) + text });
  }
  return lay(inOrder([...columns.values()]), line);
}

/** CPUs first, then what else runs code, then devices. */
function inOrder(columns: readonly Column[]): Column[] {
  const rank = ({ title }: Column): string => (/^CPU/.test(title) ? `0${title}` : '1');
  return [...columns].sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
}

/** The rows, with null where the middle was left out. */
function leftOut(rows: readonly Row[]): (Row | null)[] {
  if (rows.length <= ROWS_MAX) return [...rows];
  return [...rows.slice(0, ROWS_MAX / 2), null, ...rows.slice(-ROWS_MAX / 2)];
}

/** Lines of text: every column begins as far to the right as its longest text allows. */
function lay(columns: readonly Column[], lines: number): string[] {
  const starts = startsOf(columns);
  const out = Array.from({ length: lines }, () => '');
  const extra = new Map<number, string[]>();
  for (const [index, { cells }] of columns.entries()) {
    const start = starts[index] ?? 0;
    for (const { line, text } of cells) {
      const own = /^ */.exec(text)?.[0].length ?? 0;
      const [first = '', ...rest] = wrap(text.trimStart(), TEXT_COLUMNS, start + own, 4);
      out[line] = first;
      if (rest.length > 0) extra.set(line, rest);
    }
  }
  const heads = columns.reduce((text, { title }, index) => text.padEnd(starts[index] ?? 0) + title, '');
  const rule = columns.reduce(
    (text, { title }, index) => text.padEnd(starts[index] ?? 0) + '-'.repeat(title.length),
    '',
  );
  return [
    heads,
    rule,
    ...out.flatMap((text, line) => [text === '' ? '...' : text, ...(extra.get(line) ?? [])]),
  ];
}

function startsOf(columns: readonly Column[]): number[] {
  const even = Math.floor(TEXT_COLUMNS / Math.max(1, columns.length));
  const widths = columns.map(({ cells, title }) =>
    Math.max(title.length, ...cells.map(({ text }) => text.length)),
  );
  const starts: number[] = [];
  for (let index = columns.length - 1; index >= 0; index--) {
    const after = starts[0] ?? TEXT_COLUMNS + GAP_MIN;
    const fits = TEXT_COLUMNS - (widths[index] ?? 0);
    const isLast = index === columns.length - 1;
    const wished = isLast ? fits : Math.min(fits, index * even);
    starts.unshift(Math.max(index * GAP_MIN, Math.min(wished, after - GAP_MIN)));
  }
  return starts.map((start, index) => (index === 0 ? 0 : start));
}

function columnFor(session: Session, row: Row, columns: Map<string, Column>): Column {
  const title = titleOf(session, row);
  const column = columns.get(title) ?? { title, cells: [], drawn: [] };
  columns.set(title, column);
  return column;
}

function titleOf(session: Session, { thread, owner }: Row): string {
  const { vm } = session;
  if (owner !== null)
    return owner.kind === 'cpu'
      ? cpuName(vm.machine.config, owner.index).toUpperCase()
      : deviceName(vm, owner.index);
  const unit: Thread | undefined = vm.threads[thread];
  if (unit === undefined) return '?';
  if (unit.cpu !== null) return `CPU${unit.cpu}`;
  if (unit.kind === 'device') return deviceOf(session, unit.index);
  if (unit.kind === 'ats') return deviceName(vm, unit.index);
  const isIommu = unit.kind === 'commands' || unit.kind === 'ppr' || unit.kind === 'caches';
  const [only, ...others] = vm.machine.devices;
  return isIommu && only !== undefined && others.length === 0 ? only.config.name : unit.shortName;
}

function deviceOf({ program }: Session, index: number): string {
  return program.scenario.devices[index]?.device ?? '?';
}

/**
 * The calls that a row is drawn under: the operation, the callbacks and those who call them, and the function
 * in which it happened. What lies between is left out.
 */
function chainOf(call: Activation | null): Activation[] {
  const all: Activation[] = [];
  for (let at = call; at !== null; at = at.caller) all.unshift(at);
  const code = all.filter(({ fn }) => fn.role !== 'task' && fn.role !== 'device');
  return code.filter((activation, index) => {
    const next = code[index + 1];
    const isDispatch = next?.fn.role === 'callback';
    const { role } = activation.fn;
    return (
      index === 0 || index === code.length - 1 || role === 'callback' || role === 'interrupt' || isDispatch
    );
  });
}

/** Arguments of callbacks, by the call. */
function rangesOf(seen: readonly Seen[]): Map<Activation, { start: number; end: number }> {
  const ranges = new Map<Activation, { start: number; end: number }>();
  for (const { event, call } of seen)
    if (event.type === 'callback' && call !== null && event.start !== null && event.end !== null)
      ranges.set(call, { start: event.start, end: event.end });
  return ranges;
}

function callText(
  { vm }: Session,
  call: Activation,
  ranges: ReadonlyMap<Activation, { readonly start: number; readonly end: number }>,
): string {
  const range = ranges.get(call);
  if (range === undefined) return `${call.fn.name}()`;
  return `${call.fn.name}(${rangeText(vm, range.start, range.end)})`;
}
