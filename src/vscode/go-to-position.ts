/** Goes to a moment of the recorded path: what a click on a moment does, in a tree or elsewhere. */
import * as vscode from 'vscode';
import { type GoToArguments, goToRequest } from '../debug/requests';
import { Refusal, registerCommand } from './commands';
import { debugType } from './sessions';

/** Registers the command, for the scenario that is being debugged. */
export function registerGoToPosition(): vscode.Disposable {
  return registerCommand('shootdown.goToPosition', async (position: number) => {
    const session = vscode.debug.activeDebugSession;
    if (session?.type !== debugType) throw new Refusal('No scenario is being debugged');
    const args: GoToArguments = { position };
    await session.customRequest(goToRequest, args);
  });
}
