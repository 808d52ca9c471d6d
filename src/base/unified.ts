/** Differences of two lists of lines in unified style. */

/** Lines that stay, and are shown around those that change. */
const CONTEXT = 3;

/** A line of a difference: it stays, goes or comes. */
interface Edit {
  readonly sign: ' ' | '-' | '+';
  readonly line: string;
}

/** The hunks of a difference: lines that begin with a space, `-` or `+`. None if all is equal. */
export function unifiedHunks(before: readonly string[], after: readonly string[]): string[][] {
  const edits = editsOf(before, after);
  const hunks: string[][] = [];
  let last = Number.NEGATIVE_INFINITY;
  edits.forEach((edit, index) => {
    const isNear = edits
      .slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1)
      .some(near => near.sign !== ' ');
    if (!isNear) return;
    if (index > last + 1) hunks.push([]);
    hunks.at(-1)?.push(`${edit.sign}${edit.line}`);
    last = index;
  });
  return hunks;
}

/** The fewest lines that go and come, those that go first. */
function editsOf(before: readonly string[], after: readonly string[]): Edit[] {
  const common = commonLengths(before, after);
  const edits: Edit[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, fresh] = [before[i], after[j]];
    if (old !== undefined && old === fresh) {
      edits.push({ sign: ' ', line: old });
      i++;
      j++;
    } else if (old !== undefined && (fresh === undefined || common(i + 1, j) >= common(i, j + 1))) {
      edits.push({ sign: '-', line: old });
      i++;
    } else {
      edits.push({ sign: '+', line: fresh ?? '' });
      j++;
    }
  }
  return edits;
}

/** How many lines the rests of both have in common, in their order. */
function commonLengths(
  before: readonly string[],
  after: readonly string[],
): (i: number, j: number) => number {
  const width = after.length + 1;
  const table = new Uint16Array((before.length + 1) * width);
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const isSame = before[i] === after[j];
      const skip = Math.max(table[(i + 1) * width + j] ?? 0, table[i * width + j + 1] ?? 0);
      table[i * width + j] = isSame ? 1 + (table[(i + 1) * width + j + 1] ?? 0) : skip;
    }
  }
  return (i, j) => table[i * width + j] ?? 0;
}
