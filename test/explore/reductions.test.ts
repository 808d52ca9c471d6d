/** Each reduction gives what the search without it gives, on small programs drawn by a seed. */
import { expect, test } from 'vitest';
import { compileBare, search, unreduced } from './counter';
import { generate } from './generate';

/** Programs on every run of the tests; set SHOOTDOWN_PROGRAMS for more. */
const PROGRAMS = Number(process.env.SHOOTDOWN_PROGRAMS ?? 200);

const switches = [
  { local: true, guarded: false, deadLocals: false },
  { local: true, guarded: true, deadLocals: false },
  { local: false, guarded: false, deadLocals: true },
  { local: true, guarded: true, deadLocals: true },
  { local: false, guarded: false, deadLocals: false, independent: true },
  { local: true, guarded: true, deadLocals: true, independent: true },
];

test('reductions change neither verdict nor where programs end', () => {
  let violating = 0;
  const states = [0, 0, 0, 0, 0, 0, 0];
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const { declarations, body } = generate(seed);
    const program = compileBare(declarations, body);
    const all = [unreduced, ...switches].map(reductions => search(program, { all: true, reductions }));
    const found = all.map(properties);
    expect({ seed, body, found }).toEqual({ seed, body, found: found.map(() => found[0]) });
    // Of ends that differ in dead locals one remains; merging must not lose one of those, nor of the others.
    const [whole = 0, local, guarded, dead = 0, both, independent, every] = all.map(
      ({ progress }) => progress.ends,
    );
    expect({ seed, body, local, guarded, both, independent, every }).toEqual({
      seed,
      body,
      local: whole,
      guarded: whole,
      both: dead,
      independent: whole,
      every: dead,
    });
    expect(dead > 0 && dead <= whole).toBe(whole > 0);
    for (const [index, { progress }] of all.entries()) states[index] = (states[index] ?? 0) + progress.states;
    const deep = search(program, { all: true, order: 'depth' });
    expect({ seed, found: properties(deep) }).toEqual({ seed, found: found[0] });
    expect(deep.progress.states).toBe(all[0]?.progress.states);
    if (found[0]?.length !== 0) violating++;
  }
  const [whole = 0, local = 0, guarded = 0, dead = 0, both = 0, independent = 0, every = 0] = states;
  console.log(
    `${PROGRAMS} programs, ${violating} violate a property; states by reductions: ${states.join(', ')}`,
  );
  expect(violating).toBeGreaterThan(PROGRAMS / 10);
  expect(whole > local && local > guarded && guarded > both && whole > dead).toBe(true);
  expect(whole > independent && both > every).toBe(true);
}, 600_000);

test('a stack that only an interrupt makes overflow is seen, however much is merged', () => {
  const calls = Array.from({ length: 30 }, (_, at) => `fn f${at}() { f${at + 1}(); }`).join('\n');
  const program = compileBare(
    `${calls}\nfn f30() { skip; }\ninterrupt fn ring() { answer(); }\nfn answer() { skip; }`,
    'process P { }\n task t0 in P on cpu 0 { send_ipi(this_cpu(), ring); f0(); }',
  );
  for (const reductions of [unreduced, ...switches]) {
    const { findings } = search(program, { all: true, reductions }).outcome;
    expect(findings.map(({ violation }) => violation.message)).toEqual([
      expect.stringContaining('stack-overflow'),
    ]);
  }
});

function properties(searched: ReturnType<typeof search>): string[] {
  expect(searched.progress.complete).toBe(true);
  return searched.outcome.findings.map(({ violation }) => violation.property).sort();
}
