/**
 * How fast a search is: the yardstick protocol in several sizes, without and with reductions.
 * `node bench/explore.mjs [NP,NCPU,NDEV,NUNMAP ...]`. Prints a table; nothing is written.
 */
import { cpus } from 'node:os';
import { runMain } from '../scripts/setup.mjs';
import { bundle } from './bundle.mjs';

const standard = ['1,1,1,1', '2,1,1,1', '1,2,1,1'];

await runMain(async () => {
  const { searchMmun } = await bundle('measure-explore');
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
