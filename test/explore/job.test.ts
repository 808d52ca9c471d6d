/** Searches as jobs: reports are plain data, the same from a worker as from this thread. */
import { expect, test } from 'vitest';
import type { WorkerPort } from '../../src/base/worker-port';
import { type JobAnswer, type JobMessage, serveJobs, startJob } from '../../src/explore/client';
import type { ExploreJob, ExploreReport } from '../../src/explore/job';
import type { Program } from '../../src/language/program';
import { SetupError } from '../../src/vm/vm';
import { compileBare, unreduced } from './counter';

const clock = () => performance.now() / 1000;

const options: ExploreJob['options'] = {
  order: 'breadth',
  limits: { statesMax: 3_000_000, depthMax: 100_000, memoryMax: 2 ** 30, secondsMax: 600 },
  reductions: unreduced,
  caches: 'demand',
  seed: 1,
  all: false,
};

const jobOf = (program: Program): ExploreJob => ({ program, options, workers: 1 });

const race = (more: string) =>
  compileBare(
    'var i: int 0..9  fn never_called() { i = 9; }',
    `machine { cpus 2 }
  process P { }
  task t0 in P on cpu 0 { if (i < 9) { var t = i; i = t + 1; } else { never_called(); } }
  task t1 in P on cpu 1 { var t = i; i = t + 1; }
  ${more}`,
  );

/** Counts to a million, twice: nobody waits for the end of it. */
const endless = compileBare(
  'var a: int 0..2000  var b: int 0..2000',
  `machine { cpus 2 }
  process P { }
  task t0 in P on cpu 0 { var t: int 0..2000; while (t < 2000) { t = t + 1; a = t; } }
  task t1 in P on cpu 1 { var t: int 0..2000; while (t < 2000) { t = t + 1; b = t; } }`,
);

/** A worker on this thread: messages are copied on their way, and come later. */
function copyingWorker(): WorkerPort<JobMessage, JobAnswer> {
  let listener: (answer: JobAnswer) => void = () => {};
  const receive = serveJobs(answer => {
    const copy = structuredClone(answer);
    setTimeout(() => listener(copy));
  }, clock);
  return {
    post: message => {
      const copy = structuredClone(message);
      setTimeout(() => receive(copy));
    },
    onMessage: heard => {
      listener = heard;
    },
    onExit: () => {},
    end: () => {},
  };
}

const both = ['inline', 'worker'] as const;
const places = { inline: null, worker: copyingWorker };

const timeless = ({ seconds, ...report }: ExploreReport) => {
  expect(seconds).toBeGreaterThan(0);
  return report;
};

test('a report is the same from a worker as from this thread', async () => {
  const job = jobOf(race('always (i < 2)'));
  const inline = await startJob(job, { worker: null, clock, cores: 1 }).report;
  const other = await startJob(job, { worker: copyingWorker, clock, cores: 1 }).report;
  expect(timeless(other)).toEqual(timeless(inline));
  expect(inline).toMatchObject({ verdict: 'violated', exitCode: 0, limit: null, incomplete: null });
  expect(inline.findings[0]?.path?.length).toBeGreaterThan(1);
});

test('a report says which instructions were executed', async () => {
  const program = race('');
  const { covered } = await startJob(jobOf(program), { worker: null, clock, cores: 1 }).report;
  const keys = Object.keys(program.functions);
  expect(Object.keys(covered)).toEqual(keys);
  const executed = (name: string) => covered[keys.find(key => key.includes(name)) ?? ''];
  expect(executed('never_called')).toEqual([]);
  expect(executed('setup_process')).not.toEqual([]);
  const task = program.scenario.tasks[0]?.fn ?? '';
  const all = program.functions[task]?.code.length ?? 0;
  expect(covered[task]?.length).toBeGreaterThan(1);
  expect(covered[task]?.length).toBeLessThan(all);
});

test.each(both)('a search tells how far it is, and can be cancelled: %s', async where => {
  const running = startJob(jobOf(endless), { worker: places[where], clock, cores: 1 });
  const seen: number[] = [];
  running.onProgress(({ states, statesPerSecond, waiting, depth, bytes }) => {
    expect([states, statesPerSecond, waiting, depth, bytes].every(count => count > 0)).toBe(true);
    if (seen.push(states) === 2) running.cancel();
  });
  const report = await running.report;
  expect(report).toMatchObject({
    verdict: 'incomplete',
    exitCode: 3,
    incomplete: expect.stringMatching(/^the search was cancelled; [\d,]+ states were found/),
  });
  expect(report.waiting).toBeGreaterThan(0);
  expect(report.states).toBeLessThan(2_000_000);
});

test.each(both)('an initial state that cannot be built is refused: %s', async where => {
  const program = compileBare(
    'override fn setup_process() -> mm { wait until (false); return null; }',
    'machine { cpus 1 }  process P { }  task t0 in P on cpu 0 { skip; }',
  );
  const { report } = startJob(jobOf(program), { worker: places[where], clock, cores: 1 });
  await expect(report).rejects.toBeInstanceOf(SetupError);
});

test('a worker that ends by itself is said', async () => {
  const dying = (): WorkerPort<JobMessage, JobAnswer> => ({
    post: () => {},
    onMessage: () => {},
    onExit: listener => setTimeout(() => listener('it is gone')),
    end: () => {},
  });
  const { report } = startJob(jobOf(endless), { worker: dying, clock, cores: 1 });
  await expect(report).rejects.toThrow('it is gone');
});
