/** Entry of the worker of a browser that explores for the editor. Its first message says with what. */
import { webWorker } from '../base/web-worker';
import type { JobAnswer, JobMessage } from '../explore/client';
import type { ModelSet } from '../language/module';
import { serveExplorations, type ThreadMessage } from './explore-thread';

/** The first message. */
export interface WebBeginning {
  readonly type: 'begin';
  readonly models: ModelSet;
  /** The script of workers that search. */
  readonly searcher: string;
}

let begin: (beginning: WebBeginning) => void = () => {};
const begun = new Promise<WebBeginning>(resolve => {
  begin = resolve;
});
const receive = serveExplorations(answer => postMessage(answer), {
  models: async () => (await begun).models,
  place: {
    worker: () => webWorker<JobMessage, JobAnswer>(begun.then(({ searcher }) => searcher)),
    clock: () => performance.now() / 1000,
    cores: navigator.hardwareConcurrency,
  },
});

addEventListener('message', ({ data }: MessageEvent<WebBeginning | ThreadMessage>) => {
  if (data.type === 'begin') begin(data);
  else receive(data);
});
