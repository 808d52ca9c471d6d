/**
 * `npm test`, the gate: every part in order, each within its time, ending at the first that fails.
 * Each budget leaves room for a machine that others use as well: on two idle cores all of it takes half
 * as long.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cache, childEnvironment, root, say } from './setup.mjs';

const node = process.execPath;
const bin = (/** @type {string} */ name) => join(root, 'node_modules', '.bin', name);
const report = (/** @type {string} */ name) => join(cache, 'reports', `${name}.json`);

/**
 * @param {string} name
 * @param {string[]} options
 */
const vitest = (name, ...options) => [
  bin('vitest'),
  'run',
  ...options,
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report(name)}`,
];

/**
 * One part of the gate: a command, the seconds it may take, and the report in which its tests are counted.
 * @typedef {{ name: string, budget: number, command: string[], tests?: string }} Part
 */

/** @type {Part[]} */
const parts = [
  { name: 'set-up', budget: 120, command: [node, 'scripts/setup.mjs'] },
  { name: 'generate and check types', budget: 60, command: [node, 'scripts/check.mjs', '--types'] },
  { name: 'lint and format', budget: 20, command: [node, 'scripts/check.mjs', '--style'] },
  { name: 'build', budget: 40, command: [node, 'scripts/build.mjs'] },
  { name: 'unit, scenarios, transcripts', budget: 1500, command: vitest('unit'), tests: 'unit' },
  { name: 'package', budget: 20, command: [node, 'scripts/package.mjs'] },
  {
    name: 'real editor',
    budget: 600,
    command: vitest('e2e', '--config', 'test/e2e/vitest.config.mts'),
    tests: 'e2e',
  },
];

/**
 * Runs a command in a process group of its own, so that nothing of it is left when its time is over.
 * @param {Part} part
 * @returns {Promise<string>} what went wrong, or nothing
 */
function play({ command, budget }) {
  const [program = '', ...args] = command;
  // `CI` makes vitest refuse expectations that are missing instead of writing them.
  const env = childEnvironment({ CI: '1' });
  const leash = [join(root, 'scripts', 'leash.mjs'), program, ...args];
  const child = spawn(node, leash, { cwd: root, env, detached: true, stdio: ['pipe', 'inherit', 'inherit'] });
  let problem = '';
  const timer = setTimeout(() => {
    problem = `took longer than ${budget} s`;
    child.stdin?.end();
  }, budget * 1000);
  return new Promise(resolve => {
    child.on('close', code => {
      clearTimeout(timer);
      resolve(problem || (code === 0 ? '' : `exit code ${code}`));
    });
  });
}

/**
 * What the tests of a part came to. A test that is left out counts as one that fails.
 * @param {string} name
 */
function count(name) {
  if (!existsSync(report(name))) return { passed: 0, failed: 0, left: 0 };
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(
    readFileSync(report(name), 'utf8'),
  );
  const left = numPendingTests + numTodoTests;
  return { passed: numPassedTests, failed: numFailedTests + left, left };
}

/** @param {number} start */
const secondsSince = start => (Date.now() - start) / 1000;

/** @param {{ name: string, seconds: number, budget: number }[]} rows */
function printTable(rows) {
  const total = { name: 'total', seconds: 0, budget: 0 };
  for (const { seconds, budget } of rows) {
    total.seconds += seconds;
    total.budget += budget;
  }
  console.log(`\n${'part'.padEnd(32)}${'seconds'.padStart(8)}${'budget'.padStart(8)}`);
  for (const { name, seconds, budget } of [...rows, total]) {
    console.log(`${name.padEnd(32)}${seconds.toFixed(1).padStart(8)}${String(budget).padStart(8)}`);
  }
}

/** @returns {Promise<void>} */
async function main() {
  rmSync(join(cache, 'reports'), { recursive: true, force: true });
  mkdirSync(join(cache, 'reports'), { recursive: true });
  const sum = { passed: 0, failed: 0 };
  const rows = [];
  let failure = '';
  for (const part of parts) {
    say(`== ${part.name}`);
    const start = Date.now();
    let problem = await play(part);
    rows.push({ ...part, seconds: secondsSince(start) });
    const { passed, failed, left } = part.tests ? count(part.tests) : { passed: 0, failed: 0, left: 0 };
    sum.passed += passed;
    sum.failed += failed;
    if (!problem && left > 0) problem = `${left} tests are left out (skipped or to do)`;
    if (!problem && part.tests && passed === 0) problem = 'no test ran';
    if (!problem) continue;
    // A part without tests of its own still is one failure.
    if (failed === 0) sum.failed += 1;
    failure = `FAILED: ${part.name}: ${problem}`;
    break;
  }
  printTable(rows);
  console.log(failure ? `\n${failure}\n` : '');
  console.log(`${sum.passed} passed, ${sum.failed} failed`);
  process.exitCode = failure ? 1 : 0;
}

await main();
