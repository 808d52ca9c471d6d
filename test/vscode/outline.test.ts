import { expect, test } from 'vitest';
import { outlineScenarios, scenarioAt } from '../../src/vscode/outline';

const text = `/// scenario in_a_comment {
/* scenario also_here { */
fn scenario_like() { }
scenario first {
  task t0 { store(A, 1); } // expect violated }
  unwatched data-race "a } in a string"
}

/// The second.
scenario /* odd */ second
{
  kernel linux-3.18
  expect /* what? */ violated use-after-free
}
scenario open {
`;

test('scenarios are found outside comments and strings', () => {
  expect(outlineScenarios(text)).toEqual([
    { name: 'first', line: 3, endLine: 6, isViolated: false },
    { name: 'second', line: 9, endLine: 13, isViolated: true },
    { name: 'open', line: 14, endLine: 15, isViolated: false },
  ]);
  expect(outlineScenarios('')).toEqual([]);
  expect(outlineScenarios('/* scenario a {')).toEqual([]);
});

test('a cursor belongs to the scenario around it or below it', () => {
  const scenarios = outlineScenarios(text);
  const name = (line: number) => scenarioAt(scenarios, line)?.name;
  expect([0, 3, 6, 8, 13, 99].map(name)).toEqual(['first', 'first', 'first', 'second', 'second', 'open']);
  expect(scenarioAt([], 0)).toBeUndefined();
});
