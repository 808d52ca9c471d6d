/** Has a search done by a worker, or by this thread where there is none, and hears of it. */
import type { Span } from '../base/span';
import type { WorkerPort } from '../base/worker-port';
import { SetupError } from '../vm/vm';
import type { StartShard } from './crew';
import { type ExploreJob, type ExploreReport, type JobProgress, runJob } from './job';

/** What a worker is told. */
export type JobMessage =
  | { readonly type: 'start'; readonly job: ExploreJob; readonly cores: number }
  | { readonly type: 'cancel' };

/** What a worker tells. */
export type JobAnswer =
  | { readonly type: 'progress'; readonly progress: JobProgress }
  | { readonly type: 'report'; readonly report: ExploreReport }
  /** The initial state cannot be built. */
  | { readonly type: 'refused'; readonly message: string; readonly span: Span | null }
  /** A bug of ours. */
  | { readonly type: 'failed'; readonly message: string };

/** A search under way somewhere. */
export interface RunningJob {
  /** Hears of progress, a few times a second; one listener. */
  onProgress(listener: (progress: JobProgress) => void): void;
  /** Ends the search soon; its report is then `incomplete`, unless a violation was found before. */
  cancel(): void;
  /** Rejects with `SetupError` if the initial state cannot be built, and if the worker ended by itself. */
  readonly report: Promise<ExploreReport>;
}

/** Where a search is done. */
export interface JobPlace {
  /** Makes a worker from `dist/explore-worker.js`; null has the search done on this thread. */
  readonly worker: (() => WorkerPort<JobMessage, JobAnswer>) | null;
  /** Seconds since some moment. */
  readonly clock: () => number;
  /** Cores of this machine, which `workers: 0` means. */
  readonly cores: number;
}

/** Starts a job. The worker, if any, is ended with it. */
export function startJob(job: ExploreJob, { worker, clock, cores }: JobPlace): RunningJob {
  let hear: (progress: JobProgress) => void = () => {};
  const onProgress = (listener: typeof hear): void => {
    hear = listener;
  };
  if (worker === null) {
    let isCancelled = false;
    const report = runJob(job, {
      clock,
      onProgress: progress => hear(progress),
      isCancelled: () => isCancelled,
    });
    const cancel = (): void => {
      isCancelled = true;
    };
    return { onProgress, cancel, report };
  }
  const port = worker();
  const report = new Promise<ExploreReport>((resolve, reject) => {
    port.onMessage(answer => {
      if (answer.type === 'progress') return hear(answer.progress);
      if (answer.type === 'report') resolve(answer.report);
      else if (answer.type === 'refused') reject(new SetupError(answer.message, answer.span));
      else reject(new Error(answer.message));
      port.end();
    });
    port.onExit(why => reject(new Error(why)));
  });
  port.post({ type: 'start', job, cores });
  return { onProgress, cancel: () => port.post({ type: 'cancel' }), report };
}

/** The worker's side: returns where to put what it is told; what it tells is sent. */
export function serveJobs(
  send: (answer: JobAnswer) => void,
  clock: () => number,
  startShard: StartShard | null = null,
): (message: JobMessage) => void {
  let isCancelled = false;
  return message => {
    if (message.type === 'cancel') {
      isCancelled = true;
      return;
    }
    const onProgress = (progress: JobProgress): void => send({ type: 'progress', progress });
    const host = { clock, onProgress, isCancelled: () => isCancelled, cores: message.cores, startShard };
    runJob(message.job, host).then(
      report => send({ type: 'report', report }),
      (problem: unknown) => {
        if (problem instanceof SetupError)
          return send({ type: 'refused', message: problem.message, span: problem.span });
        send({ type: 'failed', message: problem instanceof Error ? problem.message : String(problem) });
      },
    );
  };
}
