/** Exploring in the real editor: from the CodeLens, in the Test Explorer, and on to a counterexample. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Editor, openEditor, screenshot, timeouts } from './editor';
import {
  chooseForTest,
  focusThread,
  openFile,
  poll,
  pressMenu,
  pressTest,
  pressToast,
  pressToolbar,
  readException,
  readProblems,
  readTests,
  readThreads,
  readToasts,
  showContainer,
  stopDebugging,
} from './harness';

const file = 'start-is-too-early.mmu';

/** Too much for one sitting. */
const long = `scenario long {
  kernel linux-3.18
  machine { cpus 4  frames 64  iommu amd { device gpu { ats  pri requests 4 } } }
  process P {
    mmap A, 4 pages, rw, touched
    mmap B after A, 4 pages, rw
    bind gpu, pasid 1, driver amd_iommu_v2
  }
  task t0 in P on cpu 0 { munmap(A, 1 page); }
  task t1 in P on cpu 1 { munmap(A + 1 page, 1 page); }
  task t2 in P on cpu 2 { munmap(A + 2 pages, 1 page); }
  task t3 in P on cpu 3 { munmap(A + 3 pages, 1 page); }
  device gpu { dma_write(A + 1 page, 1); dma_write(A + 2 pages, 2); }
  expect holds
}
`;

let editor: Editor;

beforeAll(async () => {
  editor = await openEditor({ only: [file, 'table-walk-before.mmu', 'unregister-races-with-end.mmu'] });
  writeFileSync(join(editor.folder, 'long.mmu'), long);
});

afterEach(async context => {
  if (context.task.result?.state === 'fail') await screenshot(editor, `failed-${context.task.id}`);
  await stopDebugging(editor);
});

afterAll(async () => {
  await editor?.close();
});

/** Waits for a message of this beginning. */
const waitForToast = (start: string) =>
  poll(
    () => readToasts(editor),
    toasts => toasts.some(toast => toast.startsWith(start)),
    `a message '${start}...'`,
    timeouts.explore,
  );

/** Waits for a row of the Test Explorer that fits. */
const waitForTest = (row: RegExp) =>
  poll(
    () => readTests(editor),
    rows => rows.some(each => row.test(each)),
    `a test ${row}`,
    timeouts.explore,
  );

test('the CodeLens explores a scenario: the verdict is told, and shown where it was expected', async () => {
  const { page } = editor;
  // The panel comes first: an editor that loses the focus as soon as it has it may not ask for a CodeLens.
  await page.keyboard.press('Control+Shift+M');
  await openFile(editor, file);
  await page.locator('.codelens-decoration a', { hasText: 'Explore' }).first().click();
  await waitForToast('start_is_too_early: violated: use-after-free, as expected');
  await poll(
    () => readProblems(editor),
    problems => problems.some(problem => problem.startsWith('violated: use-after-free')),
    'a diagnostic',
  );
  await page.locator('.codelens-decoration a', { hasText: 'Debug Counterexample' }).waitFor();
  await screenshot(editor, '7-explored');
});

test('the report is a document of its own', async () => {
  const { page } = editor;
  await page.locator('.codelens-decoration a', { hasText: 'Report' }).click();
  await page.locator('.tab.active[data-resource-name="start_is_too_early.report"]').waitFor();
  await page.locator('.view-line', { hasText: 'linux-3.18' }).first().waitFor();
  await screenshot(editor, '8-report');
  await page.keyboard.press('Control+F4');
});

test('a long exploration says how it is getting on, and can be cancelled', async () => {
  const { page } = editor;
  await openFile(editor, 'long.mmu');
  await page.locator('.codelens-decoration a', { hasText: 'Explore' }).click();
  await poll(
    () => readToasts(editor),
    toasts => toasts.some(toast => /^Exploring long: [\d,]+ states, [\d,]+ states\/s, depth/.test(toast)),
    'progress',
  );
  await screenshot(editor, '9-exploring');
  await pressToast(editor, 'Cancel');
  await waitForToast('long: cancelled after');
});

test('the counterexample is replayed to the violation, and stepped back from there', async () => {
  const { page } = editor;
  await openFile(editor, file);
  await page.locator('.codelens-decoration a', { hasText: 'Debug Counterexample' }).click();
  await poll(
    () => readException(editor),
    text => text.includes('use-after-free'),
    'the violation',
  );
  await screenshot(editor, '10-counterexample');
  await focusThread(editor, 't0');
  await pressToolbar(editor, 'Step Back');
  const isViolated = (thread: string) => /use-after-free/i.test(thread);
  await poll(
    () => readThreads(editor),
    threads => threads.length > 0 && !threads.some(isViolated),
    'no thread stopped by it',
  );
});

test('the tree explores a file, and its counterexample is saved beside it', async () => {
  const { page, folder } = editor;
  await showContainer(editor, 'Explorer');
  const row = page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'table-walk-before.mmu' });
  await row.click({ button: 'right' });
  await pressMenu(editor, 'Explore Scenario');
  await waitForToast('table_walk_before: violated');
  await pressToast(editor, 'Save');
  const trace = join(folder, 'table_walk_before.trace');
  await poll(
    async () => existsSync(trace),
    saved => saved,
    trace,
  );
  expect(readFileSync(trace, 'utf8')).toContain('scenario table_walk_before');
});

test('the Test Explorer runs scenarios; one that differs shows what was expected', async () => {
  const { folder } = editor;
  const wrong = readFileSync(join(folder, file), 'utf8')
    .replace('scenario start_is_too_early', 'scenario wrong')
    .replace('expect violated use-after-free', 'expect holds');
  writeFileSync(join(folder, 'a-wrong.mmu'), wrong);
  await showContainer(editor, 'Testing');
  await waitForTest(/^a-wrong\.mmu/);
  await waitForTest(/^unregister-races-with-end\.mmu/);
  await pressTest(editor, file, 'Run Test');
  await waitForTest(/^start-is-too-early\.mmu \(Passed\)/);
  await pressTest(editor, 'a-wrong.mmu', 'Run Test');
  await waitForTest(/^a-wrong\.mmu \(Failed\)/);
  await screenshot(editor, '11-tests');
  await chooseForTest(editor, 'a-wrong.mmu', 'wrong', 'Show Report');
  await editor.page.locator('.tab.active[data-resource-name="wrong.report"]').waitFor();
});

test('Debug Test goes to the violation', async () => {
  await pressTest(editor, 'a-wrong.mmu', 'Debug Test');
  await poll(
    () => readException(editor),
    text => text.includes('use-after-free'),
    'the violation',
  );
  await screenshot(editor, '12-debugged-test');
});

test('coverage marks what no interleaving reaches', async () => {
  const { page } = editor;
  await showContainer(editor, 'Testing');
  await pressTest(editor, file, 'Run Test with Coverage');
  const covered = page.locator('.test-coverage-list-item', { hasText: 'flush_in_start.mmu' });
  await covered.waitFor({ timeout: timeouts.explore });
  // Not `huge_memory.mmu`, which it ends with too.
  await page.locator('.test-coverage-list-item', { hasText: /^\s*memory\.mmu/ }).click();
  await page.locator('.coverage-deco-gutter.coverage-deco-miss').first().waitFor();
  await screenshot(editor, '13-coverage');
});
