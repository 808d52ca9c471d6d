/** Everything of exploring in the editor, put together: commands, CodeLens, diagnostics, reports, tests. */
import * as vscode from 'vscode';
import { registerCodeLens } from './code-lens';
import { registerCompare } from './compare-command';
import { registerExploreCommands } from './explore-commands';
import { registerExploreDiagnostics } from './explore-diagnostics';
import { ExploreReports } from './explore-reports';
import { Explorer } from './explorer';
import type { Platform } from './platform';
import { registerTestRuns } from './scenario-test-runs';
import { ScenarioTests } from './scenario-tests';

/** Registers it all; `storage` is a folder of ours. */
export function registerExploring(
  extensionUri: vscode.Uri,
  storage: vscode.Uri,
  platform: Platform,
): vscode.Disposable {
  const explorer = new Explorer(extensionUri, platform);
  const reports = new ExploreReports();
  const tests = new ScenarioTests();
  const parts = { explorer, reports, tests, storage };
  return vscode.Disposable.from(
    explorer,
    reports,
    tests,
    registerExploreDiagnostics(explorer),
    registerCodeLens(explorer),
    registerTestRuns(parts),
    registerExploreCommands(parts),
    registerCompare(extensionUri, parts),
  );
}
