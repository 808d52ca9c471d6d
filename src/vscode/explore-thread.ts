/**
 * Explores in a worker, so that compiling, searching and explaining leave the extension host alone. The
 * worker is made when it is first needed and kept, as the models stay with it; it does one task at a time.
 */
import type { WorkerPort } from '../base/worker-port';
import type { JobPlace } from '../explore/client';
import type { ModelSet } from '../language/module';
import type { Exploration } from './exploration';
import { type ExploreTask, exploreScenario } from './explore-scenario';

/** What the worker is told. */
export type ThreadMessage =
  | { readonly type: 'explore'; readonly task: ExploreTask }
  | { readonly type: 'cancel' };

/** What the worker tells. */
export type ThreadAnswer =
  | { readonly type: 'progress'; readonly text: string }
  | { readonly type: 'done'; readonly exploration: Exploration }
  /** A bug of ours, or nothing is left of the memory. */
  | { readonly type: 'failed'; readonly message: string };

/** The worker, as those who started it see it. */
export type ThreadPort = WorkerPort<ThreadMessage, ThreadAnswer>;

/** How long a cancelled task may take to say how far it has come. */
const CANCEL_MILLISECONDS = 2_000;

interface Waiting {
  readonly tell: (text: string) => void;
  readonly resolve: (exploration: Exploration) => void;
  readonly reject: (problem: Error) => void;
}

/** The worker and its present task. */
export class ExploreThread {
  readonly #make: () => ThreadPort;
  #port: ThreadPort | undefined;
  #waiting: Waiting | undefined;

  constructor(make: () => ThreadPort) {
    this.#make = make;
  }

  /** Does a task; the one before is done. Rejects when the worker fails; the next task gets another one. */
  async run(
    task: ExploreTask,
    { signal, tell }: { readonly signal: AbortSignal; readonly tell: (text: string) => void },
  ): Promise<Exploration> {
    this.#port ??= this.#begin();
    const port = this.#port;
    let timer: NodeJS.Timeout | undefined;
    const cancel = (): void => {
      port.post({ type: 'cancel' });
      timer = setTimeout(() => {
        this.#waiting?.resolve({ kind: 'cancelled', states: 0 });
        this.dispose();
      }, CANCEL_MILLISECONDS);
    };
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting = { tell, resolve, reject };
        port.post({ type: 'explore', task });
        if (signal.aborted) cancel();
        else signal.addEventListener('abort', cancel, { once: true });
      });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
      this.#waiting = undefined;
    }
  }

  /** Ends the worker, and with it those it has started. */
  dispose(): void {
    this.#port?.end();
    this.#port = undefined;
  }

  #begin(): ThreadPort {
    const port = this.#make();
    port.onMessage(answer => {
      if (answer.type === 'progress') this.#waiting?.tell(answer.text);
      else if (answer.type === 'done') this.#waiting?.resolve(answer.exploration);
      else this.#waiting?.reject(new Error(answer.message));
    });
    port.onExit(why => {
      if (this.#port !== port) return;
      this.#port = undefined;
      this.#waiting?.reject(new Error(why));
    });
    return port;
  }
}

/** What the worker's side needs of the world. */
export interface ThreadWorld {
  readonly models: () => Promise<ModelSet>;
  /** Where searches are done. */
  readonly place: JobPlace;
}

/** The worker's side: returns where to put what it is told; what it tells is sent. */
export function serveExplorations(
  send: (answer: ThreadAnswer) => void,
  { models, place }: ThreadWorld,
): (message: ThreadMessage) => void {
  let abort = new AbortController();
  let shipped: Promise<ModelSet> | undefined;
  const explore = async (task: ExploreTask, signal: AbortSignal): Promise<Exploration> => {
    shipped ??= models();
    const tell = (text: string): void => send({ type: 'progress', text });
    return exploreScenario(task, { models: await shipped, place, signal, tell });
  };
  return message => {
    if (message.type === 'cancel') {
      abort.abort();
      return;
    }
    abort = new AbortController();
    explore(message.task, abort.signal).then(
      exploration => send({ type: 'done', exploration }),
      (problem: unknown) =>
        send({ type: 'failed', message: problem instanceof Error ? problem.message : String(problem) }),
    );
  };
}
