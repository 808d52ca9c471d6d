import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FRAME_WORDS, Words } from '../../src/base/words';

const FIXED = 8;
const FRAMES = 3;
const INDICES = FIXED + FRAMES * FRAME_WORDS;

/** Few indices and values, so that a run writes the same word again and back to zero. */
const writes = fc.array(
  fc.tuple(
    fc.oneof(fc.nat(FIXED - 1), fc.constantFrom(FIXED, FIXED + 511, FIXED + 512, INDICES - 1)),
    fc.oneof(fc.constantFrom(0, 0, 1, -1), fc.integer()),
  ),
  { maxLength: 40 },
);

function contents(words: Words): number[] {
  return Array.from({ length: INDICES }, (_, index) => words.get(index));
}

function apply(words: Words, list: readonly (readonly [number, number])[]): void {
  for (const [index, value] of list) words.put(index, value);
}

test('a read gives what was written last, as a 32-bit word', () => {
  fc.assert(
    fc.property(writes, list => {
      const words = new Words(FIXED, FRAMES);
      const naive = new Map<number, number>();
      for (const [index, value] of list) {
        words.put(index, value);
        naive.set(index, value | 0);
      }
      for (const [index, value] of naive) expect(words.get(index)).toBe(value);
    }),
  );
});

test('undo gives back contents and hash exactly', () => {
  fc.assert(
    fc.property(writes, writes, (before, after) => {
      const words = new Words(FIXED, FRAMES);
      apply(words, before);
      const mark = words.mark();
      const state = contents(words);
      const hash = words.hash();
      apply(words, after);
      words.undo(mark);
      expect(contents(words)).toEqual(state);
      expect(words.hash()).toBe(hash);
      words.undo(0);
      expect(words.hash()).toBe('0'.repeat(32));
    }),
  );
});

test('the hash depends on the contents, not on how they came about', () => {
  fc.assert(
    fc.property(writes, fc.infiniteStream(fc.nat()), (list, order) => {
      const words = new Words(FIXED, FRAMES);
      apply(words, list);
      const fresh = new Words(FIXED, FRAMES);
      const cells = contents(words).map((value, index) => [index, value] as const);
      const keys = cells.map(() => order.next().value ?? 0);
      const shuffled = [...cells].sort((a, b) => (keys[a[0]] ?? 0) - (keys[b[0]] ?? 0));
      apply(fresh, shuffled);
      expect(fresh.hash()).toBe(words.hash());
    }),
    { numRuns: 30 },
  );
});

test('states that differ have different hashes', () => {
  const seen = new Set<string>();
  for (let index = 0; index < INDICES; index++) {
    for (const value of [1, 2, -1]) {
      const words = new Words(FIXED, FRAMES);
      words.put(index, value);
      seen.add(words.hash());
    }
  }
  expect(seen.size).toBe(INDICES * 3);
});

test('pairs of small words do not cancel out', () => {
  const seen = new Set<string>();
  const words = new Words(64, 0);
  for (let first = 0; first < 63; first++) {
    for (let second = first + 1; second < 64; second++) {
      for (let values = 0; values < 9; values++) {
        words.put(first, 1 + (values % 3));
        words.put(second, 1 + Math.floor(values / 3));
        seen.add(words.hash());
        words.undo(0);
      }
    }
  }
  expect(seen.size).toBe(63 * 32 * 9);
});

test('the journal since a mark lists index and old value of each write', () => {
  const words = new Words(FIXED, FRAMES);
  words.put(1, 5);
  const mark = words.mark();
  words.put(1, 6);
  words.put(1, 6);
  words.put(words.frameIndex(1, 3), 7);
  expect([...words.journalSince(mark)]).toEqual([1, 5, FIXED + 512 + 3, 0]);
});

test('a frame page exists once it was written, and what was forgotten stays', () => {
  const words = new Words(FIXED, FRAMES);
  expect(words.framePage(2)).toBeUndefined();
  words.put(words.frameIndex(2, 4), 9);
  expect(words.framePage(2)?.[4]).toBe(9);
  words.forget();
  words.undo(words.mark());
  expect(words.get(words.frameIndex(2, 4))).toBe(9);
});

test('undo refuses a mark that lies ahead', () => {
  expect(() => new Words(1, 0).undo(2)).toThrow('undo');
});
