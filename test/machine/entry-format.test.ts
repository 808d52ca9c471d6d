import { expect, test } from 'vitest';
import {
  entryKind,
  FRAME_MAX,
  formatEntry,
  makeAbsent,
  makeLeaf,
  makeNuma,
  makePointer,
  POISON,
  PTE,
  pteDirty,
  pteFrame,
  pteHuge,
  pteMapped,
  pteNone,
  pteNuma,
  ptePresent,
  pteProtnone,
  pteSame,
  pteSpecial,
  pteWrite,
  pteYoung,
  withBits,
  withoutBits,
  withRights,
} from '../../src/machine/entry-format';

test('every bit has one position, below the frame number', () => {
  const bits = Object.values(PTE);
  expect(new Set(bits).size).toBe(bits.length);
  expect(bits.reduce<number>((all, bit) => all | bit, 0)).toBe(0xfff);
});

test('freed memory is not a present entry', () => {
  expect(ptePresent(POISON)).toBe(false);
  expect(ptePresent(POISON | PTE.A | PTE.D)).toBe(false);
});

test('a leaf keeps frame and rights, up to the last frame', () => {
  for (const frame of [0, 12, FRAME_MAX]) {
    const value = makeLeaf(frame, { write: true, dirty: true, huge: true });
    expect([pteFrame(value), ptePresent(value), pteWrite(value), pteDirty(value), pteHuge(value)]).toEqual([
      frame,
      true,
      true,
      true,
      true,
    ]);
    expect(pteYoung(value)).toBe(true);
    expect(pteWrite(withoutBits(value, PTE.W))).toBe(false);
  }
  expect(pteWrite(makeLeaf(3, { write: false }))).toBe(false);
  expect(pteYoung(makeLeaf(3, { write: false, young: false }))).toBe(false);
});

test('absent entries keep what they are for', () => {
  for (const kind of ['swap', 'migration', 'file', 'device', 'hwpoison'] as const) {
    const value = makeAbsent(kind, 7, true);
    expect([entryKind(value), pteFrame(value), ptePresent(value), pteNone(value), pteWrite(value)]).toEqual([
      kind,
      7,
      false,
      false,
      true,
    ]);
    expect([pteDirty(value), pteHuge(value)]).toEqual([false, false]);
  }
  expect(makeAbsent('none', 7, true)).toBe(0);
});

test('PROT_NONE keeps frame and rights without P', () => {
  const value = withBits(withoutBits(makeLeaf(9, { write: true }), PTE.P), PTE.PROTNONE);
  expect([ptePresent(value), pteProtnone(value), entryKind(value), pteFrame(value)]).toEqual([
    false,
    true,
    'protnone',
    9,
  ]);
});

test('the mark is no difference for software', () => {
  const value = makeLeaf(9, { write: true });
  expect(pteSame(value, withBits(value, PTE.DANGLING))).toBe(true);
  expect(pteSame(value, withBits(value, PTE.D))).toBe(false);
});

test('entries as text', () => {
  expect(
    [
      0,
      makeLeaf(12, { write: true, dirty: true }),
      makePointer(3),
      makeLeaf(5, { write: false, user: false, noExecute: true }) | PTE.DANGLING,
      makeAbsent('migration', 8, true),
      (makeLeaf(4, { write: false }) & ~PTE.P) | PTE.PROTNONE,
      POISON,
    ].map(formatEntry),
  ).toMatchInlineSnapshot(`
    [
      "empty",
      "frame 12 P W U A D",
      "frame 3 P W U A",
      "frame 5 P A NX dangling",
      "migration 8 W",
      "frame 4 PROTNONE U A",
      "freed memory (0x6b6b6b6b)",
    ]
  `);
});

test('PROT_NONE and a NUMA hint keep frame, A and D, and are told from each other', () => {
  const leaf = makeLeaf(12, { write: true, dirty: true });
  const none = withRights(leaf, { read: false, write: false });
  expect([ptePresent(none), pteMapped(none), pteNuma(none), pteFrame(none)]).toEqual([
    false,
    true,
    false,
    12,
  ]);
  expect(withRights(none, { read: true, write: true })).toBe(leaf);
  const hint = makeNuma(leaf);
  expect([ptePresent(hint), pteMapped(hint), pteNuma(hint), pteWrite(hint)]).toEqual([
    false,
    true,
    true,
    true,
  ]);
  expect(formatEntry(hint)).toBe('frame 12 NUMA W U A D');
  expect(withRights(hint, { read: true, write: true })).toBe(leaf);
});

test('a special leaf is one that maps a page which is not counted', () => {
  const zero = withBits(makeLeaf(3, { write: false }), PTE.SPECIAL);
  expect(pteSpecial(zero)).toBe(true);
  expect(pteSpecial(withRights(zero, { read: false, write: false }))).toBe(true);
  expect(pteSpecial(makeLeaf(3, { write: false }))).toBe(false);
});
