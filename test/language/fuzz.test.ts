import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileExpression, compileModels, compileScenarioFile } from '../../src/language/compile';
import { NESTING_MAX, parse, TEXT_MAX } from '../../src/language/parse';
import { sourcesOf } from './models';
import { kernelText, programOf, readText, small } from './small';

/** Everything that is done with a text of the user's. It may find problems, it may not throw. */
function digest(text: string): void {
  const file = { path: 'fuzz.mmu', text };
  const { scenarios } = compileScenarioFile(file, { models: small.models, imports: () => file });
  for (const scenario of scenarios) if (scenario.problems.length === 0) scenario.program();
  compileModels({ kernels: { small: [file] }, drivers: [file] });
}

const valid = [
  kernelText,
  readText('test/language/problems/scenario.mmu'),
  readText('test/language/problems/steps.mmu'),
  readText('test/language/problems/drivers.mmu'),
  ...sourcesOf('scenarios').map(({ text }) => text),
];

const tokens = [...new Set(valid.join('\n').match(/[A-Za-z_]\w*|\d\w*|"[^"\n]*"|[^\s\w]/g) ?? [])];

test('random text never throws', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), digest), { numRuns: 150 });
});

test('random words of the language never throw', () => {
  const words = fc.array(fc.constantFrom(...tokens), { maxLength: 60 }).map(list => list.join(' '));
  fc.assert(fc.property(words, digest), { numRuns: 200 });
});

test('changed files never throw', () => {
  const edit = fc.record({
    text: fc.constantFrom(...valid),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    drop: fc.nat(30),
    insert: fc.oneof(fc.constantFrom(...tokens), fc.string({ maxLength: 5 })),
  });
  const change = ({ text, at, drop, insert }: { text: string; at: number; drop: number; insert: string }) => {
    const start = Math.floor(at * text.length);
    digest(`${text.slice(0, start)} ${insert} ${text.slice(start + drop)}`);
  };
  fc.assert(fc.property(edit, change), { numRuns: 200 });
});

test('random expressions never throw', () => {
  const program = programOf('scenario s { kernel small process P { } task t in P on cpu 0 { skip } }');
  const words = fc.array(fc.constantFrom(...tokens), { maxLength: 12 }).map(list => list.join(' '));
  fc.assert(
    fc.property(words, text => {
      compileExpression(text, program, 'munmap');
      compileExpression(text, program, null);
    }),
    { numRuns: 500 },
  );
});

const deep = 20_000;

test.each([
  ['brackets', `const A = ${'('.repeat(deep)}1${')'.repeat(deep)}`],
  ['blocks', `fn f() ${'{'.repeat(deep)}${'}'.repeat(deep)}`],
  ['unary operators', `const A = ${'-'.repeat(deep)}1`],
  ['binary operators', `const A = 1${' + 1'.repeat(deep)}`],
  ['conditionals', `const A = ${'true ? 1 : '.repeat(deep)}2`],
  ['else-ifs', `fn f() { ${'if (true) skip; else '.repeat(deep)} skip; }`],
  ['fields', `fn f() { x${'.x'.repeat(deep)} = 1; }`],
  ['ifs', `fn f() { ${'if (true) '.repeat(deep)} skip; }`],
])('deep nesting is a problem, not a crash: %s', (_name, text) => {
  const file = { path: 'deep.mmu', text: `${text}\nscenario s { kernel small process P { } }` };
  const { problems } = compileScenarioFile(file, { models: small.models, imports: () => undefined });
  expect(problems.length).toBeGreaterThan(0);
});

test('brackets may nest as deep as the limit says', () => {
  const depth = NESTING_MAX - 2;
  expect(parse(`fn f() { x = ${'('.repeat(depth)}1${')'.repeat(depth)}; }`, 'a.mmu').problems).toEqual([]);
  const [problem] = parse(`const A = ${'('.repeat(depth + 3)}1`, 'a.mmu').problems;
  expect(problem?.code).toBe('MMU004');
});

test('a text that is too long is refused at once', () => {
  expect(parse(' '.repeat(TEXT_MAX + 1), 'a.mmu').problems.map(({ code }) => code)).toEqual(['MMU003']);
});

test('names that JavaScript knows are names like others', () => {
  digest(
    'fn constructor() { toString(); } fn toString() { valueOf; hasOwnProperty.x(); } kernel constructor { }',
  );
  expect(parse('fn __proto__() { }', 'a.mmu').problems.map(({ code }) => code)).toEqual(['MMU008']);
});

test('a long expression is a problem', () => {
  const text = `const A = 1${' + 1'.repeat(250)}\nscenario s { kernel small process P { } }`;
  const options = { models: small.models, imports: () => undefined };
  const { problems } = compileScenarioFile({ path: 'a.mmu', text }, options);
  expect(problems.map(({ code }) => code)).toContain('MMU007');
});
