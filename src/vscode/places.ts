/** Places in sources as VS Code has them: lines and columns count from 0 there, from 1 in spans. */
import * as vscode from 'vscode';
import type { Span } from '../base/span';
import { uriOf } from './paths';

/** The range of a span. */
export function rangeOf({ line, column, endLine, endColumn }: Omit<Span, 'file'>): vscode.Range {
  return new vscode.Range(line - 1, column - 1, endLine - 1, endColumn - 1);
}

/** The place of a span whose file is a path. */
export function locationOf(span: Span): vscode.Location {
  return new vscode.Location(uriOf(span.file), rangeOf(span));
}

/** Opens the file of a span there. */
export async function showSpan(span: Span): Promise<void> {
  const at = rangeOf(span).start;
  await vscode.window.showTextDocument(uriOf(span.file), { selection: new vscode.Range(at, at) });
}
