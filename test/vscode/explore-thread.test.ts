/** The worker that explores for the editor: what becomes of it when it fails or does not answer. */
import { resolve } from 'node:path';
import { expect, test, vi } from 'vitest';
import { diskFiles, loadShippedModels } from '../../src/cli/models';
import { readLaunchFiles } from '../../src/debug/host';
import type { JobPlace } from '../../src/explore/client';
import type { ExploreTask } from '../../src/vscode/explore-scenario';
import {
  ExploreThread,
  serveExplorations,
  type ThreadAnswer,
  type ThreadPort,
} from '../../src/vscode/explore-thread';

type SearchPort = ReturnType<NonNullable<JobPlace['worker']>>;

const mute = { post: () => {}, onMessage: () => {}, onExit: () => {}, end: () => {} };
const models = () => loadShippedModels(process.cwd());

async function task(): Promise<ExploreTask> {
  const program = resolve('scenarios/start-is-too-early.mmu');
  const read = { program, models: await models(), modelsRoot: resolve('models') };
  const { models: _, ...files } = await readLaunchFiles(
    diskFiles(() => []),
    read,
  );
  const limits = { seconds: 60, memory: 100, states: 100_000, workers: 1 };
  return { files, scenario: 'start_is_too_early', limits, isWhole: false };
}

/** The worker's side on this thread, with a port to whoever searches for it. */
function threadWith(port: Partial<SearchPort> | null): ExploreThread {
  return new ExploreThread(() => {
    let hear: (answer: ThreadAnswer) => void = () => {};
    const worker = port && (() => ({ ...mute, ...port }));
    const receive = serveExplorations(answer => setTimeout(() => hear(structuredClone(answer))), {
      models,
      place: { worker, clock: () => performance.now() / 1000, cores: 1 },
    });
    return {
      ...mute,
      post: message => void setTimeout(() => receive(structuredClone(message))),
      onMessage: heard => {
        hear = heard;
      },
    };
  });
}

const run = async (thread: ExploreThread, signal = new AbortController().signal) =>
  thread.run(await task(), { signal, tell: () => {} });

test('what was found is plain data: a short way, why, and the report', async () => {
  const found = await run(threadWith(null));
  if (found.kind !== 'explored') throw new Error(found.kind);
  const { verdict, standing, shown, moments, trace, report, statements } = found.explored;
  expect({ verdict, standing }).toEqual({ verdict: 'violated', standing: 'as expected' });
  expect(shown?.property).toBe('use-after-free');
  expect(moments.at(-1)?.text).toMatch(/^found, by gpu/);
  expect(moments.map(({ span }) => span?.file)).toContain(resolve('models/linux-3.18/memory.mmu'));
  expect(trace).toMatch(/^shootdown schedule 1\nscenario start_is_too_early\n/);
  expect(report).toContain('BUG: shootdown: use-after-free');
  expect(report).toContain('Never reached, and so not checked:');
  expect(statements.some(({ isReached }) => isReached)).toBe(true);
});

test('a worker that does not hear of its cancelling is ended, and the next task gets another', async () => {
  const ends = [vi.fn(), vi.fn()];
  const abort = new AbortController();
  const post = () => abort.abort();
  const ports: ThreadPort[] = ends.map(end => ({ ...mute, post, end }));
  const thread = new ExploreThread(() => ports.shift() ?? { ...mute });
  expect(await run(thread, abort.signal)).toEqual({ kind: 'cancelled', states: 0 });
  expect(ends.map(end => end.mock.calls.length)).toEqual([1, 0]);
  expect(await run(thread, abort.signal)).toEqual({ kind: 'cancelled', states: 0 });
  expect(ends.map(end => end.mock.calls.length)).toEqual([1, 1]);
});

test('a worker that ends by itself is an error with its reason', async () => {
  const onExit = (heard: (why: string) => void) =>
    void setTimeout(() => heard('the worker failed: no memory'));
  await expect(run(new ExploreThread(() => ({ ...mute, onExit })))).rejects.toThrow('no memory');
  // So is one that the worker has started.
  await expect(run(threadWith({ onExit }))).rejects.toThrow('the worker failed: no memory');
});

test('an initial state that cannot be built is a problem, with its place', async () => {
  const onMessage: SearchPort['onMessage'] = heard =>
    void setTimeout(() => heard({ type: 'refused', message: 'no frame is left', span: null }));
  expect(await run(threadWith({ onMessage }))).toEqual({
    kind: 'problems',
    problems: [{ code: 'set-up', span: null, message: 'no frame is left' }],
  });
});
