/** A worker as those see it who started it, whatever the platform calls it. */

/** See the file's comment. Messages are copied, as `structuredClone` does. */
export interface WorkerPort<Sent = unknown, Received = unknown> {
  post(message: Sent): void;
  onMessage(listener: (message: Received) => void): void;
  /** The worker has ended by itself; `why` is for people. */
  onExit(listener: (why: string) => void): void;
  end(): void;
}
