/**
 * Files for tests of sessions and of the adapter: a toy kernel, a driver, scenarios. Paths are made up, and
 * the same everywhere.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { FileAccess } from '../../src/debug/host';
import { compileModels } from '../../src/language/compile';
import type { LaunchFiles } from '../../src/session/load';

const folder = join(import.meta.dirname, 'fixtures');

/** Where the shipped models seem to be. */
export const modelsRoot = '/models';

/** The toy kernels and the driver, as if they were shipped. */
export const toyModels: LaunchFiles['models'] = compileToyModels();

function compileToyModels(): LaunchFiles['models'] {
  const kernels = Object.fromEntries(
    ['toy', 'toy+late'].map(name => [name, filesIn(join(folder, 'models', name), name)]),
  );
  const drivers = filesIn(join(folder, 'models', 'drivers'), 'drivers');
  const { models, problems } = compileModels({ kernels, drivers });
  if (problems.length > 0) throw new Error(JSON.stringify(problems, null, 1));
  return models;
}

function filesIn(path: string, name: string): { path: string; text: string }[] {
  return readdirSync(path)
    .sort()
    .map(file => ({ path: `${name}/${file}`, text: readFileSync(join(path, file), 'utf8') }));
}

/** Reads `/scenarios/NAME` from the fixtures. */
export const fixtureFiles: FileAccess = {
  readFile: async path => readFixture(path),
  readModels: async () => ({ kernels: {}, drivers: [] }),
  resolve: (from, name) => posix.resolve(posix.dirname(from), name),
};

/** The text of `/scenarios/NAME`. */
export function readFixture(path: string): string {
  const file = join(folder, path.replace(/^\/scenarios\//, ''));
  if (!path.startsWith('/scenarios/') || !existsSync(file)) throw new Error('there is no such file');
  return readFileSync(file, 'utf8');
}

/** What a run of a fixture is made from. */
export function launchFiles(name: string): LaunchFiles {
  const path = `/scenarios/${name}`;
  const scenario = { path, text: readFixture(path) };
  return { scenario, imports: [], kernels: {}, drivers: [], models: toyModels, modelsRoot, trace: null };
}
