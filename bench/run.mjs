/**
 * How fast the debugger is: from the launch request to the first stop, steps forward, steps with their undo.
 * `node bench/run.mjs [SCENARIO.mmu]` after `npm run build`. Prints a table; nothing is written.
 */
import { existsSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { Refusal, root, runMain } from '../scripts/setup.mjs';
import { bundle } from './bundle.mjs';

/** A munmap under the series: mm code, notifier, IOMMU commands and a device all take part. */
const standard = join(root, 'scenarios', 'invalidate-range-repairs-munmap.mmu');

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
  const { measure } = await bundle('measure');
  const rows = await measure(root, program);
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  console.log(`node bench/run.mjs ${program.replace(`${root}/`, '')}`);
  console.log(`Node ${process.version}, ${cpu?.model.trim()}, ${cpus().length} CPUs, ${memory} GiB\n`);
  printTable(rows);
});
