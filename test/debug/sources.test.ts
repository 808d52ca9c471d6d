/** Names of files where there is no disk: spans have the short ones, the client whole URIs. */
import { expect, test } from 'vitest';
import { fileAccess } from '../../src/debug/find-models';
import { Sources } from '../../src/debug/sources';
import { toyModels } from './fixture-files';

const root = 'vscode-vfs://github/someone/models';
const shipped = 'linux-3.18+invalidate_range/memory.mmu';
const own = 'vscode-vfs://github/someone/mine.mmu';

test('a breakpoint in a model finds it, however the client writes its URI', () => {
  const launch = { imports: [], kernels: {}, drivers: [], models: toyModels, trace: null };
  const files = { ...launch, scenario: { path: own, text: '' }, modelsRoot: root };
  const sources = new Sources(files, [shipped, own]);
  expect(sources.path(own)).toBe(own);
  expect(sources.source(shipped)).toEqual({ name: 'memory.mmu', path: `${root}/${shipped}` });
  for (const path of [`${root}/${shipped}`, `${root}/${shipped.replace('+', '%2B')}`])
    expect(sources.file(path)).toBe(shipped);
  expect(sources.file(`${root}/100%/memory.mmu`)).toBe(null);
});

test('models are looked up beside a scenario that is on no disk', async () => {
  const texts: Record<string, string> = {
    'memfs:/a/mine.mmu': 'scenario s { }',
    'memfs:/a/beside.mmu': 'import "shared.mmu"\ndriver beside { }',
    'memfs:/a/shared.mmu': 'fn shared() { skip; }',
    'memfs:/a/models/small/kernel.mmu': 'kernel small { }',
    'memfs:/more/drivers/far.mmu': 'driver far { }',
  };
  const list = async (folder: string) => {
    const below = Object.keys(texts).filter(path => path.startsWith(`${folder}/`));
    const names = below.map(path => path.slice(folder.length + 1).split('/'));
    return [...new Map(names.map(([name = '', ...rest]) => [name, rest.length > 0]))].map(
      ([name, isFolder]) => ({ name, kind: isFolder ? ('folder' as const) : ('file' as const) }),
    );
  };
  const read = async (path: string) => {
    const text = texts[path];
    if (text === undefined) throw new Error('there is no such file');
    return text;
  };
  const join = (folder: string, name: string) => `${folder}/${name}`;
  const folderOf = (path: string) => path.replace(/\/[^/]*$/, '');
  const files = fileAccess({ read, list, join, folderOf }, () => ['memfs:/more']);
  const { kernels, drivers } = await files.readModels('memfs:/a/mine.mmu');
  expect(Object.keys(kernels)).toEqual(['small']);
  expect(drivers.map(({ path }) => path)).toEqual([
    'memfs:/a/beside.mmu',
    'memfs:/a/shared.mmu',
    'memfs:/more/drivers/far.mmu',
  ]);
  expect(files.resolve('memfs:/a/mine.mmu', 'shared.mmu')).toBe('memfs:/a/shared.mmu');
  await expect(files.readFile('memfs:/a/none.mmu')).rejects.toThrow('there is no such file');
});
