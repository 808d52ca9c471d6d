/**
 * Everything that can be said about the sources without running them.
 * `--types` or `--style` does one half of it.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generate } from './generate.mjs';
import { ensurePackages, Refusal, root, run, runMain, timed } from './setup.mjs';

/** @param {string} name */
const tool = name => join(root, 'node_modules', '.bin', name);

/** Refuses unless every type is right, those of the generated parser too. */
export async function checkTypes() {
  await timed('generating the parser', generate);
  await timed('checking types (tsc)', () => run(tool('tsc'), ['--noEmit', '-p', '.']));
}

/** Refuses on any finding of the linter or the formatter, warnings and remarks too. */
export async function checkStyle() {
  await timed('checking lint and format (biome)', async () => {
    const output = await run(tool('biome'), ['check', '--error-on-warnings', '.'], { quiet: true });
    // There is no option to fail on remarks.
    if (!/^Found \d+ info/m.test(output)) return;
    console.error(output);
    throw new Refusal('the linter has remarks');
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    await ensurePackages();
    const isAsked = (/** @type {string} */ half) => process.argv.length < 3 || process.argv.includes(half);
    if (isAsked('--types')) await checkTypes();
    if (isAsked('--style')) await checkStyle();
  });
}
