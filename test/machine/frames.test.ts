import { expect, test } from 'vitest';
import { makeAbsent, makeLeaf, makePointer, POISON, PTE, pteDangling } from '../../src/machine/entry-format';
import { rig } from './rig';

test('the lowest free frame is handed out, zeroed, until none is left', () => {
  const { machine } = rig({ frames: 40 });
  for (let frame = 0; frame < 40; frame++) expect(machine.allocData()).toBe(frame);
  expect(machine.allocData()).toBe(-1);
  expect(machine.allocTable(1)).toBe(-1);
  for (const frame of [35, 3, 31]) machine.freeFrame(frame);
  expect(machine.allocTable(2)).toBe(3);
  expect([machine.frameKind(3), machine.tableLevel(3)]).toEqual([2, 2]);
  expect([machine.allocData(), machine.allocData(), machine.allocData()]).toEqual([31, 35, -1]);
  expect(machine.readWord(31, 0)).toBe(0);
});

test('a free frame reads as poison until it is written, and is zero when allocated again', () => {
  const { machine, words } = rig();
  const before = words.hash();
  expect(machine.readWord(0, 5)).toBe(POISON);
  const frame = machine.allocData();
  machine.writeWord(frame, 5, 77);
  machine.freeFrame(frame);
  expect(words.hash()).toBe(before);
  expect([machine.readWord(frame, 5), machine.readEntry(frame, 6)]).toEqual([POISON, POISON]);
  machine.writeWord(frame, 5, 0);
  expect(machine.readWord(frame, 5)).toBe(0);
  expect(machine.allocData()).toBe(frame);
  expect(machine.readWord(frame, 5)).toBe(0);
  expect(machine.readWord(frame, 6)).toBe(0);
});

test('frames beyond memory read as poison and take no writes', () => {
  const { machine, words } = rig({ frames: 4 });
  machine.writeWord(99, 0, 1);
  machine.freeFrame(99);
  expect([machine.readWord(99, 0), machine.frameKind(99), machine.frameKind(-1)]).toEqual([POISON, 0, 0]);
  expect(words.hash()).toBe('0'.repeat(32));
});

test('a frame freed twice stays free', () => {
  const { machine, words } = rig();
  const frame = machine.allocData();
  machine.freeFrame(frame);
  const hash = words.hash();
  machine.freeFrame(frame);
  expect(words.hash()).toBe(hash);
});

test('the next populated entry is found within bounds', () => {
  const { machine } = rig();
  const table = machine.allocTable(1);
  expect(machine.nextPopulated(table, 0, 512)).toBe(-1);
  machine.storeEntry(table, 9, makeLeaf(1, { write: true }));
  expect(machine.nextPopulated(table, 0, 512)).toBe(9);
  expect(machine.nextPopulated(table, 0, 9)).toBe(-1);
  expect(machine.nextPopulated(table, 10, 512)).toBe(-1);
  machine.freeFrame(table);
  expect(machine.nextPopulated(table, 4, 512)).toBe(4);
});

test('the hook sees an entry before it is stored', () => {
  const { machine, told } = rig();
  const table = machine.allocTable(1);
  const page = machine.allocData();
  const value = makeLeaf(page, { write: false });
  machine.storeEntry(table, 3, value);
  machine.storeEntry(table, 3, 0);
  expect(told).toEqual([`storing 0[3] 0 -> ${value}`, `storing 0[3] ${value} -> 0`]);
});

test('freeing a frame marks the entries that refer to it, and a new entry has no mark', () => {
  const { machine } = rig();
  const table = machine.allocTable(1);
  const [page, other] = [machine.allocData(), machine.allocData()];
  machine.storeEntry(table, 1, makeLeaf(page, { write: true }));
  machine.storeEntry(table, 2, makeLeaf(other, { write: true }));
  machine.freeFrame(page);
  const marked = [1, 2].map(slot => pteDangling(machine.readEntry(table, slot)));
  expect(marked).toEqual([true, false]);
  machine.storeEntry(table, 1, makeLeaf(other, { write: true }));
  expect(pteDangling(machine.readEntry(table, 1))).toBe(false);
});

test('an entry made from one that dangles keeps the mark, a new one for the same frame has none', () => {
  const { machine } = rig();
  const table = machine.allocTable(1);
  const page = machine.allocData();
  const value = makeLeaf(page, { write: true });
  machine.storeEntry(table, 1, value);
  machine.freeFrame(page);
  expect(machine.allocData()).toBe(page);
  machine.storeEntry(table, 2, machine.readEntry(table, 1) & ~PTE.W);
  expect(pteDangling(machine.readEntry(table, 2))).toBe(true);
  machine.storeEntry(table, 1, value);
  expect(pteDangling(machine.readEntry(table, 1))).toBe(false);
  machine.storeEntry(table, 2, makeAbsent('swap', 3, false) | PTE.DANGLING);
  expect(pteDangling(machine.readEntry(table, 2))).toBe(false);
});

test('an entry stored for a free frame dangles from the start', () => {
  const { machine } = rig();
  const table = machine.allocTable(1);
  machine.storeEntry(table, 1, makeLeaf(20, { write: true }));
  expect(pteDangling(machine.readEntry(table, 1))).toBe(true);
});

test('the free of any piece of a huge page marks its leaf', () => {
  const { machine } = rig({ frames: 1100 });
  const table = machine.allocTable(2);
  for (let frame = 1; frame < 1100; frame++) machine.allocData();
  machine.storeEntry(table, 0, makeLeaf(512, { write: true, huge: true }));
  machine.freeFrame(511);
  expect(pteDangling(machine.readEntry(table, 0))).toBe(false);
  machine.freeFrame(1023);
  expect(pteDangling(machine.readEntry(table, 0))).toBe(true);
});

test('tables that were freed no longer count as references', () => {
  const { machine } = rig();
  const upper = machine.allocTable(2);
  const lower = machine.allocTable(1);
  const page = machine.allocData();
  machine.storeEntry(upper, 0, makePointer(lower));
  machine.storeEntry(lower, 0, makeLeaf(page, { write: true }));
  expect([lower, page].map(frame => machine.frames.references(frame))).toEqual([1, 1]);
  machine.freeFrame(lower);
  expect(pteDangling(machine.readEntry(upper, 0))).toBe(true);
  expect([lower, page].map(frame => machine.frames.references(frame))).toEqual([1, 0]);
});
