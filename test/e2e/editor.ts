/**
 * The real VS Code, served by code-server and driven in Chromium: one call starts both, with the packaged
 * extension in a fresh profile, and `close` ends both. Nothing here knows the extension.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { installExtension, seedSettings, serve } from '../../scripts/code-server.mjs';
import { vsix } from '../../scripts/package.mjs';
import { ensureChromium, root } from '../../scripts/setup.mjs';

/** How long the editor may take to load, to show what a command led to, and what a search has found. */
export const timeouts = { load: 60_000, show: 30_000, explore: 60_000 };

const browserFlags = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A running editor. */
export type Editor = { page: Page; folder: string; close: () => Promise<void> };

/** Variables for trying the harness with another extension or other files; unset in the gate. */
const packageFile = process.env.SHOOTDOWN_E2E_VSIX ?? vsix;
const scenarioFolder = process.env.SHOOTDOWN_E2E_SCENARIOS ?? join(root, 'scenarios');

/** How the editor is started. */
type Wish = {
  /** Whether the folder is trusted, as all are that nobody is asked about. */
  isTrusted?: boolean;
  /** Only these scenarios, so that a list of them is all in sight. */
  only?: readonly string[];
  /** Of the user, besides the usual ones. */
  settings?: object;
};

/**
 * Starts the editor on a copy of the shipped scenarios, so that no test can change the originals. A folder
 * that is not trusted opens in Restricted Mode, without a question.
 */
export async function openEditor({ isTrusted = true, only, settings }: Wish = {}): Promise<Editor> {
  if (!existsSync(packageFile)) throw new Error(`${packageFile} is missing: run npm run package first`);
  const temporary = mkdtempSync(join(tmpdir(), 'shootdown-e2e-'));
  const folder = join(temporary, 'scenarios');
  const profile = join(temporary, 'profile');
  const ends: (() => Promise<unknown>)[] = [async () => rmSync(temporary, { recursive: true, force: true })];
  const close = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    if (only) for (const name of only) cpSync(join(scenarioFolder, name), join(folder, name));
    else cpSync(scenarioFolder, folder, { recursive: true });
    seedSettings(profile, {
      'files.autoSave': 'off',
      'window.commandCenter': false,
      'security.workspace.trust.startupPrompt': 'never',
      ...settings,
    });
    await installExtension(profile, packageFile);
    const server = await serve({ profile, folder, trustsAll: isTrusted });
    ends.push(server.stop);
    const browser = await launchBrowser();
    ends.push(() => browser.close());
    const page = await loadWorkbench(browser, server.address);
    return { page, folder, close };
  } catch (problem) {
    await close();
    throw problem;
  }
}

async function launchBrowser(): Promise<Browser> {
  const executablePath = await ensureChromium();
  return chromium.launch({ executablePath, headless: true, chromiumSandbox: false, args: browserFlags });
}

async function loadWorkbench(browser: Browser, address: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1600, height: 1200 } });
  page.setDefaultTimeout(timeouts.show);
  await page.goto(address, { timeout: timeouts.load });
  await page.locator('.monaco-workbench').waitFor({ timeout: timeouts.load });
  // The status bar's remote host entry comes with the extension host.
  await page.locator('.explorer-folders-view .monaco-list-row').first().waitFor({ timeout: timeouts.load });
  await widenSideBar(page);
  return page;
}

/** By dragging its edge: call stacks and trees have long lines. */
async function widenSideBar(page: Page): Promise<void> {
  const box = await page.locator('.part.sidebar').boundingBox();
  if (!box) throw new Error('the editor has no side bar');
  const edge = box.x + box.width;
  await page.mouse.move(edge, box.y + 500);
  await page.mouse.down();
  await page.mouse.move(edge + 150, box.y + 500, { steps: 4 });
  await page.mouse.up();
}

/** Saves what the user would see under test-results/, for looking at after a failure and for the README. */
export async function screenshot(editor: Editor, name: string): Promise<void> {
  const folder = join(root, 'test-results');
  mkdirSync(folder, { recursive: true });
  await editor.page.screenshot({ path: join(folder, `${name}.png`) });
}
