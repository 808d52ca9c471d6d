/** The extension on Node: workers and the language server are processes and threads of its own. */
import * as vscode from 'vscode';
import { LanguageClient, TransportKind } from 'vscode-languageclient/node';
import { loadShippedModels } from '../cli/models';
import { nodeWorker } from '../cli/node-worker';
import type { ModelSet } from '../language/module';
import type { ThreadAnswer, ThreadMessage } from './explore-thread';
import type { Platform } from './platform';

/** The platform of an extension that is installed on disk. */
export function nodePlatform(extensionUri: vscode.Uri): Platform {
  const dist = (name: string) => vscode.Uri.joinPath(extensionUri, 'dist', name).fsPath;
  let models: Promise<ModelSet> | undefined;
  return {
    models: () => {
      models ??= loadShippedModels(extensionUri.fsPath);
      return models;
    },
    debugWorker: () => nodeWorker(dist('worker.js')),
    explorePort: () => nodeWorker<ThreadMessage, ThreadAnswer>(dist('editor-worker.js')),
    languageClient: options => {
      const server = { module: dist('server.js'), transport: TransportKind.ipc };
      return new LanguageClient('shootdown', 'Shootdown', server, options);
    },
  };
}
