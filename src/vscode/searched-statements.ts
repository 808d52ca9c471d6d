/** Which statements of a program a search has made. A function that was specialised twice counts once. */
import type { Span } from '../base/span';
import { type Covered, reachable } from '../explain/coverage';
import type { Program } from '../language/program';
import type { SearchedStatement } from './exploration';

/**
 * The statements that the program could come to, in the order of the text; what sets up the initial state is
 * none of them.
 */
export function searchedStatements(program: Program, covered: Covered): SearchedStatement[] {
  const statements = new Map<string, { span: Span; isReached: boolean }>();
  for (const { key, code } of reachable(program)) {
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
