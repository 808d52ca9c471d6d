/** Files that only the editor can read, for the language server: it asks the client. */
import type { Connection } from 'vscode-languageserver';
import type { FileAccess } from '../debug/host';
import type { ModelSet } from '../language/module';

/** Requests of the server to the client. */
export const fileRequests = {
  /** A path; answers with the text. */
  read: 'shootdown/readFile',
  /** The path of a scenario; answers with the user's models that it sees. */
  models: 'shootdown/readModels',
  /** Answers with the shipped models, compiled. */
  shipped: 'shootdown/shippedModels',
} as const;

/** Whether a path is a whole URI: a file that is not on disk. */
export function isRemote(path: string): boolean {
  return path.includes('://');
}

/** Files whose paths are whole URIs. */
export function clientFiles(connection: Connection): FileAccess & { models(): Promise<ModelSet> } {
  return {
    readFile: path => connection.sendRequest<string>(fileRequests.read, path),
    readModels: path => connection.sendRequest(fileRequests.models, path),
    models: () => connection.sendRequest<ModelSet>(fileRequests.shipped),
    resolve: (from, name) => (isRemote(name) ? name : new URL(name, from).toString()),
  };
}
