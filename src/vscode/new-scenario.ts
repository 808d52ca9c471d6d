/** Shootdown: New Scenario makes a small scenario file that runs. */
import * as vscode from 'vscode';
import { Refusal, registerCommand } from './commands';
import { shownPath } from './paths';
import { scenarioName, scenarioTemplate } from './template';

/** Registers the command. */
export function registerNewScenario(): vscode.Disposable {
  return registerCommand('shootdown.newScenario', async () => {
    const uri = await askForFile();
    if (!uri) return;
    const fileName = uri.path.slice(uri.path.lastIndexOf('/') + 1);
    const text = new TextEncoder().encode(scenarioTemplate(scenarioName(fileName)));
    await vscode.workspace.fs.writeFile(uri, text);
    await vscode.window.showTextDocument(uri, { preview: false });
  });
}

/** Asks for a name in the open folder, or, without one, for a place. */
async function askForFile(): Promise<vscode.Uri | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  if (!folder) return vscode.window.showSaveDialog({ filters: { Scenario: ['mmu'] } });
  const answer = await vscode.window.showInputBox({
    title: 'New Scenario',
    prompt: 'Name of the new scenario file',
    value: 'my-scenario.mmu',
    valueSelection: [0, 'my-scenario'.length],
    validateInput: value =>
      /^[^/\\]+$/.test(value) ? undefined : 'a file name without a folder is expected',
  });
  if (!answer) return undefined;
  const uri = vscode.Uri.joinPath(folder, answer.endsWith('.mmu') ? answer : `${answer}.mmu`);
  if (await exists(uri)) throw new Refusal(`${shownPath(uri)} exists already`);
  return uri;
}

/** Whether there is a file or folder of this name. */
export async function exists(uri: vscode.Uri): Promise<boolean> {
  return vscode.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}
