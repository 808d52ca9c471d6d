/** What those who write C try here first, and what to write instead. */

/** Types of C, as the first word of a declaration. */
const cTypes = [
  'struct\\s+\\w+',
  'unsigned(?:\\s+\\w+)?',
  'signed|int|long|short|char|bool|void|size_t',
  '[us](?:8|16|32|64)',
].join('|');
const cDeclaration = new RegExp(`^\\s+(?:const\\s+|static\\s+)*(?:${cTypes})\\s*\\**\\s*(\\w+)\\s*[=;,]`);

/** What to write instead of the C at an offset where the parser gave up; undefined if it is no C. */
export function cHabit(text: string, offset: number, image: string): string | undefined {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  const lineEnd = text.indexOf('\n', offset);
  const line = text.slice(lineStart, lineEnd < 0 ? text.length : lineEnd);
  const before = text.slice(lineStart, offset);
  const [step] = /(?:\+\+|--)(?=\s*;?\s*$)/.exec(text.slice(lineStart, offset + 2)) ?? [];
  if (step !== undefined) return `there is no '${step}', write 'x = x ${step.charAt(0)} 1'`;
  if (image === '->') return "there is no '->', write '.' for a field";
  if (image === '=' && /\b(?:if|while|assert|until)\b[^;{}]*$/.test(before))
    return "'=' assigns, expected '==' in a condition";
  if (image === '&' && /[(,=]\s*$/.test(before)) return "there is no '&' of a place, write it as it is";
  if (image.startsWith('"')) return 'there is no text in expressions';
  const declared = cDeclaration.exec(line)?.[1];
  if (declared !== undefined) return `expected 'var ${declared}' to declare a local`;
  return undefined;
}

/** What stands here for a name of C. */
export function nameForC(name: string): string | undefined {
  const words: Readonly<Record<string, string>> = { NULL: 'null', TRUE: 'true', FALSE: 'false' };
  return Object.hasOwn(words, name) ? words[name] : undefined;
}

/** Whether a type is one of C's integers. */
export function isIntegerOfC(name: string): boolean {
  return /^(?:__)?[us](?:8|16|32|64)$|^u?int\d+_t$|^(?:unsigned|signed|long|short|char|size_t)$/.test(name);
}
