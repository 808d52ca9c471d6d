/** The debug adapter inside the extension: messages in and out, and files as the editor has them. */
import * as vscode from 'vscode';
import { diskFiles, loadShippedModels, readText } from '../cli/models';
import { nodeWorker } from '../cli/node-worker';
import { AdapterHost, type FileAccess } from '../debug/host';
import { debugType } from './sessions';

/** Makes an adapter for each session. The session itself runs in a worker, so that the editor stays free. */
export function registerDebugAdapter(extensionUri: vscode.Uri): vscode.Disposable {
  return vscode.debug.registerDebugAdapterDescriptorFactory(debugType, {
    createDebugAdapterDescriptor: session =>
      new vscode.DebugAdapterInlineImplementation(new InlineAdapter(extensionUri, session)),
  });
}

class InlineAdapter implements vscode.DebugAdapter {
  readonly #sent = new vscode.EventEmitter<vscode.DebugProtocolMessage>();
  readonly #host: AdapterHost;

  readonly onDidSendMessage = this.#sent.event;

  constructor(extensionUri: vscode.Uri, session: vscode.DebugSession) {
    const path = (...parts: string[]) => vscode.Uri.joinPath(extensionUri, ...parts).fsPath;
    this.#host = new AdapterHost({
      files: editedFiles(session.workspaceFolder),
      models: () => loadShippedModels(extensionUri.fsPath),
      modelsRoot: path('models'),
      worker: () => nodeWorker(path('dist', 'worker.js')),
      send: message => this.#sent.fire(message),
    });
  }

  handleMessage(message: vscode.DebugProtocolMessage): void {
    this.#host.handleMessage(message);
  }

  dispose(): void {
    this.#host.dispose();
    this.#sent.dispose();
  }
}

/** Files as the editor has them, with the models of a workspace folder. */
export function editedFiles(folder: vscode.WorkspaceFolder | undefined): FileAccess {
  return diskFiles(() => modelPath(folder), readAsEdited);
}

/** The folders of the setting `shootdown.modelPath`; relative ones start at the workspace folder. */
export function modelPath(folder: vscode.WorkspaceFolder | undefined): string[] {
  const root = folder ?? vscode.workspace.workspaceFolders?.[0];
  const setting = vscode.workspace.getConfiguration('shootdown', root?.uri).get<string[]>('modelPath') ?? [];
  return setting.map(path =>
    root && !/^([/\\]|[A-Za-z]:)/.test(path) ? vscode.Uri.joinPath(root.uri, path).fsPath : path,
  );
}

/** What the user sees is what runs: the text of an open file, also where it is not saved yet. */
export async function readAsEdited(path: string): Promise<string> {
  const uri = vscode.Uri.file(path).toString();
  const open = vscode.workspace.textDocuments.find(document => document.uri.toString() === uri);
  return open ? open.getText() : readText(path);
}
