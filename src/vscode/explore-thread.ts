/**
 * Explores and compares in a worker, so that compiling, searching and explaining leave the extension host
 * alone. The worker is made when it is first needed and kept, as the models stay with it; it does one task at
 * a time.
 */
import type { WorkerPort } from '../base/worker-port';
import type { JobPlace } from '../explore/client';
import type { ModelSet } from '../language/module';
import { type CompareTask, type Comparison, compareScenario, type RowNews } from './compare-scenario';
import type { Exploration } from './exploration';
import { type ExploreTask, exploreScenario } from './explore-scenario';

/** What the worker is told. */
export type ThreadMessage =
  | { readonly type: 'explore'; readonly task: ExploreTask }
  | { readonly type: 'compare'; readonly task: CompareTask }
  | { readonly type: 'cancel' };

type TaskMessage = Exclude<ThreadMessage, { readonly type: 'cancel' }>;

/** What the worker tells. */
export type ThreadAnswer =
  | { readonly type: 'progress'; readonly text: string }
  | { readonly type: 'row'; readonly news: RowNews }
  | { readonly type: 'done'; readonly exploration: Exploration }
  | { readonly type: 'compared'; readonly comparison: Comparison }
  /** A bug of ours, or nothing is left of the memory. */
  | { readonly type: 'failed'; readonly message: string };

/** The worker, as those who started it see it. */
export type ThreadPort = WorkerPort<ThreadMessage, ThreadAnswer>;

/** How long a cancelled task may take to say how far it has come. */
const CANCEL_MILLISECONDS = 2_000;

/** How a task is followed and ended. */
export interface Following {
  readonly signal: AbortSignal;
  readonly tell: (text: string) => void;
  /** Hears of the rows of a comparison. */
  readonly show?: (news: RowNews) => void;
}

interface Waiting extends Following {
  /** The answer that ends the task; null when the worker did not hear of its being cancelled. */
  readonly resolve: (answer: ThreadAnswer | null) => void;
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

  /** Explores; the task before is done. Rejects when the worker fails; the next task gets another one. */
  async run(task: ExploreTask, following: Following): Promise<Exploration> {
    const answer = await this.#do({ type: 'explore', task }, following);
    return answer?.type === 'done' ? answer.exploration : { kind: 'cancelled', states: 0 };
  }

  /** Compares, in the same way. */
  async compare(task: CompareTask, following: Following): Promise<Comparison> {
    const answer = await this.#do({ type: 'compare', task }, following);
    return answer?.type === 'compared' ? answer.comparison : { kind: 'cancelled' };
  }

  async #do(message: ThreadMessage, following: Following): Promise<ThreadAnswer | null> {
    const { signal } = following;
    this.#port ??= this.#begin();
    const port = this.#port;
    let timer: NodeJS.Timeout | undefined;
    const cancel = (): void => {
      port.post({ type: 'cancel' });
      timer = setTimeout(() => {
        this.#waiting?.resolve(null);
        this.dispose();
      }, CANCEL_MILLISECONDS);
    };
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting = { ...following, resolve, reject };
        port.post(message);
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
      else if (answer.type === 'row') this.#waiting?.show?.(answer.news);
      else if (answer.type === 'failed') this.#waiting?.reject(new Error(answer.message));
      else this.#waiting?.resolve(answer);
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
  const tell = (text: string): void => send({ type: 'progress', text });
  const show = (news: RowNews): void => send({ type: 'row', news });
  const doTask = async (message: TaskMessage, signal: AbortSignal): Promise<ThreadAnswer> => {
    shipped ??= models();
    const world = { models: await shipped, place, signal, tell, show };
    return message.type === 'explore'
      ? { type: 'done', exploration: await exploreScenario(message.task, world) }
      : { type: 'compared', comparison: await compareScenario(message.task, world) };
  };
  return message => {
    if (message.type === 'cancel') {
      abort.abort();
      return;
    }
    abort = new AbortController();
    doTask(message, abort.signal).then(send, (problem: unknown) =>
      send({ type: 'failed', message: problem instanceof Error ? problem.message : String(problem) }),
    );
  };
}
