/**
 * The extension in a browser: its files are read through the editor, and workers are made of their text, as a
 * page may not start one from elsewhere. Where there are no workers the same work is done in slices here.
 */
import * as vscode from 'vscode';
import { BrowserMessageReader, BrowserMessageWriter, LanguageClient } from 'vscode-languageclient/browser';
import { webWorker } from '../base/web-worker';
import type { ModelSet } from '../language/module';
import { serveExplorations, type ThreadAnswer, type ThreadPort } from './explore-thread';
import type { WebBeginning } from './explore-worker-web';
import type { Platform } from './platform';

/** The platform of an extension in a browser. */
export function webPlatform(extensionUri: vscode.Uri): Platform {
  const read = (...path: string[]) =>
    vscode.workspace.fs.readFile(vscode.Uri.joinPath(extensionUri, 'dist', ...path));
  const script = async (name: string) => {
    const bytes = await read('web', name);
    return URL.createObjectURL(new Blob([new Uint8Array(bytes)], { type: 'text/javascript' }));
  };
  const readModels = async (): Promise<ModelSet> =>
    JSON.parse(new TextDecoder().decode(await read('models.json')));
  let parsed: Promise<ModelSet> | undefined;
  const models = (): Promise<ModelSet> => {
    parsed ??= readModels();
    return parsed;
  };
  const hasWorkers = typeof Worker === 'function';
  const scripts = {
    debug: lazily(() => script('worker.js')),
    explore: lazily(() => script('editor-worker.js')),
    search: lazily(() => script('explore-worker.js')),
  };
  return {
    models,
    debugWorker: hasWorkers ? () => webWorker(scripts.debug()) : null,
    explorePort: () =>
      hasWorkers ? explorer(scripts.explore(), scripts.search(), models()) : inline(models),
    languageClient: options => {
      const server = async () => {
        const worker = new Worker(await script('server.js'));
        // The editor's own `Worker` makes others, which the client does not take for workers.
        return { reader: new BrowserMessageReader(worker), writer: new BrowserMessageWriter(worker) };
      };
      return new LanguageClient('shootdown', 'Shootdown', server, options);
    },
  };
}

function lazily<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** The worker that explores, told first what it works with. */
function explorer(script: Promise<string>, search: Promise<string>, models: Promise<ModelSet>): ThreadPort {
  const port = webWorker<Parameters<ThreadPort['post']>[0] | WebBeginning, ThreadAnswer>(script);
  void Promise.all([models, search]).then(([set, searcher]) =>
    port.post({ type: 'begin', models: set, searcher }),
  );
  return port;
}

/** The same in this thread. */
function inline(models: () => Promise<ModelSet>): ThreadPort {
  let hear: (answer: ThreadAnswer) => void = () => {};
  const clock = () => performance.now() / 1000;
  const receive = serveExplorations(answer => hear(answer), {
    models,
    place: { worker: null, clock, cores: 1 },
  });
  return {
    post: receive,
    onMessage: listener => {
      hear = listener;
    },
    onExit: () => {},
    end: () => receive({ type: 'cancel' }),
  };
}
