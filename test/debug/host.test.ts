/** The host: forwards both ways, reads the files of a launch, and outlives its worker. */
import { expect, test } from 'vitest';
import type { WorkerPort } from '../../src/base/worker-port';
import { AdapterHost, type FileAccess, readLaunchFiles } from '../../src/debug/host';
import { serveAdapter } from '../../src/debug/serve';
import { fixtureFiles, modelsRoot, toyModels } from './fixture-files';

interface Sent {
  readonly type: string;
  readonly seq: number;
  readonly event?: string;
  readonly command?: string;
  readonly success?: boolean;
  readonly message?: string;
}

function hostWith(worker: (() => WorkerPort) | null): { host: AdapterHost; sent: Sent[] } {
  const sent: Sent[] = [];
  const host = new AdapterHost({
    files: fixtureFiles,
    models: async () => toyModels,
    modelsRoot,
    worker,
    send: message => sent.push(message as unknown as Sent),
  });
  return { host, sent };
}

/** A worker whose messages are cloned on the way, as those of a real one are. */
function cloningPort(): { port: WorkerPort; end: (why: string) => void } {
  let listener: (message: unknown) => void = () => {};
  let exit: (why: string) => void = () => {};
  const receive = serveAdapter(message => listener(structuredClone(message)));
  const port: WorkerPort = {
    post: message => receive(structuredClone(message) as Parameters<typeof receive>[0]),
    onMessage: heard => {
      listener = heard;
    },
    onExit: heard => {
      exit = heard;
    },
    end: () => {},
  };
  return { port, end: why => exit(why) };
}

const settle = () => new Promise(resolve => setTimeout(resolve, 20));

test('everything a launch needs crosses to the worker', async () => {
  const { host, sent } = hostWith(() => cloningPort().port);
  host.handleMessage({ type: 'request', seq: 1, command: 'initialize', arguments: {} });
  const args = { program: '/scenarios/unmap.mmu', stopOnEntry: true };
  host.handleMessage({ type: 'request', seq: 2, command: 'launch', arguments: args });
  await expect.poll(() => sent.map(({ event, command }) => event ?? command)).toContain('initialized');
  expect(sent.filter(({ success }) => success === false)).toEqual([]);
  expect(sent.map(({ seq }) => seq)).toEqual(sent.map((_, index) => index + 1));
});

test('a worker that dies leaves no request without an answer', async () => {
  let end: (why: string) => void = () => {};
  const deaf = (): WorkerPort => ({
    post: () => {},
    onMessage: () => {},
    onExit: heard => {
      end = heard;
    },
    end: () => {},
  });
  const { host, sent } = hostWith(deaf);
  host.handleMessage({ type: 'request', seq: 1, command: 'threads' });
  end('out of memory');
  expect(sent.map(({ type, event, command, message }) => [type, event ?? command, message])).toEqual([
    ['response', 'threads', 'internal error: out of memory'],
    ['event', 'output', undefined],
    ['event', 'terminated', undefined],
  ]);
});

test.each([
  [{}, /expected type 'request' and a command/],
  [{ type: 'request', seq: 7 }, /expected type 'request' and a command/],
  [{ type: 'request', seq: 7, command: 'threads', arguments: 3 }, /the arguments of 'threads' are no object/],
  [{ type: 'request', seq: 7, command: 'scopes' }, /no scenario is running/],
  [{ type: 'request', seq: 7, command: 'launch', arguments: 'x' }, /are no object/],
])('%j is answered with an error', async (message, expected) => {
  const { host, sent } = hostWith(null);
  host.handleMessage(message);
  await settle();
  expect(sent).toHaveLength(1);
  expect(sent[0]).toMatchObject({ type: 'response', success: false });
  expect(sent[0]?.message).toMatch(expected);
});

test('imports are read too, each once, also those of imports', async () => {
  const texts: Record<string, string> = {
    '/w/a.mmu': 'import "b.mmu"\nimport "sub/c.mmu"\n',
    '/w/b.mmu': 'import "a.mmu"\n',
    '/w/sub/c.mmu': '  import "b.mmu"\nimport "missing.mmu"\n// import "d.mmu"\n',
  };
  const files: FileAccess = {
    readFile: async path => texts[path] ?? Promise.reject(new Error('gone')),
    readModels: async () => ({ kernels: {}, drivers: [] }),
    resolve: (from, name) =>
      `${name.includes('/') || name !== 'b.mmu' ? from.replace(/[^/]*$/, '') : '/w/'}${name}`,
  };
  const launch = { program: '/w/a.mmu', models: toyModels, modelsRoot };
  const { imports } = await readLaunchFiles(files, launch);
  expect(imports.map(({ name, path }) => [name, path])).toEqual([
    ['b.mmu', '/w/b.mmu'],
    ['sub/c.mmu', '/w/sub/c.mmu'],
  ]);
});
