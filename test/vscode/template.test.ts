/** The scenario of `Shootdown: New Scenario`: it must run as it is. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scenarioName, scenarioTemplate } from '../../src/vscode/template';
import { shootdown } from '../cli/run-command-line';

test('a file name becomes a name of the language', () => {
  expect(['my-scenario.mmu', 'a b.mmu', '3.mmu', 'ok'].map(scenarioName)).toEqual([
    'my_scenario',
    'a_b',
    'scenario_3',
    'ok',
  ]);
});

test('a new scenario runs, and what its comment promises happens', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'shootdown-template-'));
  const path = join(folder, 'mine.mmu');
  const text = scenarioTemplate('mine');
  try {
    writeFileSync(path, text);
    const { code, out, err } = await shootdown('run', path);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('no violation on this schedule, as expected');

    const before = text
      .replace('kernel linux-3.18+invalidate_range', 'kernel linux-3.18')
      .replace('driver amd_iommu_v2+invalidate_range', 'driver flush_in_start');
    writeFileSync(path, before);
    const changed = await shootdown('run', path);
    expect(changed.code).toBe(1);
    expect(changed.out).toContain('violated: missed-range; expected that all holds');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
