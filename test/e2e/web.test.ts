/**
 * The extension in a browser: the editor is told to run it in its web worker, where there is no Node, and
 * files are read through the editor.
 */
import { afterAll, afterEach, beforeAll, test } from 'vitest';
import { type Editor, openEditor, screenshot, timeouts } from './editor';
import {
  openFile,
  poll,
  readException,
  readProblems,
  readToasts,
  runCommand,
  stopDebugging,
} from './harness';

let editor: Editor;

beforeAll(async () => {
  editor = await openEditor({
    only: ['start-is-too-early.mmu', 'table-walk-before.mmu'],
    settings: { 'remote.extensionKind': { 'shootdown.shootdown': ['web'] } },
  });
});

afterEach(async context => {
  if (context.task.result?.state === 'fail') await screenshot(editor, `failed-${context.task.id}`);
  await stopDebugging(editor);
});

afterAll(async () => {
  await editor?.close();
});

test('a scenario is explored and its counterexample debugged, in workers of the page', async () => {
  const { page } = editor;
  await page.keyboard.press('Control+Shift+M');
  await openFile(editor, 'start-is-too-early.mmu');
  await page.locator('.codelens-decoration a', { hasText: 'Explore' }).first().click();
  await poll(
    () => readToasts(editor),
    toasts => toasts.some(toast => toast.startsWith('start_is_too_early: violated: use-after-free')),
    'the verdict',
    timeouts.explore,
  );
  await page.locator('.codelens-decoration a', { hasText: 'Debug Counterexample' }).click();
  await poll(
    () => readException(editor),
    text => text.includes('use-after-free'),
    'the violation',
    timeouts.explore,
  );
  await screenshot(editor, '20-in-a-browser');
});

test('the language server runs there too', async () => {
  const { page } = editor;
  await openFile(editor, 'table-walk-before.mmu');
  await page.keyboard.press('Control+End');
  await page.keyboard.type('scenario broken { kernel linux-0 }');
  const read = () => readProblems(editor);
  await page.keyboard.press('Control+Shift+M');
  await poll(read, problems => problems.some(problem => problem.includes('linux-0')), 'a problem');
  await page.keyboard.press('Control+Shift+K');
});

test('it is the web worker that runs it', async () => {
  const { page } = editor;
  await runCommand(editor, 'Developer: Show Running Extensions');
  const rows = page.locator('.runtime-extensions-editor .monaco-list-row', { hasText: 'Shootdown' });
  await rows.filter({ hasText: 'web worker' }).waitFor();
  await screenshot(editor, '21-running-extensions');
});
