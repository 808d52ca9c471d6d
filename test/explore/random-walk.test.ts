/** The random walk: it finds what is there within a bound, and the same for the same seed. */
import { describe, expect, test } from 'vitest';
import type { ExploreReport } from '../../src/explore/job';
import type { Program } from '../../src/language/program';
import { exploreProgram, genesis, scenes } from '../explain/genesis';
import { shippedProgram } from '../explain/shipped';

const limits = { statesMax: 400_000, depthMax: 100_000, memoryMax: 2 ** 30, secondsMax: 100 };

const walk = (program: Program, seed: number): Promise<ExploreReport> =>
  exploreProgram(program, { order: 'random', seed, limits });

const idsOf = ({ findings }: ExploreReport): string[] => findings.map(({ violation }) => violation.property);

describe('what breadth-first finds is found by walks', () => {
  const shipped = [
    ['start-is-too-early', 'use-after-free'],
    ['end-is-too-late-batch', 'use-after-free'],
    ['end-is-too-late-tables', 'table-use-after-free'],
    ['table-walk-before', 'table-use-after-free'],
    ['parallel-dontneed', 'stale-after-return'],
    ['unregister-races-with-end', 'walk-after-release'],
  ] as const;
  test.each(shipped)('%s', { timeout: 120_000 }, async (name, property) => {
    const program = await shippedProgram(name);
    expect(idsOf(await walk(program, 1))).toContain(property);
  });
  test('empty-page-table-starves, which is too large to be searched level by level', async () => {
    const report = await walk(await shippedProgram('empty-page-table-starves'), 1);
    expect(idsOf(report)).toContain('device-failure');
  });
  test.each([1, 2, 3, 4])('a driver that leaves out the ATC, at exit, with seed %i', async seed => {
    const report = await walk(genesis('IOTLB only', scenes.exits), seed);
    expect(idsOf(report)).toContain('use-after-free');
    expect(report.states).toBeLessThan(50_000);
  });
});

test('the same seed walks the same way, another one another', async () => {
  const program = genesis('IOTLB only', scenes.exits);
  const [first, again, other] = [await walk(program, 5), await walk(program, 5), await walk(program, 6)];
  const path = ({ findings }: ExploreReport) => findings[0]?.path;
  expect(again.states).toBe(first.states);
  expect(path(again)).toEqual(path(first));
  expect(path(other)).not.toEqual(path(first));
});

test('walks prove nothing, and say how many they were', async () => {
  const report = await exploreProgram(genesis('none', scenes.exits), {
    order: 'random',
    limits: { ...limits, statesMax: 5_000 },
  });
  expect(report.verdict).toBe('incomplete');
  expect(report.incomplete).toBe('5000 steps were made at random, which is the limit');
  expect(report.walks).toBeGreaterThan(5);
});
