/** What an exploration leaves above its scenario: ways to the counterexample and to the report. */
import * as vscode from 'vscode';
import type { ExploreReports } from './explore-reports';
import type { Explorer } from './explorer';
import { outlineScenarios } from './outline';

/** Offers what there is, as long as the result is right for the text. */
export function registerExploreLens(explorer: Explorer, reports: ExploreReports): vscode.Disposable {
  return vscode.languages.registerCodeLensProvider(
    { language: 'mmu', scheme: 'file' },
    {
      onDidChangeCodeLenses: explorer.onDidChange,
      provideCodeLenses: document =>
        outlineScenarios(document.getText()).flatMap(({ name, line }) => {
          const target = { program: document.uri.fsPath, scenario: name };
          const range = new vscode.Range(line, 0, line, 0);
          const lens = (title: string, command: string) =>
            new vscode.CodeLens(range, { title, command, arguments: [target] });
          const explored = explorer.result(target);
          return [
            ...(explored?.trace ? [lens('Debug Counterexample', 'shootdown.debugCounterexample')] : []),
            ...(explored && reports.has(target) ? [lens('Report', 'shootdown.showReport')] : []),
          ];
        }),
    },
  );
}
