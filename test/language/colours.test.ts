import { expect, test } from 'vitest';
import { readText } from './small';

interface Rule {
  readonly match?: string;
  readonly begin?: string;
  readonly end?: string;
  readonly include?: string;
  readonly patterns?: readonly Rule[];
}

const grammar: Rule & { repository: Record<string, Rule> } = JSON.parse(
  readText('media/mmu.tmLanguage.json'),
);

function rulesOf(rule: Rule): Rule[] {
  return [rule, ...(rule.patterns ?? []).flatMap(rulesOf)];
}

const rules = [grammar, ...Object.values(grammar.repository)].flatMap(rulesOf);

test('every expression of the colouring is one, and every include is there', () => {
  for (const { match, begin, end, include } of rules) {
    for (const text of [match, begin, end])
      if (text !== undefined) expect(() => new RegExp(text)).not.toThrow();
    if (include !== undefined) expect(Object.keys(grammar.repository)).toContain(include.slice(1));
  }
});

test('every keyword of the language has a colour', () => {
  const source = readText('src/language/mmu.langium').replace(/\/\*[\s\S]*?\*\//g, '');
  const keywords = new Set([...source.matchAll(/'([a-z_]{2,})'/g)].map(([, word]) => word ?? ''));
  const matches = rules.flatMap(({ match }) => (match === undefined ? [] : [new RegExp(`^(?:${match})`)]));
  // A name before a bracket, a member or an operator would match anything; a keyword must match by itself.
  const phrases = (word: string) => [
    word,
    `4 ${word}`,
    `on ${word}`,
    `each ${word}`,
    `${word} x`,
    `${word} x {`,
  ];
  const isColoured = (word: string) =>
    phrases(word).some(phrase => matches.some(match => match.exec(phrase)?.[0].includes(word)));
  // Agents in a replay are part of a thread's name.
  const agents = ['ats', 'commands', 'ppr', 'irq'];
  expect([...keywords].filter(word => !isColoured(word) && !agents.includes(word))).toEqual([]);
});
