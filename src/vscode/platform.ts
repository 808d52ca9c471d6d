/** What the extension needs of where it runs: on Node, or in a browser. */
import type { BaseLanguageClient, LanguageClientOptions } from 'vscode-languageclient';
import type { WorkerPort } from '../base/worker-port';
import type { ModelSet } from '../language/module';
import type { ThreadPort } from './explore-thread';

/** See the file's comment. */
export interface Platform {
  /** The shipped models, compiled; read once. */
  models(): Promise<ModelSet>;
  /** Makes the worker that a debug session runs in; null where there are none. */
  readonly debugWorker: (() => WorkerPort) | null;
  /** Makes the worker that explores, or does it in this thread where there are none. */
  explorePort(): ThreadPort;
  /** The client of the language server, which it starts. */
  languageClient(options: LanguageClientOptions): BaseLanguageClient;
}
