/** Each reduction gives what the search without it gives, on small programs drawn by a seed. */
import { expect, test } from 'vitest';
import { compileBare, search, unreduced } from './counter';
import { generate } from './generate';

/** Programs on every run of the tests; set SHOOTDOWN_PROGRAMS for more. */
const PROGRAMS = Number(process.env.SHOOTDOWN_PROGRAMS ?? 200);

const switches = [
  { local: true, guarded: false },
  { local: true, guarded: true },
];

test('merging changes neither verdict nor where programs end', () => {
  let violating = 0;
  const states = [0, 0, 0];
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const { declarations, body } = generate(seed);
    const program = compileBare(declarations, body);
    const [whole, ...reduced] = [unreduced, ...switches].map(reductions =>
      search(program, { all: true, reductions }),
    );
    const found = properties(whole);
    if (found.length > 0) violating++;
    for (const [index, each] of [whole, ...reduced].entries()) {
      states[index] = (states[index] ?? 0) + (each?.progress.states ?? 0);
      expect({ seed, body, found: properties(each) }).toEqual({ seed, body, found });
      expect({ seed, body, ends: each?.progress.ends }).toEqual({ seed, body, ends: whole?.progress.ends });
    }
    const deep = search(program, { all: true, order: 'depth' });
    expect({ seed, found: properties(deep) }).toEqual({ seed, found });
    expect(deep.progress.states).toBe(whole?.progress.states);
  }
  const [whole = 0, local = 0, guarded = 0] = states;
  console.log(`${PROGRAMS} programs, ${violating} violate; states ${whole}, ${local}, ${guarded}`);
  expect(violating).toBeGreaterThan(PROGRAMS / 10);
  expect(local).toBeLessThan(whole);
  expect(guarded).toBeLessThan(local);
}, 120_000);

function properties(searched: ReturnType<typeof search> | undefined): string[] {
  expect(searched?.progress.complete).toBe(true);
  return (searched?.outcome.findings ?? []).map(({ violation }) => violation.property).sort();
}
