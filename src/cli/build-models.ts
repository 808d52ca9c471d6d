/**
 * A step of the build: compiles the shipped models, so that nothing has to be parsed at start-up.
 * Paths in the result are relative to the folder of models, wherever the package is installed.
 */
import { readdir, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { formatSpan } from '../base/span';
import { readSources } from '../debug/find-models';
import { compileModels } from '../language/compile';
import type { SourceFile } from '../language/module';
import { disk } from './models';

/** Folder of the drivers; every other folder is a kernel. */
const driversFolder = 'drivers';

async function read(folder: string, name: string): Promise<SourceFile[]> {
  const files = await readSources(disk, join(folder, name), 4);
  return files.map(({ path, text }) => ({ path: relative(folder, path).split(sep).join('/'), text }));
}

async function buildModels(folder: string, target: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries
    .filter(entry => entry.isDirectory() && entry.name !== driversFolder)
    .map(({ name }) => name);
  const kernels: Record<string, SourceFile[]> = {};
  for (const name of names.sort()) kernels[name] = await read(folder, name);
  const { models, problems } = compileModels({ kernels, drivers: await read(folder, driversFolder) });
  for (const { code, span, message } of problems) {
    console.error(`${join(folder, formatSpan(span))}: ${message} [${code}]`);
  }
  if (problems.some(({ severity }) => severity === 'error')) return false;
  await writeFile(target, JSON.stringify(models));
  return true;
}

const [folder, target] = process.argv.slice(2);
if (folder === undefined || target === undefined) {
  console.error('usage: build-models FOLDER TARGET');
  process.exitCode = 2;
} else {
  buildModels(folder, target).then(isBuilt => {
    if (!isBuilt) process.exitCode = 1;
  });
}
