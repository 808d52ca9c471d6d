/** Debug Scenario and Run Scenario: the CodeLens, the editor's title bar and the palette end here. */
import * as vscode from 'vscode';
import { Refusal, registerCommand } from './commands';
import { activeScenarioFile, launchConfiguration } from './debug-configuration';
import { outlineScenarios, scenarioAt } from './outline';

/** What a CodeLens passes; the palette passes nothing, the editor's title bar a Uri. */
type Target = { readonly program: string; readonly scenario: string };

/** Registers both commands. */
export function registerLaunchCommands(): vscode.Disposable {
  return vscode.Disposable.from(
    registerCommand('shootdown.debugScenario', (target: unknown) => launch(target, { noDebug: false })),
    registerCommand('shootdown.runScenario', (target: unknown) => launch(target, { noDebug: true })),
  );
}

async function launch(target: unknown, options: vscode.DebugSessionOptions): Promise<void> {
  const { program, scenario } = isTarget(target) ? target : targetInEditor();
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(program));
  await vscode.debug.startDebugging(folder, launchConfiguration(program, scenario), options);
}

function isTarget(target: unknown): target is Target {
  return typeof target === 'object' && target !== null && 'program' in target && 'scenario' in target;
}

function targetInEditor(): Target {
  const editor = activeScenarioFile();
  if (!editor) throw new Refusal('Open a scenario file (.mmu) first');
  const scenarios = outlineScenarios(editor.document.getText());
  const scenario = scenarioAt(scenarios, editor.selection.active.line);
  if (!scenario) throw new Refusal(`There is no scenario in ${editor.document.fileName}`);
  return { program: editor.document.uri.fsPath, scenario: scenario.name };
}
