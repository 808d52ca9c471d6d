/** Workers on Node, for the command line and the extension alike: of the adapter, and of searches. */
import { Worker } from 'node:worker_threads';
import { portOf, type WorkerPort } from '../base/worker-port';

/** Starts the worker from its bundle. */
export function nodeWorker<Sent = unknown, Received = unknown>(path: string): WorkerPort<Sent, Received> {
  return portOf<Sent, Received>(new Worker(path), 'the worker');
}
