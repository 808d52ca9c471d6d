/** The shipped models and scenarios, compiled from source. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileModels, type SourceFile } from '../../src/language/compile';
import { root } from './small';

/** The `.mmu` files of a folder of the repository. */
export function sourcesOf(folder: string): SourceFile[] {
  if (!existsSync(join(root, folder))) return [];
  const names = readdirSync(join(root, folder)).filter(name => name.endsWith('.mmu'));
  return names.sort().map(name => ({
    path: `${folder}/${name}`,
    text: readFileSync(join(root, folder, name), 'utf8'),
  }));
}

/** All shipped kernels and drivers. */
export function compileShipped() {
  const folders = readdirSync(join(root, 'models')).filter(name => name !== 'drivers');
  const kernels = Object.fromEntries(folders.map(name => [name, sourcesOf(`models/${name}`)]));
  return compileModels({ kernels, drivers: sourcesOf('models/drivers') });
}
