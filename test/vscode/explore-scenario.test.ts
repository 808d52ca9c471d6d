/** One exploration, without an editor: what becomes of workers that fail or do not answer. */
import { resolve } from 'node:path';
import { expect, test, vi } from 'vitest';
import { diskFiles, loadShippedModels } from '../../src/cli/models';
import type { JobPlace } from '../../src/explore/client';
import { type ExploreWorld, exploreScenario } from '../../src/vscode/explore-scenario';

type Port = ReturnType<NonNullable<JobPlace['worker']>>;

const target = { program: resolve('scenarios/start-is-too-early.mmu'), scenario: 'start_is_too_early' };

function worldWith(port: Partial<Port>, signal: AbortSignal): ExploreWorld {
  const mute: Port = { post: () => {}, onMessage: () => {}, onExit: () => {}, end: () => {} };
  return {
    files: diskFiles(() => []),
    models: () => loadShippedModels(process.cwd()),
    modelsRoot: resolve('models'),
    place: { worker: () => ({ ...mute, ...port }), clock: () => 0, cores: 1 },
    limits: { seconds: 1, memory: 100, states: 1000, workers: 1 },
    isWhole: false,
    signal,
    tell: () => {},
  };
}

test('a worker that does not hear that it is cancelled is ended', async () => {
  const abort = new AbortController();
  const end = vi.fn();
  const post = vi.fn(({ type }: { type: string }) => {
    if (type === 'start') abort.abort();
  });
  const found = await exploreScenario(target, worldWith({ post, end }, abort.signal));
  expect(found).toEqual({ kind: 'cancelled', states: 0 });
  expect(end).toHaveBeenCalledOnce();
});

test('a worker that ends by itself is an error with its reason', async () => {
  const onExit = (heard: (why: string) => void) =>
    void setTimeout(() => heard('the worker failed: no memory'));
  const running = exploreScenario(target, worldWith({ onExit }, new AbortController().signal));
  await expect(running).rejects.toThrow('the worker failed: no memory');
});

test('an initial state that cannot be built is a problem, with its place', async () => {
  const onMessage: Port['onMessage'] = heard =>
    void setTimeout(() => heard({ type: 'refused', message: 'no frame is left', span: null }));
  const found = await exploreScenario(target, worldWith({ onMessage }, new AbortController().signal));
  expect(found).toEqual({
    kind: 'problems',
    problems: [{ code: 'set-up', span: null, message: 'no frame is left' }],
  });
});
