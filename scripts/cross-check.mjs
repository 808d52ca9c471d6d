/**
 * Holds the caches of a search against real caches on programs drawn by seeds.
 *
 *     node scripts/cross-check.mjs [PROGRAMS [FIRST_SEED [STATES_MAX]]]
 *
 * Prints every difference, and ends with 1 if there is one.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { cache, root } from './setup.mjs';

const [programs = 1000, first = 1, statesMax = 100_000] = process.argv.slice(2).map(Number);
const folder = join(cache, 'cross-check');
const outfile = join(folder, 'cross-check.mjs');
mkdirSync(folder, { recursive: true });
await build({
  absWorkingDir: root,
  entryPoints: ['test/explore/cross-check.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  mainFields: ['module', 'main'],
  logLevel: 'warning',
});
const { crossCheck } = await import(pathToFileURL(outfile).href);

let [different, violating, cut, held, real] = [0, 0, 0, 0, 0];
for (let seed = first; seed < first + programs; seed++) {
  const { difference, found, isCut, states } = crossCheck(seed, statesMax);
  if (difference !== null) {
    different++;
    console.log(`seed ${seed}: ${difference}`);
  }
  if (found.length > 0) violating++;
  if (isCut) cut++;
  else {
    held += states[0];
    real += states[1];
  }
  if (seed % 100 === 0) console.log(`up to seed ${seed}: ${different} differ`);
}
console.log(
  `${programs} programs, ${violating} violate a property, ${different} differ; ` +
    `${cut} with more than ${statesMax} states with real caches, ` +
    `${held} states instead of ${real} for the others`,
);
process.exitCode = different > 0 ? 1 : 0;
