/** What the documents say about the sources, held against the sources. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { builtinsPage } from '../../scripts/document-builtins.mjs';
import { exitCodes } from '../../src/cli/terminal';
import * as table from '../../src/language/builtins';
import { propertyIds } from '../../src/language/properties';
import { shootdown } from '../cli/run-command-line';

const documents = readdirSync('docs').map(name => join('docs', name));
const pages = ['README.md', 'CHANGELOG.md', ...documents];

function read(path: string): string {
  return readFileSync(path, 'utf8');
}

/** Targets of the links of a page that lead into the repository. */
function linksOf(path: string): string[] {
  return [...read(path).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter(target => !target.includes('://'));
}

/** What GitHub and VS Code make of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}

function isThere(page: string, link: string): boolean {
  const [file = '', anchor] = link.split('#');
  const path = file === '' ? page : join(dirname(page), file);
  if (!existsSync(path)) return false;
  if (anchor === undefined) return true;
  return [...read(path).matchAll(/^#+ (.*)$/gm)].some(([, heading = '']) => anchorOf(heading) === anchor);
}

test.each(pages)('every link of %s leads somewhere', page => {
  expect(linksOf(page).filter(link => !isThere(page, link))).toEqual([]);
});

test('the README links to every document', () => {
  const links = linksOf('README.md').map(link => link.split('#')[0]);
  expect(documents.filter(path => !links.includes(path))).toEqual([]);
});

test('docs/builtins.md is what node scripts/document-builtins.mjs makes', () => {
  expect(read('docs/builtins.md')).toBe(builtinsPage(table));
});

test('names of parameters are as many as the parameters', () => {
  const entries = Object.entries<table.Builtin>(table.builtins);
  const wrong = entries.filter(([, { params, names }]) => names && names.length !== params.length);
  expect(wrong.map(([name]) => name)).toEqual([]);
});

test('every property is described, in the order of the list, and nothing else is', () => {
  const described = [...read('docs/properties.md').matchAll(/^## `([^`]+)`$/gm)].map(([, id]) => id);
  expect(described).toEqual([...propertyIds]);
  const rows = [...read('docs/properties.md').matchAll(/^\| \[`([^`]+)`\]/gm)].map(([, id]) => id);
  expect(rows).toEqual([...propertyIds]);
});

test("the scenario that is a property's example shows it", () => {
  const rows = [
    ...read('docs/properties.md').matchAll(/^\| \[`([^`]+)`\].*\(\.\.\/(scenarios\/[^)]+)\) \|$/gm),
  ];
  expect(rows.length).toBeGreaterThan(5);
  for (const [, id = '', path = ''] of rows) {
    expect(read(path)).toMatch(new RegExp(`expect violated [^\\n]*(?<![\\w-])${id}\\b`));
  }
});

test('every option of the command line is documented', async () => {
  const page = read('docs/command-line.md');
  for (const command of ['run', 'explore', 'compare', 'diff', 'conformance', 'check', 'dap']) {
    const { out } = await shootdown(command, '--help');
    const options = [...out.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, option = '']) => option);
    expect(options.length).toBeGreaterThan(1);
    const missing = options.filter(option => option !== '--help' && !page.includes(`\`${option}`));
    expect({ command, missing }).toEqual({ command, missing: [] });
  }
});

test('every exit code is documented, in the help too', async () => {
  const { out } = await shootdown('run', '--help');
  for (const code of Object.values(exitCodes)) {
    expect(read('docs/command-line.md')).toMatch(new RegExp(`^\\| ${code} \\|`, 'm'));
    expect(out).toMatch(new RegExp(`^ {2}${code} {2}\\w`, 'm'));
  }
});
