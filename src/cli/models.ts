/** Files on disk, for the command line and for the language server alike. */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type FileTree, type FolderEntry, fileAccess } from '../debug/find-models';
import type { FileAccess } from '../debug/host';
import type { ModelSet } from '../language/module';

/** What is larger is no source file. */
const BYTES_MAX = 1 << 20;

/** The disk, as models are looked up on it. */
export const disk: FileTree = {
  read: readText,
  list,
  join,
  folderOf: dirname,
};

/** Files as the adapter wants them. `modelPath` are further folders of models, asked for at each launch. */
export function diskFiles(modelPath: () => readonly string[]): FileAccess {
  // Imports are absolute, wherever the command was given: the same file has one path.
  return { ...fileAccess(disk, modelPath), resolve: (from, name) => resolve(dirname(from), name) };
}

/** Text of a file. Refuses what cannot be a source file, before it costs memory. */
export async function readText(path: string): Promise<string> {
  const bytes = await readFile(path);
  if (bytes.length > BYTES_MAX) throw new Error(`the file is larger than ${BYTES_MAX >> 20} MiB`);
  return new TextDecoder().decode(bytes);
}

/** The shipped models, as the build compiled them. */
export async function loadShippedModels(home: string): Promise<ModelSet> {
  const models: ModelSet = JSON.parse(await readFile(join(home, 'dist', 'models.json'), 'utf8'));
  return models;
}

/** A folder that is not there is an empty one. */
async function list(folder: string): Promise<FolderEntry[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .map(entry => ({
      name: entry.name,
      kind: entry.isFile()
        ? ('file' as const)
        : entry.isDirectory()
          ? ('folder' as const)
          : ('other' as const),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
