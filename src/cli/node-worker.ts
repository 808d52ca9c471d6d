/** Workers on Node, for the command line and the extension alike: of the adapter, and of searches. */
import { Worker } from 'node:worker_threads';
import type { WorkerPort } from '../base/worker-port';

/** Starts the worker from its bundle. Why it ended is told once, whatever way that was. */
export function nodeWorker<Sent = unknown, Received = unknown>(path: string): WorkerPort<Sent, Received> {
  const worker = new Worker(path);
  let why = 'the worker ended';
  worker.on('error', problem => {
    why = `the worker failed: ${problem instanceof Error ? problem.message : String(problem)}`;
  });
  return {
    post: message => worker.postMessage(message),
    onMessage: listener => worker.on('message', listener),
    onExit: listener => worker.on('exit', () => listener(why)),
    end: () => void worker.terminate(),
  };
}
