/** Several threads find what one finds: the same states, counts, findings and paths. */
import { expect, test } from 'vitest';
import { mmun } from '../../bench/mmun';
import type { WorkerPort } from '../../src/base/worker-port';
import { type ShardAnswer, type ShardMessage, serveShard } from '../../src/explore/crew';
import { type ExploreJob, type ExploreReport, runJob } from '../../src/explore/job';
import type { Program } from '../../src/language/program';
import { compileBare, compileFile, unreduced } from './counter';
import { generate } from './generate';

const merged = { local: true, guarded: true, deadLocals: true, independent: true };

/** A searcher on this thread: messages are copied on their way, and come later. */
/** Messages that searchers were sent. */
let asked = 0;

function copyingShard(): WorkerPort<ShardMessage, ShardAnswer> {
  let listener: (answer: ShardAnswer) => void = () => {};
  const receive = serveShard(answer => {
    const copy = structuredClone(answer);
    setImmediate(() => listener(copy));
  });
  return {
    post: message => {
      asked++;
      const copy = structuredClone(message);
      setImmediate(() => receive(copy));
    },
    onMessage: heard => {
      listener = heard;
    },
    onExit: () => {},
    end: () => {},
  };
}

/** What so many threads find, but for time and memory. Others begin almost at once. */
async function reportOf(program: Program, workers: number, changed: Partial<ExploreJob['options']> = {}) {
  const options: ExploreJob['options'] = {
    order: 'breadth',
    limits: { statesMax: 3_000_000, depthMax: 100_000, memoryMax: 2 ** 30, secondsMax: 600 },
    reductions: unreduced,
    caches: 'demand',
    seed: 1,
    all: true,
    ...changed,
  };
  const clock = () => performance.now() / 1000;
  const report = await runJob(
    { program, options, workers },
    { clock, startShard: copyingShard, crewStates: 4 },
  );
  return timeless(report);
}

function timeless({ seconds, bytes, ...report }: ExploreReport) {
  expect(Math.min(seconds, bytes)).toBeGreaterThan(0);
  return report;
}

test('generated programs: one, two and three threads report the same', async () => {
  let violating = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const { declarations, body } = generate(seed);
    const program = compileBare(declarations, body);
    const reductions = seed % 2 === 0 ? unreduced : merged;
    const alone = await reportOf(program, 1, { reductions, all: seed % 3 !== 0 });
    for (const workers of [2, 3]) {
      const together = await reportOf(program, workers, { reductions, all: seed % 3 !== 0 });
      expect({ seed, workers, ...together }).toEqual({ seed, workers, ...alone });
    }
    if (alone.findings.length > 0) violating++;
  }
  expect(violating).toBeGreaterThan(4);
  expect(asked).toBeGreaterThan(1000);
}, 120_000);

test('the yardstick and its bugs are the same for three threads', async () => {
  for (const bug of [0, 1, 2] as const) {
    const program = compileFile(mmun({ pages: 1, cpus: 1, devices: 1, unmappers: 1 }, bug));
    const alone = await reportOf(program, 1, { all: false });
    expect(await reportOf(program, 3, { all: false })).toEqual(alone);
    expect(alone.findings.map(({ path }) => path?.length)).toEqual([[], [37], [18]][bug]);
  }
}, 60_000);

test('a limit of states or steps is reached at the same place', async () => {
  const program = compileFile(mmun({ pages: 1, cpus: 1, devices: 1, unmappers: 1 }, 0));
  const limits = { statesMax: 5000, depthMax: 100_000, memoryMax: 2 ** 30, secondsMax: 600 };
  for (const changed of [limits, { ...limits, statesMax: 30_000, depthMax: 20 }]) {
    const alone = await reportOf(program, 1, { limits: changed });
    expect(alone).toMatchObject({ verdict: 'incomplete', exitCode: 3 });
    expect(alone.waiting).toBeGreaterThan(0);
    expect(await reportOf(program, 3, { limits: changed })).toEqual(alone);
  }
}, 60_000);

test('memory and time that are used up end a search of several threads', async () => {
  const program = compileFile(mmun({ pages: 1, cpus: 1, devices: 1, unmappers: 1 }, 0));
  const limits = { statesMax: 3_000_000, depthMax: 100_000, memoryMax: 2 ** 30, secondsMax: 600 };
  const little = await reportOf(program, 2, { limits: { ...limits, memoryMax: 2 ** 20 } });
  expect(little.incomplete).toContain('the limit of memory');
  const short = await reportOf(program, 2, { limits: { ...limits, secondsMax: 0.02 } });
  expect(short.incomplete).toContain('the limit of time');
  expect(short.waiting).toBeGreaterThan(0);
});

test('a search of several threads can be cancelled, and says what remained', async () => {
  const program = compileFile(mmun({ pages: 2, cpus: 1, devices: 1, unmappers: 1 }, 0));
  const limits = { statesMax: 3_000_000, depthMax: 100_000, memoryMax: 2 ** 30, secondsMax: 600 };
  const seen: number[] = [];
  const report = await runJob(
    {
      program,
      options: { order: 'breadth', limits, reductions: unreduced, caches: 'demand', seed: 1, all: true },
      workers: 2,
    },
    {
      clock: () => performance.now() / 1000,
      startShard: copyingShard,
      crewStates: 4,
      onProgress: ({ states }) => seen.push(states),
      isCancelled: () => seen.length > 0,
    },
  );
  expect(report).toMatchObject({
    verdict: 'incomplete',
    incomplete: expect.stringMatching(/^the search was cancelled; [\d,]+ states were found/),
  });
  expect(report.waiting).toBeGreaterThan(0);
  expect(report.states).toBeLessThan(348_002);
}, 60_000);
