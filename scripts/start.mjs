/**
 * `npm start`: the extension, freshly built, in a VS Code served to a browser, with the scenarios open.
 * `--desktop` uses an installed VS Code instead, with a profile of its own, never the user's.
 * `--check` ends as soon as the login page has let the password in.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { build } from './build.mjs';
import { installExtension, seedSettings, serve } from './code-server.mjs';
import { packageExtension, vsix } from './package.mjs';
import {
  cache,
  childEnvironment,
  ensureCodeServer,
  Refusal,
  root,
  run,
  runMain,
  say,
  timed,
} from './setup.mjs';

const scenarios = join(root, 'scenarios');

/** Until the user ends it. */
async function startInBrowser() {
  const isCheck = process.argv.includes('--check');
  await ensureCodeServer();
  const profile = join(cache, 'browser-profile');
  seedSettings(profile);
  await timed('installing the extension', () => installExtension(profile, vsix));
  const password = randomBytes(12).toString('base64url');
  const server = await timed('starting code-server', () => serve({ profile, folder: scenarios, password }));
  const end = () => server.stop();
  process.on('SIGINT', end).on('SIGTERM', end);
  // npm does not pass on the signal that ends it: whoever started this is gone when the parent is another.
  const parent = process.ppid;
  const watch = setInterval(() => process.ppid !== parent && end(), 1000);
  watch.unref();
  console.log(`\n  ${server.address}\n  password: ${password}\n`);
  if (isCheck) {
    await logIn(server.origin, password).finally(end);
    say('the server answers and the password is accepted');
    return;
  }
  say('open a scenario and click Debug Counterexample or press F5; Ctrl-C ends the server');
  await server.ended;
}

/**
 * Refuses unless the login page asks for a password, takes this one and no other.
 * @param {string} origin
 * @param {string} password
 */
async function logIn(origin, password) {
  const page = await fetch(`${origin}/login`);
  const asks = page.ok && (await page.text()).includes('type="password"');
  if (!asks) throw new Refusal(`the login page does not ask for a password (status ${page.status})`);
  if ((await tryPassword(origin, `${password}x`)) !== 'refused') {
    throw new Refusal('the login page takes a wrong password');
  }
  if ((await tryPassword(origin, password)) !== 'accepted') {
    throw new Refusal('the login page does not take the password');
  }
}

/**
 * @param {string} origin
 * @param {string} password
 */
async function tryPassword(origin, password) {
  const body = new URLSearchParams({ password });
  const response = await fetch(`${origin}/login`, { method: 'POST', body, redirect: 'manual' });
  return response.status === 302 && response.headers.has('set-cookie') ? 'accepted' : 'refused';
}

/** Returns when the window is open; the user closes it. */
async function startOnDesktop() {
  const code = process.env.CODE_PATH ?? 'code';
  const isThere = spawnSync(code, ['--version'], { stdio: 'ignore', shell: process.platform === 'win32' });
  if (isThere.status !== 0) {
    throw new Refusal(
      `no VS Code found: the command '${code}' does not run; install VS Code with its shell command, ` +
        'set CODE_PATH, or leave out --desktop to use the browser',
    );
  }
  const profile = join(cache, 'desktop-profile');
  seedSettings(profile);
  const options = ['--user-data-dir', join(profile, 'data'), '--extensions-dir', join(profile, 'ext')];
  await timed('installing the extension', () =>
    run(code, [...options, '--install-extension', vsix, '--force'], { quiet: true }),
  );
  const window = [...options, '--new-window', '--disable-workspace-trust', scenarios];
  spawn(code, window, { env: childEnvironment(), detached: true, stdio: 'ignore' }).unref();
  say('VS Code is opening; open a scenario and click Debug Counterexample or press F5');
}

await runMain(async () => {
  await build();
  await packageExtension();
  if (process.argv.includes('--desktop')) await startOnDesktop();
  else await startInBrowser();
});
