/** The language server's client: problems, completion, hover and the rest come from a place of its own. */
import * as vscode from 'vscode';
import { editedFiles, modelPath } from './editor-files';
import { pathOf } from './paths';
import type { Platform } from './platform';
import { fileRequests } from './server-files';

/** Starts the server; it ends with the extension. */
export function registerLanguageClient(extensionUri: vscode.Uri, platform: Platform): vscode.Disposable {
  const client = platform.languageClient({
    // Reports and other texts of ours are no files.
    documentSelector: [{ language: 'mmu', pattern: '**/*.mmu' }],
    initializationOptions: () => ({ home: pathOf(extensionUri), modelPath: modelPath(undefined) }),
    synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher('**/*.mmu') },
  });
  const files = editedFiles(undefined);
  const answers = [
    client.onRequest(fileRequests.read, (path: string) => files.readFile(path)),
    client.onRequest(fileRequests.models, (path: string) => files.readModels(path)),
    client.onRequest(fileRequests.shipped, () => platform.models()),
  ];
  client.start().catch((problem: unknown) => {
    vscode.window.showErrorMessage(`Shootdown: the language server did not start: ${String(problem)}`);
  });
  // The server is told its model path when it starts.
  const settings = vscode.workspace.onDidChangeConfiguration(change => {
    if (change.affectsConfiguration('shootdown.modelPath')) void client.stop().then(() => client.start());
  });
  return vscode.Disposable.from(...answers, settings, new vscode.Disposable(() => client.dispose()));
}
