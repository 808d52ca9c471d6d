/** Where on its path a run is, in the status bar; and going to another moment of it. */
import * as vscode from 'vscode';
import { type GoToArguments, goToRequest, type PositionResponse, positionRequest } from '../debug/requests';
import { Refusal, registerCommand } from './commands';
import { debugType, type Sessions } from './sessions';

/** Registers the commands, for the scenario that is being debugged, and the item of the status bar. */
export function registerGoToPosition(sessions: Sessions): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('shootdown.position', vscode.StatusBarAlignment.Left, 10);
  item.name = 'Shootdown: Step';
  item.tooltip = 'Steps of the run: where it is, and how far its path was recorded. Click to go to a step.';
  item.command = 'shootdown.goToStep';
  const show = () => showPosition(item, sessions);
  return vscode.Disposable.from(
    item,
    sessions.onDidChange(show),
    vscode.debug.onDidChangeActiveDebugSession(show),
    registerCommand('shootdown.goToPosition', (position: number) => goTo(activeSession(), position)),
    registerCommand('shootdown.goToStep', async () => {
      const session = activeSession();
      const position = await askForStep(await positionOf(session));
      if (position !== undefined) await goTo(session, position);
    }),
  );
}

function activeSession(): vscode.DebugSession {
  const session = vscode.debug.activeDebugSession;
  if (session?.type !== debugType) throw new Refusal('No scenario is being debugged');
  return session;
}

async function goTo(session: vscode.DebugSession, position: number): Promise<void> {
  const args: GoToArguments = { position };
  await session.customRequest(goToRequest, args);
}

async function positionOf(session: vscode.DebugSession): Promise<PositionResponse> {
  return session.customRequest(positionRequest);
}

async function askForStep({ position, length }: PositionResponse): Promise<number | undefined> {
  const answer = await vscode.window.showInputBox({
    title: 'Go to Step',
    prompt: `Steps from the start, 0 to ${length}; the path stays recorded`,
    value: String(position),
    validateInput: text => {
      const step = Number(text);
      const isThere = /^\d+$/.test(text.trim()) && step <= length;
      return isThere ? undefined : `a number from 0 to ${length} is expected`;
    },
  });
  return answer === undefined ? undefined : Number(answer);
}

/** Of the session that has the focus, if it has stopped. */
async function showPosition(item: vscode.StatusBarItem, sessions: Sessions): Promise<void> {
  const session = vscode.debug.activeDebugSession;
  if (!session || !sessions.all().includes(session)) return item.hide();
  // A session that ends while it is asked has no position any more.
  const at = await positionOf(session).catch(() => undefined);
  if (!at) return item.hide();
  item.text = `$(debug-step-over) step ${at.position} of ${at.length}`;
  item.show();
}
