/** The shipped models and scenarios: opening them to read and run, and copying a model to change it. */
import * as vscode from 'vscode';
import { Refusal, registerCommand } from './commands';
import { exists } from './new-scenario';
import { shownPath } from './paths';

/** A kernel or driver to choose, and where its copy goes. */
interface ModelItem extends vscode.QuickPickItem {
  readonly source: vscode.Uri;
  readonly target: readonly string[];
  readonly open: string;
}

interface FileItem extends vscode.QuickPickItem {
  readonly uri: vscode.Uri;
}

/** Registers Open Shipped Scenario and Copy Model to Workspace. */
export function registerShippedFiles(extensionUri: vscode.Uri): vscode.Disposable {
  const models = vscode.Uri.joinPath(extensionUri, 'models');
  const scenarios = vscode.Uri.joinPath(extensionUri, 'scenarios');
  return vscode.Disposable.from(
    registerCommand('shootdown.openScenario', () => openScenario(scenarios)),
    registerCommand('shootdown.copyModel', () => copyModel(models)),
  );
}

async function openScenario(folder: vscode.Uri): Promise<void> {
  const items = await scenarioItems(folder, '');
  const item = await vscode.window.showQuickPick(items, {
    title: 'Open Shipped Scenario',
    placeHolder: 'A scenario to read and to run',
    matchOnDetail: true,
  });
  if (item) await vscode.window.showTextDocument(item.uri);
}

async function scenarioItems(folder: vscode.Uri, under: string): Promise<FileItem[]> {
  const entries = await vscode.workspace.fs.readDirectory(folder);
  const items = entries.sort(byName).map(async ([name, type]): Promise<FileItem[]> => {
    const uri = vscode.Uri.joinPath(folder, name);
    if (type & vscode.FileType.Directory) return scenarioItems(uri, `${under}${name}/`);
    if (!name.endsWith('.mmu')) return [];
    return [{ label: name, description: under, detail: await firstSentence(uri), uri }];
  });
  return (await Promise.all(items)).flat();
}

/** The story of a scenario is its documentation; its first line tells the scenarios of a list apart. */
async function firstSentence(uri: vscode.Uri): Promise<string> {
  const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
  return /^\/\/\/\s*(.+)$/m.exec(text)?.[1] ?? '';
}

async function copyModel(models: vscode.Uri): Promise<void> {
  const workspace = vscode.workspace.workspaceFolders?.[0]?.uri;
  if (!workspace) throw new Refusal('Open a folder first: the copy goes to its folder models');
  const item = await vscode.window.showQuickPick(await modelItems(models), {
    title: 'Copy Model to Workspace',
    placeHolder: 'A kernel or driver to change; scenarios of this folder then use the copy',
  });
  if (!item) return;
  const target = vscode.Uri.joinPath(workspace, 'models', ...item.target);
  if (await exists(target)) throw new Refusal(`${shownPath(target)} exists already`);
  await vscode.workspace.fs.copy(item.source, target);
  if (!item.open) await copyImports(item.source, target);
  const uri = item.open ? vscode.Uri.joinPath(target, item.open) : target;
  await vscode.window.showTextDocument(uri, { preview: false });
}

/** What a driver imports lies beside it, and must lie beside the copy; a copy that is there already stays. */
async function copyImports(source: vscode.Uri, target: vscode.Uri): Promise<void> {
  const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(source));
  for (const [, name = ''] of text.matchAll(/^import\s+"([^"]+)"/gm)) {
    const imported = vscode.Uri.joinPath(source, '..', name);
    const copy = vscode.Uri.joinPath(target, '..', name);
    if (await exists(copy)) continue;
    await vscode.workspace.fs.copy(imported, copy);
    await copyImports(imported, copy);
  }
}

async function modelItems(models: vscode.Uri): Promise<ModelItem[]> {
  const drivers = vscode.Uri.joinPath(models, 'drivers');
  const [folders, files] = await Promise.all(
    [models, drivers].map(uri => vscode.workspace.fs.readDirectory(uri)),
  );
  const kernels = (folders ?? [])
    .filter(([name, type]) => type & vscode.FileType.Directory && name !== 'drivers')
    .sort(byName)
    .map(([name]) => ({
      label: `$(folder) ${name}`,
      description: 'kernel',
      source: vscode.Uri.joinPath(models, name),
      target: [name],
      open: 'kernel.mmu',
    }));
  const single = (files ?? [])
    .filter(([name]) => name.endsWith('.mmu'))
    .sort(byName)
    .map(([name]) => ({
      label: `$(file) ${name.replace(/\.mmu$/, '')}`,
      description: 'driver',
      source: vscode.Uri.joinPath(drivers, name),
      target: ['drivers', name],
      open: '',
    }));
  return [...kernels, ...single];
}

function byName([a]: [string, vscode.FileType], [b]: [string, vscode.FileType]): number {
  return a < b ? -1 : 1;
}
