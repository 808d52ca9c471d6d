/**
 * Where kernels and drivers are looked up: first the scenario's folder and its `models/`, then the model
 * path. The shipped models come last, compiled. Knows no file system: one is handed in.
 */
import type { SourceFile } from '../language/module';
import type { FileAccess } from './host';

/** An entry of a folder. */
export interface FolderEntry {
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'other';
}

/** A file system, as far as models are looked up in it. Paths are its own, or whole URIs. */
export interface FileTree {
  /** The text of a file; rejects, with a reason for people, when there is none. */
  read(path: string): Promise<string>;
  /** What is in a folder, in the order of names; one that is not there is empty. */
  list(folder: string): Promise<readonly FolderEntry[]>;
  /** Path of something below a folder; `name` may lead elsewhere, as `../x` and absolute paths do. */
  join(folder: string, name: string): string;
  /** The folder of a file. */
  folderOf(path: string): string;
}

/** How deep a kernel's folders may lie in each other, and how many files it may have. */
const limits = { depth: 4, files: 500 };

/** Files as the adapter wants them. `modelPath` are further folders of models, asked for at each launch. */
export function fileAccess(tree: FileTree, modelPath: () => readonly string[]): FileAccess {
  return {
    readFile: path => tree.read(path),
    readModels: scenarioPath => findModels(tree, scenarioPath, modelPath()),
    resolve: (from, name) => tree.join(tree.folderOf(from), name),
  };
}

/** The user's own kernels and drivers for a scenario; of two of the same name the nearer one counts. */
export async function findModels(tree: FileTree, scenarioPath: string, modelPath: readonly string[]) {
  const beside = tree.folderOf(scenarioPath);
  const kernels: Record<string, SourceFile[]> = {};
  const drivers = new Map<string, SourceFile>();
  for (const file of await readDrivers(tree, beside)) keepFirst(drivers, file);
  for (const folder of [tree.join(beside, 'models'), ...modelPath]) {
    for (const name of await kernelNames(tree, folder)) {
      kernels[name] ??= await readSources(tree, tree.join(folder, name), limits.depth);
    }
    for (const inside of [tree.join(folder, 'drivers'), folder]) {
      for (const file of await readDrivers(tree, inside)) keepFirst(drivers, file);
    }
  }
  return { kernels, drivers: [...drivers.values()] };
}

/** Every `.mmu` file of a folder and the folders in it, in the order of their paths. */
export async function readSources(tree: FileTree, folder: string, depth: number): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for (const { name, kind } of await tree.list(folder)) {
    const path = tree.join(folder, name);
    if (kind === 'folder' && depth > 0) files.push(...(await readSources(tree, path, depth - 1)));
    if (kind === 'file' && name.endsWith('.mmu')) files.push({ path, text: await tree.read(path) });
    if (files.length > limits.files) throw new Error(`more than ${limits.files} files under ${folder}`);
  }
  return files;
}

function keepFirst(drivers: Map<string, SourceFile>, file: SourceFile): void {
  const name = nameOf(file.path);
  if (!drivers.has(name)) drivers.set(name, file);
}

function nameOf(path: string): string {
  return path.replace(/^.*[\\/]/, '');
}

/** Files that hold the driver they are named after, and what these import; a scenario is neither. */
async function readDrivers(tree: FileTree, folder: string): Promise<SourceFile[]> {
  const entries = await tree.list(folder);
  const names = entries.filter(({ name, kind }) => kind === 'file' && name.endsWith('.mmu'));
  const files = await Promise.all(
    names.map(async ({ name }) => {
      const path = tree.join(folder, name);
      // What cannot be read is no driver; a scenario that asks for it is told that there is none.
      return { name, path, text: await tree.read(path).catch(() => '') };
    }),
  );
  const found = new Set(files.filter(({ name, text }) => declaresDriver(text, name.replace(/\.mmu$/, ''))));
  for (const file of found) {
    for (const [, name] of file.text.matchAll(/^\s*import\s+"([^"\n]+)"/gm)) {
      const imported = files.find(other => other.name === name);
      if (imported) found.add(imported);
    }
  }
  return [...found].map(({ path, text }) => ({ path, text }));
}

function declaresDriver(text: string, name: string): boolean {
  return [...text.matchAll(/^[ \t]*driver[ \t]+([\w.+-]+)/gm)].some(([, declared]) => declared === name);
}

async function kernelNames(tree: FileTree, folder: string): Promise<string[]> {
  const folders = (await tree.list(folder)).filter(({ kind }) => kind === 'folder');
  const found = folders.map(async ({ name }) => {
    const entries = await tree.list(tree.join(folder, name));
    return entries.some(entry => entry.name === 'kernel.mmu') ? [name] : [];
  });
  return (await Promise.all(found)).flat();
}
