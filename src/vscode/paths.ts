/**
 * Paths of files as the rest of the product has them: those of the disk, or whole URIs where a file is not on
 * it, as in a virtual workspace and in a browser.
 */
import * as vscode from 'vscode';

/** The path of a file. A URI has its two slashes, also where it names no host: by them it is known as one. */
export function pathOf(uri: vscode.Uri): string {
  return uri.scheme === 'file' ? uri.fsPath : uri.toString().replace(/^([\w+.-]+):\/(?!\/)/, '$1:///');
}

/** The URI of a path. */
export function uriOf(path: string): vscode.Uri {
  return path.includes('://') ? vscode.Uri.parse(path, true) : vscode.Uri.file(path);
}

/** The last part of a path, for people. */
export function nameOf(path: string): string {
  const name = path.replace(/^.*[\\/]/, '');
  return path.includes('://') ? decodeURIComponent(name) : name;
}

/** What people call a file: its path on disk, or its URI without what is encoded. */
export function shownPath(uri: vscode.Uri): string {
  return uri.scheme === 'file' ? uri.fsPath : uri.toString(true);
}

/** Whether a document is a file, and not what an editor makes for a new one, a difference or a report. */
export function isFile({ scheme }: vscode.Uri): boolean {
  const folders = vscode.workspace.workspaceFolders ?? [];
  return fileSchemes.includes(scheme) || folders.some(({ uri }) => uri.scheme === scheme);
}

/** Those of the disk, and of where the files of an extension lie. */
const fileSchemes = ['file', 'vscode-remote', 'https', 'http'];
