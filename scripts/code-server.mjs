/** Serves VS Code on loopback from a profile of our own, for `npm start` and for the tests in the editor. */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { childEnvironment, ensureCodeServer, Refusal, root, run } from './setup.mjs';

/** No AI features, no chat side bar, no welcome page: what is left is the editor. */
const settings = {
  'chat.disableAIFeatures': true,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'git.openRepositoryInParentFolders': 'never',
};

/**
 * @param {string} profile a folder; made when missing
 * @param {object} extra further settings
 */
export function seedSettings(profile, extra = {}) {
  const user = join(profile, 'data', 'User');
  mkdirSync(user, { recursive: true });
  writeFileSync(join(user, 'settings.json'), `${JSON.stringify({ ...settings, ...extra }, null, 2)}\n`);
}

/** @param {string} profile */
function profileOptions(profile) {
  const part = (/** @type {string} */ name) => join(profile, name);
  return ['--user-data-dir', part('data'), '--extensions-dir', part('ext'), '--config', part('config.yaml')];
}

/**
 * Installs a packaged extension into a profile.
 * @param {string} profile
 * @param {string} vsix
 */
export async function installExtension(profile, vsix) {
  const { node, entry } = await ensureCodeServer();
  // Without a file of its own code-server would write one, with a password, on the first start.
  mkdirSync(profile, { recursive: true });
  writeFileSync(join(profile, 'config.yaml'), 'auth: none\n');
  const args = [entry, ...profileOptions(profile), '--install-extension', vsix, '--force'];
  await run(node, args, { quiet: true, env: serverEnvironment() });
}

/** @param {Record<string, string>} extra */
function serverEnvironment(extra = {}) {
  const env = childEnvironment({ EXTENSIONS_GALLERY: '{}', ...extra });
  // Set when the script runs in a terminal of another VS Code; the server would take itself for that one.
  for (const name of Object.keys(env)) if (name.startsWith('VSCODE_')) delete env[name];
  return env;
}

/**
 * Starts the server and waits until it answers. It ends when `stop` is called or this process ends.
 * With `trustsAll` no folder is restricted, and nobody is asked.
 * @param {{ profile: string, folder: string, password?: string, trustsAll?: boolean }} wish
 * @returns {Promise<{ origin: string, address: string, stop: () => Promise<void>, ended: Promise<void> }>}
 */
export async function serve({ profile, folder, password, trustsAll = true }) {
  const { node, entry } = await ensureCodeServer();
  const port = await freePort();
  const quiet = ['--disable-telemetry', '--disable-update-check', '--disable-getting-started-override'];
  const open = ['--disable-proxy', ...(trustsAll ? ['--disable-workspace-trust'] : [])];
  const bind = ['--auth', password ? 'password' : 'none', '--bind-addr', `127.0.0.1:${port}`];
  const command = [node, entry, ...bind, ...quiet, ...open, ...profileOptions(profile)];
  const env = serverEnvironment(password ? { PASSWORD: password } : {});
  const child = spawn(process.execPath, [join(root, 'scripts', 'leash.mjs'), ...command], {
    env,
    cwd: root,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      output = (output + chunk).slice(-20_000);
    });
  }
  /** @type {Promise<void>} */
  const ended = new Promise(resolve => child.on('close', () => resolve()));
  const origin = `http://127.0.0.1:${port}`;
  const stop = () => {
    child.stdin.end();
    return ended;
  };
  if (!(await answers(origin, ended))) {
    await stop();
    throw new Refusal(`code-server did not start:\n${output}`);
  }
  return { origin, address: `${origin}/?folder=${encodeURIComponent(folder)}`, stop, ended };
}

/**
 * @param {string} origin
 * @param {Promise<void>} ended
 */
async function answers(origin, ended) {
  let running = true;
  ended.then(() => {
    running = false;
  });
  for (const deadline = Date.now() + 60_000; running && Date.now() < deadline; ) {
    const response = await fetch(`${origin}/healthz`).catch(() => undefined);
    if (response?.status === 200) return true;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  return false;
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => (address && typeof address === 'object' ? resolve(address.port) : reject(address)));
    });
  });
}
