/** `shootdown diff`: what one kernel changes of another, as a patch reads. */

import { join } from 'node:path';
import { unifiedHunks } from '../base/unified';
import { findModels } from '../debug/find-models';
import { compileModels, type ModelSet } from '../language/compile';
import { type DeclarationDifference, kernelDifferences } from '../language/differences';
import { nearestName } from '../language/names';
import { disk, loadShippedModels } from './models';
import { exitCodes, Refusal, type Terminal } from './terminal';

/** Options of `diff`. */
export interface DiffOptions {
  readonly models: readonly string[];
  readonly json?: boolean;
}

/** Prints the declarations that differ, by the source files of the kernel that they model. */
export async function diff(
  from: string,
  to: string,
  options: DiffOptions,
  terminal: Terminal,
): Promise<number> {
  const models = await allModels(options.models, terminal);
  const [before, after] = [kernelOf(models, from), kernelOf(models, to)];
  const differences = kernelDifferences(models, before, after);
  if (options.json) {
    for (const difference of differences) terminal.out(`${JSON.stringify(recordOf(difference))}\n`);
  } else terminal.out(patchText(before, after, differences));
  return exitCodes.expected;
}

/** The shipped models and those of the given folders. */
export async function allModels(folders: readonly string[], { home }: Terminal): Promise<ModelSet> {
  const base = await loadShippedModels(home).catch(() => {
    throw new Refusal(
      `${join(home, 'dist', 'models.json')}: the compiled models are missing: run npm run build first`,
    );
  });
  if (folders.length === 0) return base;
  const own = await findModels(disk, join(home, 'dist', 'none.mmu'), folders);
  return compileModels(own, base).models;
}

/** The name of a kernel, also by its other names. */
function kernelOf({ kernels }: ModelSet, name: string): string {
  if (Object.hasOwn(kernels, name)) return name;
  const named = Object.values(kernels).find(({ aliases }) => aliases.some(alias => alias.name === name));
  if (named !== undefined) return named.name;
  const known = Object.keys(kernels);
  const near = nearestName(name, known);
  const hint = near === undefined ? `expected one of ${known.join(', ')}` : `did you mean '${near}'?`;
  throw new Refusal(`unknown kernel '${name}', ${hint}`);
}

/** A patch: for each source file its declarations, with what comes and goes. */
export function patchText(from: string, to: string, differences: readonly DeclarationDifference[]): string {
  if (differences.length === 0) return `${from} and ${to} are the same\n`;
  const lines: string[] = [];
  for (const source of new Set(differences.map(each => each.source))) {
    const name = source === '' ? '(no file of the kernel)' : source;
    lines.push(`--- ${from}: ${name}`, `+++ ${to}: ${name}`);
    for (const difference of differences.filter(each => each.source === source)) {
      const { before, after } = difference;
      for (const hunk of unifiedHunks(before, after)) {
        lines.push(`@@ ${difference.name} (${difference.how}) @@`, ...hunk);
      }
    }
    lines.push('');
  }
  lines.push(...statistics(differences));
  return `${lines.join('\n')}\n`;
}

function statistics(differences: readonly DeclarationDifference[]): string[] {
  const files = new Set(differences.map(({ source }) => source).filter(source => source !== ''));
  const lists = (['changed', 'added', 'removed'] as const).flatMap(how => {
    const names = differences.filter(each => each.how === how).map(({ name }) => name);
    return names.length === 0 ? [] : [`${how}: ${names.join(', ')}`];
  });
  return [`${files.size} files of the kernel, ${differences.length} declarations`, ...lists];
}

function recordOf({ before, after, ...difference }: DeclarationDifference) {
  return { ...difference, hunks: unifiedHunks(before, after) };
}
