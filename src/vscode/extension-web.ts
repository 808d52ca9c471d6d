/** Entry of the extension in a browser. */
import type * as vscode from 'vscode';
import { activateOn } from './features';
import { webPlatform } from './platform-web';

/** Called by VS Code. */
export function activate(context: vscode.ExtensionContext): void {
  activateOn(webPlatform(context.extensionUri), context);
}
