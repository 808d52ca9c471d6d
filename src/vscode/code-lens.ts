/** Debug | Run | Explore above each scenario. */
import * as vscode from 'vscode';
import { outlineScenarios } from './outline';

/** Offers to debug, run or explore each scenario of a file where it stands. */
export function registerCodeLens(): vscode.Disposable {
  return vscode.languages.registerCodeLensProvider({ language: 'mmu' }, { provideCodeLenses });
}

function provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
  return outlineScenarios(document.getText()).flatMap(({ name, line }) => {
    const range = new vscode.Range(line, 0, line, 0);
    const args = [{ program: document.uri.fsPath, scenario: name }];
    return [
      new vscode.CodeLens(range, { title: 'Debug', command: 'shootdown.debugScenario', arguments: args }),
      new vscode.CodeLens(range, { title: 'Run', command: 'shootdown.runScenario', arguments: args }),
      new vscode.CodeLens(range, { title: 'Explore', command: 'shootdown.exploreScenario', arguments: args }),
    ];
  });
}
