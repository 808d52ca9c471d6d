/** `shootdown explore`: what it prints, and what its exit codes mean. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { shootdown } from './run-command-line';

const folder = mkdtempSync(join(tmpdir(), 'shootdown-explore-'));
const early = 'scenarios/start-is-too-early.mmu';

afterAll(() => rmSync(folder, { recursive: true }));

test('first the verdict, then why, then a diagram; the schedule that is saved replays to it', async () => {
  const saved = join(folder, 'early.schedule');
  const { code, out, err } = await shootdown('explore', early, '--save-trace', saved);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const verdict = 'start_is_too_early on linux-3.18: violated: use-after-free, as expected';
  expect(out.slice(0, verdict.length + 18)).toBe(`${verdict}\n\nuse-after-free: `);
  expect(out).toMatch(/\n {2}filled: the ATC of gpu took A \+ 1 page/);
  expect(out).toMatch(/\n {2}too early: the INVALIDATE_IOTLB_PAGES gpu PASID 1 was carried out/);
  expect(out).toMatch(/\nCPU0 +gpu\n---- +---\n/);
  expect(out).toMatch(/\n {2}use-after-free in \d+ steps \(above\), with \d+ switches\n/);
  expect(out).toMatch(/\d+ states, [\d,]+ transitions, depth \d+/);
  expect(out).toMatch(/not reached: \d+ lines in \d+ files/);
  expect(out.split('\n').filter(line => line.length > 100)).toEqual([]);
  expect(readFileSync(saved, 'utf8')).toContain('shootdown schedule 1');
  const replayed = await shootdown('run', early, '--trace', saved);
  expect(replayed.code).toBe(0);
  expect(replayed.out).toContain('violated: use-after-free, as expected');
});

test('without a name the schedule is saved next to the scenario, which is never written over', async () => {
  const copy = join(folder, 'copy.mmu');
  writeFileSync(copy, readFileSync(early));
  expect((await shootdown('explore', copy, '--save-trace')).code).toBe(0);
  const saved = join(folder, 'start_is_too_early.trace');
  expect((await shootdown('run', copy, '--trace', saved)).code).toBe(0);
  const { code, err } = await shootdown('explore', early, '--save-trace', copy);
  expect({ code, err }).toEqual({
    code: 2,
    err: `--save-trace ${copy}: that is a scenario; name it first\n`,
  });
  expect(readFileSync(copy, 'utf8')).toBe(readFileSync(early, 'utf8'));
});

test('only the report and the diagram with --notation', async () => {
  const { code, out } = await shootdown('explore', '--notation', 'scenarios/parallel-dontneed.mmu');
  expect(code).toBe(0);
  expect(out).toMatch(/^=+\nBUG: shootdown: stale-after-return in madvise at\s/);
  expect(out).toMatch(/\nCause: no invalidation was sent\n/);
  expect(out).toMatch(/ \*\*\* stale-after-return \*\*\*\n$/);
});

test('one verdict a line with --json', async () => {
  const { code, out } = await shootdown('explore', '--json', early, 'scenarios/parallel-dontneed.mmu');
  expect(code).toBe(0);
  const [first, second, ...rest] = out
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
  expect(rest).toEqual([]);
  expect(first).toMatchObject({
    scenario: 'start_is_too_early',
    kernel: 'linux-3.18',
    verdict: 'violated',
    violations: ['use-after-free'],
    states: expect.any(Number),
    transitions: expect.any(Number),
    depth: expect.any(Number),
    seconds: expect.any(Number),
    incomplete: null,
    trace: expect.stringContaining('kernel linux-3.18'),
    why: { property: 'use-after-free', cause: 'before the clear' },
    notation: expect.stringContaining('BUG: shootdown: use-after-free in dma_write'),
  });
  const moments: { kind: string; position: number; file: string; line: number }[] = first.why.moments;
  expect(moments.map(({ kind }) => kind)).toEqual([
    'callback',
    'invalidation',
    'filled',
    'stale',
    'freed',
    'found',
  ]);
  expect(moments[3]).toMatchObject({ fn: 'zap_pte_range', file: 'linux-3.18/memory.mmu' });
  expect(first.notReached[0]).toMatchObject({ file: expect.any(String), lines: expect.any(Array) });
  expect(first.assumptions.join()).toContain('sequentially consistent');
  expect(second).toMatchObject({ scenario: 'parallel_dontneed', violations: ['stale-after-return'] });
});

test('a scenario that holds is proved for caches that speculate, and not for fills on demand', async () => {
  const holds = await shootdown('explore', '--json', 'scenarios/device-without-ats.mmu');
  expect(holds.code).toBe(0);
  expect(JSON.parse(holds.out)).toMatchObject({ verdict: 'holds', violations: [], incomplete: null });
  const file = 'scenarios/device-without-ats.mmu';
  const { code, out } = await shootdown('explore', '--json', '--caches', 'demand', file);
  expect(code).toBe(3);
  expect(JSON.parse(out)).toMatchObject({ verdict: 'incomplete', violations: [], trace: null });
  expect(JSON.parse(out).incomplete).toContain('speculation');
});

test('a limit that is reached is named, with what remained', async () => {
  const { code, out } = await shootdown('explore', early, '--states', '1000');
  expect(code).toBe(3);
  expect(out).toContain('1000 states were visited, which is the limit, and there are more');
  expect(out).toMatch(/\d+ states were not expanded/);
});

test('what cannot be read or compiled is refused, and the rest explored', async () => {
  expect((await shootdown('explore', 'nowhere.mmu')).code).toBe(2);
  expect((await shootdown('explore', early, '--scenario', 'nothing')).code).toBe(2);
  expect((await shootdown('explore', early, '--states', 'many')).code).toBe(2);
  const broken = join(folder, 'broken.mmu');
  writeFileSync(broken, 'scenario x { kernel linux-3.18  task t0 in Q on cpu 0 { skip; } }');
  const { code, out, err } = await shootdown('explore', '--json', broken, early);
  expect({ code, lines: out.trimEnd().split('\n').length }).toEqual({ code: 2, lines: 1 });
  expect(err).toContain('broken.mmu:1:');
});

const unreduced = ['--no-merge-local', '--no-merge-guarded', '--no-clear-dead', '--no-skip-independent'];

test.each(['start-is-too-early', 'second-binding-goes-on', 'device-without-ats'])(
  '%s: reductions change no verdict, and leave out states',
  async name => {
    const search = async (...options: string[]) => {
      const { code, out } = await shootdown(
        'explore',
        '--json',
        '--all',
        ...options,
        `scenarios/${name}.mmu`,
      );
      const { states, verdict, violations } = JSON.parse(out);
      return { states, said: { code, verdict, violations: violations.sort() } };
    };
    const [reduced, whole] = [await search(), await search(...unreduced)];
    expect(reduced.said).toEqual(whole.said);
    expect(reduced.states).toBeLessThan(whole.states / 2);
  },
);
