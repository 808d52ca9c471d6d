/** The adapter's worker on Node: where the session runs, for the command line and for the extension alike. */
import { Worker } from 'node:worker_threads';
import type { WorkerPort } from '../debug/host';

/** Starts the worker from its bundle. Why it ended is told once, whatever way that was. */
export function nodeWorker(path: string): WorkerPort {
  const worker = new Worker(path);
  let why = 'the session worker ended';
  worker.on('error', problem => {
    why = `the session worker failed: ${problem instanceof Error ? problem.message : String(problem)}`;
  });
  return {
    post: message => worker.postMessage(message),
    onMessage: listener => worker.on('message', listener),
    onExit: listener => worker.on('exit', () => listener(why)),
    end: () => void worker.terminate(),
  };
}
