/** Entry of the worker of a browser that the adapter runs in. */
import { serveAdapter } from './serve';

const receive = serveAdapter(message => postMessage(message));
addEventListener('message', ({ data }) => receive(data));
