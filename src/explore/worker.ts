/**
 * Entry of the worker that searches, so that a long search leaves the thread that asked for it alone. The
 * same file is the entry of those that search beside it.
 */
import { parentPort, Worker } from 'node:worker_threads';
import { serveJobs } from './client';
import { type StartShard, serveShard } from './crew';

const startShard: StartShard = () => {
  const worker = new Worker(__filename);
  let why = 'a searcher ended';
  worker.on('error', problem => {
    why = `a searcher failed: ${problem instanceof Error ? problem.message : String(problem)}`;
  });
  return {
    post: message => worker.postMessage(message),
    onMessage: listener => worker.on('message', listener),
    onExit: listener => worker.on('exit', () => listener(why)),
    end: () => void worker.terminate(),
  };
};

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
