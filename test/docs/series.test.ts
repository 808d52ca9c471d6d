/** docs/series.md, made again: every scenario of the claims is searched, run and counted as the page says. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { claimSection, claims, seriesFiles } from '../../scripts/document-series.mjs';
import { shootdown } from '../cli/run-command-line';

const page = readFileSync('docs/series.md', 'utf8');
const files = mkdtempSync(join(tmpdir(), 'shootdown-series-'));

afterAll(() => rmSync(files, { recursive: true }));

test.each(claims)('the page has of "$title" what is found', { timeout: 300_000 }, async claim => {
  expect(page).toContain(`\n${await claimSection(claim, shootdown)}`);
});

test('the page has these claims, in this order, and no other', () => {
  const titles = [...page.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
  expect(titles).toEqual(claims.map(({ title }) => title));
});

test('every scenario of the series belongs to a claim', () => {
  const named = claims.flatMap(({ files }) => files.map(([, file]) => file));
  expect(named.toSorted()).toEqual(seriesFiles().toSorted());
});

test.each(['7-only-invalidate-range-holds', '7-with-invalidate-page', '8-outside-a-bracket-after'])(
  '%s holds because of the flush',
  { timeout: 300_000 },
  async file => {
    const text = readFileSync(join('scenarios', 'series', `${file}.mmu`), 'utf8');
    const deaf = text.replace(/(invalidate_(?:range|page)\(.*\) \{\s+)flush\(\);/g, '$1skip;');
    expect(deaf).not.toBe(text);
    const path = join(files, `${file}.mmu`);
    writeFileSync(path, deaf);
    const { out } = await shootdown('explore', path, '--workers', '1', '--json');
    const verdicts = out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line).verdict);
    expect(new Set(verdicts)).toEqual(new Set(['violated']));
  },
);
