/** Searches with what caches do on their own, on small programs drawn by a seed. */
import { expect, test } from 'vitest';
import type { SearchOptions } from '../../src/explore/search';
import { followPath } from '../../src/session/path';
import { Session } from '../../src/session/session';
import { formatSchedule, parseSchedule, savedScheduler } from '../../src/trace/saved-schedule';
import { cacheProgram, compileCacheProgram } from './cache-programs';
import { search } from './counter';

/** Programs on every run of the tests; set SHOOTDOWN_PROGRAMS for more. */
const PROGRAMS = Number(process.env.SHOOTDOWN_PROGRAMS ?? 24);

const reductions = { local: true, guarded: true, deadLocals: true, independent: true };

/** What an option finds in a program: the properties, and the outcome. */
function explored(seed: number, options: Partial<SearchOptions>) {
  const program = compileCacheProgram(cacheProgram(seed));
  const { outcome, progress } = search(program, { all: true, reductions, ...options });
  expect({ seed, limit: progress.limit }).toEqual({ seed, limit: null });
  const properties = outcome.findings.map(({ violation }) => violation.property).sort();
  return { program, outcome, progress, properties };
}

test('what is found with fills on demand is found with fills and evictions at any time', () => {
  let violating = 0;
  let more = 0;
  let states = 0;
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const demand = explored(seed, { caches: 'demand' });
    const explicit = explored(seed, { caches: 'explicit' });
    // That something happens at all is found by looking at more.
    // What never happened on demand may happen otherwise.
    const onPaths = demand.outcome.findings.filter(({ path }) => path !== null);
    const wanted = expect.arrayContaining(onPaths.map(({ violation }) => violation.property));
    expect({ seed, found: explicit.properties }).toEqual({ seed, found: wanted });
    expect(explicit.outcome.verdict).toBe(explicit.properties.length > 0 ? 'violated' : 'holds');
    if (explicit.properties.length > 0) violating++;
    if (explicit.properties.length > demand.properties.length) more++;
    states += explicit.progress.states;
  }
  console.log(
    `${PROGRAMS} programs, ${violating} violate a property, ${more} on speculation; ${states} states`,
  );
  expect(violating).toBeGreaterThan(PROGRAMS / 10);
}, 240_000);

test('reductions change no verdict where caches act on their own', () => {
  const none = { local: false, guarded: false, deadLocals: false, independent: false };
  let [all, fewer] = [0, 0];
  for (let seed = 1; seed <= PROGRAMS / 4; seed++) {
    const whole = explored(seed, { caches: 'explicit', reductions: none });
    const reduced = explored(seed, { caches: 'explicit' });
    const deep = explored(seed, { caches: 'explicit', order: 'depth' });
    const found = [whole, reduced, deep].map(({ properties }) => properties);
    expect({ seed, found }).toEqual({ seed, found: [found[0], found[0], found[0]] });
    all += whole.progress.states;
    fewer += reduced.progress.states;
  }
  expect(fewer).toBeLessThan(all);
}, 240_000);

test('a path on which caches act replays in a session, and as a schedule that names what they did', () => {
  let replayed = 0;
  for (let seed = 1; seed <= PROGRAMS / 2; seed++) {
    const { program, outcome } = explored(seed, { caches: 'explicit' });
    for (const { violation, path } of outcome.findings) {
      if (path === null) continue;
      const session = followPath(program, path, 'explicit');
      const found = () => session.findings().map(finding => finding.violation.property);
      expect({ seed, found: found() }).toEqual({ seed, found: expect.arrayContaining([violation.property]) });
      const saved = parseSchedule({ path: 'saved', text: formatSchedule(session) });
      if ('problem' in saved) throw new Error(saved.problem);
      const again = new Session(program, { replay: savedScheduler(saved), stepsMax: path.length });
      const end = again.playToEnd();
      expect({ seed, end: end.kind }).toEqual({ seed, end: expect.stringMatching(/limit|rest/) });
      const properties = again.findings().map(finding => finding.violation.property);
      expect({ seed, properties }).toEqual({
        seed,
        properties: expect.arrayContaining([violation.property]),
      });
      replayed++;
    }
  }
  expect(replayed).toBeGreaterThan(3);
}, 240_000);

test('what holds with caches that act on their own is said to hold for their capacities', () => {
  let seed = 1;
  while (explored(seed, { caches: 'explicit' }).properties.length > 0) seed++;
  const { outcome } = explored(seed, { caches: 'explicit' });
  expect(outcome.verdict).toBe('holds');
  expect(outcome.assumptions.slice(1, 3)).toEqual([
    'caches fill on speculation and evict at any time, with capacities as configured',
    'an access that a cache can answer is answered by the youngest copy that grants it',
  ]);
}, 240_000);
