/** The columns of a comparison, for whoever draws it. */
import type { ComparedRow } from './compare';

/** What is counted on the one schedule, in the order of `countsOf`. */
export const countHeadings = ['callbacks', 'CPU flushes', 'interrupts', 'IOMMU', 'page requests'] as const;

/** Headings of the verdicts: of `run`, and of the search. */
export const verdictHeadings = { run: 'on this schedule', searched: 'on every schedule' } as const;

/** The counts of a row; empty texts where nothing could be run. */
export function countsOf({ counts }: ComparedRow): string[] {
  if (counts === null) return countHeadings.map(() => '');
  const calls = Object.values(counts.callbacks).reduce((sum, count) => sum + count, 0);
  const { cpuFlushes, interrupts, iommuCommands, pageRequests } = counts;
  return [calls, cpuFlushes, interrupts, iommuCommands, pageRequests].map(String);
}

/** The callbacks of a row by kind: `invalidate_range: 2`; one a line. */
export function callbacksText({ counts }: ComparedRow): string {
  const calls = Object.entries(counts?.callbacks ?? {});
  return calls.map(([name, count]) => `${name}: ${count}`).join('\n');
}

/** The table as text. The row of the scenario's own kernel and driver is marked with `*`. */
export function tableText(rows: readonly ComparedRow[]): string {
  const isSearched = rows.some(({ searched }) => searched !== null);
  const verdicts = [verdictHeadings.run, ...(isSearched ? [verdictHeadings.searched] : [])];
  const head = ['kernel', 'driver', ...countHeadings, ...verdicts];
  const lines = [head, ...rows.map(row => fieldsOf(row, isSearched))];
  const widths = head.map((_, column) => Math.max(...lines.map(line => (line[column] ?? '').length)));
  const text = lines.map(line =>
    line
      .map((field, column) => field.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${text.map(line => `  ${line}`).join('\n')}\n`;
}

function fieldsOf(row: ComparedRow, isSearched: boolean): string[] {
  const { kernel, driver, isOwn, run, searched } = row;
  const own = isOwn ? ' *' : '';
  const last = isSearched ? [searched?.text ?? ''] : [];
  return [kernel, `${driver ?? '-'}${own}`, ...countsOf(row), run, ...last];
}
