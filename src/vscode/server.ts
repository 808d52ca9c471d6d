/** The language server's process: the connection to the extension, and files on disk. */
import { join } from 'node:path';
import { createConnection, ProposedFeatures } from 'vscode-languageserver/node';
import { diskFiles, loadShippedModels } from '../cli/models';
import { startServer } from '../language/server';
import { clientFiles, isRemote } from './server-files';

/** What `language-client.ts` sends. */
interface Options {
  readonly home: string;
  readonly modelPath: readonly string[];
}

function isOptions(options: unknown): options is Options {
  return typeof options === 'object' && options !== null && 'home' in options && 'modelPath' in options;
}

const connection = createConnection(ProposedFeatures.all);

startServer(connection, options => {
  // Another editor's client may send nothing: the server then works from where it is installed.
  const { home, modelPath } = isOptions(options) ? options : { home: join(__dirname, '..'), modelPath: [] };
  const disk = diskFiles(() => modelPath);
  const client = clientFiles(connection);
  const filesOf = (path: string) => (isRemote(path) ? client : disk);
  return {
    readFile: path => filesOf(path).readFile(path),
    readModels: path => filesOf(path).readModels(path),
    resolve: (from, name) => filesOf(from).resolve(from, name),
    models: () => loadShippedModels(home),
    modelsRoot: join(home, 'models'),
  };
});
