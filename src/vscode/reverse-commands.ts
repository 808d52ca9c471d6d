/** Stepping back into a call and out of a function: the protocol has no requests for it, the adapter has. */
import * as vscode from 'vscode';
import type { ReverseArguments, ReverseRequest } from '../debug/requests';
import { Refusal, registerCommand } from './commands';
import { debugType } from './sessions';

/** Registers both commands, for the thread that has the focus. */
export function registerReverseCommands(): vscode.Disposable {
  return vscode.Disposable.from(
    registerCommand('shootdown.reverseInto', () => step('shootdown/reverseInto')),
    registerCommand('shootdown.reverseOut', () => step('shootdown/reverseOut')),
  );
}

async function step(request: ReverseRequest): Promise<void> {
  const session = vscode.debug.activeDebugSession;
  if (session?.type !== debugType) throw new Refusal('No scenario is being debugged');
  const threadId = await focusedThread(session);
  if (threadId === undefined) return;
  const args: ReverseArguments = { threadId };
  await session.customRequest(request, args);
}

async function focusedThread(session: vscode.DebugSession): Promise<number | undefined> {
  const item = vscode.debug.activeStackItem;
  if (item?.session === session) return item.threadId;
  // Without a focus, the first thread is as good as any.
  const body: { threads: { id: number }[] } = await session.customRequest('threads');
  return body.threads[0]?.id;
}
