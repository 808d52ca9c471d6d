/** The debug sessions of ours that run, and when one of them stopped. Views ask a session for all else. */
import * as vscode from 'vscode';
import { type LaunchAnswer, showLaunchProblem } from './launch-problem';

/** The debug type of the extension. */
export const debugType = 'mmu-notifier';

/** What is looked at of an event or an answer. */
type Message = LaunchAnswer & {
  readonly type?: string;
  readonly event?: string;
  readonly command?: string;
  readonly success?: boolean;
  readonly body?: { readonly reason?: string };
};

/** Watches sessions by their protocol messages, so that views need not know who made a session stop. */
export class Sessions implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #stopped = new Set<vscode.DebugSession>();
  readonly #disposables: vscode.Disposable[];

  /** A session stopped (also after a step back) or ended. */
  readonly onDidChange = this.#changed.event;

  constructor() {
    this.#disposables = [
      this.#changed,
      vscode.debug.registerDebugAdapterTrackerFactory(debugType, {
        createDebugAdapterTracker: session => ({
          onDidSendMessage: message => this.#onMessage(session, message),
          onWillStopSession: () => this.#end(session),
          onExit: () => this.#end(session),
        }),
      }),
      vscode.debug.onDidTerminateDebugSession(session => this.#end(session)),
    ];
  }

  /** The sessions that have stopped at least once, in the order they started. */
  all(): readonly vscode.DebugSession[] {
    return [...this.#stopped];
  }

  /** Ends the watch. */
  dispose(): void {
    for (const disposable of this.#disposables) disposable.dispose();
  }

  #onMessage(session: vscode.DebugSession, message: Message): void {
    const isLaunch = message.command === 'launch' || message.command === 'restart';
    if (isLaunch && message.success === false) showLaunchProblem(message);
    if (message.type !== 'event') return;
    if (message.event === 'terminated') this.#end(session);
    if (message.event !== 'stopped') return;
    if (!this.#stopped.has(session)) this.#show(message.body?.reason ?? '');
    this.#stopped.add(session);
    this.#tell();
  }

  /** VS Code opens the view of a debugger at breakpoints only; a violation is as good a reason. */
  async #show(reason: string): Promise<void> {
    const open = vscode.workspace.getConfiguration('debug').get('openDebug');
    if (reason === 'breakpoint' || open !== 'openOnDebugBreak') return;
    await vscode.commands.executeCommand('workbench.view.debug');
    await vscode.commands.executeCommand('workbench.action.focusActiveEditorGroup');
  }

  #end(session: vscode.DebugSession): void {
    if (this.#stopped.delete(session)) this.#tell();
  }

  #tell(): void {
    vscode.commands.executeCommand('setContext', 'shootdown.hasSession', this.#stopped.size > 0);
    this.#changed.fire();
  }
}
