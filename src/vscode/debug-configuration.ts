/** What F5 means: the scenario in the editor needs no launch.json; of several, the one at the cursor. */
import * as vscode from 'vscode';
import { withoutScenario } from './no-scenario';
import { outlineScenarios, scenarioAt } from './outline';
import { nameOf, pathOf, uriOf } from './paths';
import { debugType } from './sessions';

/** Completes launch configurations, and offers those of the editor in the list of dynamic ones. */
export function registerDebugConfigurations(): vscode.Disposable {
  return vscode.Disposable.from(
    vscode.debug.registerDebugConfigurationProvider(debugType, {
      resolveDebugConfiguration: (_folder, configuration) => fromEditor(configuration),
      resolveDebugConfigurationWithSubstitutedVariables: (_folder, configuration) =>
        withScenario(configuration),
    }),
    vscode.debug.registerDebugConfigurationProvider(
      debugType,
      { provideDebugConfigurations: offerScenarios },
      vscode.DebugConfigurationProviderTriggerKind.Dynamic,
    ),
  );
}

/** A configuration for a scenario of a file. */
export function launchConfiguration(
  program: string,
  scenario: string | undefined,
): vscode.DebugConfiguration {
  const name = scenario ?? nameOf(program);
  return { type: debugType, request: 'launch', name, program, ...(scenario ? { scenario } : {}) };
}

/** The editor with a scenario file that the user looks at. */
export function activeScenarioFile(): vscode.TextEditor | undefined {
  const editor = vscode.window.activeTextEditor;
  return editor?.document.languageId === 'mmu' ? editor : undefined;
}

/** The scenario of a file that a cursor is in, or the first; by name. */
export function scenarioInEditor({ document, selection }: vscode.TextEditor): string | undefined {
  return scenarioAt(outlineScenarios(document.getText()), selection.active.line)?.name;
}

function fromEditor(configuration: vscode.DebugConfiguration): vscode.DebugConfiguration | undefined {
  // Without a launch.json the configuration is empty.
  if (configuration.type && configuration.program) return configuration;
  const editor = activeScenarioFile();
  if (!editor) {
    vscode.window.showWarningMessage(
      'Open a scenario file (.mmu) first, or name one as "program" in launch.json',
    );
    return undefined;
  }
  const { type, name, ...rest } = configuration;
  const program = pathOf(editor.document.uri);
  return { ...launchConfiguration(program, undefined), ...rest, ...(type && name ? { name } : {}) };
}

/** The scenario is filled in here, so that views can name it. Wrong files are left to the adapter. */
async function withScenario(
  configuration: vscode.DebugConfiguration,
): Promise<vscode.DebugConfiguration | undefined> {
  if (configuration.scenario) return configuration;
  const uri = uriOf(String(configuration.program));
  const document = await vscode.workspace.openTextDocument(uri).then(
    found => found,
    () => undefined,
  );
  const scenarios = outlineScenarios(document?.getText() ?? '');
  const editor = activeScenarioFile();
  const line = editor?.document === document ? (editor?.selection.active.line ?? 0) : 0;
  const scenario = scenarioAt(scenarios, line)?.name;
  if (!scenario) return document && scenarios.length === 0 ? withoutScenario(document) : configuration;
  // A session started without launch.json is named after what runs, once that is known.
  const isUnnamed = configuration.name === nameOf(String(configuration.program));
  return { ...configuration, scenario, ...(isUnnamed ? { name: scenario } : {}) };
}

function offerScenarios(): vscode.DebugConfiguration[] {
  const document = activeScenarioFile()?.document;
  if (!document) return [];
  return outlineScenarios(document.getText()).map(({ name }) =>
    launchConfiguration(pathOf(document.uri), name),
  );
}
