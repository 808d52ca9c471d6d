import { expect, test } from 'vitest';
import { compileScenarioFile } from '../../src/language/compile';
import { parse, parseScenarioItems, parseStatements } from '../../src/language/parse';
import { compileShipped } from './models';
import { formatProblem, readText } from './small';

interface Example {
  readonly kind: string;
  readonly text: string;
  readonly line: number;
}

/** The fenced examples of a document. */
function examplesOf(path: string): Example[] {
  const text = readText(path);
  return [...text.matchAll(/^```(mmu[^\n]*)\n([\s\S]*?)^```$/gm)].map(match => ({
    kind: match[1] ?? '',
    text: match[2] ?? '',
    line: text.slice(0, match.index).split('\n').length,
  }));
}

const parsers: Readonly<Record<string, typeof parse | typeof parseStatements | typeof parseScenarioItems>> = {
  'mmu-fragment declarations': parse,
  'mmu-fragment statements': parseStatements,
  'mmu-fragment scenario': parseScenarioItems,
};

const examples = examplesOf('docs/language.md');
const { models } = compileShipped();

test('there are examples', () => {
  expect(examples.length).toBeGreaterThan(7);
});

for (const { kind, text, line } of examples) {
  test(`the example at line ${line} of docs/language.md`, () => {
    const path = 'language.md';
    if (kind === 'mmu') {
      const { problems, scenarios } = compileScenarioFile(
        { path, text },
        { models, imports: () => undefined },
      );
      expect(problems.map(formatProblem)).toEqual([]);
      for (const scenario of scenarios) expect(scenario.program().scenario.name).toBe(scenario.name);
    } else expect(parsers[kind]?.(text, path).problems.map(formatProblem)).toEqual([]);
  });
}
