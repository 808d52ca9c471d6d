/**
 * The extension in VS Code: each feature registers itself. Nothing here knows the simulation: the debugger
 * and its views meet in the Debug Adapter Protocol only, and a search is a job for a worker.
 */
import * as vscode from 'vscode';
import { registerBreakOnCallback } from './break-on-callback';
import { registerDebugAdapter } from './debug-adapter';
import { registerDebugConfigurations } from './debug-configuration';
import { registerExploring } from './exploring';
import { registerGoToPosition } from './go-to-position';
import { registerLanguageClient } from './language-client';
import { registerLaunchCommands } from './launch-commands';
import { registerNewScenario } from './new-scenario';
import { registerOfferCounterexample } from './offer-counterexample';
import { registerOrigin } from './origin';
import type { Platform } from './platform';
import { registerReverseCommands } from './reverse-commands';
import { Sessions } from './sessions';
import { registerShippedFiles } from './shipped-files';
import { registerTree } from './tree-view';

/** Called when a scenario is opened, debugged, or is somewhere in the workspace. */
export function activateOn(platform: Platform, context: vscode.ExtensionContext): void {
  const { extensionUri, globalState, subscriptions } = context;
  const sessions = new Sessions();
  const views = { sessions, memory: globalState };
  subscriptions.push(
    sessions,
    registerDebugAdapter(extensionUri, platform),
    registerDebugConfigurations(),
    registerLanguageClient(extensionUri, platform),
    registerExploring(extensionUri, context.storageUri ?? context.globalStorageUri, platform),
    registerLaunchCommands(),
    registerBreakOnCallback(extensionUri, platform),
    registerReverseCommands(),
    registerGoToPosition(sessions),
    registerOfferCounterexample(),
    registerNewScenario(),
    registerShippedFiles(extensionUri),
    registerTree('shootdown.pageTables', 'shootdown/pageTables', views),
    registerTree('shootdown.tlbs', 'shootdown/tlbs', views),
    registerTree('shootdown.callbacks', 'shootdown/callbacks', views),
    registerOrigin(sessions),
  );
  // The views are of no use to somebody who debugs another language, so they come with the extension only.
  vscode.commands.executeCommand('setContext', 'shootdown.active', true);
}
