/**
 * Kernels and drivers on disk: where they are looked up, for the command line and for the extension alike.
 * First the scenario's folder and its `models/`, then the model path. The shipped models come last, compiled.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { FileAccess } from '../debug/host';
import type { ModelSet, SourceFile } from '../language/module';

/** How deep a kernel's folders may lie in each other, and how large its files may be. */
const limits = { depth: 4, files: 500, bytes: 1 << 20 };

/** Reads a text file; rejects when there is none. */
export type ReadText = (path: string) => Promise<string>;

/** Files as the adapter wants them. `modelPath` are further folders of models, asked for at each launch. */
export function diskFiles(modelPath: () => readonly string[], read: ReadText = readText): FileAccess {
  return {
    readFile: read,
    readModels: scenarioPath => readModels(scenarioPath, modelPath(), read),
    resolve: (from, name) => resolve(dirname(from), name),
  };
}

/** Text of a file. Refuses what cannot be a source file, before it costs memory. */
export async function readText(path: string): Promise<string> {
  const bytes = await readFile(path);
  if (bytes.length > limits.bytes) throw new Error(`the file is larger than ${limits.bytes >> 20} MiB`);
  return new TextDecoder().decode(bytes);
}

/** The shipped models, as the build compiled them. */
export async function loadShippedModels(home: string): Promise<ModelSet> {
  const models: ModelSet = JSON.parse(await readFile(join(home, 'dist', 'models.json'), 'utf8'));
  return models;
}

/** The user's own kernels and drivers for a scenario; of two of the same name the nearer one counts. */
export async function readModels(
  scenarioPath: string,
  modelPath: readonly string[],
  read: ReadText = readText,
) {
  const beside = dirname(scenarioPath);
  const kernels: Record<string, SourceFile[]> = {};
  const drivers = new Map<string, SourceFile>();
  for (const file of await readDrivers(beside, read)) keepFirst(drivers, file);
  for (const folder of [join(beside, 'models'), ...modelPath]) {
    for (const name of await kernelNames(folder)) {
      kernels[name] ??= await readSources(join(folder, name), read, limits.depth);
    }
    for (const inside of [join(folder, 'drivers'), folder]) {
      for (const file of await readDrivers(inside, read)) keepFirst(drivers, file);
    }
  }
  return { kernels, drivers: [...drivers.values()] };
}

function keepFirst(drivers: Map<string, SourceFile>, file: SourceFile): void {
  const name = basename(file.path);
  if (!drivers.has(name)) drivers.set(name, file);
}

/** Files that hold the driver they are named after, and what these import; a scenario is neither. */
async function readDrivers(folder: string, read: ReadText): Promise<SourceFile[]> {
  const names = (await list(folder)).filter(entry => entry.isFile() && entry.name.endsWith('.mmu'));
  const files = await Promise.all(
    names.map(async ({ name }) => {
      const path = join(folder, name);
      // What cannot be read is no driver; a scenario that asks for it is told that there is none.
      return { path, text: await read(path).catch(() => '') };
    }),
  );
  const found = new Set(files.filter(({ path, text }) => declaresDriver(text, basename(path, '.mmu'))));
  for (const file of found) {
    for (const [, name] of file.text.matchAll(/^\s*import\s+"([^"\n]+)"/gm)) {
      const imported = files.find(({ path }) => basename(path) === name);
      if (imported) found.add(imported);
    }
  }
  return [...found];
}

function declaresDriver(text: string, name: string): boolean {
  return [...text.matchAll(/^[ \t]*driver[ \t]+([\w.+-]+)/gm)].some(([, declared]) => declared === name);
}

async function kernelNames(folder: string): Promise<string[]> {
  const folders = (await list(folder)).filter(entry => entry.isDirectory());
  const found = folders.map(async ({ name }) => {
    const files = await list(join(folder, name));
    return files.some(file => file.name === 'kernel.mmu') ? [name] : [];
  });
  return (await Promise.all(found)).flat();
}

/** Every `.mmu` file of a folder and the folders in it, in the order of their paths. */
export async function readSources(folder: string, read: ReadText, depth: number): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for (const entry of await list(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && depth > 0) files.push(...(await readSources(path, read, depth - 1)));
    if (entry.isFile() && entry.name.endsWith('.mmu')) files.push({ path, text: await read(path) });
    if (files.length > limits.files) throw new Error(`more than ${limits.files} files under ${folder}`);
  }
  return files;
}

/** A folder that is not there is an empty one. */
async function list(folder: string) {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}
