/** Runs the peer: Spin on bench/mmun.pml. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cache, root } from '../scripts/setup.mjs';

/** Whether `spin` and `gcc` are there. */
export function hasSpin() {
  return ['spin', 'gcc'].every(name => spawnSync(name, ['--version']).error === undefined);
}

/**
 * Generates, compiles and runs a verifier. Times are seconds of processor time.
 * @param {{ pages: number, cpus: number, devices: number, unmappers: number }} sizes
 * @param {{ bug: number, flags: string[], spin: string[] }} how
 */
export function runSpin({ pages, cpus, devices, unmappers }, { bug, flags, spin }) {
  const folder = join(cache, 'bench', 'spin');
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(root, 'bench', 'mmun.pml'), join(folder, 'mmun.pml'));
  const sizes = [`-DNP=${pages}`, `-DNCPU=${cpus}`, `-DNDEV=${devices}`, `-DNUNMAP=${unmappers}`];
  const generated = timed(folder, 'spin', ['-a', ...spin, ...sizes, `-DBUG=${bug}`, 'mmun.pml']);
  const compiled = timed(folder, 'gcc', [
    '-O2',
    '-DSAFETY',
    '-DMEMLIM=16000',
    ...flags,
    '-o',
    'pan',
    'pan.c',
  ]);
  const { seconds, out } = timed(folder, './pan', ['-m1000000']);
  const number = (/** @type {RegExp} */ pattern) => Number(pattern.exec(out)?.[1] ?? Number.NaN);
  return {
    states: number(/([\d.e+]+) states, stored/),
    transitions: number(/([\d.e+]+) transitions/),
    megabytes: number(/([\d.]+)\s+actual memory usage for states/),
    total: number(/([\d.]+)\s+total actual memory usage/),
    depth: number(/assertion violated .*\(at depth (\d+)\)/),
    seconds,
    building: generated.seconds + compiled.seconds,
  };
}

/**
 * @param {string} folder
 * @param {string} command
 * @param {string[]} args
 */
function timed(folder, command, args) {
  const script = 'TIMEFORMAT="%U %S"; { time "$@" 2>&1; } 2>times';
  const out = execFileSync('bash', ['-c', script, 'bash', command, ...args], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const times = execFileSync('tail', ['-n', '1', join(folder, 'times')], { encoding: 'utf8' });
  const [user = 0, system = 0] = times.trim().split(' ').map(Number);
  return { out, seconds: user + system };
}
