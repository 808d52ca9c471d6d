/** The one boundary around commands: what goes wrong in one is a message to the user, never a stack trace. */
import * as vscode from 'vscode';

/** A sentence for the user, as opposed to a bug of ours. */
export class Refusal extends Error {}

/** Registers a command. A refusal is shown as its sentence, anything else as an error of the extension. */
export function registerCommand<Args extends unknown[]>(
  id: string,
  run: (...args: Args) => Promise<unknown> | unknown,
): vscode.Disposable {
  return vscode.commands.registerCommand(id, async (...args: Args) => {
    try {
      return await run(...args);
    } catch (problem) {
      const text = problem instanceof Error ? problem.message : String(problem);
      if (problem instanceof Refusal) vscode.window.showWarningMessage(text);
      else vscode.window.showErrorMessage(`Shootdown: ${text}`);
      return undefined;
    }
  });
}
