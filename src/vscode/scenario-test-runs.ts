/** What the Test Explorer does with scenarios: Run explores them, Debug follows a counterexample. */
import * as vscode from 'vscode';
import { problemText, type RunProblem } from '../session/load';
import { debugToEnd } from './counterexamples';
import { type Explored, verdictText } from './exploration';
import { exploreOnSave } from './explore-on-save';
import type { ExploreReports } from './explore-reports';
import type { CheckedExploration, Explorer } from './explorer';
import { locationOf } from './places';
import type { ScenarioTests } from './scenario-tests';
import { SearchedLines } from './searched-lines';

/** What a run works with. */
export interface TestRunParts {
  readonly explorer: Explorer;
  readonly tests: ScenarioTests;
  readonly reports: ExploreReports;
  /** A folder of ours. */
  readonly storage: vscode.Uri;
}

/** Adds the profiles to the controller. */
export function registerTestRuns(parts: TestRunParts): vscode.Disposable {
  const { explorer, tests } = parts;
  const { controller } = tests;
  const { Run, Debug, Coverage } = vscode.TestRunProfileKind;
  const lines = new SearchedLines();
  const run = controller.createRunProfile(
    'Explore',
    Run,
    (request, token) =>
      request.continuous
        ? exploreOnSave(request, token, parts, again => exploreTests(again, token, parts))
        : exploreTests(request, token, parts),
    true,
  );
  run.supportsContinuousRun = true;
  controller.createRunProfile(
    'Debug Counterexample',
    Debug,
    (request, token) => debugTests(request, token, parts),
    true,
  );
  const coverage = controller.createRunProfile(
    'Explore with Coverage',
    Coverage,
    (request, token) => exploreTests(request, token, parts, (run, found) => lines.add(run, found)),
    true,
  );
  coverage.loadDetailedCoverage = async (_run, file) => lines.details(file);
  return explorer.onDidDrop(results => {
    const items = results.flatMap(each => tests.item(each) ?? []);
    if (items.length > 0) controller.invalidateTestResults(items);
  });
}

/** Shows in the Test Explorer what a command has found. */
export function tellTest(tests: ScenarioTests, item: vscode.TestItem, found: CheckedExploration): void {
  if (found.kind === 'cancelled') return;
  const request = new vscode.TestRunRequest([item], undefined, undefined, false, true);
  const run = tests.controller.createTestRun(request, item.label);
  run.started(item);
  tell(run, item, found);
  run.end();
}

async function exploreTests(
  request: vscode.TestRunRequest,
  token: vscode.CancellationToken,
  parts: TestRunParts,
  onEnd?: (run: vscode.TestRun, found: readonly Explored[]) => void,
): Promise<void> {
  const all: Explored[] = [];
  const run = parts.tests.controller.createTestRun(request);
  try {
    const items = await parts.tests.tests(request);
    for (const item of items) run.enqueued(item);
    for (const item of items) {
      const found = await explore(run, item, token, { ...parts, isWhole: onEnd !== undefined });
      if (found?.kind === 'explored' && found.isCurrent) all.push(found.explored);
    }
    onEnd?.(run, all);
  } finally {
    run.end();
  }
}

/** Explores the scenario of a test and says what came of it. */
async function explore(
  run: vscode.TestRun,
  item: vscode.TestItem,
  token: vscode.CancellationToken,
  { explorer, tests, reports, isWhole }: TestRunParts & { readonly isWhole: boolean },
): Promise<CheckedExploration | undefined> {
  const target = tests.target(item);
  if (!target || token.isCancellationRequested) {
    run.skipped(item);
    return undefined;
  }
  run.started(item);
  try {
    const onProgress = (text: string) => tests.tell(item, text);
    const found = await explorer.explore(target, { isWhole, token, onProgress });
    if (found.kind === 'explored') reports.keep(found.explored);
    tell(run, item, found);
    return found;
  } catch (problem) {
    const text = problem instanceof Error ? problem.message : String(problem);
    run.errored(item, new vscode.TestMessage(text));
    return undefined;
  } finally {
    tests.tell(item, null);
  }
}

async function debugTests(
  request: vscode.TestRunRequest,
  token: vscode.CancellationToken,
  parts: TestRunParts,
): Promise<void> {
  const run = parts.tests.controller.createTestRun(request);
  try {
    for (const item of await parts.tests.tests(request)) await debugTest(run, item, token, parts);
  } finally {
    run.end();
  }
}

async function debugTest(
  run: vscode.TestRun,
  item: vscode.TestItem,
  token: vscode.CancellationToken,
  parts: TestRunParts,
): Promise<void> {
  const target = parts.tests.target(item);
  const known = target && (await parts.explorer.checked(target));
  if (known) {
    run.started(item);
    tell(run, item, { kind: 'explored', explored: known, isCurrent: true });
  }
  const found = known ? undefined : await explore(run, item, token, { ...parts, isWhole: false });
  const explored = known ?? (found?.kind === 'explored' && found.isCurrent ? found.explored : undefined);
  if (!explored || token.isCancellationRequested) return;
  if (explored.trace !== null) {
    await debugToEnd(explored, parts.storage, { testRun: run, token });
    return;
  }
  const why = explored.shown ? 'no single way shows it' : 'there is no counterexample to debug';
  vscode.window.showInformationMessage(`${explored.scenario}: ${explored.text}: ${why}`);
}

/** The verdict as the result of a test, with the report as its output. */
function tell(run: vscode.TestRun, item: vscode.TestItem, found: CheckedExploration): void {
  if (found.kind === 'cancelled') run.skipped(item);
  else if (found.kind === 'problems') run.errored(item, found.problems.map(messageOf));
  else tellVerdict(run, item, found);
}

function messageOf(problem: RunProblem): vscode.TestMessage {
  const message = new vscode.TestMessage(problemText(problem));
  if (problem.span) message.location = locationOf(problem.span);
  return message;
}

function tellVerdict(
  run: vscode.TestRun,
  item: vscode.TestItem,
  { explored, isCurrent }: CheckedExploration & { readonly kind: 'explored' },
): void {
  const milliseconds = explored.seconds * 1000;
  // The end of the output is what is in sight.
  const output = `${explored.report}\n${explored.scenario}: ${verdictText(explored)}\n`;
  run.appendOutput(output.replace(/\r?\n/g, '\r\n'), undefined, item);
  if (!isCurrent) {
    const text = `${explored.scenario} was changed while it was explored: explore it again`;
    run.errored(item, messageAt(explored, text), milliseconds);
  } else if (explored.standing === 'as expected') run.passed(item, milliseconds);
  else if (explored.standing === 'differs') run.failed(item, differencesOf(explored), milliseconds);
  else run.errored(item, messageAt(explored, verdictText(explored)), milliseconds);
}

function messageAt({ at }: Explored, text: string): vscode.TestMessage {
  const message = new vscode.TestMessage(text);
  message.location = locationOf(at);
  return message;
}

/** The report and the diagram of the violation, with its moments as a stack; and what was expected. */
function differencesOf(explored: Explored): vscode.TestMessage[] {
  const { notation } = explored;
  const difference = differenceOf(explored);
  if (notation === null) return [difference];
  const markdown = new vscode.MarkdownString(verdictText(explored));
  const shown = new vscode.TestMessage(markdown.appendCodeblock(notation, 'text'));
  shown.location = locationOf(explored.at);
  shown.stackTrace = stackOf(explored);
  return [shown, difference];
}

/** What was expected beside what is. */
function differenceOf(explored: Explored): vscode.TestMessage {
  const { expected, verdict, violations } = explored;
  const found = violations.map(({ property }) => property).join(', ');
  const actual = found === '' ? verdict : `${verdict} ${found}`;
  const message = vscode.TestMessage.diff(verdictText(explored), expected ?? '', actual);
  message.location = locationOf(explored.at);
  return message;
}

/** The moments that led there, the last one first. */
function stackOf({ moments }: Explored): vscode.TestMessageStackFrame[] {
  return moments.toReversed().map(({ text, span }) => {
    const { uri, range } = span ? locationOf(span) : { uri: undefined, range: undefined };
    return new vscode.TestMessageStackFrame(text, uri, range?.start);
  });
}
