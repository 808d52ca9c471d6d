/** Exploring in the editor, with the user played by `desk`; searches are real and run in the worker. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { bareKernel } from '../../bench/mmun';
import { loadShippedModels } from '../../src/cli/models';
import { nodeWorker } from '../../src/cli/node-worker';
import type { ThreadAnswer, ThreadMessage } from '../../src/vscode/explore-thread';
import { registerExploring } from '../../src/vscode/exploring';
import { registerOfferCounterexample } from '../../src/vscode/offer-counterexample';
import type { Platform } from '../../src/vscode/platform';
import { CancellationTokenSource, desk, TestRunRequest, Uri } from './fake-vscode';

vi.mock('vscode', () => import('./fake-vscode'));

/** Two tasks count to two; with `more` of them the count is lost or not, as a scenario likes. */
const scenario = (name: string, more: string) => `scenario ${name} {
  kernel bare
  machine { cpus 2 }
  process P { }
  task t0 in P on cpu 0 { if (i < 9) { var t = i; i = t + 1; } else { never_called(); } }
  task t1 in P on cpu 1 { var t = i; i = t + 1; }
  ${more}
}
`;

const declarations = 'var i: int 0..9\nfn never_called() { i = 9; }\n';

/** Counts to a million and more, twice: nobody waits for the end of it. */
const endless = `var a: int 0..20000
var b: int 0..20000
scenario endless {
  kernel bare
  machine { cpus 2 }
  process P { }
  task t0 in P on cpu 0 { var t: int 0..20000; while (t < 20000) { t = t + 1; a = t; } }
  task t1 in P on cpu 1 { var t: int 0..20000; while (t < 20000) { t = t + 1; b = t; } }
  expect holds
}
`;

const text = [
  declarations,
  scenario('fine', 'always (i < 3)\n  expect holds'),
  scenario('broken', 'always (i < 2)\n  expect violated assertion'),
  scenario('differs', 'always (i < 2)\n  expect holds'),
  scenario('unseen', 'sometimes (i == 5)\n  expect violated assertion'),
  scenario('silent', ''),
].join('\n');

let folder: string;
let exploring: { dispose(): void };

/** One worker for all, as it takes a moment to start. */
beforeAll(() => {
  const storage = Uri.file(mkdtempSync(join(tmpdir(), 'shootdown-storage-')));
  const platform: Platform = {
    models: () => loadShippedModels(process.cwd()),
    debugWorker: null,
    explorePort: () => nodeWorker<ThreadMessage, ThreadAnswer>('./dist/editor-worker.js'),
    languageClient: () => {
      throw new Error('there is no language server here');
    },
  };
  exploring = registerExploring(Uri.file(process.cwd()) as never, storage as never, platform);
  return () => {
    exploring.dispose();
    rmSync(storage.fsPath, { recursive: true });
  };
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shootdown-explore-'));
  const kernel = join(folder, 'models', 'bare');
  mkdirSync(kernel, { recursive: true });
  writeFileSync(join(kernel, 'kernel.mmu'), bareKernel);
  desk.reset(folder);
  return () => rmSync(folder, { recursive: true });
});

const pathOf = (name = 'counter.mmu') => join(folder, name);

function open(content = text, name = 'counter.mmu') {
  writeFileSync(pathOf(name), content);
  return desk.open(pathOf(name), content);
}

const explore = (name: string, file?: string) =>
  desk.run('shootdown.exploreScenario', { program: pathOf(file), scenario: name });

const diagnostics = () => desk.diagnostics.get(pathOf()) ?? [];

/** Diagnostics and tests follow changes of texts when these have been read. */
const eventually = <Value>(read: () => Value) => expect.poll(read, { timeout: 5000 });

test('a verdict is a message, and a diagnostic at the line that expects it', async () => {
  open();
  for (const name of ['fine', 'broken', 'differs', 'unseen', 'silent']) await explore(name);
  const said = desk.messages.map(({ level, text: message, buttons }) => [
    level,
    message.replace(/[\d,]+ states in \d.*/, 'N states'),
    buttons.length,
  ]);
  expect(said).toMatchInlineSnapshot(`
    [
      [
        "information",
        "fine: holds, as expected; N states",
        1,
      ],
      [
        "information",
        "broken: violated: assertion, as expected; in 5 steps, N states",
        3,
      ],
      [
        "error",
        "differs: violated: assertion; expected that all holds; in 5 steps, N states",
        3,
      ],
      [
        "information",
        "unseen: violated: assertion, as expected; N states",
        1,
      ],
      [
        "information",
        "silent: holds (the scenario does not say what it expects); N states",
        1,
      ],
    ]
  `);
  const shown = diagnostics().map(({ severity, code, range }) => [severity, code, range.start.line + 1]);
  expect(shown).toMatchInlineSnapshot(`
    [
      [
        2,
        "holds",
        11,
      ],
      [
        2,
        "assertion",
        21,
      ],
      [
        0,
        "assertion",
        31,
      ],
      [
        2,
        "assertion",
        41,
      ],
      [
        2,
        "holds",
        44,
      ],
    ]
  `);
  const broken = diagnostics()[1];
  expect(broken?.relatedInformation.map(({ message }) => message)).toMatchInlineSnapshot(`
    [
      "always (i < 2): it does not hold",
      "written: i, without a lock, by t1 [P] cpu1 in t1 (counter.mmu:19), step 5",
      "values: i is 2, by t1 [P] cpu1 in t1 (counter.mmu:20), step 5",
      "found, by t1 [P] cpu1 in t1 (counter.mmu:20), step 5",
    ]
  `);
});

test('a diagnostic goes when the text changes, and stays when it is saved', async () => {
  const document = open();
  await explore('fine');
  desk.files.fire(document.uri);
  await new Promise(setImmediate);
  expect(diagnostics()).toHaveLength(1);
  desk.type(document, `${text}\n`);
  await eventually(() => diagnostics().length).toBe(0);
});

test('a change of a model takes back what rests on it, and so does a new one', async () => {
  open();
  await explore('fine');
  writeFileSync(pathOf('models/bare/kernel.mmu'), `${bareKernel}\n// changed\n`);
  desk.files.fire(Uri.file(pathOf('models/bare/kernel.mmu')));
  await eventually(() => diagnostics().length).toBe(0);
  await explore('fine');
  expect(diagnostics()).toHaveLength(1);
  desk.created.fire(Uri.file(pathOf('models/other.mmu')));
  await desk.run('shootdown.saveCounterexample', { program: pathOf(), scenario: 'fine' });
  expect(desk.messages.at(-1)?.text).toBe('fine holds: there is no counterexample');
  expect(diagnostics()).toHaveLength(1);
  writeFileSync(pathOf('other.mmu'), 'driver other for bare { }');
  desk.created.fire(Uri.file(pathOf('other.mmu')));
  await eventually(() => diagnostics().length).toBe(0);
  // Changes outside of the workspace are not heard of.
  await explore('fine');
  writeFileSync(pathOf('models/bare/kernel.mmu'), bareKernel);
  desk.focused.fire({ focused: true });
  await eventually(() => diagnostics().length).toBe(0);
});

test('a scenario that is changed while it is explored gets no verdict', async () => {
  const document = open(endless);
  desk.settings = { workers: 1, states: 300_000 };
  desk.onWork = () => setTimeout(() => desk.type(document, `${endless}\n`), 100);
  await explore('endless');
  expect(desk.messages.at(-1)?.text).toMatch(
    /^endless was changed while it was explored\. Before that: incomplete/,
  );
  expect(desk.messages.at(-1)?.buttons).toEqual(['Explore Again', 'Report']);
  expect(diagnostics()).toEqual([]);
});

test('an exploration can be cancelled, also before its turn', async () => {
  open(endless);
  open(text, 'other.mmu');
  const cancels: (() => void)[] = [];
  desk.onWork = cancel => cancels.push(cancel);
  const first = explore('endless');
  const second = explore('fine', 'other.mmu');
  await eventually(() => cancels.length).toBe(2);
  expect(desk.progress).toContain('waits for another exploration');
  await explore('endless');
  expect(desk.messages.at(-1)?.text).toBe('endless is being explored already');
  cancels[1]?.();
  await second;
  expect(desk.messages.at(-1)?.text).toBe('fine: cancelled after 0 states, without a verdict');
  await eventually(() => desk.progress.some(line => /states\/s, depth/.test(line))).toBe(true);
  cancels[0]?.();
  await first;
  expect(desk.messages.at(-1)?.text).toMatch(
    /^endless: cancelled after [\d,]{4,} states, without a verdict$/,
  );
  expect(diagnostics()).toEqual([]);
});

test('a limit is an incomplete verdict, and a warning', async () => {
  open(endless);
  desk.settings = { states: 1000, workers: 1, seconds: 'a while' };
  await explore('endless');
  expect(desk.messages.at(-1)).toMatchObject({ level: 'warning' });
  expect(desk.messages.at(-1)?.text).toMatch(
    /^endless: incomplete: .*which is the limit, and there are more/,
  );
  expect(diagnostics()[0]?.severity).toBe(1);
});

test('files that are broken or missing are said to be', async () => {
  open(scenario('wrong', 'expect holds'));
  desk.answer = ({ buttons }) => buttons[0];
  await explore('wrong');
  expect(desk.messages.at(-1)).toMatchObject({ level: 'error', buttons: ['Show Problem'] });
  expect(desk.messages.at(-1)?.text).toMatch(/counter\.mmu:5:31: MMU\d+ .*'i'.*\(and \d+ more\)$/);
  expect(desk.shown).toEqual([pathOf()]);
  open(text, 'right.mmu');
  await explore('gone', 'right.mmu');
  expect(desk.messages.at(-1)?.text).toContain("no scenario 'gone'");
  await explore('gone', 'missing.mmu');
  expect(desk.messages.at(-1)?.text).toMatch(/missing\.mmu: ENOENT/);
  await desk.run('shootdown.exploreScenario', Uri.parse('untitled:Untitled-1'), [
    Uri.parse('untitled:Untitled-1'),
  ]);
  expect(desk.messages.at(-1)?.text).toContain('Save the scenario first');
});

test('the counterexample is debugged, saved beside the scenario, and never a stale one', async () => {
  const document = open();
  desk.answer = ({ buttons }) => buttons.find(button => button === 'Debug Counterexample');
  await explore('broken');
  const [launch] = desk.started;
  expect(launch).toMatchObject({ type: 'mmu-notifier', scenario: 'broken', schedule: 'replay' });
  const trace = readFileSync(String(launch?.trace), 'utf8');
  expect(trace).toMatch(/^shootdown schedule \d+\n/);

  desk.answer = () => undefined;
  const target = { program: pathOf(), scenario: 'broken' };
  await desk.run('shootdown.saveCounterexample', target);
  expect(readFileSync(pathOf('broken.trace'), 'utf8')).toBe(trace);
  writeFileSync(pathOf('broken.trace'), 'of the user');
  await desk.run('shootdown.saveCounterexample', target);
  expect(readFileSync(pathOf('broken.trace'), 'utf8')).toBe('of the user');

  await desk.run('shootdown.showReport', target);
  expect(desk.shown.at(-1)).toContain('violated: assertion, as expected');

  await explore('fine');
  await desk.run('shootdown.debugCounterexample', { program: pathOf(), scenario: 'fine' });
  expect(desk.messages.at(-1)?.text).toBe('fine holds: there is no counterexample');
  desk.type(document, `${text}\n`);
  await eventually(() => diagnostics().length).toBe(0);
  await desk.run('shootdown.debugCounterexample', target);
  // What was found before is of another text, so it is explored again.
  expect(desk.started).toHaveLength(2);
});

test('a scenario that is not explored yet is explored on the way to its counterexample', async () => {
  open();
  await desk.run('shootdown.debugCounterexample', { program: pathOf(), scenario: 'broken' });
  expect(desk.started).toHaveLength(1);
  expect(desk.started[0]).toMatchObject({ scenario: 'broken', schedule: 'replay' });
  expect(desk.messages).toEqual([]);
  expect(diagnostics()).toHaveLength(1);
  await desk.run('shootdown.debugCounterexample', { program: pathOf(), scenario: 'fine' });
  expect(desk.started).toHaveLength(1);
  expect(desk.messages.map(({ text: message }) => message)).toEqual([
    expect.stringMatching(/^fine: holds, as expected; /),
  ]);
});

test('a run that does not show what is expected offers what does', async () => {
  open();
  const offer = registerOfferCounterexample();
  const target = { program: pathOf(), scenario: 'broken' };
  const session = { type: 'mmu-notifier', configuration: target };
  const end = (missing: string[]) =>
    desk.sessionTold.fire({ session, event: 'shootdown/verdict', body: { scenario: 'broken', missing } });
  desk.answer = ({ buttons }) => buttons[0];
  end([]);
  expect(desk.messages).toEqual([]);
  end(['assertion']);
  end(['assertion']);
  expect(desk.messages).toEqual([
    {
      level: 'information',
      text: 'broken: assertion did not show on this schedule. Another one may show it.',
      buttons: ['Debug Counterexample', 'Explore'],
    },
  ]);
  await eventually(() => desk.executed).toEqual([['shootdown.debugCounterexample', target]]);
  offer.dispose();
});

test('of a file with several scenarios one or all are explored', async () => {
  open();
  const uri = Uri.file(pathOf());
  let offered: string[] = [];
  desk.pick = labels => {
    offered = labels;
    return labels[0];
  };
  await desk.run('shootdown.exploreScenario', uri, [uri]);
  expect(offered).toEqual(['All 5 scenarios', 'fine', 'broken', 'differs', 'unseen', 'silent']);
  expect(desk.messages.at(-1)?.text).toBe('5 scenarios: 4 as expected, 1 differs');
  expect(diagnostics()).toHaveLength(5);
});

test('kernels and drivers are compared in a table, and a click on a cell debugs it', async () => {
  const document = open();
  const target = { program: pathOf(), scenario: 'broken' };
  await desk.run('shootdown.compare', target);
  const [panel] = desk.panels;
  if (!panel) throw new Error('no panel');
  expect(panel.title).toBe('Compare: broken');
  expect(panel.webview.html).toContain("default-src 'none'");
  const rows = new Map<unknown, { isOwn: boolean; cells: { text: string; tone: string }[] }>();
  for (const { type, index, row } of panel.told) if (type === 'row') rows.set(index, row as never);
  const shown = [...rows.values()].map(({ isOwn, cells }) => [isOwn, ...cells.slice(0, 3)]);
  expect(shown).toContainEqual([
    true,
    expect.objectContaining({ text: 'bare' }),
    expect.objectContaining({ text: '-' }),
    expect.objectContaining({ text: 'violated: assertion', tone: 'bad', debugs: 'searched' }),
  ]);
  expect(shown.length).toBeGreaterThan(1);
  expect(panel.told.at(-1)).toEqual({
    type: 'status',
    text: `${shown.length} ways to run it`,
    isRunning: false,
  });
  expect(desk.progress.some(text => /^\d of \d, bare: /.test(text) || text === 'compiles')).toBe(true);

  const index = shown.findIndex(([isOwn]) => isOwn);
  panel.heard.fire({ type: 'debug', index, column: 'searched' });
  await eventually(() => desk.started.length).toBe(1);
  expect(desk.started[0]).toMatchObject({ scenario: 'broken', kernel: 'bare', schedule: 'replay' });
  expect(readFileSync(String(desk.started[0]?.trace), 'utf8')).toContain('scenario broken');
  panel.heard.fire({ type: 'debug', index, column: 'run' });
  await eventually(() => desk.started.length).toBe(2);
  expect(desk.started[1]).toMatchObject({ kernel: 'bare', stopOnEntry: true });

  desk.type(document, `${text}\n`);
  panel.heard.fire({ type: 'debug', index, column: 'searched' });
  await eventually(() => desk.messages.at(-1)?.text).toContain('have changed since: compare again');
  // A page that is loaded again is told everything.
  const before = panel.told.length;
  panel.heard.fire({ type: 'ready' });
  expect(panel.told.slice(before).map(({ type }) => type)).toEqual([
    'start',
    ...shown.map(() => 'row'),
    'status',
  ]);
});

test('a comparison can be cancelled, and says how far it came', async () => {
  open(endless, 'endless.mmu');
  const comparing = desk.run('shootdown.compare', { program: pathOf('endless.mmu'), scenario: 'endless' });
  await eventually(() => desk.progress.some(text => text.includes('states/s'))).toBe(true);
  desk.panels[0]?.heard.fire({ type: 'cancel' });
  await comparing;
  expect(desk.panels[0]?.told.at(-1)?.text).toMatch(/^cancelled: 0 of \d+ ways to run it searched$/);
});

/* The Test Explorer. */

const states = () =>
  desk.controller.runs.flatMap(run => run.results.map(({ test: name, state }) => `${name} ${state}`));

async function runTests(kind: number): Promise<void> {
  await desk.controller.refreshHandler?.();
  const { token } = new CancellationTokenSource();
  await desk.controller.profiles.get(kind)?.handler(new TestRunRequest(), token);
}

test('scenarios that expect something are tests, as they are typed', async () => {
  const document = open();
  await desk.controller.refreshHandler?.();
  const [file] = [...desk.controller.items.values()];
  const rows = () =>
    [...(file?.children.values() ?? [])].map(({ label, description }) => [label, description]);
  expect(rows()).toEqual([
    ['fine', 'expect holds'],
    ['broken', 'expect violated assertion'],
    ['differs', 'expect holds'],
    ['unseen', 'expect violated assertion'],
  ]);
  const kept = [...(file?.children.values() ?? [])][0];
  desk.type(document, declarations + scenario('fine', 'expect holds'));
  await eventually(() => rows().length).toBe(1);
  expect([...(file?.children.values() ?? [])][0]).toBe(kept);
  desk.type(document, 'scenario half {');
  await eventually(() => desk.controller.items.size).toBe(0);
});

test('Run explores them; a verdict that differs says what was expected', async () => {
  open();
  await runTests(1);
  expect(states()).toEqual(['fine passed', 'broken passed', 'differs failed', 'unseen passed']);
  const [run] = desk.controller.runs;
  const messages = run?.results.find(({ state }) => state === 'failed')?.messages ?? [];
  const [shown, difference] = messages;
  expect(shown?.message).toMatchObject({
    value: expect.stringMatching(/```text\n=+\nBUG: shootdown: assertion at [\s\S]*\*\*\* assertion \*\*\*/),
  });
  expect(shown?.stackTrace.at(0)?.label).toMatch(/^found/);
  expect(difference).toMatchObject({ expectedOutput: 'holds', actualOutput: 'violated assertion' });
  const lines = messages.map(({ location }) => (location?.range.start.line ?? -1) + 1);
  expect(lines).toEqual([31, 31]);
  expect(run?.output).toContain('fine on bare: holds, as expected');
  expect(run?.hasEnded).toBe(true);
});

test('a test that could not be explored is an error, and one that changed is out of date', async () => {
  const document = open(endless);
  desk.settings = { states: 1000, workers: 1 };
  await runTests(1);
  expect(states()).toEqual(['endless errored']);
  desk.type(document, endless.replace('kernel bare', 'kernel none'));
  await eventually(() => desk.controller.invalidated).toEqual(['endless']);
  await runTests(1);
  expect(states()).toEqual(['endless errored', 'endless errored']);
  expect(desk.controller.runs[1]?.results[0]?.messages[0]?.message).toContain("'none'");
});

test('a run that is cancelled skips what is left', async () => {
  open(endless);
  await desk.controller.refreshHandler?.();
  const source = new CancellationTokenSource();
  const running = desk.controller.profiles.get(1)?.handler(new TestRunRequest(), source.token);
  const [file] = [...desk.controller.items.values()];
  const [item] = [...(file?.children.values() ?? [])];
  // Meanwhile the test says how far its search is.
  await eventually(() => item?.description).toMatch(/^[\d,]+ states, [\d,]+ states\/s, depth/);
  source.cancel();
  await running;
  expect(states()).toEqual(['endless skipped']);
  expect(item?.description).toBe('expect holds');
});

test('a continuous run explores again what was saved, and only what that is about', async () => {
  const document = open(declarations + scenario('fine', 'expect holds'));
  const other = open(declarations + scenario('other', 'expect holds'), 'other.mmu');
  await runTests(1);
  const source = new CancellationTokenSource();
  const profile = desk.controller.profiles.get(1);
  expect(profile?.supportsContinuousRun).toBe(true);
  const request = new TestRunRequest(undefined, undefined, profile, true);
  const running = profile?.handler(request, source.token);
  desk.saved.fire(document);
  desk.type(document, declarations + scenario('fine', 'always (i < 2)\n  expect holds'));
  await eventually(() => desk.controller.invalidated).toEqual(['fine']);
  expect(states()).toEqual(['fine passed', 'other passed']);
  desk.saved.fire(document);
  await eventually(states).toEqual(['fine passed', 'other passed', 'fine failed']);
  source.cancel();
  await running;
  desk.type(other, `${other.text}\n`);
  await eventually(() => desk.controller.invalidated).toEqual(['fine', 'other']);
  desk.saved.fire(other);
  await explore('other', 'other.mmu');
  expect(states()).toEqual(['fine passed', 'other passed', 'fine failed', 'other passed']);
});

test('Debug follows the counterexample, and says where there is none', async () => {
  open();
  await runTests(2);
  expect(desk.started.map(({ scenario: name }) => name)).toEqual(['broken', 'differs']);
  expect(states()).toEqual(['fine passed', 'broken passed', 'differs failed', 'unseen passed']);
  expect(desk.messages.map(({ text: message }) => message)).toEqual([
    'fine: holds, as expected: there is no counterexample to debug',
    'unseen: violated: assertion, as expected: no single way shows it',
  ]);
  expect(existsSync(String(desk.started[0]?.trace))).toBe(true);
});

test('coverage tells the statements that no interleaving reaches', async () => {
  open(declarations + scenario('fine', 'expect holds'));
  await runTests(3);
  const [file] = desk.controller.runs[0]?.coverage.filter(({ uri }) => uri.fsPath === pathOf()) ?? [];
  const lines = (isReached: boolean) =>
    (file?.details ?? [])
      .filter(({ executed }) => executed === isReached)
      .map(({ location }) => location.start.line + 1);
  expect([...new Set(lines(false))]).toEqual([2, 7]);
  expect([...new Set(lines(true))]).toEqual([7, 8]);
});

test('what a command explores is shown by its test too', async () => {
  open();
  await desk.controller.refreshHandler?.();
  await explore('differs');
  expect(states()).toEqual(['differs failed']);
});

test('closing the editor ends an exploration', async () => {
  open(endless);
  const running = explore('endless');
  await eventually(() => desk.progress.length > 0).toBe(true);
  exploring.dispose();
  await running;
});
