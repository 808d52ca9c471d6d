/** What a user does in the editor and reads from it, one function each. Everything polls; nothing sleeps. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Editor, timeouts } from './editor';

/** A stop as the user sees it: the call stack from the innermost frame on, the file of each, and the line. */
export type Stop = { frames: string[]; files: string[]; line: number };

/** Opens a file of the folder through Quick Open, by its whole path: others have similar names. */
export async function openFile({ page, folder }: Editor, name: string): Promise<void> {
  await page.keyboard.press('Control+P');
  await page.locator('.quick-input-widget input.input').fill(join(folder, name));
  await page.locator(`.quick-input-list .monaco-list-row[aria-label^="${name}"]`).first().click();
  await page.locator(`.tab.active[data-resource-name="${name}"]`).waitFor();
  await page.locator('.editor-instance .monaco-editor.focused').waitFor();
}

/** Runs a command by its exact title in the palette. */
export async function runCommand({ page }: Editor, title: string): Promise<void> {
  await page.keyboard.press('F1');
  const input = page.locator('.quick-input-widget input.input');
  await input.fill(`>${title}`);
  const list = '.quick-input-list .monaco-list-row';
  await page.locator(`${list}[aria-label="${title}"], ${list}[aria-label^="${title},"]`).first().click();
}

/** Breaks on a callback of any driver, chosen from the list of them. */
export async function breakOnCallback(editor: Editor, name: string): Promise<void> {
  const { page } = editor;
  await runCommand(editor, 'Shootdown: Break on Callback...');
  await page.locator(`.quick-input-list .monaco-list-row[aria-label^="${name}, of any driver"]`).click();
  await page.locator('.statusbar-item', { hasText: `Breaks on ${name}` }).waitFor();
}

/** Starts debugging the file in the active editor, as F5 does. */
export async function startDebugging({ page }: Editor): Promise<void> {
  await page.keyboard.press('F5');
  await page.locator('.debug-toolbar').waitFor();
  await page.locator('.pane-header[aria-label^="Call Stack"]').first().waitFor();
}

/** Ends the session, if there is one, and waits until its toolbar is gone. */
export async function stopDebugging({ page }: Editor): Promise<void> {
  if (!(await page.locator('.debug-toolbar').isVisible())) return;
  await page.keyboard.press('Shift+F5');
  await page.locator('.debug-toolbar').waitFor({ state: 'hidden' });
}

/** A button of the debug toolbar. */
export type ToolbarAction = 'Continue' | 'Step Over' | 'Step Into' | 'Step Out' | 'Step Back' | 'Reverse';

/** Presses a button of the debug toolbar. */
export async function pressToolbar({ page }: Editor, action: ToolbarAction): Promise<void> {
  await page.locator(`.debug-toolbar .action-label[aria-label^="${action}"]:not(.disabled)`).first().click();
}

/** Waits until the session is stopped with a stack that satisfies `isMeant`, and returns it. */
export async function waitForStop(editor: Editor, isMeant: (stop: Stop) => boolean): Promise<Stop> {
  await showPanes(editor, 'Call Stack');
  return poll(() => readStop(editor), isMeant, 'the stop that was waited for');
}

/** What the call stack shows now. */
export async function readStop({ page }: Editor): Promise<Stop> {
  const rows = page.locator('.debug-call-stack .monaco-list-row .stack-frame');
  const frames = await rows.locator('.label').allInnerTexts();
  const lines = await rows.locator('.line-number').allInnerTexts();
  const files = await rows.locator('.file-name').allInnerTexts();
  return {
    frames: frames.map(oneLine),
    files: files.map(oneLine),
    line: Number.parseInt(lines[0] ?? '', 10),
  };
}

/** Gives a thread of the call stack the focus, so that steps are its own. */
export async function focusThread(editor: Editor, name: string): Promise<void> {
  await showPanes(editor, 'Call Stack');
  await editor.page.locator('.debug-call-stack .monaco-list-row .thread', { hasText: name }).first().click();
}

/** The threads of the call stack, each with the reason why it is stopped. */
export async function readThreads({ page }: Editor): Promise<string[]> {
  return (await page.locator('.debug-call-stack .monaco-list-row .thread').allInnerTexts()).map(oneLine);
}

/** Shows a view of the side bar by the title of its container in the activity bar. */
export async function showContainer({ page }: Editor, title: string): Promise<void> {
  const item = page.locator(`.activitybar .action-item:has(.action-label[aria-label^="${title}"])`).first();
  // A click on the container that is shown would hide it.
  const isShown = (await item.getAttribute('class'))?.split(' ').includes('checked');
  if (!isShown) await item.click();
}

/**
 * Unfolds these panes of the side bar and folds all others away. Rows that are scrolled out of sight are not
 * in the page, so what is to be read needs the height.
 */
export async function showPanes({ page }: Editor, ...titles: string[]): Promise<void> {
  const headers = page.locator('.part.sidebar .pane-header:visible');
  for (const header of await headers.all()) {
    const name = (await header.getAttribute('aria-label')) ?? '';
    const isOpen = (await header.getAttribute('aria-expanded')) === 'true';
    if (isOpen !== titles.some(title => name.startsWith(title))) await header.click();
  }
}

/** The rows of a pane, once there is one. Without folding others away, these are the ones in sight. */
export async function readRows({ page }: Editor, title: string): Promise<string[]> {
  const pane = page.locator(`.pane:has(.pane-header[aria-label^="${title}"])`).first();
  const read = async () => (await pane.locator('.monaco-list-row').allInnerTexts()).map(oneLine);
  return poll(read, rows => rows.length > 0, `a row in the pane '${title}'`);
}

/** All rows of a tree pane, as far as it is expanded, once they are as meant. */
export async function readPane(
  editor: Editor,
  title: string,
  isMeant: (rows: string[]) => boolean = () => true,
): Promise<string[]> {
  await showPanes(editor, title);
  return poll(() => readRows(editor, title), isMeant, `what is meant in the pane '${title}'`);
}

/** What the editor says about why an exception stopped it; empty without one. */
export async function readException({ page }: Editor): Promise<string> {
  return oneLine((await page.locator('.exception-widget').allInnerTexts()).join(' '));
}

/** Where the run is on its path, as the status bar says. */
export async function readStep({ page }: Editor): Promise<{ position: number; length: number }> {
  const text = await page.locator('.statusbar-item', { hasText: /step \d+ of \d+/ }).innerText();
  const [position = 0, length = 0] = [...text.matchAll(/\d+/g)].map(Number);
  return { position, length };
}

/** Goes to a step of the path through the status bar. */
export async function goToStep({ page }: Editor, step: number): Promise<void> {
  await page.locator('.statusbar-item', { hasText: /step \d+ of \d+/ }).click();
  const input = page.locator('.quick-input-widget input.input');
  await input.fill(String(step));
  await input.press('Enter');
}

/** The messages shown as toasts now. */
export async function readToasts({ page }: Editor): Promise<string[]> {
  return page.locator('.notifications-toasts .notification-list-item-message').allInnerTexts();
}

/** The text of the debug console. */
export async function readConsole({ page }: Editor): Promise<string[]> {
  return (await page.locator('.repl .monaco-list-row').allInnerTexts()).map(oneLine);
}

/** The rows of the Problems panel, files and what is wrong in them. */
export async function readProblems({ page }: Editor): Promise<string[]> {
  return (await page.locator('.markers-panel .monaco-list-row').allInnerTexts()).map(oneLine);
}

/** Reads until the value is right; what was read last is in the failure. */
export async function poll<Value>(
  read: () => Promise<Value>,
  isMeant: (value: Value) => boolean,
  what: string,
  timeout = timeouts.show,
): Promise<Value> {
  let value = await read();
  await expect
    .poll(
      async () => {
        value = await read();
        return isMeant(value) ? 'seen' : `not seen, but ${JSON.stringify(value)}`;
      },
      { timeout, interval: 100, message: what },
    )
    .toBe('seen');
  return value;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** The rows of the Test Explorer that are in sight, each with its state: `start_is_too_early (Passed)`. */
export async function readTests({ page }: Editor): Promise<string[]> {
  const rows = page.locator('.test-explorer .monaco-list-row');
  return rows.evaluateAll(found => found.map(row => row.getAttribute('aria-label') ?? ''));
}

/** Presses a button of a row of the Test Explorer; it comes when the row is pointed at. */
export async function pressTest({ page }: Editor, name: string, action: string): Promise<void> {
  const row = page.locator('.test-explorer .monaco-list-row', { hasText: name }).first();
  await row.hover();
  await row.locator(`.action-label[aria-label^="${action}"]`).first().click();
}

/** Presses a button of a message. */
export async function pressToast({ page }: Editor, name: string): Promise<void> {
  await page.locator('.notifications-toasts .monaco-button', { hasText: name }).first().click();
}

/** Chooses from the menu of a test, below the row of its file. */
export async function chooseForTest(
  editor: Editor,
  file: string,
  name: string,
  action: string,
): Promise<void> {
  const { page } = editor;
  const rows = page.locator('.test-explorer .monaco-list-row');
  const fileRow = rows.filter({ hasText: file }).first();
  if ((await fileRow.getAttribute('aria-expanded')) !== 'true')
    await fileRow.locator('.monaco-tl-twistie').click();
  // Its description follows without a space.
  const row = rows.filter({ hasText: new RegExp(`^\\s*${name}`) }).first();
  await row.click({ button: 'right' });
  await pressMenu(editor, action);
}

/** Chooses from the context menu that is open. A click that comes too soon after it opened is not taken. */
export async function pressMenu({ page }: Editor, label: string): Promise<void> {
  const item = page.locator('.monaco-menu .action-label', { hasText: label }).first();
  await item.waitFor();
  await poll(
    async () => {
      await item.click({ timeout: 1000 }).catch(() => {});
      await item.waitFor({ state: 'hidden', timeout: 500 }).catch(() => {});
      return item.isVisible();
    },
    isOpen => !isOpen,
    `the menu is left by '${label}'`,
  );
}
