/** A comparison as cells to draw: texts, colours by meaning, and what a click on each stands for. */
import type { ComparedRow } from './compare';
import { callbacksText, countHeadings, countsOf, verdictHeadings } from './table';

/** What a verdict means to the reader. */
export type Tone = 'good' | 'bad' | 'unknown' | 'plain';

/** One cell. */
export interface SheetCell {
  readonly text: string;
  readonly tone: Tone;
  /** A number, which stands to the right. */
  readonly isNumber: boolean;
  /** More about it; empty if there is nothing more. */
  readonly tooltip: string;
  /** Which verdict of the row a click debugs; null if there is nothing to debug. */
  readonly debugs: 'run' | 'searched' | null;
}

/** One row; `isOwn` is the one of the kernel and driver that the scenario names. */
export interface SheetRow {
  readonly isOwn: boolean;
  readonly cells: readonly SheetCell[];
}

/** Headings of the columns. */
export const sheetHeadings: readonly string[] = [
  'kernel',
  'driver',
  verdictHeadings.searched,
  'on one schedule',
  ...countHeadings,
];

/** The cells of a row. The verdict about every schedule comes first: it is the one that says most. */
export function sheetRow(row: ComparedRow): SheetRow {
  const { kernel, driver, isOwn, counts, run, isViolated } = row;
  const plain = { tone: 'plain', isNumber: false, tooltip: '', debugs: null } as const;
  const [calls, ...numbers] = countsOf(row).map(text => ({ ...plain, text, isNumber: true }));
  return {
    isOwn,
    cells: [
      { ...plain, text: kernel },
      { ...plain, text: driver ?? '-' },
      searchedCell(row),
      {
        text: linesOf(run),
        tone: isViolated ? 'bad' : 'plain',
        isNumber: false,
        tooltip: counts === null ? '' : 'Debug this run',
        debugs: counts === null ? null : 'run',
      },
      ...(calls ? [{ ...calls, tooltip: callbacksText(row) }] : []),
      ...numbers,
    ],
  };
}

const tones = { holds: 'good', violated: 'bad', incomplete: 'unknown' } as const;

function searchedCell({ searched, counts }: ComparedRow): SheetCell {
  const nothing = { isNumber: false, tooltip: '', debugs: null } as const;
  if (searched === null) return { ...nothing, text: counts === null ? '' : '…', tone: 'plain' };
  const { verdict, text, states, trace } = searched;
  if (verdict === null) return { ...nothing, text, tone: 'unknown' };
  const what = trace === null ? 'Debug this scenario' : 'Debug Counterexample';
  const tooltip = states === null ? what : `${what} (${states.toLocaleString('en')} states searched)`;
  return { text: linesOf(text), tone: tones[verdict], isNumber: false, tooltip, debugs: 'searched' };
}

/** A verdict with a line for each property, and none that is long. */
function linesOf(text: string): string {
  return text.replace(/, /g, ',\n').replace(/(incomplete: .{20,40}?) /, '$1\n');
}
