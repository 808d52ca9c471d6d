/** Packs dist/, media/, models/ and scenarios/ into the file that VS Code installs. Needs no network. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePackages, Refusal, root, run, runMain, say, timed } from './setup.mjs';

/** Where the package is. */
export const vsix = join(root, 'dist', 'shootdown.vsix');

/** Packs what has been built. */
export async function packageExtension() {
  if (!existsSync(join(root, 'dist', 'extension.js'))) {
    throw new Refusal('nothing is built yet: run npm run build first');
  }
  const vsce = join(root, 'node_modules', '.bin', 'vsce');
  const args = [
    'package',
    '--no-dependencies',
    '--allow-missing-repository',
    '--no-rewrite-relative-links',
    '--out',
    vsix,
  ];
  await timed('packaging', () => run(vsce, args, { quiet: true }));
  say(`dist/shootdown.vsix: ${Math.round(statSync(vsix).size / 1024)} KiB`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    await ensurePackages();
    await packageExtension();
  });
}
