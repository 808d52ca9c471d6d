/**
 * A driver with one thing wrong, searched: the violation that is found, the one reason why no invalidation
 * prevented it, and the sentence that says so.
 */
import { expect, test } from 'vitest';
import { answerOf, exploreProgram, genesis, type Mistake, scenes } from './genesis';

type Scene = keyof typeof scenes;

test.each(Object.keys(scenes).filter(name => !name.startsWith('fork and')))(
  'the right driver: %s',
  async name => {
    const scene = Object.keys(scenes).find((each): each is Scene => each === name) ?? 'batch';
    expect((await exploreProgram(genesis('none', scenes[scene]))).text).toMatch(/^holds/);
  },
);

const ends: readonly (readonly [Mistake, Scene, string, string | null, RegExp])[] = [
  ['ATC first', 'batch', 'use-after-free', 'wrong order', /flushed at step \d+ and took .* flushed only at/],
  ['ATC first', 'exits', 'use-after-free', 'wrong order', /^wrong order: the ATC of gpu/],
  ['ATC only', 'one page', 'use-after-free', 'IOTLB not covered', /for the ATC only: the IOTLB/],
  ['ATC only', 'exits', 'walk-after-release', 'IOTLB not covered', /for the ATC only: the walk cache/],
  ['IOTLB only', 'one page', 'use-after-free', 'device TLB not covered', /was for the IOTLB only/],
  ['IOTLB only', 'exits', 'use-after-free', 'device TLB not covered', /was for the IOTLB only/],
  ['wrong PASID', 'one page', 'use-after-free', 'wrong target', /gpu PASID 0 .* not for gpu PASID 1$/],
  ['wrong PASID', 'exits', 'walk-after-release', 'wrong target', /gpu PASID 0 .* not for gpu PASID 1$/],
  ['ATC not awaited', 'batch', 'use-after-free', 'not awaited', /not carried out before the free \(step/],
  ['ATC not awaited', 'exits', 'use-after-free', 'not awaited', /not carried out before the free \(step/],
  ['leaves only', 'tables', 'table-use-after-free', 'page-table pointers not covered', /for leaves only/],
  ['leaves only', 'exits', 'walk-after-release', 'page-table pointers not covered', /for leaves only/],
  ['no flush in release', 'exits', 'walk-after-release', 'never sent', /the taking of the root \(step/],
  ['no clear in release', 'exits', 'walk-after-release', null, /^root: nobody has taken the root from gpu/],
  ['registers late', 'two binds', 'use-after-free', 'nobody registered', /root set at step \d+, nobody reg/],
  [
    'no invalidate_page',
    'reclaim',
    'missed-range',
    'never sent',
    /called invalidate_page here, and genesis has/,
  ],
  ['flush in start', 'fork', 'cow-isolation', 'before the clear', /before the entry was write-protected at/],
  ['IOTLB only', 'merge', 'lost-write', 'device TLB not covered', /^compared: frames 5 and 6 had the same/],
  ['sleeps', 'batch', 'sleep-in-atomic', null, /^atomic since: page#\d+\.ptl was taken$/],
];

test.each(ends)('%s, %s: %s', async (mistake, scene, property, cause, sentence) => {
  const { why } = await answerOf(genesis(mistake, scenes[scene]));
  const texts = why.moments.map(({ text }) => text);
  expect([why.property, why.cause]).toEqual([property, cause]);
  expect(texts.filter(text => sentence.test(text))).toHaveLength(1);
  const positions = why.moments.map(({ position }) => position);
  expect(positions).toEqual([...positions].sort((a, b) => a - b));
});

test('a diagram tells the PASID of a flush that is not the one of the device', async () => {
  const wrong = await answerOf(genesis('wrong PASID', scenes['one page']));
  expect(wrong.notation).toContain('flush ATC PASID 0 A');
  const right = await answerOf(genesis('IOTLB only', scenes['one page']));
  expect(right.notation).toContain('flush IOTLB+PDE A');
});

test('where a copy came by way of the IOTLB, that is told and drawn', async () => {
  const { why, notation } = await answerOf(genesis('flush in start', scenes.fork));
  const filled = why.moments.filter(({ kind }) => kind === 'filled').map(({ text }) => text);
  expect(filled).toEqual([
    'filled: the IOTLB of amd took A -> frame 5',
    'filled: the ATC of gpu took A -> frame 5',
  ]);
  expect(why.message).toContain('changes what is read at A of P/c');
  expect(notation).toMatch(/IOTLB: A -> frame 5.*wrprotect pte A.*ATC: A -> frame 5.*DMA write A/s);
});

test('a failed assert: the value, the load, and the DMA that stored it', async () => {
  const { why, notation } = await answerOf(genesis('none', scenes['fork and store']));
  const texts = why.moments.map(({ text }) => text);
  expect(texts).toEqual([
    'stored: 1 to A in frame 5',
    'read: x from A in frame 5',
    'values: x is 1',
    'found',
  ]);
  expect(notation).toContain('DMA write A');
});

test('a callback of another device is not told', async () => {
  const { why } = await answerOf(genesis('registers late', scenes['two binds']));
  expect(why.moments.filter(({ text }) => text.startsWith('told:'))).toEqual([]);
});

test('a subscriber that sleeps: the diagram begins with the lock it sleeps under', async () => {
  const { why, notation } = await answerOf(genesis('sleeps', scenes.batch));
  expect(why.moments[0]?.fn).toBe('zap_pte_range');
  expect(notation).toMatch(/spin_lock\(page#\d+\.ptl\)/);
  expect(notation).not.toContain('preemption off');
});
