/**
 * How fast a search is: the yardstick protocol in several sizes, without and with reductions.
 * `node bench/explore.mjs [NP,NCPU,NDEV,NUNMAP ...]`. Prints a table; nothing is written.
 */
import { mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { cache, root, runMain } from '../scripts/setup.mjs';

const standard = ['1,1,1,1', '2,1,1,1', '1,2,1,1'];

/** The code that is measured, bundled as the product is: without source maps, for Node. */
async function bundle() {
  const outfile = join(cache, 'bench', 'measure-explore.mjs');
  mkdirSync(join(cache, 'bench'), { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: ['bench/measure-explore.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    mainFields: ['module', 'main'],
    logLevel: 'warning',
  });
  return import(pathToFileURL(outfile).href);
}

await runMain(async () => {
  const { searchMmun } = await bundle();
  const wanted = process.argv.length > 2 ? process.argv.slice(2) : standard;
  const number = (/** @type {number} */ value) => Math.round(value).toLocaleString('en');
  console.log(`Node ${process.version}, ${cpus()[0]?.model.trim()}, ${cpus().length} CPUs\n`);
  console.log(
    '| NP,NCPU,NDEV,NUNMAP | bug | merging | states | transitions | s | states/s | bytes/state | |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|');
  for (const name of wanted) {
    const [pages = 1, cpuCount = 1, devices = 1, unmappers = 1] = name.split(',').map(Number);
    const sizes = { pages, cpus: cpuCount, devices, unmappers };
    for (const { bug, merging } of [
      { bug: 0, merging: false },
      { bug: 0, merging: true },
      { bug: 1, merging: false },
      { bug: 2, merging: false },
    ]) {
      const { states, transitions, seconds, bytesPerState, outcome } = searchMmun(sizes, bug, {
        local: merging,
        guarded: merging,
        deadLocals: merging,
      });
      const [finding] = outcome.findings;
      const verdict = finding ? `violated in ${finding.path.length} steps` : outcome.verdict;
      const rates = `${seconds.toFixed(2)} | ${number(states / seconds)} | ${number(bytesPerState)}`;
      const counts = `${number(states)} | ${number(transitions)}`;
      console.log(`| ${name} | ${bug} | ${merging ? 'on' : 'off'} | ${counts} | ${rates} | ${verdict} |`);
    }
  }
});
