/** Counterexamples in the debugger, and in a file beside the scenario. */
import * as vscode from 'vscode';
import { Refusal } from './commands';
import { launchConfiguration } from './debug-configuration';
import { type Explored, traceName } from './exploration';
import { pathOf, shownPath, uriOf } from './paths';
import { debugType } from './sessions';

/**
 * Debugs a counterexample: the run goes to the violation and stops there, so that everything before it can be
 * stepped back through. `storage` is a folder of ours for the schedule, as a launch names it by file.
 */
export async function debugCounterexample(
  explored: Explored,
  storage: vscode.Uri,
  options: vscode.DebugSessionOptions = {},
): Promise<boolean> {
  const { program, scenario } = explored;
  const saved = { name: scenario, trace: traceOf(explored), storage };
  return debugTrace(launchConfiguration(program, scenario), saved, options);
}

/** Debugs a launch along a saved schedule, which is kept under a name of ours. */
export async function debugTrace(
  launch: vscode.DebugConfiguration,
  { name, trace, storage }: { readonly name: string; readonly trace: string; readonly storage: vscode.Uri },
  options: vscode.DebugSessionOptions = {},
): Promise<boolean> {
  const program = String(launch.program);
  const uri = vscode.Uri.joinPath(storage, await digestOf(program), traceName(name));
  await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(trace));
  const configuration = { ...launch, schedule: 'replay', trace: pathOf(uri) };
  const folder = vscode.workspace.getWorkspaceFolder(uriOf(program));
  return vscode.debug.startDebugging(folder, configuration, options);
}

/** Tells the files of different scenarios apart. */
async function digestOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(digest).slice(0, 8)].map(byte => byte.toString(16).padStart(2, '0')).join('');
}

/** Debugs a counterexample and waits until its session has ended. */
export async function debugToEnd(
  explored: Explored,
  storage: vscode.Uri,
  { testRun, token }: { testRun: vscode.TestRun; token: vscode.CancellationToken },
): Promise<void> {
  let session: vscode.DebugSession | undefined;
  let end: () => void = () => {};
  const ended = new Promise<void>(resolve => {
    end = resolve;
  });
  const isOurs = ({ type, configuration }: vscode.DebugSession) =>
    type === debugType && configuration.program === explored.program;
  const watches = [
    vscode.debug.onDidStartDebugSession(started => {
      if (isOurs(started)) session ??= started;
    }),
    vscode.debug.onDidTerminateDebugSession(terminated => {
      if (terminated === session) end();
    }),
    token.onCancellationRequested(() => {
      if (session) void vscode.debug.stopDebugging(session);
      end();
    }),
  ];
  try {
    if ((await debugCounterexample(explored, storage, { testRun })) && session) await ended;
  } finally {
    for (const watch of watches) watch.dispose();
  }
}

/** Writes the counterexample to SCENARIO.trace beside the scenario; where it cannot, asks for a place. */
export async function saveCounterexample(explored: Explored): Promise<void> {
  const text = new TextEncoder().encode(traceOf(explored));
  const beside = vscode.Uri.joinPath(uriOf(explored.program), '..', traceName(explored.scenario));
  if (!(await mayWrite(beside, text))) return;
  const saved = await vscode.workspace.fs.writeFile(beside, text).then(
    () => beside,
    () => saveElsewhere(beside, text),
  );
  if (!saved) return;
  const message = `The counterexample is saved in ${shownPath(saved)}; "trace" in launch.json replays it`;
  if ((await vscode.window.showInformationMessage(message, 'Open')) === 'Open')
    await vscode.window.showTextDocument(saved);
}

/** A file that is there may be the user's; the same counterexample again is no loss. */
async function mayWrite(uri: vscode.Uri, text: Uint8Array): Promise<boolean> {
  const there = await vscode.workspace.fs.readFile(uri).then(
    bytes => bytes,
    () => undefined,
  );
  if (!there || new TextDecoder().decode(there) === new TextDecoder().decode(text)) return true;
  const warning = `${shownPath(uri)} exists already, with another schedule`;
  return (await vscode.window.showWarningMessage(warning, { modal: true }, 'Replace')) === 'Replace';
}

/** The folder may be one that cannot be written to, as that of the shipped scenarios. */
async function saveElsewhere(beside: vscode.Uri, text: Uint8Array): Promise<vscode.Uri | undefined> {
  const title = `${shownPath(beside)} cannot be written: save the counterexample elsewhere`;
  const uri = await vscode.window.showSaveDialog({ title, filters: { Schedule: ['trace'] } });
  if (uri) await vscode.workspace.fs.writeFile(uri, text);
  return uri;
}

function traceOf({ scenario, trace, shown, verdict }: Explored): string {
  if (trace !== null) return trace;
  if (shown)
    throw new Refusal(`No way of ${scenario} shows it, so there is none to follow: ${shown.message}`);
  const what = verdict === 'holds' ? 'holds' : 'was not found to be violated';
  throw new Refusal(`${scenario} ${what}: there is no counterexample`);
}
