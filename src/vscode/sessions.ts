/** The debug sessions of ours that run, and when one of them stopped. Views ask a session for all else. */
import * as vscode from 'vscode';

/** The debug type of the extension. */
export const debugType = 'mmu-notifier';

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

  #onMessage(session: vscode.DebugSession, message: { type?: string; event?: string }): void {
    if (message.type !== 'event') return;
    if (message.event === 'terminated') this.#end(session);
    if (message.event !== 'stopped') return;
    this.#stopped.add(session);
    this.#tell();
  }

  #end(session: vscode.DebugSession): void {
    if (this.#stopped.delete(session)) this.#tell();
  }

  #tell(): void {
    vscode.commands.executeCommand('setContext', 'shootdown.hasSession', this.#stopped.size > 0);
    this.#changed.fire();
  }
}
