/**
 * Entry of the worker that searches, so that a long search leaves the thread that asked for it alone. The
 * same file is the entry of those that search beside it.
 */
import { parentPort, Worker } from 'node:worker_threads';
import { portOf } from '../base/worker-port';
import { serveJobs } from './client';
import { type ShardAnswer, type ShardMessage, type StartShard, serveShard } from './crew';

const startShard: StartShard = () => portOf<ShardMessage, ShardAnswer>(new Worker(__filename), 'a searcher');

if (parentPort !== null) {
  const port = parentPort;
  const clock = () => performance.now() / 1000;
  const jobs = serveJobs(answer => port.postMessage(answer), clock, startShard);
  const shards = serveShard(answer => port.postMessage(answer));
  port.on('message', message => {
    if (message.type === 'start' || message.type === 'cancel') jobs(message);
    else shards(message);
  });
}
