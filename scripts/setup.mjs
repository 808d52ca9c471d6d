/**
 * Brings this machine to where the other scripts can work: the project's packages, a Chromium for the
 * tests in the editor, and code-server, which is VS Code served to a browser.
 * Plain Node without packages, because it runs before `npm ci`.
 */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root folder of the repository. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Everything that is fetched or made and may be deleted at any time. */
export const cache = join(root, '.cache');

/** A code-server of this version does not serve on Node 20, so it brings its own Node. */
const versions = { codeServer: '4.139.1', node: '24.21.0' };

const chromiumPaths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** A sentence for the user, as opposed to a bug in a script. */
export class Refusal extends Error {}

/**
 * Prints one line about what is going on.
 * @param {string} text
 */
export function say(text) {
  console.log(`> ${text}`);
}

/**
 * Runs a script's main function: a refusal is printed as its sentence, anything else with its stack.
 * @param {() => Promise<void>} main
 */
export async function runMain(main) {
  try {
    await main();
  } catch (problem) {
    console.error(problem instanceof Refusal ? `> ${problem.message}` : problem);
    process.exitCode = 1;
  }
}

/**
 * The environment for child processes. What npm sets for the script it runs (prefix, node directory,
 * lifecycle) would leak into nested installs; only what is needed to reach the registry is kept.
 * @param {Record<string, string>} extra
 * @returns {Record<string, string>}
 */
export function childEnvironment(extra = {}) {
  const kept = /^npm_config_(registry|userconfig|cafile|proxy|https_proxy|noproxy|strict_ssl|cache)$/i;
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) || kept.test(name));
  return { ...Object.fromEntries(inherited.map(([name, value]) => [name, value ?? ''])), ...extra };
}

/**
 * Runs a command to its end and refuses when it fails. With `quiet`, its output is shown on failure only,
 * and is the result.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, quiet?: boolean }} options
 * @returns {Promise<string>}
 */
export function run(command, args, { cwd = root, env = childEnvironment(), quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    });
    let output = '';
    child.stdout?.on('data', chunk => {
      output += chunk;
    });
    child.stderr?.on('data', chunk => {
      output += chunk;
    });
    child.on('error', problem => reject(new Refusal(`${command} could not be started: ${problem.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(output);
      if (quiet) process.stderr.write(output);
      reject(new Refusal(`${[command, ...args].join(' ')} failed (${signal ?? `exit code ${code}`})`));
    });
  });
}

/**
 * Says what is being done, keeps saying so while it takes long, and says how long it took.
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function timed(what, work) {
  const start = Date.now();
  const seconds = () => ((Date.now() - start) / 1000).toFixed(1);
  say(`${what} ...`);
  const progress = setInterval(() => say(`${what}: ${seconds()} s so far`), 15_000);
  try {
    const result = await work();
    say(`${what}: done in ${seconds()} s`);
    return result;
  } finally {
    clearInterval(progress);
  }
}

/** The project's packages, installed again when the lock file changed since. */
export async function ensurePackages() {
  const stamp = join(root, 'node_modules', '.lock-hash');
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  await timed('installing the packages of package-lock.json', () =>
    run('npm', ['ci', '--no-audit', '--no-fund'], { quiet: true }),
  );
  writeFileSync(stamp, hash);
}

/**
 * Installs Debian packages, where that is possible; refuses with `otherwise` where it is not.
 * @param {string[]} names
 * @param {string} otherwise
 */
async function installPackages(names, otherwise) {
  const canInstall = existsSync('/etc/debian_version') && process.getuid?.() === 0;
  if (!canInstall) throw new Refusal(`${otherwise} (it is installed for you only as root on Debian)`);
  const env = childEnvironment({ DEBIAN_FRONTEND: 'noninteractive' });
  await timed(`installing ${names.join(', ')} from Debian`, async () => {
    await run('apt-get', ['update', '-qq'], { env, quiet: true });
    await run('apt-get', ['install', '-y', '-qq', ...names], { env, quiet: true });
  });
}

/** Spin and a C compiler, with which the tests check what `shootdown export` makes. */
export async function ensureSpin() {
  const paths = ['/usr/bin', '/usr/local/bin'];
  const isThere = (/** @type {string} */ name) => paths.some(path => existsSync(join(path, name)));
  if (isThere('spin') && isThere('gcc')) return;
  const otherwise = 'no Spin found: install the packages spin and gcc';
  await installPackages(['spin', 'gcc', 'libc6-dev'], otherwise);
}

/**
 * A Chromium for the tests in the editor: `CHROME_PATH`, an installed one, or Debian's package.
 * @returns {Promise<string>} its path
 */
export async function ensureChromium() {
  const wish = process.env.CHROME_PATH;
  if (wish) {
    if (!existsSync(wish)) throw new Refusal(`CHROME_PATH names '${wish}', which does not exist`);
    return wish;
  }
  const found = chromiumPaths.find(path => existsSync(path));
  if (found) return found;
  const otherwise = 'no Chromium found: install the package chromium, or set CHROME_PATH to one';
  await installPackages(['chromium'], otherwise);
  const installed = chromiumPaths.find(path => existsSync(path));
  if (!installed)
    throw new Refusal("Debian's package chromium is installed, but there is no /usr/bin/chromium");
  return installed;
}

/**
 * VS Code for the browser, in the cache. It is installed into a temporary folder that is renamed when
 * it is whole, so that an interrupted install is never taken for a good one.
 * @returns {Promise<{ node: string, entry: string }>} its Node and the script to run with it
 */
export async function ensureCodeServer() {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    throw new Refusal(
      `code-server is set up here on Linux (x64, arm64) only, and this is ${process.platform} ` +
        `${process.arch}: use npm start -- --desktop with an installed VS Code`,
    );
  }
  const folder = join(cache, `code-server-${versions.codeServer}-node-${versions.node}-${process.arch}`);
  if (!existsSync(folder))
    await timed('installing code-server (about 800 MB)', () => installCodeServer(folder));
  return {
    node: join(folder, 'node_modules', nodePackage(), 'bin', 'node'),
    entry: join(folder, 'node_modules', 'code-server', 'out', 'node', 'entry.js'),
  };
}

/** The Node binary as a package of the registry. */
function nodePackage() {
  return `node-linux-${process.arch}`;
}

/** @param {string} folder */
async function installCodeServer(folder) {
  const temporary = `${folder}.${randomBytes(4).toString('hex')}.tmp`;
  const modules = join(temporary, 'node_modules');
  mkdirSync(temporary, { recursive: true });
  writeFileSync(join(temporary, 'package.json'), '{ "private": true }\n');
  const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund'];
  try {
    const packages = [`${nodePackage()}@${versions.node}`, `code-server@${versions.codeServer}`];
    await run('npm', [...install, '--force', ...packages], { cwd: temporary, quiet: true });
    const path = join(modules, nodePackage(), 'bin') + delimiter + process.env.PATH;
    const env = childEnvironment({ PATH: path });
    const vscode = join(modules, 'code-server', 'lib', 'vscode');
    for (const cwd of [vscode, join(vscode, 'extensions')]) {
      say(`installing the packages of ${cwd.slice(modules.length + 1)}`);
      await run('npm', [...install, '--omit=dev'], { cwd, env, quiet: true });
    }
    if (!existsSync(folder)) renameSync(temporary, folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    await ensurePackages();
    await ensureChromium();
    await ensureSpin();
    await ensureCodeServer();
    say('set-up is complete');
  });
}
