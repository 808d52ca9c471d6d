import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compileScenarioFile } from '../../src/language/compile';
import { readText, root, small } from './small';

const folder = 'test/language/problems';

/** Each `// problem: A | B` stands on the line that causes it. */
function expected(text: string): string[] {
  return text.split('\n').flatMap((line, index) => {
    const comment = /\/\/ problem: (.*)$/.exec(line)?.[1];
    return comment ? comment.split(' | ').map(problem => `${index + 1}: ${problem}`) : [];
  });
}

for (const name of readdirSync(`${root}/${folder}`)) {
  test(`problems of ${name}`, () => {
    const text = readText(`${folder}/${name}`);
    const file = { path: name, text };
    const { problems } = compileScenarioFile(file, { models: small.models, imports: () => undefined });
    const sorted = [...problems].sort((a, b) => a.span.line - b.span.line || a.span.column - b.span.column);
    const found = sorted.map(({ span, code, message }) => `${span.line}: ${code} ${message}`);
    expect(found.sort()).toEqual(expected(text).sort());
  });
}

test('codes are unique and every problem is made in one place', () => {
  const codes = [...readText('src/language/problems.ts').matchAll(/'(MMU\d+)'/g)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(100);
  expect(new Set(codes).size).toBe(codes.length);
});

test('every problem of a scenario file has a test', () => {
  const tested = readdirSync(`${root}/${folder}`)
    .map(name => readText(`${folder}/${name}`))
    .join('\n');
  // The others are about texts too long to keep, and about folders of kernels: see models.test.ts.
  const elsewhere = [
    'MMU003',
    'MMU008',
    'MMU004',
    'MMU007',
    'MMU101',
    'MMU102',
    'MMU103',
    'MMU104',
    'MMU105',
    'MMU106',
    'MMU107',
    'MMU110',
    'MMU112',
  ];
  const codes = [...readText('src/language/problems.ts').matchAll(/'(MMU\d+)'/g)].map(
    ([, code]) => code ?? '',
  );
  expect(codes.filter(code => !tested.includes(code) && !elsewhere.includes(code))).toEqual([]);
});
