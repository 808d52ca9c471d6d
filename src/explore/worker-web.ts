/** Entry of the worker of a browser that searches, and of those that search beside it. */
import { webWorker } from '../base/web-worker';
import { serveJobs } from './client';
import { serveShard } from './crew';

// The script of this worker is that of the others; in a browser it has no other name.
const startShard = () => webWorker<never, never>(location.href);
const jobs = serveJobs(
  answer => postMessage(answer),
  () => performance.now() / 1000,
  startShard,
);
const shards = serveShard(answer => postMessage(answer));
addEventListener('message', ({ data }) => {
  if (data.type === 'start' || data.type === 'cancel') jobs(data);
  else shards(data);
});
