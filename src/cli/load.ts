/** From a path to a program that can run: what `run` and `check` have in common. */
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { formatSpan } from '../base/span';
import { readLaunchFiles } from '../debug/host';
import type { ModelSet } from '../language/module';
import type { LaunchFiles, RunProblem } from '../session/load';
import { SetupError } from '../vm/vm';
import { diskFiles, loadShippedModels, readText } from './models';
import { Refusal, refuseFile, type Terminal } from './terminal';

/** Options that say what is run. */
export interface LoadOptions {
  readonly scenario?: string;
  readonly kernel?: string;
  readonly models: readonly string[];
}

/** Reads everything a run of this file is made from. */
export async function readRun(
  program: string,
  { models, trace }: LoadOptions & { readonly trace?: string },
  terminal: Terminal,
): Promise<LaunchFiles> {
  // A missing file is told apart from what is wrong in a file before anything is parsed.
  for (const path of [program, ...(trace ? [trace] : [])]) {
    await readText(path).catch((problem: unknown) => {
      throw refuseFile(path, problem);
    });
  }
  return readLaunchFiles(
    diskFiles(() => models),
    {
      program,
      // Relative to where the command was given, not to the scenario.
      ...(trace ? { trace: resolve(trace) } : {}),
      models: await shippedModels(terminal),
      modelsRoot: join(terminal.home, 'models'),
    },
  );
}

async function shippedModels({ home }: Terminal): Promise<ModelSet> {
  return loadShippedModels(home).catch(() => {
    throw new Refusal(
      `${join(home, 'dist', 'models.json')}: the compiled models are missing: run npm run build first`,
    );
  });
}

/** `file:line:column: message [code]`, as compilers print it; without a place the message names the file. */
export function formatProblem({ code, span, message }: RunProblem): string {
  return `${span ? `${formatSpan(span)}: ` : ''}${message} [${code}]\n`;
}

/** Files as they are named; of a folder, the `.mmu` files that lie in it, in the order of names. */
export async function filesOf(paths: readonly string[]): Promise<string[]> {
  const lists = paths.map(async path => {
    const isFolder = await stat(path).then(
      found => found.isDirectory(),
      () => false,
    );
    if (!isFolder) return [path];
    const names = (await readdir(path)).filter(name => name.endsWith('.mmu')).sort();
    if (names.length === 0) throw new Refusal(`${path}: there is no .mmu file in this folder`);
    return names.map(name => join(path, name));
  });
  return (await Promise.all(lists)).flat();
}

/** What keeps an initial state from being built, as a refusal; any other problem as it is. */
export function refuseSetUp(problem: unknown): unknown {
  if (!(problem instanceof SetupError)) return problem;
  const { message, span } = problem;
  return new Refusal(formatProblem({ code: 'set-up', span, message }).trimEnd());
}
