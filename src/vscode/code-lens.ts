/** Debug | Run | Explore | Compare above each scenario, and what an exploration has left to look at. */
import * as vscode from 'vscode';
import type { ScenarioTarget } from './exploration';
import type { Explorer } from './explorer';
import { outlineScenarios } from './outline';
import { pathOf } from './paths';

/** Offers what can be done with each scenario of a file where it stands. */
export function registerCodeLens(explorer: Explorer): vscode.Disposable {
  return vscode.languages.registerCodeLensProvider(
    { language: 'mmu' },
    {
      onDidChangeCodeLenses: explorer.onDidChange,
      provideCodeLenses: document => provideCodeLenses(document, explorer),
    },
  );
}

function provideCodeLenses(document: vscode.TextDocument, explorer: Explorer): vscode.CodeLens[] {
  return outlineScenarios(document.getText()).flatMap(({ name, line, isViolated }) => {
    const range = new vscode.Range(line, 0, line, 0);
    const target: ScenarioTarget = { program: pathOf(document.uri), scenario: name };
    const lens = (title: string, command: string) =>
      new vscode.CodeLens(range, { title, command, arguments: [target] });
    const explored = explorer.result(target);
    // Before anything is known, one click explores and goes to what is expected to be found.
    const hasCounterexample = explored ? explored.trace !== null : isViolated;
    return [
      lens('Debug', 'shootdown.debugScenario'),
      lens('Run', 'shootdown.runScenario'),
      lens('Explore', 'shootdown.exploreScenario'),
      ...(hasCounterexample ? [lens('Debug Counterexample', 'shootdown.debugCounterexample')] : []),
      lens('Compare', 'shootdown.compare'),
      ...(explored ? [lens('Report', 'shootdown.showReport')] : []),
    ];
  });
}
