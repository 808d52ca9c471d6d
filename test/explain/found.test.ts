/** Findings, their explanation and the verdict; and that they are right after going back. */
import { expect, test } from 'vitest';
import { reasonsOf } from '../../src/explain/why';
import { Session } from '../../src/session/session';
import { verdict } from '../../src/session/verdict';
import { programOf, sessionOf } from '../session/run';

test('a violation is explained by the steps that led to it', () => {
  const session = sessionOf('unmap.mmu', 'too_late');
  session.playToEnd();
  const [finding] = session.findings();
  const [headline, ...causes] =
    finding === undefined ? [] : reasonsOf(session, finding).map(({ text }) => text);
  expect(headline).toMatch(
    /^use-after-free: gpu .* in frame 5, which was freed after the translation was made$/,
  );
  expect(causes.join('\n').replaceAll(', by ', '\n  by ')).toMatchInlineSnapshot(`
    "filled: the ATC of gpu took A + 1 page -> frame 5
      by gpu ats in gpu (unmap.mmu:31), step 6
    told: on_end.invalidate_range_start A .. A + 2 pages
      by t0 [P] cpu0 in on_end.invalidate_range_start (drivers/on_end.mmu:7), step 16
    made stale: the entry of A + 1 page -> frame 5 was cleared
      by t0 [P] cpu0 in zap_range (toy/mm.mmu:42), step 43
    never sent: no invalidation for gpu PASID 1 between the store (step 43) and the free (step 65)
      by t0 [P] cpu0 in zap_range (toy/mm.mmu:42), step 43
    freed: frame 5
      by t0 [P] cpu0 in free_gathered (toy/mm.mmu:59), step 65
    found
      by gpu in gpu (unmap.mmu:32), step 70"
  `);
  expect(verdict(session)).toMatchObject({ status: 'as expected', exitCode: 0 });
});

test('before the violation there is none', () => {
  const session = sessionOf('unmap.mmu', 'too_late');
  session.playToEnd();
  const [finding] = session.findings();
  session.goTo((finding?.position ?? 0) - 1);
  expect(session.findings()).toEqual([]);
  session.goTo(finding?.position ?? 0);
  expect(session.findings()).toEqual([finding]);
});

test('a violation that was not expected differs, one that did not show is incomplete', () => {
  const other = sessionOf('unmap.mmu', 'too_late', { schedule: 'fair' });
  other.playToEnd();
  expect(verdict(other)).toMatchObject({ status: 'incomplete', exitCode: 3 });
  const program = programOf('unmap.mmu', 'too_late');
  const holds = { ...program.scenario, expect: { verdict: 'holds' as const, span: program.scenario.span } };
  const session = new Session({ ...program, scenario: holds });
  session.playToEnd();
  expect(verdict(session)).toMatchObject({ status: 'differs', exitCode: 1 });
});

test('properties that are not watched are not found', () => {
  const session = sessionOf('unmap.mmu', 'too_late', { properties: ['deadlock'] });
  session.playToEnd();
  expect(session.findings()).toEqual([]);
});
