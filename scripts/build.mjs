/**
 * Makes dist/ from src/: the parser from the grammar, one bundle per entry point, and the compiled models.
 * `--watch` builds again on every change; `--partial` leaves out entry points that do not exist.
 */
import { chmodSync, existsSync, mkdirSync, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generate } from './generate.mjs';
import { ensurePackages, Refusal, root, run, runMain, say, timed } from './setup.mjs';

/**
 * What is built from which entry point.
 * @typedef {{ from: string, to: string, executable?: boolean, isWeb?: boolean }} Entry
 */

/** @type {Entry[]} */
const entries = [
  { from: 'src/vscode/extension.ts', to: 'dist/extension.js' },
  { from: 'src/vscode/server.ts', to: 'dist/server.js' },
  { from: 'src/vscode/explore-worker.ts', to: 'dist/editor-worker.js' },
  { from: 'src/debug/worker.ts', to: 'dist/worker.js' },
  { from: 'src/explore/worker.ts', to: 'dist/explore-worker.js' },
  { from: 'src/cli/main.ts', to: 'dist/cli.js', executable: true },
  { from: 'src/vscode/extension-web.ts', to: 'dist/web/extension.js', isWeb: true },
  { from: 'src/vscode/server-web.ts', to: 'dist/web/server.js', isWeb: true },
  { from: 'src/vscode/explore-worker-web.ts', to: 'dist/web/editor-worker.js', isWeb: true },
  { from: 'src/debug/worker-web.ts', to: 'dist/web/worker.js', isWeb: true },
  { from: 'src/explore/worker-web.ts', to: 'dist/web/explore-worker.js', isWeb: true },
];

/** Runs at build time only: compiles models/ so that nothing has to be parsed at start-up. */
const modelBuilder = { from: 'src/cli/build-models.ts', to: 'dist/build-models.js' };

const isWatching = process.argv.includes('--watch');
const isPartial = process.argv.includes('--partial');

/** @param {Entry} entry */
function isPresent({ from }) {
  if (existsSync(join(root, from))) return true;
  if (!isPartial) throw new Refusal(`the entry point ${from} is missing (--partial builds the others)`);
  say(`left out, does not exist: ${from}`);
  return false;
}

/** What the debug adapter's package imports of Node has one stand-in in a browser. */
const standIn = join(root, 'scripts', 'node-in-a-browser.mjs');
const nodeInABrowser = Object.fromEntries(
  ['events', 'fs', 'net', 'path', 'url'].map(name => [name, standIn]),
);

/** @param {Entry} entry */
function buildOptions({ from, to, executable, isWeb }) {
  const banner = executable ? { js: '#!/usr/bin/env node' } : {};
  /** @type {import('esbuild').BuildOptions} */
  const options = {
    absWorkingDir: root,
    entryPoints: [from],
    outfile: to,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['vscode'],
    // The packages' ES modules bundle well; their UMD variants hide their imports from esbuild.
    mainFields: isWeb ? ['browser', 'module', 'main'] : ['module', 'main'],
    ...(isWeb ? { platform: 'browser', alias: nodeInABrowser, minify: true } : {}),
    // The editor loads its extension as a module; a worker of a page is a plain script.
    ...(isWeb && !to.endsWith('/extension.js') ? { format: 'iife' } : {}),
    sourcemap: isWatching ? 'linked' : false,
    logLevel: 'warning',
    banner,
  };
  return options;
}

/** Compiles the shipped models with the freshly built compiler. */
async function buildModels() {
  await run(process.execPath, [modelBuilder.to, 'models', 'dist/models.json']);
}

async function buildAll() {
  const esbuild = await import('esbuild');
  const present = [...entries, modelBuilder].filter(isPresent);
  await Promise.all(present.map(entry => esbuild.build(buildOptions(entry))));
  for (const { to, executable } of entries) {
    if (executable && existsSync(join(root, to))) chmodSync(join(root, to), 0o755);
  }
  if (present.includes(modelBuilder)) await buildModels();
}

/** Bundles are rebuilt by esbuild; the grammar and the models have their own watchers. */
async function watchAll() {
  const esbuild = await import('esbuild');
  for (const entry of [...entries, modelBuilder].filter(isPresent)) {
    const context = await esbuild.context({ ...buildOptions(entry), logLevel: 'info' });
    await context.watch();
  }
  onChange('src/language', name => name.endsWith('.langium'), generate);
  onChange('models', name => name.endsWith('.mmu'), buildModels);
  say('watching; Ctrl-C ends');
}

/**
 * @param {string} folder
 * @param {(name: string) => boolean} isMeant
 * @param {() => Promise<void>} work
 */
function onChange(folder, isMeant, work) {
  /** @type {NodeJS.Timeout | undefined} */
  let pending;
  watch(join(root, folder), { recursive: true }, (_event, name) => {
    if (!name || !isMeant(name)) return;
    clearTimeout(pending);
    // An editor writes a file in several steps; one run after the last is enough.
    pending = setTimeout(() => work().catch(problem => console.error(problem.message)), 100);
  });
}

/** Everything from nothing. */
export async function build() {
  await ensurePackages();
  await timed('generating the parser', generate);
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  mkdirSync(join(root, 'dist'));
  await timed('bundling', buildAll);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    await build();
    if (isWatching) await watchAll();
  });
}
