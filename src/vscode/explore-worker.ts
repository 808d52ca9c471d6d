/** Entry of the worker that explores for the editor. Searches have workers of their own. */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { loadShippedModels } from '../cli/models';
import { nodeWorker } from '../cli/node-worker';
import type { JobAnswer, JobMessage } from '../explore/client';
import { serveExplorations } from './explore-thread';

if (parentPort !== null) {
  const port = parentPort;
  const receive = serveExplorations(answer => port.postMessage(answer), {
    models: () => loadShippedModels(join(__dirname, '..')),
    place: {
      worker: () => nodeWorker<JobMessage, JobAnswer>(join(__dirname, 'explore-worker.js')),
      clock: () => performance.now() / 1000,
      cores: cpus().length,
    },
  });
  port.on('message', receive);
}
