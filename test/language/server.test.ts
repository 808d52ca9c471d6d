import { PassThrough } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import {
  createConnection,
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node';
import type { ModelFiles } from '../../src/language/models';
import { startServer } from '../../src/language/server';
import { small } from './small';

let client: MessageConnection | undefined;
afterEach(() => client?.dispose());

/** A client that talks to a server in this process. */
async function connect(
  files: Record<string, string> = {},
  models: ModelFiles = { kernels: {}, drivers: [] },
) {
  const [up, down] = [new PassThrough(), new PassThrough()];
  const connection = createConnection(new StreamMessageReader(up), new StreamMessageWriter(down));
  startServer(connection, () => ({
    modelsRoot: '/shipped/models',
    models: async () => small.models,
    readModels: async () => models,
    resolve: (from, name) => `${from.slice(0, from.lastIndexOf('/'))}/${name}`,
    readFile: async path => {
      const text = files[path];
      if (text === undefined) throw new Error(`no file ${path}`);
      return text;
    },
  }));
  client = createMessageConnection(new StreamMessageReader(down), new StreamMessageWriter(up));
  client.listen();
  await client.sendRequest('initialize', { processId: null, rootUri: null, capabilities: {} });
  return client;
}

interface Published {
  readonly uri: string;
  readonly diagnostics: { code: string; message: string; range: unknown }[];
}

/** Opens a document and waits for its problems. */
async function open(client: MessageConnection, uri: string, text: string): Promise<Published> {
  const published = new Promise<Published>(resolve => {
    client.onNotification('textDocument/publishDiagnostics', (params: Published) => {
      if (params.uri === uri) resolve(params);
    });
  });
  const textDocument = { uri, languageId: 'mmu', version: 1, text };
  await client.sendNotification('textDocument/didOpen', { textDocument });
  return published;
}

const text = `import "more.mmu"
/// A story.
scenario s {
  kernel small
  machine { iommu amd { device gpu { } } }
  process P { mmap A, 1 page, rw  bind gpu, pasid 1, driver quiet }
  task t in P on cpu 0 { munmap(A, 1 page) helper(A) quiet.unbind(gpu, 1) }
}
`;
const more = 'fn helper(a: addr) { skip; }';
const uri = 'file:///project/s.mmu';

test('problems appear while typing and go when they are mended', async () => {
  const client = await connect({ '/project/more.mmu': more });
  const { diagnostics } = await open(client, uri, text.replace('munmap', 'munmop'));
  expect(diagnostics).toMatchObject([
    { code: 'MMU011', message: "unknown function 'munmop', did you mean 'munmap'?" },
  ]);
  const mended = new Promise<Published>(resolve => {
    client.onNotification('textDocument/publishDiagnostics', resolve);
  });
  await client.sendNotification('textDocument/didChange', {
    textDocument: { uri, version: 2 },
    contentChanges: [{ text }],
  });
  expect((await mended).diagnostics).toEqual([]);
});

test('definitions are found in shipped models, drivers, imports and the file itself', async () => {
  const client = await connect({ '/project/more.mmu': more });
  await open(client, uri, text);
  const definition = async (word: string, offset = 1) => {
    const index = text.indexOf(word) + offset;
    const lines = text.slice(0, index).split('\n');
    const position = { line: lines.length - 1, character: lines.at(-1)?.length ?? 0 };
    const found = await client.sendRequest('textDocument/definition', { textDocument: { uri }, position });
    return (found as { uri: string; range: { start: { line: number } } }[]).map(
      ({ uri, range }) => `${uri}:${range.start.line + 1}`,
    );
  };
  expect(await definition('munmap')).toEqual([
    expect.stringMatching(/^file:\/\/\/shipped\/models\/small\/mm.mmu:/),
  ]);
  expect(await definition('helper')).toEqual(['file:///project/more.mmu:1']);
  expect(await definition('unbind')).toEqual([
    expect.stringMatching(/^file:\/\/\/shipped\/models\/drivers\/quiet.mmu:/),
  ]);
  expect(await definition('small')).toEqual([expect.stringMatching(/kernel.mmu:1$/)]);
  expect(await definition('(A,')).toEqual([`${uri}:6`]);
  expect(await definition('quiet }')).toEqual([expect.stringMatching(/quiet.mmu:2$/)]);
});

test('hover, completion, outline and references', async () => {
  const client = await connect({ '/project/more.mmu': more });
  await open(client, uri, text);
  const at = { textDocument: { uri }, position: { line: 6, character: 26 } };
  const hover = await client.sendRequest('textDocument/hover', at);
  expect(hover).toMatchObject({
    contents: { value: expect.stringContaining('syscall fn munmap(start: addr, len: addr)') },
  });
  const offers = (await client.sendRequest('textDocument/completion', at)) as { label: string }[];
  expect(offers.map(({ label }) => label)).toEqual(
    expect.arrayContaining(['scenario', 'spin_lock', 'munmap', 'quiet']),
  );
  const symbols = await client.sendRequest('textDocument/documentSymbol', { textDocument: { uri } });
  expect(symbols).toMatchObject([
    { name: 's', detail: 'A story.', children: [{ name: 'P' }, { name: 't' }] },
  ]);
  const references = await client.sendRequest('textDocument/references', {
    ...at,
    position: { line: 6, character: 33 },
    context: { includeDeclaration: true },
  });
  expect((references as unknown[]).length).toBeGreaterThanOrEqual(3);
});

test("the user's own models are checked with the file that is open", async () => {
  const driver = { path: '/project/mine.mmu', text: 'driver mine { fn bind(mm: mm) { skip; } }' };
  const client = await connect({}, { kernels: {}, drivers: [driver] });
  const { diagnostics } = await open(
    client,
    'file:///project/mine.mmu',
    'driver mine { fn bind(x: mn) { skip; } }',
  );
  expect(diagnostics).toMatchObject([{ code: 'MMU012' }]);
});
