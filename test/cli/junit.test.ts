/** JUnit XML: what is written is XML, and what readers of it expect. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { junitXml } from '../../src/cli/junit';
import { shootdown } from './run-command-line';

const folder = mkdtempSync(join(tmpdir(), 'shootdown-junit-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

/** Reads XML of elements, attributes and text; refuses all else, and what is not well formed. */
function parseXml(text: string): Element {
  const root: Element = { name: '', attributes: {}, children: [], text: '' };
  const open = [root];
  const token =
    /<\?xml version="1\.0" encoding="UTF-8"\?>|<(\/?)(\w+)((?: [\w-]+="[^"<]*")*)(\/?)>|([^<]+)/gy;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (match === null) throw new Error(`no XML at ${at}: ${text.slice(at, at + 40)}`);
    const [, closes, name, attributes = '', isEmpty, content] = match;
    const top = open.at(-1);
    if (content !== undefined && top) top.text += decoded(content);
    if (name === undefined) continue;
    if (closes) expect(open.pop()?.name).toBe(name);
    else {
      const pairs = [...attributes.matchAll(/ ([\w-]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [
        key,
        decoded(value),
      ]);
      const element: Element = { name, attributes: Object.fromEntries(pairs), children: [], text: '' };
      top?.children.push(element);
      if (!isEmpty) open.push(element);
    }
  }
  expect(open).toEqual([root]);
  const [document, ...others] = root.children;
  if (document === undefined || others.length > 0) throw new Error('not one root');
  return document;
}

function decoded(text: string): string {
  const rest = text.replace(/&(amp|lt|gt|quot);/g, '');
  expect(rest).not.toMatch(/[&<]/);
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"' };
  return text.replace(/&(\w+);/g, (_, name: string) => named[name] ?? '');
}

/** Elements with attributes (with `!` those that must be there) and children, as in Jenkins' junit-10.xsd. */
const schema: Record<string, { attributes: string[]; children: string[] }> = {
  testsuites: {
    attributes: ['name', 'time', 'tests', 'failures', 'disabled', 'errors'],
    children: ['testsuite'],
  },
  testsuite: {
    attributes: [
      'name!',
      'tests!',
      'failures',
      'errors',
      'time',
      'disabled',
      'skipped',
      'skips',
      'flakes',
      'rerun',
      'timestamp',
      'hostname',
      'id',
      'package',
      'assertions',
      'file',
      'skip',
      'log',
      'url',
      'version',
    ],
    children: ['testsuite', 'properties', 'testcase', 'system-out', 'system-err'],
  },
  testcase: {
    attributes: ['name!', 'time', 'classname', 'group', 'status', 'class', 'file', 'line', 'assertions'],
    children: [
      'skipped',
      'error',
      'failure',
      'rerunFailure',
      'rerunError',
      'flakyFailure',
      'flakyError',
      'system-out',
      'system-err',
      'properties',
    ],
  },
  skipped: { attributes: ['message', 'type'], children: [] },
  error: { attributes: ['message', 'type'], children: [] },
  failure: { attributes: ['message', 'type'], children: [] },
};

function validate(element: Element): void {
  const { attributes, children } = schema[element.name] ?? { attributes: [], children: [] };
  const known = attributes.map(name => name.replace('!', ''));
  expect(Object.keys(schema)).toContain(element.name);
  expect(Object.keys(element.attributes).filter(name => !known.includes(name))).toEqual([]);
  const needed = attributes.filter(name => name.endsWith('!')).map(name => name.replace('!', ''));
  expect(needed.filter(name => element.attributes[name] === undefined)).toEqual([]);
  for (const name of ['tests', 'failures', 'errors', 'skipped'])
    expect(element.attributes[name] ?? '0').toMatch(/^\d+$/);
  expect(element.attributes.time ?? '0').toMatch(/^\d+(\.\d+)?$/);
  for (const child of element.children) {
    expect(children).toContain(child.name);
    validate(child);
  }
}

test('a testsuite for each file, a testcase for each scenario, and what became of it', async () => {
  const broken = join(folder, 'broken.mmu');
  writeFileSync(broken, 'scenario x { kernel linux-3.18  task t0 in Q on cpu 0 { skip; } }');
  const differs = join(folder, 'differs.mmu');
  const text = readFileSync('scenarios/parallel-dontneed.mmu', 'utf8');
  writeFileSync(differs, text.replace(/expect violated.*/, 'expect holds'));
  const junit = join(folder, 'junit.xml');
  const files = ['scenarios/parallel-dontneed.mmu', differs, broken, 'scenarios/copy-on-write.mmu'];
  const { code } = await shootdown('explore', '--json', '--junit', junit, ...files, '--states', '20000');
  expect(code).toBe(2);
  const document = parseXml(readFileSync(junit, 'utf8'));
  validate(document);
  expect(document.attributes).toMatchObject({ tests: '4', failures: '1', errors: '1' });
  expect(document.children.map(({ attributes }) => attributes.name)).toEqual(files);
  const cases = document.children.map(({ children }) => children[0]);
  expect(cases.map(each => each?.children[0]?.name ?? 'passed')).toEqual([
    'passed',
    'failure',
    'error',
    'skipped',
  ]);
  expect(cases[0]?.attributes).toMatchObject({
    name: 'parallel_dontneed',
    classname: 'scenarios/parallel-dontneed.linux-3.18',
  });
  const failure = cases[1]?.children[0];
  expect(failure?.attributes.message).toBe('violated: stale-after-return; expected that all holds');
  expect(failure?.text).toContain('BUG: shootdown: stale-after-return');
  expect(failure?.text).toContain('TLB: A -> frame');
  expect(cases[2]?.children[0]?.text).toContain('broken.mmu:1:');
  expect(cases[3]?.children[0]?.attributes.message).toMatch(/^incomplete: /);
}, 60_000);

test('text that XML could take for its own', () => {
  const problem = { kind: 'failure', message: 'a < b & "c" > \u0001d' } as const;
  const cases = [{ name: 'x', kernel: 'k', seconds: 0.25, problem, text: 'A -> B\n\t<end> & more' }];
  const document = parseXml(junitXml([{ file: 'a"b.mmu', cases }]));
  validate(document);
  const failure = document.children[0]?.children[0]?.children[0];
  expect(failure?.attributes.message).toBe('a < b & "c" > d');
  expect(failure?.text).toBe('A -> B\n\t<end> & more');
});
