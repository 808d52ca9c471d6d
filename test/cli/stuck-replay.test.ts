/** A replay that gets stuck: the message names what was to be reached and follows who waits for whom. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { shootdown } from './run-command-line';

const folder = mkdtempSync(join(tmpdir(), 'shootdown-stuck-'));

afterAll(() => rmSync(folder, { recursive: true }));

async function stuck(...lines: string[]): Promise<string> {
  const path = join(folder, 'stuck.mmu');
  const shipped = readFileSync('scenarios/invalidate-range-repairs-munmap.mmu', 'utf8');
  const replay = `replay {\n${lines.map(line => `    ${line}\n`).join('')}  }\n`;
  const text = shipped.replace('  expect', `${replay}  expect`);
  writeFileSync(path, text);
  const { code, err } = await shootdown('run', path);
  expect(code).toBe(2);
  return err.trimEnd().replace(folder, '');
}

test('a DMA under way holds up the flush of a callback', async () => {
  const text = await stuck(
    'gpu until blocked',
    'gpu ats until blocked',
    'gpu 1 steps',
    't0 until return tlb_finish_mmu',
  );
  const [goal, ...chain] = text.split('; ');
  expect(goal).toBe(
    '/stuck.mmu:21:5: the replay cannot be followed to the return of tlb_finish_mmu: ' +
      't0 [P] cpu0 in amd_iommu_v2+invalidate_range.wait_on_sem spins until completion_done',
  );
  expect(chain).toEqual([
    'amd commands waits at COMPLETION_WAIT for the invalidation in gpu',
    "gpu ats waits for the DMA of gpu under way at stuck.mmu:16: give 'gpu' a step",
  ]);
});

test('a thread that has ended does not return from anything', async () => {
  const text = await stuck('t0 until done', 't0 until call munmap');
  expect(text).toMatchInlineSnapshot(
    `"/stuck.mmu:19:5: the replay cannot be followed to the call of munmap: t0 [P] cpu0 has ended"`,
  );
});
