/**
 * The kernel models against recordings of real kernels. The score may neither drop nor rise unnoticed, and a
 * comparison that is not strict would be worth nothing: each kind of difference is made here, and must be
 * seen.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { allCells, resultFiles, resultTexts } from '../../src/cli/conformance';
import { type Cell, conform } from '../../src/conformance/conformance';
import { parseRecordings, type Recording, type Registration } from '../../src/conformance/recording';
import { outcomeOf } from '../../src/conformance/report';
import { shootdown } from '../cli/run-command-line';
import { compileShipped } from '../language/models';
import { root } from '../language/small';

const { models } = compileShipped();
const after = 'linux-3.18+invalidate_range';

test('the score and docs/conformance.md are those of npm run conformance -- --write', {
  timeout: 240_000,
}, async () => {
  const cells = await allCells(root, models);
  const files = resultFiles(root);
  const { score, page } = resultTexts(cells);
  expect(readFileSync(files.score, 'utf8')).toBe(score);
  expect(readFileSync(files.page, 'utf8')).toBe(page);
});

const recordings = new Map(
  ['linux-3.18', after].flatMap(kernel =>
    parseRecordings(
      gunzipSync(readFileSync(`${root}/test/conformance/recordings/${kernel}.json.gz`)).toString('utf8'),
    ).map(recording => [`${kernel} ${recording.op}`, recording] as const),
  ),
);

/** What a recording, changed, comes to when its scenario is played. */
function outcome(op: string, registration: Registration, change: (recording: Recording) => void): string {
  const recording = structuredClone(recordings.get(`${after} ${op}`));
  if (recording === undefined) throw new Error(`${op} was not recorded`);
  change(recording);
  const path = `test/conformance/ops/${op}.mmu`;
  const file = { path, text: readFileSync(`${root}/${path}`, 'utf8') };
  const cells = conform(recording, { file, models, imports: () => undefined });
  const cell = cells.find((each: Cell) => each.registration === registration);
  return cell === undefined ? 'no cell' : folded(outcomeOf(cell));
}

/** Breaks a text at spaces, so that it can be read here. */
function folded(text: string): string {
  return text.replace(/(.{60,80}?) /g, '$1\n');
}

/** Changes the tokens of one registration. */
function tokens(op: string, registration: Registration, change: (list: string[]) => string[]): string {
  return outcome(op, registration, recording => {
    const sequences = recording.sequences as Partial<Record<Registration, string[]>>;
    sequences[registration] = change(sequences[registration] ?? []);
  });
}

function without(text: string): (list: string[]) => string[] {
  return list => list.filter((_, index) => index !== list.indexOf(text));
}

function instead(before: string, now: string): (list: string[]) => string[] {
  return list => list.map(token => (token === before ? now : token));
}

test('nothing changed is equal', () => {
  for (const registration of ['startend', 'range', 'all', 'two'] as const) {
    expect(tokens('munmap_4', registration, list => list)).toBe('equal');
  }
});

test.each([
  'START(A+0..4)',
  'RANGE(A+0..4)',
  'END(A+0..4)',
  'flush(A+0..4)',
  'pte(A+2: RW->none)',
  'free[p[A+3], p[A+2], p[A+1], p[A+0]]',
])('%s is missed', token => {
  expect(tokens('munmap_4', 'all', without(token))).not.toBe('equal');
});

test('a token too many is seen', () => {
  expect(tokens('munmap_4', 'range', list => [...list, 'RANGE(A+0..4)'])).toMatchInlineSnapshot(
    `"token 10: expected RANGE(A+0..4), got the end"`,
  );
  expect(tokens('munmap_4', 'range', list => [...list, 'pte(A+0: none->RW)'])).toMatchInlineSnapshot(`
    "token 11: expected pte(A+0: none->RW) before the end, got no
    entry changes before it"
  `);
});

test('another order is seen', () => {
  const swap = (list: string[]) => {
    const [flush, end] = [list.indexOf('flush(A+0..4)'), list.indexOf('END(A+0..4)')];
    return list.map((token, index) =>
      index === flush ? 'END(A+0..4)' : index === end ? 'flush(A+0..4)' : token,
    );
  };
  expect(tokens('munmap_4', 'startend', swap)).toMatchInlineSnapshot(
    `"token 5: expected flush(A+0..4), got END(A+0..4)"`,
  );
});

test('entries that change in another order are seen, unless they were seen at one moment', () => {
  const swap = (list: string[]) => {
    const texts = ['pte(A+1: RW->none)', 'pte(A+2: RW->none)'];
    return list.map(token => (texts.includes(token) ? (texts[1 - texts.indexOf(token)] ?? '') : token));
  };
  expect(tokens('munmap_4', 'startend', swap)).toMatchInlineSnapshot(`
    "token 5: expected pte(A+0: RW->none) pte(A+2: RW->none) pte(A+1:
    RW->none) pte(A+3: RW->none) before END(A+0..4), got pte(A+0:
    RW->none) pte(A+1: RW->none) pte(A+2: RW->none) pte(A+3: RW->none)
    before it"
  `);
  const together = (list: string[]) =>
    list.flatMap(token => (/A\+[0-2]: RW/.test(token) ? [] : [token.replace('A+3: RW', 'A+0..A+3: RW')]));
  expect(tokens('munmap_4', 'startend', together)).toBe('equal');
});

test('another range is seen', () => {
  expect(tokens('munmap_4', 'all', instead('flush(A+0..4)', 'flush(A+0..3)'))).toMatchInlineSnapshot(
    `"token 7: expected flush(A+0..3), got flush(A+0..4)"`,
  );
  expect(
    tokens('munmap_partial_touched', 'range', instead('RANGE(A+1..6)', 'RANGE(A+1..5)')),
  ).toMatchInlineSnapshot(`"token 4: expected RANGE(A+1..5), got RANGE(A+1..6)"`);
  expect(tokens('munmap_4', 'all', instead('flush(A+0..4)', 'flush([heap]+0..4)'))).toMatchInlineSnapshot(
    `"token 7: expected flush([heap]+0..4), got flush(A+0..4)"`,
  );
});

test('another state of an entry is seen', () => {
  const change = instead('pte(A+3: RW->none)', 'pte(A+3: RW->R)');
  expect(tokens('munmap_4', 'startend', change)).toMatchInlineSnapshot(`
    "token 5: expected pte(A+0: RW->none) pte(A+1: RW->none) pte(A+2:
    RW->none) pte(A+3: RW->R) before END(A+0..4), got pte(A+0: RW->none)
    pte(A+1: RW->none) pte(A+2: RW->none) pte(A+3: RW->none) before
    it"
  `);
});

test('another subscriber is seen', () => {
  const swap = (list: string[]) =>
    list.map(token => token.replace('START#1', 'START#2').replace('START#0', 'START#1'));
  expect(tokens('munmap_4', 'two', swap)).toMatchInlineSnapshot(
    `"token 0: expected START#2(A+0..4), got START#1(A+0..4)"`,
  );
});

test('pages freed in another order are forgiven inside a row, another page is not', () => {
  const row = 'free[p[A+3], p[A+2], p[A+1], p[A+0]]';
  expect(tokens('munmap_4', 'all', instead(row, 'free[p[A+0], p[A+2], p[A+1], p[A+3]]'))).toBe('equal');
  expect(
    tokens('munmap_4', 'all', instead(row, 'free[p[A+3], p[A+2], p[A+1], p[A+4]]')),
  ).toMatchInlineSnapshot(`
    "token 9: expected free[p[A+3], p[A+2], p[A+1], p[A+4]], got free[p[A+3],
    p[A+2], p[A+1], p[A+0]]"
  `);
  expect(tokens('munmap_4', 'all', instead(row, 'free[p[A+3], p[A+2], p[A+1]]'))).toMatchInlineSnapshot(`
    "token 9: expected free[p[A+3], p[A+2], p[A+1]], got free[p[A+3],
    p[A+2], p[A+1], p[A+0]]"
  `);
});

/** Changes the records of `all`. */
function records(
  op: string,
  change: (events: { stack?: string[]; [field: string]: unknown }[]) => void,
): string {
  return outcome(op, 'all', ({ events }) => change(events as never));
}

test('a function that is missing in the stack is seen', () => {
  const found = records('munmap_4', events => {
    events[2]?.stack?.splice(1, 0, 'do_something_else');
  });
  expect(found).toMatchInlineSnapshot(`
    "token 5: expected do_something_else in the stack __mmu_notifier_invalidate_range_end
    < do_something_else < unmap_vmas < unmap_region < do_munmap <
    SyS_munmap at RANGE(A+0..4), got listener_all.invalidate_range
    < __mmu_notifier_invalidate_range_end < mmu_notifier_invalidate_range_end
    < unmap_vmas < unmap_region < do_munmap < vm_munmap < SyS_munmap
    < munmap"
  `);
  const swapped = records('munmap_4', events => {
    events[2]?.stack?.reverse();
  });
  expect(swapped).not.toBe('equal');
});

test('bits of an entry that tokens do not show are seen', () => {
  const begin = records('munmap_4', events => {
    (events[0]?.pte_changed as Record<string, string>)['A+0'] = 'p[A+0] RWDS';
  });
  expect(begin).toMatchInlineSnapshot(`"token 0: expected entry A+0 is p[A+0] RWDS, got p[A+0] RWAD"`);
  const later = records('munmap_4', events => {
    Object.assign(events[1] ?? {}, { pte_changed: { 'N+0': 'p[N+0] RADS' } });
  });
  expect(later).toMatchInlineSnapshot(`
    "token 0: expected entry N+0 is p[N+0] RADS at START(A+0..4),
    got p[N+0] RWAD"
  `);
});

test('a record that no token has is seen', () => {
  const found = records('munmap_4', events => {
    events.splice(2, 1);
  });
  expect(found).toMatchInlineSnapshot(`"token 9: expected 8 records, got 9 tokens that have records"`);
});

test('a mapping of another size is no play of the recording', () => {
  const found = outcome('munmap_4', 'all', recording => {
    Object.assign(recording.mappings[0] ?? {}, { pages: 8 });
  });
  expect(found).toMatchInlineSnapshot(`
    "not playable: the scenario has no mapping A of 8 pages, as was
    recorded"
  `);
});

test("a recording and a scenario of one's own are held against each other", async () => {
  const dir = `${root}/test/conformance`;
  const same = await shootdown('conformance', `${dir}/fixtures/munmap_4.json`, `${dir}/ops/munmap_4.mmu`);
  expect(same.code).toBe(0);
  const other = await shootdown('conformance', `${dir}/fixtures/munmap_4.json`, `${dir}/ops/dontneed_4.mmu`);
  expect(other.code).toBe(1);
  expect(other.out).toMatchInlineSnapshot(`
    "munmap_4  linux-3.18+invalidate_range  startend, range, two  equal (forgiven: bits 15)
    munmap_4  linux-3.18+invalidate_range  all                   token 0: expected unmap_vmas in the
                                                                 stack
                                                                 __mmu_notifier_invalidate_range_start <
                                                                 unmap_vmas < unmap_region < do_munmap <
                                                                 SyS_munmap at START(A+0..4), got
                                                                 listener_all.invalidate_range_start <
                                                                 __mmu_notifier_invalidate_range_start <
                                                                 mmu_notifier_invalidate_range_start <
                                                                 zap_page_range < madvise_dontneed <
                                                                 madvise_vma < SyS_madvise < madvise
                                                                 (forgiven: bits 10)

    linux-3.18+invalidate_range: 3 of 4 equal, 1 differ, 0 not playable
    "
  `);
});

test('mistakes in the arguments are refused', async () => {
  const lonely = await shootdown('conformance', 'package.json');
  expect(lonely).toMatchObject({ code: 2, err: 'expected a recording and a scenario, or neither\n' });
  const wrong = await shootdown('conformance', 'package.json', 'test/conformance/ops/munmap_4.mmu');
  expect(wrong).toMatchObject({ code: 2 });
  expect(wrong.err).toContain('this is no recording');
});
