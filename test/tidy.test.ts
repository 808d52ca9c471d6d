/** The rules of the sources that no tool knows. A finding names the file, the line and the better way. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { expect, test } from 'vitest';

/** Every text file that is or could be committed. */
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
})
  .split('\n')
  .filter(file => file !== '' && existsSync(file) && !/\.(png|gif|gz|ico|vsix)$/.test(file));

const code = tracked.filter(file => /^(src|test|scripts|bench)\/.*\.(ts|mts|mjs)$/.test(file));
const sources = code.filter(file => file.startsWith('src/'));

const core = ['vm', 'machine', 'language', 'base'];
const data = ['explain', 'session', 'explore', 'trace', 'conformance'];
const shown = ['view', 'compare', 'promela', ...data, ...core];

/** What each folder of src/ may import: its own files, these folders, these packages. Nothing else. */
const allowed: Record<string, (string | RegExp)[]> = {
  base: [],
  machine: ['base'],
  language: ['machine', 'base', 'langium', 'langium/lsp', /^vscode-languageserver/],
  vm: ['machine', 'language', 'base'],
  explore: core,
  session: core,
  trace: core,
  conformance: ['trace', ...core],
  promela: core,
  explain: ['session', 'explore', 'trace', ...core],
  compare: ['session', ...core],
  view: ['explain', 'session', 'explore', 'trace', ...core],
  debug: [...shown, '@vscode/debugadapter', '@vscode/debugprotocol'],
  vscode: [
    // The command line's way to files and workers on Node is the extension's too.
    'cli',
    'debug',
    ...shown,
    'vscode',
    /^vscode-language(client|server)/,
    'langium',
    'langium/lsp',
    /^node:/,
  ],
  cli: ['debug', ...shown, 'commander', 'langium', /^node:/],
};

/** Single files that may import more than their folder. */
const allowedFiles: Record<string, string[]> = {
  'src/debug/worker.ts': ['node:worker_threads'],
  'src/explore/worker.ts': ['node:worker_threads'],
};

/** What the build bundles; nothing has to import these. */
const entries = [...read('scripts/build.mjs').matchAll(/from: '(src\/[^']+)'/g)].map(([, file]) => file);

/** Longer than the limit, with the reason. */
const longFunctions: Record<string, string> = {};

function read(file: string): string {
  return readFileSync(file, 'utf8');
}

/** Every line of the files that matches, as `file:line: message`. */
function findLines(files: string[], isBad: (line: string) => boolean, message: string): string[] {
  return files.flatMap(file =>
    read(file)
      .split('\n')
      .flatMap((line, index) => (isBad(line) ? [`${file}:${index + 1}: ${message}`] : [])),
  );
}

function importsOf(file: string): string[] {
  const statement =
    /^(?:import|export)\s[^;'"]*?\bfrom\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...read(file).matchAll(statement)].map(([, from, bare, called]) => from ?? bare ?? called ?? '');
}

/** The folder of src/ that an import leads to, or the package it names. */
function targetOf(file: string, name: string): string {
  if (!name.startsWith('.')) return name;
  return posix.join(posix.dirname(file), name).split('/')[1] ?? '';
}

function isAllowed(file: string, target: string): boolean {
  const folder = file.split('/')[1] ?? '';
  const rules = [folder, ...(allowed[folder] ?? []), ...(allowedFiles[file] ?? [])];
  return rules.some(rule => (typeof rule === 'string' ? rule === target : rule.test(target)));
}

test('imports point downwards', () => {
  const forbidden = sources.flatMap(file =>
    importsOf(file)
      .map(name => targetOf(file, name))
      .filter(target => !isAllowed(file, target))
      .map(target => `${file} imports ${target}: move what it needs down, or the file up`),
  );
  expect(forbidden).toEqual([]);
});

test('every file in src is used by another or is an entry point', () => {
  const used = new Set(
    sources.flatMap(file => importsOf(file).map(name => posix.join(posix.dirname(file), name))),
  );
  const unused = sources.filter(file => !entries.includes(file) && !used.has(file.replace(/\.ts$/, '')));
  expect(unused.map(file => `${file} is imported by nothing: delete it, or use it`)).toEqual([]);
});

test('nothing is left to be done', () => {
  const word = new RegExp(`\\b(${['FIX', 'ME|TO', 'DO|XX', 'X'].join('')})\\b`);
  const files = tracked.filter(file => file !== 'package-lock.json');
  expect(findLines(files, line => word.test(line), 'do it, or write the test that shows it')).toEqual([]);
});

test('lines have at most 110 columns', () => {
  const isLong = (line: string) => [...line].length > 110;
  expect(findLines(code, isLong, 'break the line, or say it shorter')).toEqual([]);
});

test('types are not overruled where nothing comes from a wire', () => {
  const files = sources.filter(file => !file.startsWith('src/debug/') && !file.includes('/generated/'));
  const isOverruled = (line: string) =>
    /^(?!\s*(?:\*|\/\*|\/\/|import\b|\w+ as \w+,$)).*[\w)\]] as (?!const\b)[A-Za-z{(]/.test(line);
  const code = (line: string) => line.replace(/(['"`]).*?\1/g, '');
  expect(findLines(files, line => isOverruled(code(line)), 'say it in types, or use `defined`')).toEqual([]);
});

const statement = /^\s*(?:if|for|while|switch|catch|return|do|else|throw|await|with)\b/;
const method =
  /^\s*(?:(?:static|async|override|private|protected|public|get|set|readonly)\s+)*\*?[\w#$]+[<(]/;

/**
 * The functions of formatted code: the line that closes one has the indentation of the line that opens it.
 * A closing line that opens again (`}: {`, `} else {`) belongs to the head, or to a statement.
 */
function* functionsOf(file: string): Generator<{ line: number; length: number; head: string }> {
  const lines = read(file).split('\n');
  for (const [index, head] of lines.entries()) {
    const isFunction = /^\s*(?:export\s+)?(?:default\s+)?(?:async\s+)?function\b/.test(head);
    const isArrow = head.endsWith('=> {');
    const isMethod = method.test(head) && !statement.test(head) && /[({]$/.test(head);
    if (!isFunction && !isArrow && !isMethod) continue;
    const indent = /^\s*/.exec(head)?.[0] ?? '';
    const isAtIndent = (line: string) => line.startsWith(indent) && /\S/.test(line.charAt(indent.length));
    // A call over several lines opens like a method, but its parenthesis is not followed by a body.
    const next = lines.findIndex((line, at) => at > index && isAtIndent(line));
    if (head.endsWith('(') && !/^\s*\).*\{$/.test(lines[next] ?? '')) continue;
    const isEnd = (line: string) =>
      isAtIndent(line) && line.trimStart().startsWith('}') && !line.endsWith('{');
    const end = lines.findIndex((line, at) => at > index && isEnd(line));
    if (end > 0) yield { line: index + 1, length: end - index + 1, head: head.trim() };
  }
}

test('functions have at most 70 lines', () => {
  const shipped = code.filter(file => /^(src|scripts)\//.test(file));
  const long = shipped.flatMap(file =>
    [...functionsOf(file)]
      .filter(({ length, head }) => length > 70 && !head.startsWith('describe('))
      .filter(({ head }) => !Object.keys(longFunctions).some(name => head.includes(name)))
      .map(({ line, length, head }) => `${file}:${line}: ${length} lines, split it: ${head}`),
  );
  expect(long).toEqual([]);
});

test('the length of a function is seen', () => {
  const names = [...functionsOf('test/tidy.test.ts')].map(({ head }) => head);
  expect(names.some(head => head.startsWith('function* functionsOf'))).toBe(true);
  const long = [...functionsOf('scripts/setup.mjs')].find(({ head }) => head.includes('installCodeServer'));
  expect(long?.length).toBeGreaterThan(15);
});

test('no file names a machine or a registry', () => {
  const path = new RegExp(`(^|[^\\w.~*-])/(${['wo', 'rk|ro', 'ot|ho', 'me'].join('')})/`);
  const host = new RegExp(['registry', '[\\w.-]*\\.(org|com|net|io|local|internal)\\b'].join('\\.'));
  const isBad = (line: string) => path.test(line) || host.test(line);
  expect(findLines(tracked, isBad, 'only holds on one machine: leave it out')).toEqual([]);
});

test('the lock file says what is installed, not from where', () => {
  const lock = read('package-lock.json');
  expect(lock).not.toContain('"resolved"');
  const hosts = findLines(['package-lock.json'], line => line.includes('://'), 'run node scripts/lock.mjs');
  expect(hosts).toEqual([]);
});

test('the README holds two commands', () => {
  const blocks = [...read('README.md').matchAll(/^```\w*\n([\s\S]*?)^```$/gm)];
  expect(blocks.map(([, text]) => text?.trim())).toEqual(['npm start', 'npm test']);
});

test('the gate runs what the README names', () => {
  const lines = read('.ci/run')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'));
  expect(lines.at(-1)).toBe('npm test');
});
