/** The language server's worker in a browser: all files are read by the client. */
import { BrowserMessageReader, BrowserMessageWriter, createConnection } from 'vscode-languageserver/browser';
import { startServer } from '../language/server';
import { clientFiles } from './server-files';

const connection = createConnection(new BrowserMessageReader(self), new BrowserMessageWriter(self));

startServer(connection, options => {
  const home = typeof options === 'object' && options !== null && 'home' in options ? options.home : '';
  return { ...clientFiles(connection), modelsRoot: `${String(home).replace(/\/$/, '')}/models` };
});
