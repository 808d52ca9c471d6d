/** What caches may hold in a search is what real caches can hold. */
import { expect, test } from 'vitest';
import { followPath } from '../../src/session/path';
import { cacheProgram, compileCacheProgram } from './cache-programs';
import { search } from './counter';
import { crossCheck } from './cross-check';

/** Programs on every run of the tests; `node scripts/cross-check.mjs` for more. */
const PROGRAMS = Number(process.env.SHOOTDOWN_PROGRAMS ?? 80);
/** States with real caches; what is larger is only searched for what the other way missed. */
const STATES_MAX = 4_000;

const reductions = { local: true, guarded: true, deadLocals: true, independent: true };

test('what caches may hold in a search violates what real caches violate, and nothing else', () => {
  let [violating, cut, held, real] = [0, 0, 0, 0];
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const { difference, found, isCut, states } = crossCheck(seed, STATES_MAX);
    expect({ seed, difference }).toEqual({ seed, difference: null });
    if (found.length > 0) violating++;
    if (isCut) cut++;
    else [held, real] = [held + states[0], real + states[1]];
  }
  console.log(
    `${PROGRAMS} programs, ${violating} violate a property, ${cut} too large for real caches; ` +
      `${held} states instead of ${real} for the others`,
  );
  expect(violating).toBeGreaterThan(PROGRAMS / 10);
  expect(4 * held).toBeLessThan(real);
}, 240_000);

test('every path found is shown by the machine with its real caches', () => {
  let shown = 0;
  for (let seed = 1; seed <= PROGRAMS / 2; seed++) {
    const program = compileCacheProgram(cacheProgram(seed));
    const { outcome } = search(program, { all: true, caches: 'search', reductions });
    expect({ seed, incomplete: outcome.incomplete }).toEqual({ seed, incomplete: null });
    for (const { violation, path } of outcome.findings) {
      if (path === null) continue;
      const found = followPath(program, path, 'search').findings();
      const properties = found.map(finding => finding.violation.property);
      expect({ seed, properties }).toEqual({
        seed,
        properties: expect.arrayContaining([violation.property]),
      });
      shown++;
    }
  }
  expect(shown).toBeGreaterThan(PROGRAMS / 20);
}, 240_000);

test('reductions change no verdict with the caches of a search', () => {
  const none = { local: false, guarded: false, deadLocals: false };
  for (let seed = 1; seed <= PROGRAMS / 2; seed++) {
    const program = compileCacheProgram(cacheProgram(seed));
    const found = [none, reductions].map(each => {
      const { outcome } = search(program, { all: true, caches: 'search', reductions: each });
      return outcome.findings.map(({ violation }) => violation.property).sort();
    });
    expect({ seed, found: found[1] }).toEqual({ seed, found: found[0] });
  }
}, 240_000);
