/**
 * Places in a program's code where a breakpoint can be: where statements begin, where functions begin and
 * return.
 */
import type { Span } from '../base/span';
import type { FunctionCode, Program } from '../language/program';

/** The first instruction of a statement, in one function (a function specialised twice has two). */
export interface Site {
  readonly fn: FunctionCode;
  readonly pc: number;
  readonly span: Span;
}

/** Where the statements of a file begin, in the order of the text. */
export function statementSites(program: Program, file: string): Site[] {
  const sites: Site[] = [];
  for (const fn of Object.values(program.functions)) {
    if (fn.role === 'setup') continue;
    const seen = new Set<string>();
    for (const [pc, { span }] of fn.code.entries()) {
      const start = `${span.line}:${span.column}`;
      if (span.file !== file || seen.has(start)) continue;
      seen.add(start);
      sites.push({ fn, pc, span });
    }
  }
  return sites.sort((a, b) => a.span.line - b.span.line || a.span.column - b.span.column);
}

/** The files that the code of a program comes from, each once. */
export function filesOf(program: Program): string[] {
  const files = new Set<string>();
  files.add(program.scenario.span.file);
  for (const fn of Object.values(program.functions)) files.add(fn.span.file);
  for (const { span } of program.overridden) files.add(span.file);
  return [...files].sort();
}

/**
 * The sites of the statement that a breakpoint at a line, and perhaps a column, means. Empty if none begins
 * there or after.
 */
export function sitesAt(sites: readonly Site[], line: number, column: number | null): Site[] {
  const first = sites.find(({ span }) => span.line >= line);
  if (first === undefined) return [];
  const inLine = sites.filter(({ span }) => span.line === first.span.line);
  const before = inLine.filter(({ span }) => span.column <= (column ?? 0));
  const chosen = first.span.line === line ? (before.at(-1) ?? inLine[0]) : inLine[0];
  return inLine.filter(({ span }) => span.column === chosen?.span.column);
}

/** The definition that an override replaced, if a line lies in one. */
export function overriddenAt(
  program: Program,
  file: string,
  line: number,
): { key: string; by: string } | null {
  const inside = ({ span }: { span: Span }) =>
    span.file === file && span.line <= line && line <= span.endLine;
  return program.overridden.find(inside) ?? null;
}

/**
 * Functions that a function breakpoint names: a function, a callback of any driver, `driver.callback`, or a
 * glob.
 */
export function functionsNamed(program: Program, pattern: string): FunctionCode[] {
  return Object.values(program.functions).filter(
    fn =>
      matchesGlob(fn.key, pattern) ||
      matchesGlob(fn.name, pattern) ||
      (fn.callback !== null && !pattern.includes('.') && matchesGlob(fn.callback, pattern)),
  );
}

/**
 * Whether a name matches a pattern with `*` and `?`. Only the last `*` is ever tried again, so that no
 * pattern takes for ever; as a regular expression some would.
 */
function matchesGlob(name: string, pattern: string): boolean {
  let [at, star, tried] = [0, -1, 0];
  for (let index = 0; index < name.length; ) {
    if (pattern[at] === '*') [star, tried] = [at++, index];
    else if (pattern[at] === '?' || pattern[at] === name[index]) [at, index] = [at + 1, index + 1];
    else if (star < 0) return false;
    else [at, index] = [star + 1, ++tried];
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
