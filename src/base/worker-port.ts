/** A worker as those see it who started it, whatever the platform calls it. */

/** See the file's comment. Messages are copied, as `structuredClone` does. */
export interface WorkerPort<Sent = unknown, Received = unknown> {
  post(message: Sent): void;
  onMessage(listener: (message: Received) => void): void;
  /** The worker has ended by itself; `why` is for people. */
  onExit(listener: (why: string) => void): void;
  end(): void;
}

/** What is asked of a worker of Node. */
interface NodeWorker<Received> {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (message: Received) => void): unknown;
  on(event: 'error', listener: (problem: Error) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
  terminate(): unknown;
}

/** The port of a worker of Node. Why it ended is told once, whatever way that was; `name` is for people. */
export function portOf<Sent, Received>(
  worker: NodeWorker<Received>,
  name: string,
): WorkerPort<Sent, Received> {
  let why = `${name} ended`;
  worker.on('error', problem => {
    why = `${name} failed: ${problem instanceof Error ? problem.message : String(problem)}`;
  });
  return {
    post: message => worker.postMessage(message),
    onMessage: listener => worker.on('message', listener),
    onExit: listener => worker.on('exit', () => listener(why)),
    end: () => void worker.terminate(),
  };
}
