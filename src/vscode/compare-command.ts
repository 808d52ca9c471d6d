/** Compare Kernels and Drivers: one scenario on all that it fits, as a table whose cells can be debugged. */
import * as vscode from 'vscode';
import type { ComparedRow } from '../compare/compare';
import { sheetRow } from '../compare/sheet';
import { problemText } from '../session/load';
import { Refusal, registerCommand } from './commands';
import { ComparePanel } from './compare-panel';
import { debugTrace } from './counterexamples';
import { launchConfiguration } from './debug-configuration';
import { keyOf, type ScenarioTarget } from './exploration';
import { type ExploreParts, targetsOf, withProgress } from './explore-commands';
import { type CheckedComparison, isUnchanged } from './explorer';
import { uriOf } from './paths';

/** A panel, and what is in it. */
interface Comparing {
  readonly target: ScenarioTarget;
  readonly panel: ComparePanel;
  rows: ComparedRow[];
  texts: ReadonlyMap<string, string> | undefined;
  /** Ends the comparison that runs. */
  cancel: (() => void) | undefined;
}

/** Registers the command; each scenario has one panel. */
export function registerCompare(extensionUri: vscode.Uri, parts: ExploreParts): vscode.Disposable {
  const open = new Map<string, Comparing>();
  const command = registerCommand('shootdown.compare', async (what: unknown, selected: unknown) => {
    const title = 'Compare Kernels and Drivers';
    const [target] = await targetsOf(what, selected, parts, { title, isSingle: true });
    if (!target) return;
    const key = keyOf(target);
    const comparing = open.get(key) ?? begin(target, extensionUri, parts, () => open.delete(key));
    open.set(key, comparing);
    comparing.panel.reveal();
    await compare(comparing, parts);
  });
  const close = new vscode.Disposable(() => {
    for (const { panel } of open.values()) panel.dispose();
  });
  return vscode.Disposable.from(command, close);
}

function begin(
  target: ScenarioTarget,
  extensionUri: vscode.Uri,
  parts: ExploreParts,
  onEnd: () => void,
): Comparing {
  const panel = new ComparePanel(extensionUri, target.scenario);
  const comparing: Comparing = { target, panel, rows: [], texts: undefined, cancel: undefined };
  panel.onDidDispose(() => {
    comparing.cancel?.();
    onEnd();
  });
  panel.onDidClick(click => {
    if (click.type === 'cancel') comparing.cancel?.();
    else if (click.type === 'again') void told(() => compare(comparing, parts));
    else if (click.type === 'debug') void told(() => debugCell(comparing, click, parts));
  });
  return comparing;
}

/** What goes wrong after a click is told as that of a command is. */
async function told(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (problem) {
    const text = problem instanceof Error ? problem.message : String(problem);
    if (problem instanceof Refusal) vscode.window.showWarningMessage(text);
    else vscode.window.showErrorMessage(`Shootdown: ${text}`);
  }
}

async function compare(comparing: Comparing, { explorer }: ExploreParts): Promise<void> {
  const { target, panel } = comparing;
  if (comparing.cancel) return;
  const source = new vscode.CancellationTokenSource();
  comparing.cancel = () => source.cancel();
  comparing.rows = [];
  comparing.texts = undefined;
  panel.clear();
  panel.tell('begins', true);
  try {
    const found = await withProgress(`Comparing on ${target.scenario}`, async (report, token) => {
      token.onCancellationRequested(() => source.cancel());
      if (explorer.isExploring) report('waits for an exploration');
      return explorer.compare(target, {
        token: source.token,
        onProgress: text => {
          report(text);
          panel.tell(text, true);
        },
        onRow: ({ index, row }) => {
          comparing.rows[index] = row;
          panel.show(index, sheetRow(row));
        },
      });
    });
    comparing.texts = found.texts;
    panel.tell(endText(found, comparing.rows), false);
    if (found.kind === 'problems') throw new Refusal(problemsText(found));
  } catch (problem) {
    panel.tell('ended with a problem', false);
    throw problem;
  } finally {
    comparing.cancel = undefined;
    source.dispose();
  }
}

function endText({ kind }: CheckedComparison, rows: readonly ComparedRow[]): string {
  const done = rows.filter(({ searched }) => searched !== null).length;
  const all = `${rows.length} ways to run it`;
  if (kind === 'compared') return all;
  return kind === 'cancelled' ? `cancelled: ${done} of ${all} searched` : 'the scenario has problems';
}

function problemsText({ problems }: CheckedComparison & { readonly kind: 'problems' }): string {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return `${first ? problemText(first) : 'the scenario has problems'}${more}`;
}

/** Debugs what a cell is about: the one schedule, or the way to the violation that the search has found. */
async function debugCell(
  { target, rows, texts }: Comparing,
  { index, column }: { readonly index: number; readonly column: 'run' | 'searched' },
  { storage }: ExploreParts,
): Promise<void> {
  const row = rows[index];
  if (!row) return;
  const { program, scenario } = target;
  if (texts && !(await isUnchanged({ program, texts })))
    throw new Refusal(`${scenario} or its models have changed since: compare again`);
  const { kernel, driver, searched } = row;
  const configuration = {
    ...launchConfiguration(program, scenario),
    kernel,
    ...(driver === null ? {} : { driver }),
  };
  const trace = column === 'searched' ? (searched?.trace ?? null) : null;
  if (trace !== null) {
    const name = [scenario, kernel, driver ?? ''].join(' ').trim();
    await debugTrace(configuration, { name, trace, storage });
    return;
  }
  const folder = vscode.workspace.getWorkspaceFolder(uriOf(program));
  await vscode.debug.startDebugging(folder, { ...configuration, stopOnEntry: row.isViolated === false });
}
