/** The cells of a conformance run as text, and as the page docs/conformance.md. */
import type { Forgiven } from './compare';
import type { Cell } from './conformance';

/** What each rule forgives, as it is shown. */
const rules: Readonly<Record<keyof Forgiven, string>> = {
  freeOrder: 'rows of frees in another order',
  freeCut: 'rows of frees of which only the first are named',
  elsewhere: 'items elsewhere in the process, compared without their extent',
  notSampled: 'pages of watched mappings that were not sampled',
  bits: 'states with bits or numbers that no model keeps',
  inlined: 'stacks in which the model shows functions that a compiler had inlined',
  notKept: 'records that were not kept of a long operation',
};

/** Cells of one operation and kernel that came out the same. */
interface Row {
  readonly cells: readonly Cell[];
  readonly outcome: string;
}

/** One line for each operation and kernel, or more if its registrations came out differently. */
export function textOf(cells: readonly Cell[], columns: number): string {
  const rows = rowsOf(cells);
  const names = rows.map(nameOf);
  const width = Math.max(0, ...names.map(name => name.length));
  const lines = rows.map((row, index) => {
    const name = (names[index] ?? '').padEnd(width);
    const forgiven = forgivenOf(row);
    const outcome = forgiven === '' ? row.outcome : `${row.outcome} (forgiven: ${forgiven})`;
    return `${name}  ${fold(outcome, columns - width - 2, width + 2)}`;
  });
  return `${[...lines, '', ...summary(cells)].join('\n')}\n`;
}

/** The page docs/conformance.md. */
export function pageOf(cells: readonly Cell[]): string {
  const rows = rowsOf(cells).map(row => {
    const [first] = row.cells;
    const unsteady = first?.steady === false ? ' (varies)' : '';
    const which = row.cells.map(({ registration }) => registration).join(', ');
    const fields = [`${first?.op}${unsteady}`, first?.kernel, which, inTable(row.outcome), forgivenOf(row)];
    return `| ${fields.join(' | ')} |`;
  });
  return `${introduction}
${summary(cells)
  .map(line => `- ${line}`)
  .join('\n')}

| operation | kernel | registrations | outcome | forgiven |
|---|---|---|---|---|
${rows.join('\n')}
`;
}

/** How many cells are equal, of how many, by kernel. */
export function summary(cells: readonly Cell[]): string[] {
  const kernels = [...new Set(cells.map(({ kernel }) => kernel))];
  return kernels.map(kernel => {
    const own = cells.filter(cell => cell.kernel === kernel);
    const steady = own.filter(cell => cell.steady);
    const count = (outcome: Cell['outcome']) => steady.filter(cell => cell.outcome === outcome).length;
    const unsteady = own.filter(cell => !cell.steady);
    const others =
      unsteady.length === 0
        ? ''
        : `; of ${unsteady.length} that vary from run to run, ` +
          `${unsteady.filter(({ outcome }) => outcome === 'equal').length} are equal`;
    return (
      `${kernel}: ${count('equal')} of ${steady.length} equal, ${count('differs')} differ, ` +
      `${count('not playable')} not playable${others}`
    );
  });
}

/** What a cell came to, in words. */
export function outcomeOf({ outcome, difference, problem }: Cell): string {
  if (outcome === 'equal') return 'equal';
  if (difference === null) return `not playable: ${problem}`;
  const { token, expected, got } = difference;
  return `token ${token}: expected ${expected}, got ${got}`;
}

function rowsOf(cells: readonly Cell[]): Row[] {
  const rows = new Map<string, Cell[]>();
  for (const cell of cells) {
    const key = JSON.stringify([cell.op, cell.kernel, outcomeOf(cell)]);
    rows.set(key, [...(rows.get(key) ?? []), cell]);
  }
  return [...rows.values()].map(own => {
    const [first] = own;
    return { cells: own, outcome: first === undefined ? '' : outcomeOf(first) };
  });
}

function nameOf({ cells }: Row): string {
  const [first] = cells;
  const which = cells.map(({ registration }) => registration).join(', ');
  return `${first?.op}  ${first?.kernel}  ${which}`;
}

/** What was forgiven in the cells of a row, added up: `2 rows of frees in another order`. */
function forgivenOf({ cells }: Row): string {
  const parts = ruleNames.flatMap(rule => {
    const count = cells.reduce((sum, { forgiven }) => sum + (forgiven?.[rule] ?? 0), 0);
    return count === 0 ? [] : [`${letters[rule]} ${count}`];
  });
  return parts.join(', ');
}

const letters: Readonly<Record<keyof Forgiven, string>> = {
  freeOrder: 'order',
  freeCut: 'cut',
  elsewhere: 'elsewhere',
  notSampled: 'sampled',
  bits: 'bits',
  inlined: 'inlined',
  notKept: 'not kept',
};

const ruleNames = [
  'freeOrder',
  'freeCut',
  'elsewhere',
  'notSampled',
  'bits',
  'inlined',
  'notKept',
] as const satisfies readonly (keyof Forgiven)[];

function inTable(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

/** Breaks a text at spaces; further lines are indented. */
function fold(text: string, width: number, indent: number): string {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + 1 + word.length > Math.max(30, width)) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}

const introduction = [
  '# Conformance',
  '',
  'What the kernel models do, held against what real kernels did.',
  'This page is made by `npm run conformance -- --write`, and a test compares them.',
  '',
  'Each operation was performed by a small program on 3.18.140 as it is immediately before the series, and',
  'with its three patches, with a subscriber on its address space. Everything was recorded in one order:',
  'callbacks, CPU TLB flushes, frees, the states of page-table entries, call stacks.',
  'The scenario of the same name in `test/conformance/ops/` is played on the models, under the same',
  'registrations:',
  '',
  '- `startend`: a subscriber with only invalidate_range_start and invalidate_range_end;',
  '- `range`: one with only invalidate_range;',
  '- `all`: one with every callback of the kernel;',
  '- `two`: that one registered twice.',
  '',
  '*Equal* means: the same callbacks, flushes and frees with the same ranges in the same order; between any',
  'two of them the same changes of the watched entries; and for `all` also each call stack, as a subsequence',
  'of the model’s, and at each record the whole state of every watched entry.',
  'What the comparison forgives is counted in the last column, added up over the registrations of the row:',
  '',
  ...ruleNames.map(rule => `- *${letters[rule]}*: ${rules[rule]}.`),
  '',
  'What could not be recorded is written by hand in `test/conformance/recordings/by-hand.json`, from what',
  'the kernel’s sources say: it has a sequence and no stacks.',
  '',
  'Left out on both sides are the marks of the recording program, such as the value a system call returned.',
  '',
].join('\n');
