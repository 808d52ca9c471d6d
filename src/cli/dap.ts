/** `shootdown dap`: the debug adapter for other editors, on standard streams or on a loopback port. */
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { FrameReader, frame, malformedResponse } from '../debug/framing';
import { AdapterHost } from '../debug/host';
import { diskFiles, loadShippedModels } from './models';
import { nodeWorker } from './node-worker';
import { exitCodes, Refusal, type Terminal } from './terminal';

/** Options of `dap`. */
export interface DapOptions {
  readonly port?: number;
  readonly models: readonly string[];
}

/** Serves until the client is gone; with a port, until the process is ended. */
export async function serveAdapter({ port, models }: DapOptions, terminal: Terminal): Promise<number> {
  if (port === undefined) await serveStreams(terminal.stdin, terminal.stdout, models, terminal);
  else await servePort(port, models, terminal);
  return exitCodes.expected;
}

/** One client, one adapter; a malformed message is answered, and never ends the adapter. */
function serveStreams(
  input: Readable,
  output: Writable,
  modelPath: readonly string[],
  terminal: Terminal,
): Promise<void> {
  const send = (message: object) => {
    if (output.writable) output.write(frame(message));
  };
  const host = new AdapterHost({
    files: diskFiles(() => modelPath),
    models: () => loadShippedModels(terminal.home),
    modelsRoot: join(terminal.home, 'models'),
    worker: () => nodeWorker(join(terminal.home, 'dist', 'worker.js')),
    send,
  });
  const reader = new FrameReader(
    message => host.handleMessage(message),
    malformed => send(malformedResponse(malformed)),
  );
  return new Promise(resolve => {
    const end = () => {
      host.dispose();
      resolve();
    };
    input.on('data', (chunk: Uint8Array) => reader.push(chunk));
    input.once('end', end).once('close', end).once('error', end);
    output.once('close', end);
  });
}

function servePort(port: number, modelPath: readonly string[], terminal: Terminal): Promise<void> {
  const server = createServer((socket: Socket) => {
    // A client that breaks off is an end like any other.
    socket.on('error', () => socket.destroy());
    serveStreams(socket, socket, modelPath, terminal);
  });
  return new Promise((resolve, reject) => {
    server.on('error', problem => reject(new Refusal(`port ${port}: ${problem.message}`)));
    server.on('close', resolve);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      if (address && typeof address === 'object') terminal.err(`listening on 127.0.0.1:${address.port}\n`);
    });
  });
}
