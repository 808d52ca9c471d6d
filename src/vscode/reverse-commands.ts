/** Stepping back into a call and out of a function: the protocol has no requests for it, the adapter has. */
import * as vscode from 'vscode';
import { Refusal, registerCommand } from './commands';
import { debugType } from './sessions';

/** Registers both commands, for the thread that has the focus. */
export function registerReverseCommands(): vscode.Disposable {
  return vscode.Disposable.from(
    registerCommand('shootdown.reverseInto', () => step('shootdown/reverseInto')),
    registerCommand('shootdown.reverseOut', () => step('shootdown/reverseOut')),
  );
}

async function step(request: 'shootdown/reverseInto' | 'shootdown/reverseOut'): Promise<void> {
  const session = vscode.debug.activeDebugSession;
  if (session?.type !== debugType) throw new Refusal('No scenario is being debugged');
  const threadId = await focusedThread(session);
  if (threadId !== undefined) await session.customRequest(request, { threadId });
}

async function focusedThread(session: vscode.DebugSession): Promise<number | undefined> {
  const item = vscode.debug.activeStackItem;
  if (item?.session === session) return item.threadId;
  // Without a focus, the first thread is as good as any.
  const body: { threads: { id: number }[] } = await session.customRequest('threads');
  return body.threads[0]?.id;
}
