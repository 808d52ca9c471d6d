/** What explorations have found, as diagnostics where the scenario says what it expects. */
import * as vscode from 'vscode';
import { type Explored, grouped, verdictText } from './exploration';
import type { Explorer } from './explorer';
import { uriOf } from './paths';
import { locationOf, rangeOf } from './places';

/** Shows every result that is right for the texts as they are; one goes when a text is changed. */
export function registerExploreDiagnostics(explorer: Explorer): vscode.Disposable {
  const collection = vscode.languages.createDiagnosticCollection('shootdown');
  const changed = explorer.onDidChange(() => {
    const byProgram = grouped(explorer.all(), ({ program }) => program);
    collection.clear();
    for (const [program, results] of byProgram) collection.set(uriOf(program), results.map(diagnosticOf));
  });
  return vscode.Disposable.from(collection, changed);
}

const severities = {
  'as expected': vscode.DiagnosticSeverity.Information,
  'not known': vscode.DiagnosticSeverity.Warning,
  differs: vscode.DiagnosticSeverity.Error,
} as const;

function diagnosticOf(explored: Explored): vscode.Diagnostic {
  const { at, standing, shown, verdict, moments } = explored;
  const diagnostic = new vscode.Diagnostic(rangeOf(at), verdictText(explored), severities[standing]);
  diagnostic.source = 'explore';
  diagnostic.code = shown?.property ?? verdict;
  const related = shown === null ? moments : [{ text: shown.message, span: shown.span }, ...moments];
  diagnostic.relatedInformation = related.flatMap(({ text, span }) =>
    span === null ? [] : [new vscode.DiagnosticRelatedInformation(locationOf(span), text)],
  );
  return diagnostic;
}
