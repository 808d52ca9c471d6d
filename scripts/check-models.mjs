/** Compiles models/ and scenarios/ from source and prints every problem as file:line:column: code message. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { root } from './setup.mjs';

/**
 * The compiler as it is now, bundled to a file that can be imported.
 * @param {string} folder
 */
async function loadCompiler(folder) {
  const outfile = join(folder, 'compile.mjs');
  const entryPoints = [join(root, 'src', 'language', 'compile.ts')];
  await build({
    entryPoints,
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    mainFields: ['module', 'main'],
  });
  return import(pathToFileURL(outfile).href);
}

/** @param {string} path */
function readFile(path) {
  return { path: relative(root, path), text: readFileSync(path, 'utf8') };
}

/** @param {string} folder */
function mmuFiles(folder) {
  try {
    const names = readdirSync(folder).sort();
    return names.filter(name => name.endsWith('.mmu')).map(name => readFile(join(folder, name)));
  } catch {
    return [];
  }
}

/** @param {string} folder */
function readKernels(folder) {
  /** @type {Record<string, { path: string, text: string }[]>} */
  const kernels = {};
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    if (name !== 'drivers' && statSync(path).isDirectory()) kernels[name] = mmuFiles(path);
  }
  return kernels;
}

/**
 * @param {readonly { span: { file: string, line: number, column: number }, code: string, message: string
 * }[]} problems
 */
function print(problems) {
  for (const { span, code, message } of problems) {
    console.log(`${span.file}:${span.line}:${span.column}: ${code} ${message}`);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'check-models-'));
try {
  const { compileModels, compileScenarioFile } = await loadCompiler(folder);
  const models = join(root, 'models');
  const files = { kernels: readKernels(models), drivers: mmuFiles(join(models, 'drivers')) };
  const start = performance.now();
  const compiled = compileModels(files);
  print(compiled.problems);
  let count = compiled.problems.length;
  const scenarios =
    process.argv.length > 2
      ? process.argv.slice(2).map(path => readFile(resolve(path)))
      : mmuFiles(join(root, 'scenarios'));
  for (const file of scenarios) {
    const imports = (/** @type {string} */ path) => {
      const target = join(dirname(join(root, file.path)), path);
      try {
        return readFile(target);
      } catch {
        return undefined;
      }
    };
    const { problems, scenarios: handles } = compileScenarioFile(file, { models: compiled.models, imports });
    // Problems of the models were printed already.
    const own = problems.filter((/** @type {any} */ problem) => !problem.span.file.startsWith('models'));
    print(own);
    count += own.length;
    for (const handle of handles) if (handle.problems.length === 0) handle.program();
  }
  const milliseconds = Math.round(performance.now() - start);
  const { kernels, drivers } = compiled.models;
  console.log(
    `> ${Object.keys(kernels).length} kernels, ${Object.keys(drivers).length} drivers for them, ` +
      `${scenarios.length} scenario files: ${count} problems in ${milliseconds} ms`,
  );
  process.exitCode = count === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
