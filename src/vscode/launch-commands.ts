/** Debug Scenario and Run Scenario: the CodeLens, the editor's title bar and the palette end here. */
import * as vscode from 'vscode';
import { Refusal, registerCommand } from './commands';
import { activeScenarioFile, launchConfiguration, scenarioInEditor } from './debug-configuration';
import { withoutScenario } from './no-scenario';
import { pathOf, uriOf } from './paths';

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
  const chosen = isTarget(target) ? target : targetInEditor();
  if (!chosen) return;
  const { program, scenario } = chosen;
  const folder = vscode.workspace.getWorkspaceFolder(uriOf(program));
  await vscode.debug.startDebugging(folder, launchConfiguration(program, scenario), options);
}

function isTarget(target: unknown): target is Target {
  return typeof target === 'object' && target !== null && 'program' in target && 'scenario' in target;
}

function targetInEditor(): Target | undefined {
  const editor = activeScenarioFile();
  if (!editor) throw new Refusal('Open a scenario file (.mmu) first');
  const scenario = scenarioInEditor(editor);
  if (scenario) return { program: pathOf(editor.document.uri), scenario };
  withoutScenario(editor.document);
  return undefined;
}
