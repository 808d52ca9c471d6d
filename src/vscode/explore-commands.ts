/** Explore Scenario: from the CodeLens, the palette, the menus of editor and file tree; and what follows. */
import * as vscode from 'vscode';
import { problemText, type RunProblem } from '../session/load';
import { Refusal, registerCommand } from './commands';
import { debugCounterexample, saveCounterexample } from './counterexamples';
import { activeScenarioFile, scenarioInEditor } from './debug-configuration';
import { count, type Explored, type ScenarioTarget, verdictText } from './exploration';
import type { ExploreReports } from './explore-reports';
import type { CheckedExploration, Explorer } from './explorer';
import { withoutScenario } from './no-scenario';
import { outlineScenarios } from './outline';
import { isFile, pathOf } from './paths';
import { showSpan } from './places';
import { tellTest } from './scenario-test-runs';
import type { ScenarioTests } from './scenario-tests';

/** What the commands work with. */
export interface ExploreParts {
  readonly explorer: Explorer;
  readonly reports: ExploreReports;
  readonly tests: ScenarioTests;
  /** A folder of ours. */
  readonly storage: vscode.Uri;
}

/** Registers the commands. */
export function registerExploreCommands(parts: ExploreParts): vscode.Disposable {
  const { reports } = parts;
  return vscode.Disposable.from(
    registerCommand('shootdown.exploreScenario', async (what: unknown, selected: unknown) => {
      const targets = await targetsOf(what, selected, parts, { title: 'Explore Scenario', isSingle: false });
      if (targets.length > 1) await exploreAll(targets, parts);
      else for (const target of targets) await exploreOne(target, parts);
    }),
    registerCommand('shootdown.debugCounterexample', (what: unknown) => debugOrExplore(what, parts)),
    registerCommand('shootdown.saveCounterexample', async (what: unknown) =>
      saveCounterexample(await exploredOf(what, parts)),
    ),
    registerCommand('shootdown.showReport', async (what: unknown) => {
      const target = targetOf(what, parts);
      if (!target) return;
      if (!reports.has(target)) throw new Refusal(`${target.scenario} has not been explored yet`);
      await reports.show(target);
    }),
  );
}

/* What is meant. */

function isTarget(what: unknown): what is ScenarioTarget {
  return typeof what === 'object' && what !== null && 'program' in what && 'scenario' in what;
}

/** A scenario passed by a CodeLens or a row of the Test Explorer, else the one at the cursor. */
function targetOf(what: unknown, { tests }: ExploreParts): ScenarioTarget | undefined {
  if (isTarget(what)) return what;
  const tested = typeof what === 'object' && what !== null ? tests.target(what) : undefined;
  if (tested) return tested;
  const editor = activeScenarioFile();
  if (!editor) throw new Refusal('Open a scenario file (.mmu) first');
  const scenario = scenarioInEditor(editor);
  if (scenario) return { program: programOf(editor.document.uri), scenario };
  return withoutScenario(editor.document);
}

/** How a scenario is chosen where several can be meant. */
interface Choice {
  readonly title: string;
  /** Not all of them at once. */
  readonly isSingle: boolean;
}

/** The file tree passes files, and all that are selected; of several scenarios the user chooses. */
export async function targetsOf(
  what: unknown,
  selected: unknown,
  parts: ExploreParts,
  choice: Choice,
): Promise<ScenarioTarget[]> {
  if (what instanceof vscode.Uri && Array.isArray(selected)) {
    const files = selected.filter(each => each instanceof vscode.Uri);
    return choose((await Promise.all(files.map(scenariosOf))).flat(), choice);
  }
  const target = targetOf(what, parts);
  return target ? [target] : [];
}

async function scenariosOf(uri: vscode.Uri): Promise<ScenarioTarget[]> {
  const program = programOf(uri);
  const document = await vscode.workspace.openTextDocument(uri);
  const targets = outlineScenarios(document.getText()).map(({ name }) => ({ program, scenario: name }));
  if (targets.length === 0) withoutScenario(document);
  return targets;
}

async function choose(targets: ScenarioTarget[], { title, isSingle }: Choice): Promise<ScenarioTarget[]> {
  if (targets.length < 2) return targets;
  const all = { label: `All ${targets.length} scenarios`, targets };
  const each = targets.map(target => ({ label: target.scenario, targets: [target] }));
  const item = await vscode.window.showQuickPick(isSingle ? each : [all, ...each], { title });
  return item?.targets ?? [];
}

/** Drivers and models are looked up from where the scenario is, so it must be somewhere. */
function programOf(uri: vscode.Uri): string {
  if (!isFile(uri)) throw new Refusal('Save the scenario first: its models are looked up beside it');
  return pathOf(uri);
}

/** The result for a scenario; one of a text that has changed since would lead astray. */
async function exploredOf(what: unknown, parts: ExploreParts): Promise<Explored> {
  const target = targetOf(what, parts);
  if (!target) throw new Refusal('No scenario is meant');
  const explored = await parts.explorer.checked(target);
  if (explored) return explored;
  throw new Refusal(`${target.scenario} has not been explored as it is now: explore it first`);
}

/** Explores first where that is yet to be done: a counterexample is one click away from any scenario. */
async function debugOrExplore(what: unknown, parts: ExploreParts): Promise<void> {
  const target = targetOf(what, parts);
  if (!target) return;
  const known = await parts.explorer.checked(target);
  if (known) {
    await debugCounterexample(known, parts.storage);
    return;
  }
  const found = await explored(target, parts);
  if (found.kind === 'explored' && found.isCurrent && found.explored.trace !== null)
    await debugCounterexample(found.explored, parts.storage);
  else await tell(target, found, parts);
}

/* Exploring, and what is said about it. */

async function exploreOne(target: ScenarioTarget, parts: ExploreParts): Promise<void> {
  await tell(target, await explored(target, parts), parts);
}

/** Explores with a notification; all but messages shows what was found. */
async function explored(target: ScenarioTarget, parts: ExploreParts): Promise<CheckedExploration> {
  const { explorer } = parts;
  if (explorer.isBusy(target)) throw new Refusal(`${target.scenario} is being explored already`);
  const found = await withProgress(`Exploring ${target.scenario}`, async (report, token) => {
    if (explorer.isExploring) report('waits for another exploration');
    return explorer.explore(target, { isWhole: false, token, onProgress: report });
  });
  tellParts(target, found, parts);
  return found;
}

/** Several scenarios have one message in the end; each has its diagnostic and its test. */
async function exploreAll(targets: readonly ScenarioTarget[], parts: ExploreParts): Promise<void> {
  const sums = { 'as expected': 0, differs: 0, 'not known': 0 };
  await withProgress(`Exploring ${targets.length} scenarios`, async (report, token) => {
    for (const [index, target] of targets.entries()) {
      if (token.isCancellationRequested) break;
      const place = `${index + 1}. ${target.scenario}`;
      report(place);
      const onProgress = (text: string) => report(`${place}: ${text}`);
      const found = await parts.explorer.explore(target, { isWhole: false, token, onProgress });
      tellParts(target, found, parts);
      sums[found.kind === 'explored' && found.isCurrent ? found.explored.standing : 'not known']++;
    }
  });
  const done = sums['as expected'] + sums.differs + sums['not known'];
  const rest = targets.length - done;
  const counts = Object.entries({ ...sums, 'not explored': rest }).filter(([, number]) => number > 0);
  const list = counts.map(([what, number]) => `${number} ${what}`).join(', ');
  const text = `${targets.length} scenarios: ${list}`;
  const show = sums.differs > 0 ? vscode.window.showErrorMessage : vscode.window.showInformationMessage;
  if ((await show(text, 'Show Problems')) === 'Show Problems')
    await vscode.commands.executeCommand('workbench.actions.view.problems');
}

function tellParts(
  target: ScenarioTarget,
  found: CheckedExploration,
  { reports, tests }: ExploreParts,
): void {
  if (found.kind === 'explored') reports.keep(found.explored);
  const item = tests.item(target);
  if (item) tellTest(tests, item, found);
}

/** A notification with a Cancel button. */
export async function withProgress<Result>(
  title: string,
  work: (report: (message: string) => void, token: vscode.CancellationToken) => Promise<Result>,
): Promise<Result> {
  const location = vscode.ProgressLocation.Notification;
  return vscode.window.withProgress({ location, title, cancellable: true }, (progress, token) =>
    work(message => progress.report({ message }), token),
  );
}

async function tell(target: ScenarioTarget, found: CheckedExploration, parts: ExploreParts): Promise<void> {
  const { scenario } = target;
  switch (found.kind) {
    case 'problems':
      return showProblems(found.problems);
    case 'cancelled': {
      const text = `${scenario}: cancelled after ${count(found.states)} states, without a verdict`;
      vscode.window.showInformationMessage(text);
      return;
    }
    case 'explored':
      return found.isCurrent ? tellVerdict(found.explored, parts) : tellChanged(found.explored, parts);
  }
}

async function tellVerdict(explored: Explored, parts: ExploreParts): Promise<void> {
  const { reports, storage } = parts;
  const { scenario, standing, trace } = explored;
  // Long buttons are cut off in a message.
  const [debug, save, report] = ['Debug Counterexample', 'Save', 'Report'];
  const buttons = trace === null ? [report] : [debug, save, report];
  const { showErrorMessage, showInformationMessage, showWarningMessage } = vscode.window;
  const show = {
    'as expected': showInformationMessage,
    differs: showErrorMessage,
    'not known': showWarningMessage,
  };
  const choice = await show[standing](`${scenario}: ${verdictText(explored)}`, ...buttons);
  // The message may have been looked at for long.
  if (choice === debug) await debugCounterexample(await exploredOf(explored, parts), storage);
  if (choice === save) await saveCounterexample(explored);
  if (choice === report) await reports.show(explored);
}

async function tellChanged(explored: Explored, parts: ExploreParts): Promise<void> {
  const text = `${explored.scenario} was changed while it was explored. Before that: ${explored.text}`;
  const [again, report] = ['Explore Again', 'Report'];
  const choice = await vscode.window.showWarningMessage(text, again, report);
  if (choice === again) await exploreOne(explored, parts);
  if (choice === report) await parts.reports.show(explored);
}

async function showProblems(problems: readonly RunProblem[]): Promise<void> {
  const [first] = problems;
  if (!first) return;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  const choices = first.span ? ['Show Problem'] : [];
  const choice = await vscode.window.showErrorMessage(`${problemText(first)}${more}`, ...choices);
  if (choice && first.span) await showSpan(first.span);
}
