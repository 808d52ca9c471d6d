/** Comparing in the real editor: the table fills, and a click on a cell debugs that kernel and driver. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Editor, openEditor, screenshot, timeouts } from './editor';
import { openFile, poll, readConsole, readException, stopDebugging } from './harness';

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

/** The page of the tab that is shown. */
const pageOf = () =>
  editor.page.frameLocator('iframe.webview.ready').last().frameLocator('iframe#active-frame');

const readRows = async () =>
  pageOf()
    .locator('tbody tr')
    .evaluateAll(rows => rows.map(row => [...row.children].map(cell => cell.textContent ?? '')));

test('every kernel and driver has a row, and a violated one is debugged with a click', async () => {
  const { page } = editor;
  await openFile(editor, 'start-is-too-early.mmu');
  await page.locator('.codelens-decoration a', { hasText: 'Compare' }).click();
  await page.locator('.tab.active', { hasText: 'Compare: start_is_too_early' }).waitFor();
  await poll(readRows, rows => rows.length > 3, 'rows');
  await screenshot(editor, '14-comparing');
  const rows = await poll(
    readRows,
    all => all.length > 3 && all.every(([, , verdict]) => verdict !== '…'),
    'every verdict',
    timeouts.explore * 2,
  );
  expect(rows).toContainEqual(
    expect.arrayContaining([
      'linux-3.18',
      'flush_in_start',
      expect.stringMatching(/^violated: use-after-free/),
    ]),
  );
  await screenshot(editor, '15-compared');
  const range = 'linux-3.18+invalidate_range';
  const index = rows.findIndex(([kernel, driver]) => kernel === range && driver === 'flush_in_start');
  await pageOf().locator('tbody tr').nth(index).locator('td').nth(2).locator('button').click();
  await poll(
    () => readException(editor),
    text => text !== '',
    'the violation',
    timeouts.explore,
  );
  expect((await readConsole(editor))[0]).toContain(`start_is_too_early on ${range}, schedule replay`);
  await screenshot(editor, '16-compared-and-debugged');
});
