/** Break on Callback: a function breakpoint by choosing, as the name of a callback need not be known. */
import * as vscode from 'vscode';
import { readLaunchFiles } from '../debug/host';
import type { Program } from '../language/program';
import { loadRun, problemText } from '../session/load';
import type { TreeNode } from '../view/tree';
import { Refusal, registerCommand } from './commands';
import { activeScenarioFile, scenarioInEditor } from './debug-configuration';
import { editedFiles } from './editor-files';
import { pathOf } from './paths';
import type { Platform } from './platform';
import { debugType } from './sessions';

/** What a row of the Notifier Callbacks view passes; the palette and the view's title pass nothing of it. */
type CallbackRow = { readonly node: Pick<TreeNode, 'breakpoint'> };

/** Registers the command. */
export function registerBreakOnCallback(extensionUri: vscode.Uri, platform: Platform): vscode.Disposable {
  return registerCommand('shootdown.breakOnCallback', async (row: unknown) => {
    const name = isCallbackRow(row) ? row.node.breakpoint : await choose(extensionUri, platform);
    if (name) breakOn(name);
  });
}

function isCallbackRow(row: unknown): row is CallbackRow {
  return typeof row === 'object' && row !== null && 'node' in row;
}

/** A breakpoint that is there already is replaced, so that one that was switched off is on again. */
function breakOn(name: string): void {
  const { breakpoints } = vscode.debug;
  const isSame = (each: vscode.Breakpoint) =>
    each instanceof vscode.FunctionBreakpoint && each.functionName === name && !each.condition;
  vscode.debug.removeBreakpoints(breakpoints.filter(isSame));
  vscode.debug.addBreakpoints([new vscode.FunctionBreakpoint(name)]);
  vscode.window.setStatusBarMessage(`$(debug-breakpoint-function) Breaks on ${name}`, 5000);
}

async function choose(extensionUri: vscode.Uri, platform: Platform): Promise<string | undefined> {
  const items = compile(extensionUri, platform).then(callbackItems);
  const item = await vscode.window.showQuickPick(items, {
    title: 'Break on Callback',
    placeHolder: 'A callback of any driver, or of one',
    matchOnDescription: true,
  });
  return item?.label;
}

/** The callbacks that some driver of the scenario has: those of any driver first, then each driver's own. */
function callbackItems({ callbacks, functions, notifiers, kernel }: Program): vscode.QuickPickItem[] {
  const implemented = callbacks.filter(({ name }) => notifiers.some(each => name in each.callbacks));
  const any = implemented.map(({ name }) => ({ label: name, description: 'of any driver' }));
  const own = notifiers.flatMap(notifier =>
    Object.entries(notifier.callbacks).map(([callback, key]) => {
      const { name, doc } = functions[key] ?? { name: `${notifier.driver}.${callback}`, doc: '' };
      return { label: name, detail: doc.split('\n')[0] ?? '' };
    }),
  );
  if (any.length === 0) throw new Refusal(`No driver of the scenario has a callback of ${kernel}`);
  return [...any, separator('One driver'), ...own];
}

function separator(label: string): vscode.QuickPickItem {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}

/** The scenario that is being debugged, or the one at the cursor, as the next launch would run it. */
async function compile(extensionUri: vscode.Uri, platform: Platform): Promise<Program> {
  const { program, folder, scenario, kernel } = target();
  const files = await readLaunchFiles(editedFiles(folder), {
    program,
    models: await platform.models(),
    modelsRoot: pathOf(vscode.Uri.joinPath(extensionUri, 'models')),
  });
  const loaded = loadRun(files, { scenario, kernel });
  if ('program' in loaded) return loaded.program;
  const [first] = loaded.problems;
  throw new Refusal(first ? problemText(first) : `${program} has problems`);
}

interface Target {
  readonly program: string;
  readonly folder: vscode.WorkspaceFolder | undefined;
  readonly scenario: string | undefined;
  readonly kernel: string | undefined;
}

function target(): Target {
  const session = vscode.debug.activeDebugSession;
  if (session?.type === debugType) {
    const { program, scenario, kernel } = session.configuration;
    return { program: String(program), folder: session.workspaceFolder, scenario, kernel };
  }
  const editor = activeScenarioFile();
  if (!editor) throw new Refusal('Open a scenario file (.mmu) first');
  const { uri } = editor.document;
  const folder = vscode.workspace.getWorkspaceFolder(uri);
  return { program: pathOf(uri), folder, scenario: scenarioInEditor(editor), kernel: undefined };
}
