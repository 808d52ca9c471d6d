/** The language server's client: problems, completion, hover and the rest come from a process of its own. */
import * as vscode from 'vscode';
import { LanguageClient, TransportKind } from 'vscode-languageclient/node';
import { modelPath } from './debug-adapter';

/** Starts the server; it ends with the extension. */
export function registerLanguageClient(extensionUri: vscode.Uri): vscode.Disposable {
  const module = vscode.Uri.joinPath(extensionUri, 'dist', 'server.js').fsPath;
  const client = new LanguageClient(
    'shootdown',
    'Shootdown',
    { module, transport: TransportKind.ipc },
    {
      documentSelector: [{ scheme: 'file', language: 'mmu' }],
      initializationOptions: () => ({ home: extensionUri.fsPath, modelPath: modelPath(undefined) }),
      synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher('**/*.mmu') },
    },
  );
  client.start().catch((problem: unknown) => {
    vscode.window.showErrorMessage(`Shootdown: the language server did not start: ${String(problem)}`);
  });
  // The server is told its model path when it starts.
  const settings = vscode.workspace.onDidChangeConfiguration(change => {
    if (change.affectsConfiguration('shootdown.modelPath')) client.restart();
  });
  return vscode.Disposable.from(settings, new vscode.Disposable(() => client.dispose()));
}
