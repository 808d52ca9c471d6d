/** The language server's process: the connection to the extension, and files on disk. */
import { join } from 'node:path';
import { createConnection, ProposedFeatures } from 'vscode-languageserver/node';
import { diskFiles, loadShippedModels } from '../cli/models';
import { startServer } from '../language/server';

/** What `language-client.ts` sends. */
interface Options {
  readonly home: string;
  readonly modelPath: readonly string[];
}

function isOptions(options: unknown): options is Options {
  return typeof options === 'object' && options !== null && 'home' in options && 'modelPath' in options;
}

startServer(createConnection(ProposedFeatures.all), options => {
  // Another editor's client may send nothing: the server then works from where it is installed.
  const { home, modelPath } = isOptions(options) ? options : { home: join(__dirname, '..'), modelPath: [] };
  return {
    ...diskFiles(() => modelPath),
    models: () => loadShippedModels(home),
    modelsRoot: join(home, 'models'),
  };
});
