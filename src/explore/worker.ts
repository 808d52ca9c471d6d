/** Entry of the worker that searches, so that a long search leaves the thread that asked for it alone. */
import { parentPort } from 'node:worker_threads';
import { serveJobs } from './client';

if (parentPort !== null) {
  const port = parentPort;
  const receive = serveJobs(
    answer => port.postMessage(answer),
    () => performance.now() / 1000,
  );
  port.on('message', receive);
}
