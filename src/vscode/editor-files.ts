/** Files as the editor has them, wherever they are: what the user sees is what runs. */
import * as vscode from 'vscode';
import { type FileTree, type FolderEntry, fileAccess } from '../debug/find-models';
import type { FileAccess } from '../debug/host';
import { pathOf, uriOf } from './paths';

/** What is larger is no source file. */
const BYTES_MAX = 1 << 20;

const tree: FileTree = {
  read: readAsEdited,
  list: async folder => {
    // A folder that is not there is an empty one.
    const entries = await vscode.workspace.fs.readDirectory(uriOf(folder)).then(
      found => found,
      () => [],
    );
    return entries.map(toEntry).sort((a, b) => (a.name < b.name ? -1 : 1));
  },
  join: (folder, name) =>
    isAbsolute(name) ? name : pathOf(vscode.Uri.joinPath(uriOf(folder), name.replaceAll('\\', '/'))),
  folderOf: path => pathOf(vscode.Uri.joinPath(uriOf(path), '..')),
};

function toEntry([name, type]: [string, vscode.FileType]): FolderEntry {
  const isFile = (type & vscode.FileType.File) !== 0;
  const isFolder = (type & vscode.FileType.Directory) !== 0;
  return { name, kind: isFile ? 'file' : isFolder ? 'folder' : 'other' };
}

function isAbsolute(path: string): boolean {
  return /^([/\\]|[A-Za-z]:|[A-Za-z][\w+.-]+:\/\/)/.test(path);
}

/** Files as the editor has them, with the models of a workspace folder. */
export function editedFiles(folder: vscode.WorkspaceFolder | undefined): FileAccess {
  return fileAccess(tree, () => modelPath(folder));
}

/** The folders of the setting `shootdown.modelPath`; relative ones start at the workspace folder. */
export function modelPath(folder: vscode.WorkspaceFolder | undefined): string[] {
  const root = folder ?? vscode.workspace.workspaceFolders?.[0];
  const setting = vscode.workspace.getConfiguration('shootdown', root?.uri).get<string[]>('modelPath') ?? [];
  return setting.map(path => (root ? tree.join(pathOf(root.uri), path) : path));
}

/** The text of an open file, also where it is not saved yet; else that of the file. */
export async function readAsEdited(path: string): Promise<string> {
  const uri = uriOf(path);
  const open = vscode.workspace.textDocuments.find(document => document.uri.toString() === uri.toString());
  return open ? open.getText() : readText(uri);
}

/** Text of a file. Refuses what cannot be a source file, before it costs more memory. */
export async function readText(uri: vscode.Uri): Promise<string> {
  const bytes = await vscode.workspace.fs.readFile(uri).then(
    read => read,
    (problem: unknown) => {
      throw new Error(reasonOf(problem));
    },
  );
  if (bytes.length > BYTES_MAX) throw new Error(`the file is larger than ${BYTES_MAX >> 20} MiB`);
  return new TextDecoder().decode(bytes);
}

function reasonOf(problem: unknown): string {
  if (problem instanceof vscode.FileSystemError && problem.code === 'FileNotFound')
    return 'there is no such file';
  return problem instanceof Error ? problem.message : String(problem);
}
