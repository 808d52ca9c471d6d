/**
 * How fast the debugger is: from the launch request to the first stop, steps forward, steps with their undo.
 * `node bench/run.mjs [SCENARIO.mmu]` after `npm run build`. Prints a table; nothing is written.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { cache, Refusal, root, runMain } from '../scripts/setup.mjs';

/** A munmap under the series: mm code, notifier, IOMMU commands and a device all take part. */
const standard = join(root, 'scenarios', 'invalidate-range-repairs-munmap.mmu');

/** The code that is measured, bundled as the product is: without source maps, for Node. */
async function bundle() {
  const outfile = join(cache, 'bench', 'measure.mjs');
  mkdirSync(join(cache, 'bench'), { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: ['bench/measure.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    mainFields: ['module', 'main'],
    // The protocol library is CommonJS and asks for Node's own modules.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  return import(pathToFileURL(outfile).href);
}

/** @param {{ what: string, median: number, least: number, most: number, unit: string }[]} rows */
function printTable(rows) {
  const number = (/** @type {number} */ value) => value.toLocaleString('en', { maximumSignificantDigits: 3 });
  console.log('| | median | least | most | |\n|---|---|---|---|---|');
  for (const { what, median, least, most, unit } of rows) {
    console.log(`| ${what} | ${number(median)} | ${number(least)} | ${number(most)} | ${unit} |`);
  }
}

await runMain(async () => {
  for (const file of ['models.json', 'worker.js']) {
    if (!existsSync(join(root, 'dist', file)))
      throw new Refusal(`dist/${file} is missing: run npm run build first`);
  }
  const program = process.argv[2] ?? standard;
  const { measure } = await bundle();
  const rows = await measure(root, program);
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  console.log(`node bench/run.mjs ${program.replace(`${root}/`, '')}`);
  console.log(`Node ${process.version}, ${cpu?.model.trim()}, ${cpus().length} CPUs, ${memory} GiB\n`);
  printTable(rows);
});
