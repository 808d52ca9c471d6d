/** Which statements of a program a search has made. A function that was specialised twice counts once. */
import type { Span } from '../base/span';
import type { Program } from '../language/program';
import type { SearchedStatement } from './exploration';

/**
 * The statements of every file, in the order of the text; `covered` has the executed instructions of each
 * function.
 */
export function searchedStatements(
  program: Program,
  covered: Readonly<Record<string, readonly number[]>>,
): SearchedStatement[] {
  const statements = new Map<string, { span: Span; isReached: boolean }>();
  for (const { key, code, role } of Object.values(program.functions)) {
    if (role === 'setup') continue;
    const executed = new Set(covered[key] ?? []);
    for (const [pc, { span }] of code.entries()) {
      const place = `${span.file}:${span.line}:${span.column}`;
      const known = statements.get(place);
      if (known === undefined) statements.set(place, { span, isReached: executed.has(pc) });
      else known.isReached ||= executed.has(pc);
    }
  }
  const byPlace = (a: SearchedStatement, b: SearchedStatement) =>
    a.span.file === b.span.file
      ? a.span.line - b.span.line || a.span.column - b.span.column
      : a.span.file < b.span.file
        ? -1
        : 1;
  return [...statements.values()].sort(byPlace);
}
