/** A folder that is not trusted: what runs nothing of it works, and debugging asks first. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, test } from 'vitest';
import { type Editor, openEditor, screenshot, timeouts } from './editor';
import { openFile, poll, readException, readProblems, readToasts, stopDebugging } from './harness';

let editor: Editor;

beforeAll(async () => {
  editor = await openEditor({ isTrusted: false });
  // A folder that somebody sends may have settings; its limits would end every search at once.
  mkdirSync(join(editor.folder, '.vscode'));
  writeFileSync(join(editor.folder, '.vscode', 'settings.json'), '{ "shootdown.explore.states": 1 }');
});

afterEach(async context => {
  if (context.task.result?.state === 'fail') await screenshot(editor, `failed-${context.task.id}`);
  await stopDebugging(editor);
});

afterAll(async () => {
  await editor?.close();
});

test('in Restricted Mode scenarios are checked and explored, with the limits of the user', async () => {
  const { page } = editor;
  await page.locator('.statusbar-item', { hasText: 'Restricted Mode' }).waitFor();
  await page.keyboard.press('Control+Shift+M');
  await openFile(editor, 'start-is-too-early.mmu');
  await page.locator('.codelens-decoration a', { hasText: 'Explore' }).click();
  await poll(
    () => readToasts(editor),
    toasts => toasts.some(toast => toast.startsWith('start_is_too_early: violated: use-after-free')),
    'the verdict',
    timeouts.explore,
  );
  await poll(
    () => readProblems(editor),
    problems => problems.some(problem => problem.startsWith('violated: use-after-free')),
    'a diagnostic',
  );
  await screenshot(editor, '17-restricted');
});

test('debugging asks whether the folder is trusted, and goes on when it is', async () => {
  const { page } = editor;
  await page.locator('.codelens-decoration a', { hasText: 'Debug Counterexample' }).click();
  const dialog = page.locator('.monaco-dialog-box');
  await dialog.waitFor();
  await screenshot(editor, '18-asks-for-trust');
  await dialog.locator('.monaco-button', { hasText: /Trust/ }).first().click();
  await poll(
    () => readException(editor),
    text => text.includes('use-after-free'),
    'the violation',
    timeouts.explore,
  );
  await screenshot(editor, '19-trusted');
});
