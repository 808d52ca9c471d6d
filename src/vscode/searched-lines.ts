/** Coverage of the code under study: which statements some interleaving made, and which none did. */
import * as vscode from 'vscode';
import { type Explored, grouped, type SearchedStatement } from './exploration';
import { uriOf } from './paths';
import { rangeOf } from './places';

/** Coverage of test runs, with the details for as long as a run is shown. */
export class SearchedLines {
  readonly #details = new WeakMap<vscode.FileCoverage, vscode.StatementCoverage[]>();

  /** Adds what the explorations of a run have reached together. */
  add(run: vscode.TestRun, results: readonly Explored[]): void {
    for (const [path, statements] of together(results)) {
      const details = statements.map(
        ({ span, isReached }) => new vscode.StatementCoverage(isReached, rangeOf(span)),
      );
      const file = vscode.FileCoverage.fromDetails(uriOf(path), details);
      this.#details.set(file, details);
      run.addCoverage(file);
    }
  }

  /** The statements of a file. */
  details(file: vscode.FileCoverage): vscode.StatementCoverage[] {
    return this.#details.get(file) ?? [];
  }
}

/** The statements of each file, reached if any of the results has reached them. */
export function together(results: readonly Pick<Explored, 'statements'>[]): Map<string, SearchedStatement[]> {
  const statements = new Map<string, SearchedStatement>();
  for (const statement of results.flatMap(each => each.statements)) {
    const { file, line, column } = statement.span;
    const key = `${file}:${line}:${column}`;
    if (statement.isReached || !statements.has(key)) statements.set(key, statement);
  }
  return grouped(statements.values(), ({ span }) => span.file);
}
