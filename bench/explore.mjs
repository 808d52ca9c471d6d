/**
 * How fast a search is, beside Spin in the same run. `node bench/explore.mjs [PART ...]` after
 * `npm run build`; a part is NP,NCPU,NDEV,NUNMAP (the yardstick in that size), `bugs`, `scenarios` or
 * `growth`. Without one: three sizes and the rest. Each search has a process of its own and one thread.
 * Prints tables; nothing is written. For the peer, install `spin` and `gcc` (apt-get install spin gcc);
 * without them its lines are left out.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { cache, root, runMain } from '../scripts/setup.mjs';
import { bundle } from './bundle.mjs';
import { hasSpin, runSpin } from './spin.mjs';

const standard = ['1,1,1,1', '2,1,1,1', '1,2,1,1', 'bugs', 'scenarios', 'growth'];
const none = { local: false, guarded: false, deadLocals: false, independent: false };
const all = { local: true, guarded: true, deadLocals: true, independent: true };

/** Spin's ways: without reduction, with its own, and as it comes. */
const peers = [
  { name: 'Spin, none', bug: 0, flags: ['-DNOREDUCE'], spin: ['-o1', '-o2', '-o3'] },
  { name: 'Spin, its own', bug: 0, flags: [], spin: ['-o1', '-o2', '-o3'] },
  { name: 'Spin, its own and statement merging', bug: 0, flags: [], spin: [] },
];

/**
 * One search in a process of its own.
 * @param {object} subject
 * @param {object} reductions
 */
function search(subject, reductions, statesMax = 2 ** 31) {
  const request = JSON.stringify({ subject, reductions, statesMax });
  const args = [fileURLToPath(import.meta.url), '--one', request];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 28 }));
}

/** @param {string} text */
function sizesOf(text) {
  const [pages = 1, cpuCount = 1, devices = 1, unmappers = 1] = text.split(',').map(Number);
  return { pages, cpus: cpuCount, devices, unmappers };
}

const number = (/** @type {number} */ value) => Math.round(value).toLocaleString('en');
const seconds = (/** @type {number} */ value) => value.toFixed(2);
const row = (/** @type {(string | number)[]} */ ...cells) => console.log(`| ${cells.join(' | ')} |`);

/** @param {string[]} names */
function head(...names) {
  console.log();
  row(...names);
  row(...names.map(() => '---'));
}

/** @param {string[]} names */
function yardstick(names) {
  head(
    'size',
    'by',
    'states',
    'transitions',
    'states/s',
    'bytes a state',
    'resident',
    's',
    's with building',
  );
  for (const name of names) {
    const sizes = sizesOf(name);
    const subject = { kind: 'mmun', sizes, bug: 0 };
    for (const [how, reductions] of Object.entries({ none, all })) {
      const found = search(subject, reductions);
      row(
        ...[name, `ours, ${how}`, number(found.states), number(found.transitions)],
        ...[
          number(found.states / found.seconds),
          number(found.bytesPerState),
          number(found.residentPerState),
        ],
        ...[seconds(found.seconds), seconds(found.seconds)],
      );
    }
    for (const { name: how, ...peer } of hasSpin() ? peers : []) {
      const found = runSpin(sizes, peer);
      row(
        ...[name, how, number(found.states), number(found.transitions)],
        ...[number(found.states / found.seconds), number((found.megabytes * 2 ** 20) / found.states)],
        ...[number((found.total * 2 ** 20) / found.states), seconds(found.seconds)],
        seconds(found.seconds + found.building),
      );
    }
  }
}

function bugs() {
  head('size', 'bug', 'by', 'steps to the violation', 'states', 's', 's with building');
  for (const name of ['1,1,1,1', '1,2,1,1'])
    for (const bug of [1, 2]) {
      for (const [how, reductions] of Object.entries({ none, all })) {
        const found = search({ kind: 'mmun', sizes: sizesOf(name), bug }, reductions);
        const steps = found.outcome.findings[0]?.path.length ?? 'none';
        row(
          name,
          bug,
          `ours, ${how}`,
          steps,
          number(found.states),
          seconds(found.seconds),
          seconds(found.seconds),
        );
      }
      if (!hasSpin()) continue;
      const flags = ['-DNOREDUCE', '-DBFS'];
      const found = runSpin(sizesOf(name), { bug, flags, spin: ['-o1', '-o2', '-o3'] });
      const [alone, whole] = [seconds(found.seconds), seconds(found.seconds + found.building)];
      row(name, bug, 'Spin, none, -DBFS', found.depth, number(found.states), alone, whole);
    }
}

function scenarios() {
  head('scenario', 'states', 'without reductions', 's', 'states/s', 'verdict');
  for (const name of readdirSync(join(root, 'scenarios')).filter(file => file.endsWith('.mmu'))) {
    const found = search({ kind: 'scenario', name }, all, 300_000);
    const whole = search({ kind: 'scenario', name }, none, 100_000);
    const more = (/** @type {{ isWhole: boolean }} */ { isWhole }) => (isWhole ? '' : 'more than ');
    const list = found.outcome.findings.map((/** @type {any} */ { violation }) => violation.property);
    row(
      ...[name.replace(/\.mmu$/, ''), more(found) + number(found.states), more(whole) + number(whole.states)],
      ...[seconds(found.seconds), number(found.states / found.seconds)],
      list.length > 0 ? list.join(', ') : found.outcome.verdict,
    );
  }
}

function growth() {
  const ways = {
    none,
    'merging on locals': { ...none, local: true },
    'dead locals': { ...none, deadLocals: true },
    'independent steps': { ...none, independent: true },
    all,
  };
  head('size', ...Object.keys(ways));
  for (const name of ['1,1,1,1', '2,1,1,1', '3,1,1,1', '1,2,1,1', '1,1,2,1', '1,1,1,2']) {
    const cells = Object.values(ways).map(reductions => {
      const found = search({ kind: 'mmun', sizes: sizesOf(name), bug: 0 }, reductions, 1_000_000);
      return (found.isWhole ? '' : 'more than ') + number(found.states);
    });
    row(name, ...cells);
  }
}

await runMain(async () => {
  const [mode, request = ''] = process.argv.slice(2);
  if (mode === '--one') {
    const { measure } = await import(pathToFileURL(join(cache, 'bench', 'measure-explore.mjs')).href);
    console.log(JSON.stringify(measure(root, JSON.parse(request))));
    return;
  }
  await bundle('measure-explore');
  const wanted = process.argv.length > 2 ? process.argv.slice(2) : standard;
  console.log(`Node ${process.version}, ${cpus()[0]?.model.trim()}, ${cpus().length} CPUs`);
  if (!hasSpin()) console.log('Spin is not here: apt-get install spin gcc');
  const sizes = wanted.filter(part => /^\d/.test(part));
  if (sizes.length > 0) yardstick(sizes);
  if (wanted.includes('bugs')) bugs();
  if (wanted.includes('scenarios')) scenarios();
  if (wanted.includes('growth')) growth();
});
