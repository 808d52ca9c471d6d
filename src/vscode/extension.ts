/** Entry of the extension on Node. */
import type * as vscode from 'vscode';
import { activateOn } from './features';
import { nodePlatform } from './platform-node';

/** Called by VS Code. */
export function activate(context: vscode.ExtensionContext): void {
  activateOn(nodePlatform(context.extensionUri), context);
}
