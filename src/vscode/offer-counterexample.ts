/** A run that has not shown what its scenario expects: one schedule is not all of them, and a search is. */
import * as vscode from 'vscode';
import { type VerdictBody, verdictEvent } from '../debug/requests';
import type { ScenarioTarget } from './exploration';
import { debugType } from './sessions';

const choices = {
  'Debug Counterexample': 'shootdown.debugCounterexample',
  Explore: 'shootdown.exploreScenario',
} as const;

/** Offers it at the end of a run, once for each session: at the end one can go back, and come there again. */
export function registerOfferCounterexample(): vscode.Disposable {
  const told = new WeakSet<vscode.DebugSession>();
  return vscode.debug.onDidReceiveDebugSessionCustomEvent(({ session, event, body }) => {
    if (session.type !== debugType || event !== verdictEvent || told.has(session)) return;
    const verdict: VerdictBody = body;
    if (verdict.missing.length === 0) return;
    told.add(session);
    void offer({ program: String(session.configuration.program), scenario: verdict.scenario }, verdict);
  });
}

async function offer(target: ScenarioTarget, { scenario, missing }: VerdictBody): Promise<void> {
  const text = `${scenario}: ${missing.join(', ')} did not show on this schedule. Another one may show it.`;
  const [debug, explore] = ['Debug Counterexample', 'Explore'] as const;
  const choice = await vscode.window.showInformationMessage(text, debug, explore);
  if (choice) await vscode.commands.executeCommand(choices[choice], target);
}
