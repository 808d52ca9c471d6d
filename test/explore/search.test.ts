/** Searches whose outcome is known on paper. */
import { expect, test } from 'vitest';
import { mmun } from '../../bench/mmun';
import type { SearchOptions } from '../../src/explore/search';
import { followPath } from '../../src/session/path';
import { Session } from '../../src/session/session';
import { formatSchedule, parseSchedule, savedScheduler } from '../../src/trace/saved-schedule';
import { compileBare, compileFile, search, unreduced } from './counter';

const merged = { local: true, guarded: true, deadLocals: true };

/** Both tasks read, then write: the first write can be lost. */
const increment = (end: string) =>
  compileBare(
    'var i: int 0..2  var done: bool [2]',
    `machine { cpus 2 }
  process P { }
  task t0 in P on cpu 0 { var a = i; atomic { i = a + 1; done[0] = true; } idle until (false); }
  task t1 in P on cpu 1 { var a = i; atomic { i = a + 1; done[1] = true; } idle until (false); }
  ${end}`,
  );
const lostUpdate = increment('never (done[0] && done[1] && i != 2)');

/** What a search found: states, verdict, and each property with the length of its path. */
function found(program: ReturnType<typeof compileBare>, options: Partial<SearchOptions> = {}): string {
  const { progress, outcome } = search(program, options);
  const list = outcome.findings.map(
    ({ violation, path }) => `${violation.property} in ${path?.length ?? 'no'} steps`,
  );
  return [`${progress.states} states`, outcome.verdict, ...list].join(', ');
}

test('two threads that increment have 13 states, and lose an update in four steps', () => {
  expect(found(increment(''))).toBe('13 states, holds');
  expect(found(lostUpdate, { all: true })).toBe('13 states, violated, assertion in 4 steps');
  expect(found(lostUpdate, { all: true, order: 'depth' })).toMatch(/^13 states, violated, assertion/);
  expect(found(lostUpdate, { order: 'random', limits: walk })).toMatch(/violated, assertion/);
});

test('a claim that is broken from the start needs no step', () => {
  expect(found(increment('always (i > 0)'))).toBe('1 states, violated, assertion in 0 steps');
});

test('sometimes is met in some state, or is a finding', () => {
  expect(found(increment('sometimes (i == 2)'))).toBe('13 states, holds');
  const { outcome } = search(increment('sometimes (i > 2 - 2 && done[0] && i == 0)'));
  expect(outcome.findings.map(({ violation, path }) => [violation.message, path])).toEqual([
    ['sometimes (i > 2 - 2 && done[0] && i == 0): it never holds', null],
  ]);
});

const walk = { statesMax: 20_000, depthMax: 100, memoryMax: 2 ** 30, secondsMax: 600 };

test('a random walk proves nothing, and is a function of its seed', () => {
  const { outcome } = search(increment(''), { order: 'random', limits: walk });
  expect([outcome.verdict, outcome.exitCode]).toEqual(['incomplete', 3]);
  const path = (seed: number) =>
    search(lostUpdate, { order: 'random', limits: walk, seed }).outcome.findings[0]?.path;
  expect(path(3)).toEqual(path(3));
});

test('every limit is named, and makes the verdict incomplete', () => {
  const limits = { statesMax: 3_000_000, depthMax: 1000, memoryMax: 2 ** 30, secondsMax: 600 };
  const reached = (changed: Partial<typeof limits>, options: Partial<SearchOptions> = {}) => {
    const { outcome } = search(increment('expect holds'), { limits: { ...limits, ...changed }, ...options });
    return `${outcome.verdict} ${outcome.exitCode}: ${outcome.incomplete}`;
  };
  expect(reached({ statesMax: 5 })).toMatch(/^incomplete 3: .*and there are more/);
  expect(reached({ statesMax: 5 }, { order: 'depth' })).toMatch(/^incomplete 3: .*and there are more/);
  expect(reached({ depthMax: 2 })).toMatch(/^incomplete 3: .*the limit of depth/);
  expect(reached({ depthMax: 2 }, { order: 'depth' })).toMatch(/^incomplete 3: .*the limit of depth/);
  expect(reached({ memoryMax: 100 })).toMatch(/^incomplete 3: .*the limit of memory/);
  let now = 0;
  expect(reached({}, { clock: () => now++ * 400 })).toMatch(/^incomplete 3: .*the limit of time/);
  expect(reached({})).toBe('holds 0: null');
});

test('a limit of the scenario is named too', () => {
  const program = compileBare(
    'struct thing pool 1 { n: int }',
    `process P { }
  task t0 in P on cpu 0 { var a = new thing; var b = new thing; }
  expect holds`,
  );
  expect(search(program).outcome.text).toMatch(/^incomplete: .* all 1 objects of struct thing/);
});

const crossed = (others: string) =>
  compileBare(
    'var a: spinlock  var b: spinlock  var x: int',
    `machine { cpus 3 }
  process P { }
  task t0 in P on cpu 0 { spin_lock(a); spin_lock(b); spin_unlock(b); spin_unlock(a); }
  task t1 in P on cpu 1 { spin_lock(b); spin_lock(a); spin_unlock(a); spin_unlock(b); }
  ${others}`,
  );

test('locks taken in both orders are a deadlock, whether or not another thread goes on', () => {
  expect(found(crossed(''))).toMatch(/deadlock in 2 steps/);
  expect(found(crossed('task t2 in P on cpu 2 { while (true) { x = 1; x = 0; } }'))).toMatch(
    /deadlock in 2 steps/,
  );
  const unwatched = 'unwatched deadlock "known"  unwatched lock-order "known"';
  expect(found(crossed(unwatched))).toMatch(/holds$/);
});

test('where a cache could hold something, no violation is no proof', () => {
  const mapping = (expectation: string) =>
    compileBare('', `process P { mmap A, 1 page, rw }\n task t0 in P on cpu 0 { skip; }\n ${expectation}`);
  const { outcome } = search(mapping('expect holds'));
  expect([outcome.verdict, outcome.exitCode]).toEqual(['incomplete', 3]);
  expect(outcome.text).toMatch(/^incomplete: no violation in any interleaving with fills on demand, but /);
  const missed = search(mapping('expect violated use-after-free')).outcome;
  expect([missed.verdict, missed.exitCode]).toEqual(['incomplete', 3]);
});

test('without caches a search that ends is a proof, of violations too', () => {
  expect(search(increment('expect holds')).outcome.exitCode).toBe(0);
  const missed = search(increment('expect violated deadlock')).outcome;
  expect([missed.exitCode, missed.text]).toEqual([1, 'deadlock was not violated, though expected']);
  const other = search(increment('never (i == 2)\n expect holds')).outcome;
  expect([other.exitCode, other.verdict]).toEqual([1, 'violated']);
});

test('a path replays in a session, and as a saved schedule', () => {
  for (const program of [lostUpdate, crossed('')])
    for (const reductions of [unreduced, merged]) {
      const [finding] = search(program, { reductions }).outcome.findings;
      const session = followPath(program, finding?.path ?? []);
      expect(session.position).toBe(finding?.path?.length);
      const properties = session.findings().map(({ violation }) => violation.property);
      expect(properties).toEqual([finding?.violation.property]);
      const saved = parseSchedule({ path: 'saved', text: formatSchedule(session) });
      if ('problem' in saved) throw new Error(saved.problem);
      const again = new Session(program, { replay: savedScheduler(saved) });
      again.playToEnd();
      expect(again.findings().map(({ violation }) => violation.property)).toEqual(properties);
    }
});

const smallest = { pages: 1, cpus: 1, devices: 1, unmappers: 1 };

test("the yardstick has Spin's states without the one before init, and its bugs at their depths", () => {
  expect(found(compileFile(mmun(smallest, 0)))).toBe('20554 states, holds');
  expect(found(compileFile(mmun(smallest, 0)), { order: 'depth' })).toBe('20554 states, holds');
  expect(found(compileFile(mmun(smallest, 1)))).toMatch(/violated, assertion in 37 steps$/);
  expect(found(compileFile(mmun(smallest, 2)))).toMatch(/violated, assertion in 18 steps$/);
});

test('merging gives the yardstick the same verdicts on fewer states', () => {
  expect(search(compileFile(mmun(smallest, 0)), { reductions: merged }).progress.states).toBeLessThan(12_779);
  for (const bug of [0, 1, 2] as const) {
    const { outcome } = search(compileFile(mmun(smallest, bug)), { reductions: merged });
    expect(outcome.verdict).toBe(bug === 0 ? 'holds' : 'violated');
  }
});
