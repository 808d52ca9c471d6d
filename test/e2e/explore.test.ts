/** Exploring in the real editor: from the CodeLens, in the Test Explorer, and on to a counterexample. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Editor, openEditor, screenshot } from './editor';
import {
  focusThread,
  openFile,
  poll,
  pressToolbar,
  readException,
  readProblems,
  readTests,
  readThreads,
  readToasts,
  runTest,
  showContainer,
  stopDebugging,
} from './harness';

let editor: Editor;

beforeAll(async () => {
  editor = await openEditor();
});

afterEach(async context => {
  if (context.task.result?.state === 'fail') await screenshot(editor, `failed-${context.task.id}`);
  await stopDebugging(editor);
});

afterAll(async () => {
  await editor?.close();
});

test('the CodeLens explores a scenario: the verdict is told, and shown where it was expected', async () => {
  const { page } = editor;
  await openFile(editor, 'start-is-too-early.mmu');
  await page.locator('.codelens-decoration a', { hasText: 'Explore' }).first().click();
  await poll(
    () => readToasts(editor),
    toasts => toasts.some(toast => toast.includes('use-after-free')),
    'a verdict',
  );
  await page.keyboard.press('Control+Shift+M');
  await poll(
    () => readProblems(editor),
    problems => problems.some(problem => problem.includes('violated: use-after-free')),
    'a diagnostic',
  );
  await screenshot(editor, '7-explored');
});

test('the counterexample is replayed to the violation, and stepped back from there', async () => {
  await editor.page
    .locator('.notifications-toasts .monaco-button', { hasText: 'Debug Counterexample' })
    .click();
  await poll(
    () => readException(editor),
    text => text.includes('use-after-free'),
    'the violation',
  );
  await screenshot(editor, '8-counterexample');
  await focusThread(editor, 't0');
  await pressToolbar(editor, 'Step Back');
  await poll(
    () => readThreads(editor),
    threads => threads.length > 0 && !threads.some(thread => /use-after-free/i.test(thread)),
    'no thread stopped by it',
  );
});

test('the Test Explorer has the scenarios, and runs them', async () => {
  await showContainer(editor, 'Testing');
  const tests = await poll(
    () => readTests(editor),
    rows => rows.length > 10,
    'the scenarios',
  );
  await screenshot(editor, '9-tests');
  console.log(tests);
  await runTest(editor, 'end-is-too-late-tables.mmu', 'Run Test');
  await editor.page.waitForTimeout(5000);
  console.log(await readTests(editor));
  await screenshot(editor, '9-tests-2');
  await runTest(editor, 'end-is-too-late-tables.mmu', 'Run Test with Coverage');
  await editor.page.waitForTimeout(5000);
  await screenshot(editor, '9-tests-3');
});
