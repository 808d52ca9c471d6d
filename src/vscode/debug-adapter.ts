/** The debug adapter inside the extension: messages in and out, and files as the editor has them. */
import * as vscode from 'vscode';
import { AdapterHost } from '../debug/host';
import { editedFiles } from './editor-files';
import { pathOf } from './paths';
import type { Platform } from './platform';
import { debugType } from './sessions';

/** Makes an adapter for each session. The session itself runs in a worker, so that the editor stays free. */
export function registerDebugAdapter(extensionUri: vscode.Uri, platform: Platform): vscode.Disposable {
  return vscode.debug.registerDebugAdapterDescriptorFactory(debugType, {
    createDebugAdapterDescriptor: session =>
      new vscode.DebugAdapterInlineImplementation(new InlineAdapter(extensionUri, platform, session)),
  });
}

class InlineAdapter implements vscode.DebugAdapter {
  readonly #sent = new vscode.EventEmitter<vscode.DebugProtocolMessage>();
  readonly #host: AdapterHost;

  readonly onDidSendMessage = this.#sent.event;

  constructor(extensionUri: vscode.Uri, platform: Platform, session: vscode.DebugSession) {
    this.#host = new AdapterHost({
      files: editedFiles(session.workspaceFolder),
      models: () => platform.models(),
      modelsRoot: pathOf(vscode.Uri.joinPath(extensionUri, 'models')),
      worker: platform.debugWorker,
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
