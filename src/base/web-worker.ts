/** Workers of a browser, for those who start them. */
import type { WorkerPort } from './worker-port';

/** Starts a worker from a URL that may be yet to come; what is posted before waits. */
export function webWorker<Sent = unknown, Received = unknown>(
  url: string | Promise<string>,
): WorkerPort<Sent, Received> {
  let why = '';
  let exit: (why: string) => void = () => {};
  let hear: (message: Received) => void = () => {};
  const end = (text: string): void => {
    why ||= text;
    exit(why);
  };
  const started = Promise.resolve(url).then(script => {
    const worker = new Worker(script);
    worker.onmessage = ({ data }) => hear(data);
    worker.onerror = ({ message }) => end(`the worker failed: ${message}`);
    return worker;
  });
  started.catch((problem: unknown) => end(`the worker did not start: ${String(problem)}`));
  return {
    post: message => void started.then(worker => worker.postMessage(message)).catch(() => {}),
    onMessage: listener => {
      hear = listener;
    },
    onExit: listener => {
      exit = listener;
      if (why !== '') listener(why);
    },
    end: () => void started.then(worker => worker.terminate()).catch(() => {}),
  };
}
