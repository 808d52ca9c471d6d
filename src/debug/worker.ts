/** Entry of the Node worker that the adapter runs in, so that a long run leaves the extension host alone. */
import { parentPort } from 'node:worker_threads';
import { serveAdapter } from './serve';

if (parentPort !== null) {
  const port = parentPort;
  const receive = serveAdapter(message => port.postMessage(message));
  port.on('message', receive);
}
