/** The examples of the documents: they compile, and each scenario shows what it says it shows. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compileScenarioFile } from '../../src/language/compile';
import { parse, parseScenarioItems, parseStatements } from '../../src/language/parse';
import { startSession } from '../../src/session/load';
import { verdict } from '../../src/session/verdict';
import { compileShipped } from '../language/models';
import { formatProblem } from '../language/small';

interface Example {
  readonly page: string;
  readonly kind: string;
  readonly text: string;
  readonly line: number;
}

/** The fenced examples of a document. */
function examplesOf(page: string): Example[] {
  const text = readFileSync(page, 'utf8');
  return [...text.matchAll(/^```(mmu[^\n]*)\n([\s\S]*?)^```$/gm)].map(match => ({
    page,
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

const pages = ['README.md', ...readdirSync('docs').map(name => `docs/${name}`)];
const examples = pages.flatMap(examplesOf);
const { models } = compileShipped();

/** Compiles an example and plays every scenario in it. */
function play({ page, text }: Example): void {
  const { problems, scenarios } = compileScenarioFile(
    { path: page, text },
    { models, imports: () => undefined },
  );
  expect(problems.map(formatProblem)).toEqual([]);
  expect(scenarios).not.toEqual([]);
  for (const scenario of scenarios) {
    const started = startSession(scenario.program(), {});
    if ('problem' in started) throw new Error(started.problem.message);
    const end = started.session.playToEnd();
    expect(end.kind === 'diverged' ? end.text : '').toBe('');
    const { status, text } = verdict(started.session);
    expect({ status, text }).toEqual({ status: 'as expected', text });
  }
}

test('there are examples', () => {
  expect(examples.length).toBeGreaterThan(8);
});

for (const example of examples) {
  test(`the example at line ${example.line} of ${example.page}`, () => {
    if (example.kind === 'mmu') play(example);
    else expect(parsers[example.kind]?.(example.text, example.page).problems.map(formatProblem)).toEqual([]);
  });
}
