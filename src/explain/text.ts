/** Text of a fixed width: what a commit message or a terminal takes. */

/** Columns that a line of a commit message may have. */
export const TEXT_COLUMNS = 72;

/** Breaks a text at spaces; lines after the first are indented further. A word that is longer is cut. */
export function wrap(text: string, columns: number, indent: number, further = 2): string[] {
  const lines: string[] = [];
  let current = ' '.repeat(indent);
  for (const word of text.split(' ')) {
    const isEmpty = current.trim() === '';
    const longer = isEmpty ? current + word : `${current} ${word}`;
    if (longer.length <= columns) current = longer;
    else {
      if (!isEmpty) lines.push(current);
      current = ' '.repeat(indent + further) + word.slice(0, columns - indent - further);
    }
  }
  lines.push(current);
  return lines;
}
