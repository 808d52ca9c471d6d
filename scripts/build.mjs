/**
 * Makes dist/ from src/: the parser from the grammar, one bundle per entry point, and the compiled models.
 * `--watch` builds again on every change; `--partial` leaves out entry points that do not exist.
 */
import { chmodSync, existsSync, mkdirSync, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generate } from './generate.mjs';
import { ensurePackages, Refusal, root, run, runMain, say, timed } from './setup.mjs';

/** What is built from which entry point. */
const entries = [
  { from: 'src/vscode/extension.ts', to: 'dist/extension.js' },
  { from: 'src/vscode/server.ts', to: 'dist/server.js' },
  { from: 'src/vscode/explore-worker.ts', to: 'dist/editor-worker.js' },
  { from: 'src/debug/worker.ts', to: 'dist/worker.js' },
  { from: 'src/explore/worker.ts', to: 'dist/explore-worker.js' },
  { from: 'src/cli/main.ts', to: 'dist/cli.js', executable: true },
];

/** Runs at build time only: compiles models/ so that nothing has to be parsed at start-up. */
const modelBuilder = { from: 'src/cli/build-models.ts', to: 'dist/build-models.js' };

const isWatching = process.argv.includes('--watch');
const isPartial = process.argv.includes('--partial');

/** @param {{ from: string, to: string, executable?: boolean }} entry */
function isPresent({ from }) {
  if (existsSync(join(root, from))) return true;
  if (!isPartial) throw new Refusal(`the entry point ${from} is missing (--partial builds the others)`);
  say(`left out, does not exist: ${from}`);
  return false;
}

/** @param {{ from: string, to: string, executable?: boolean }} entry */
function buildOptions({ from, to, executable }) {
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
    mainFields: ['module', 'main'],
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
