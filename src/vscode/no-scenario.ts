/** F5 in a file without a scenario, as of a driver: what can be debugged instead. */
import * as vscode from 'vscode';
import { outlineScenarios } from './outline';
import { nameOf, pathOf } from './paths';

/** Files of a workspace that are looked into; more would keep the user waiting. */
const FILES_MAX = 500;

interface ScenarioItem extends vscode.QuickPickItem {
  readonly uri: vscode.Uri;
  readonly line: number;
}

/** Says what to do, and offers the scenarios that bind the driver of the file. It is no launch. */
export function withoutScenario(document: vscode.TextDocument): undefined {
  const name = nameOf(document.fileName);
  const [, driver] = /^\s*driver\s+([\w.+-]+)/m.exec(document.getText()) ?? [];
  if (driver) void offerScenarios(name, driver);
  else vscode.window.showWarningMessage(`${name} holds no scenario; press F5 in a file that does`);
  return undefined;
}

async function offerScenarios(name: string, driver: string): Promise<void> {
  const items = await scenariosWith(driver);
  const open = 'Open Scenario...';
  const what = `${name} holds the driver ${driver} and no scenario`;
  const [text, choices] =
    items.length > 0
      ? [`${what}; press F5 in a scenario that binds it`, [open]]
      : [`${what}; write a scenario with 'bind ..., driver ${driver}', and press F5 there`, []];
  if ((await vscode.window.showWarningMessage(text, ...choices)) !== open) return;
  const title = `Scenarios with driver ${driver}`;
  const item = await vscode.window.showQuickPick(items, { title });
  if (!item) return;
  const at = new vscode.Position(item.line, 0);
  await vscode.window.showTextDocument(item.uri, { selection: new vscode.Range(at, at) });
}

async function scenariosWith(driver: string): Promise<ScenarioItem[]> {
  const uris = await vscode.workspace.findFiles('**/*.mmu', undefined, FILES_MAX);
  const found = uris.map(async (uri): Promise<ScenarioItem[]> => {
    const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
    const lines = text.split('\n');
    return outlineScenarios(text)
      .filter(({ line, endLine }) => binds(lines.slice(line, endLine + 1).join('\n'), driver))
      .map(({ name, line }) => ({ label: name, description: nameOf(pathOf(uri)), uri, line }));
  });
  return (await Promise.all(found)).flat().sort((a, b) => (a.label < b.label ? -1 : 1));
}

/** Names of drivers may hold characters that mean something in a pattern, so they are compared as text. */
function binds(text: string, driver: string): boolean {
  return [...text.matchAll(/\bdriver\s+([\w.+-]+)/g)].some(([, name]) => name === driver);
}
