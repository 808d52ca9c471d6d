/** Makes src/language/generated from the grammar. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePackages, root, run, runMain, timed } from './setup.mjs';

/** The generator's parser library calls this function, which Node has from version 21 on. */
const groupBy = `Object.groupBy ??= (items, keyOf) => {
  const groups = Object.create(null);
  let index = 0;
  for (const item of items) (groups[keyOf(item, index++)] ??= []).push(item);
  return groups;
};`;

/** Runs the generator of the language workbench. */
export async function generate() {
  const preload = `data:text/javascript,${encodeURIComponent(groupBy)}`;
  const langium = join(root, 'node_modules', 'langium-cli', 'bin', 'langium.js');
  await run(process.execPath, ['--import', preload, langium, 'generate'], { quiet: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    await ensurePackages();
    await timed('generating the parser', generate);
  });
}
