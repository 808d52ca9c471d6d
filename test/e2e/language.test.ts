/** The language server in the real editor: a mistake is shown as it is typed, and goes when it is mended. */
import { afterAll, afterEach, beforeAll, test } from 'vitest';
import { type Editor, openEditor, screenshot } from './editor';
import { openFile, poll, readProblems } from './harness';

let editor: Editor;

beforeAll(async () => {
  editor = await openEditor();
});

afterEach(async context => {
  if (context.task.result?.state === 'fail') await screenshot(editor, `failed-${context.task.id}`);
});

afterAll(async () => {
  await editor?.close();
});

test('a mistake is a problem while it is there', async () => {
  await editor.page.keyboard.press('Control+Shift+M');
  await openFile(editor, 'start-is-too-early.mmu');
  await editor.page.keyboard.press('Control+End');
  await editor.page.keyboard.type('scenario broken { kernel linux-0 }');
  const read = () => readProblems(editor);
  await poll(read, problems => problems.some(problem => problem.includes('linux-0')), 'a problem');
  await screenshot(editor, '6-problem');
  await editor.page.keyboard.press('Control+Shift+K');
  await poll(read, problems => problems.length === 0, 'no problem');
});
