/** A launch that fails on a mistake in the files: what is wrong, and a way there. */
import * as vscode from 'vscode';
import { uriOf } from './paths';

/** The part of an answer that says why. */
export interface LaunchAnswer {
  readonly body?: {
    readonly error?: {
      readonly format: string;
      readonly showUser?: boolean;
      readonly variables?: { readonly [name: string]: string };
    };
  };
}

/** Shows what VS Code leaves to us: its own dialog would offer to edit a launch.json that need not exist. */
export async function showLaunchProblem({ body }: LaunchAnswer): Promise<void> {
  const error = body?.error;
  if (error?.showUser !== false) return;
  const { file, line, column } = error.variables ?? {};
  const choices = file ? ['Show Problem'] : [];
  const choice = await vscode.window.showErrorMessage(error.format, ...choices);
  if (!choice || !file) return;
  const at = new vscode.Position(Math.max(Number(line) - 1, 0), Math.max(Number(column) - 1, 0));
  const options = { selection: new vscode.Range(at, at) };
  await vscode.window.showTextDocument(uriOf(file), options);
}
