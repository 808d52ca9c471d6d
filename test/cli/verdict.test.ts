/** The last line of a run: the verdict, or why there is none. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { scheduledText } from '../schedules';
import { shootdown } from './run-command-line';

const folder = mkdtempSync(join(tmpdir(), 'shootdown-verdict-'));

afterAll(() => rmSync(folder, { recursive: true }));

/** A file with a shipped scenario and its stated schedule, changed. */
function changed(name: string, shipped: string, change: (text: string) => string): string {
  const path = join(folder, name);
  writeFileSync(path, change(scheduledText(shipped)));
  return path;
}

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? '';

test.each(['holds', 'violated missed-range'])(
  'a replay that gets stuck has no verdict (%s)',
  async expected => {
    const path = changed('stuck.mmu', 'table-walk-before', text =>
      text.replace('gpu until blocked', 'gpu until return munmap').replace(/expect .*/, `expect ${expected}`),
    );
    const { code, out, err } = await shootdown('run', path);
    expect(code).toBe(2);
    expect(err).toContain('stuck.mmu:18:5: the replay cannot be followed');
    expect(lastLine(out)).toMatch(/^no verdict: the replay stopped at stuck\.mmu:18 \(step \d+\)/);
    expect(out).not.toContain('as expected');
    const json = await shootdown('run', path, '--json');
    expect(json.code).toBe(2);
    expect(JSON.parse(lastLine(json.out))).toMatchObject({ type: 'verdict', name: 'no verdict' });
  },
);

test('a saved schedule of another program has no verdict', async () => {
  const path = 'scenarios/table-walk-before.mmu';
  const trace = join(folder, 'other.schedule');
  writeFileSync(trace, 'shootdown schedule 1\nt0 5 steps @ nowhere+1\n');
  const { code, out } = await shootdown('run', path, '--trace', trace);
  expect(code).toBe(2);
  expect(lastLine(out)).toBe('no verdict: the replay stopped at other.schedule:2 (step 5)');
});

test("under another kernel than its own the scenario's expectation is not judged", async () => {
  const range = 'linux-3.18+invalidate_range';
  const bound = (text: string) => text.replace('driver amd_iommu_v2', 'driver flush_in_start');
  const path = changed('other-kernel.mmu', 'table-walk-before', text =>
    bound(text)
      .replace(/ {2}replay \{[\s\S]*?\n {2}\}\n/, '')
      .replace(/expect .*/, 'expect holds'),
  );
  expect(lastLine((await shootdown('run', path)).out)).toMatch(/^violated: .*expected that all holds$/);
  const { code, out } = await shootdown('run', path, '--kernel', range);
  expect(code).toBe(0);
  expect(lastLine(out)).toMatch(
    /^(violated: .*|no violation on this schedule) \(the expectation is for linux-3\.18\)$/,
  );
});
