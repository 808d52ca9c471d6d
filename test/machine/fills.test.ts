/** What caches do on their own: one read a fill, from a root or any pointer held, judged like any walk. */
import { expect, test } from 'vitest';
import { makeLeaf, PTE, withoutBits } from '../../src/machine/entry-format';
import type { Machine } from '../../src/machine/machine';
import { access, dma, drainCommands, held, map, NEXT, PAGE, rig, setLeaf } from './rig';

/** Fills and reads as short lines: `fill tlb0 7f0000001000`, `fill psc0 7f0000000000 L3`. */
function possible(machine: Machine): string[] {
  return machine.fills(100).map(({ kind, cache, owner, address, level, leaf, device, pasid }) => {
    const space = device < 0 ? '' : ` dev${device}/${pasid}`;
    return `${kind} ${cache}${owner}${space} ${address.toString(16)}${leaf ? '' : ` L${level}`}`;
  });
}

/** Makes the one fill that is written so. */
function fill(machine: Machine, line: string): void {
  const at = possible(machine).indexOf(line);
  const action = machine.fills(100)[at];
  if (action === undefined) throw new Error(`${line} is not among ${possible(machine).join(', ')}`);
  machine.act(action);
}

function mapped(options: Parameters<typeof rig>[0] = {}) {
  const all = rig(options);
  const { machine } = all;
  const root = machine.allocTable(4);
  const frame = machine.allocData();
  const table = map(machine, root, PAGE, frame);
  machine.loadCr3(0, root);
  all.told.length = 0;
  all.events.length = 0;
  return { ...all, root, frame, table };
}

const CHAIN = ['fill psc0 7f0000000000 L4', 'fill psc0 7f0000000000 L3', 'fill psc0 7f0000000000 L2'];

test('a CPU reads one entry a fill, from its root or a pointer that it holds', () => {
  const { machine, told, frame } = mapped();
  expect(possible(machine)).toEqual([CHAIN[0]]);
  for (const line of CHAIN) {
    fill(machine, line);
    expect(possible(machine)).not.toContain(line);
  }
  fill(machine, 'fill tlb0 7f0000001000');
  expect(held(machine)[0]).toBe(`tlb0 7f0000001000 -> ${frame} WU`);
  expect(told.filter(line => line.startsWith('walked')).length).toBe(4);
  expect(machine.fills(100).filter(({ kind }) => kind === 'fill')).toEqual([]);
  // A later load is answered by it.
  told.length = 0;
  expect(access(machine, 0, PAGE, false)).toBe('done');
  expect(told.filter(line => line.startsWith('walked'))).toEqual([]);
});

test('a fill sets A, and never D; where A was cleared the entry is read again', () => {
  const { machine, table, frame } = mapped();
  for (const line of CHAIN) fill(machine, line);
  const slot = (PAGE >> 12) & 511;
  setLeaf(machine, table, PAGE, makeLeaf(frame, { write: true, young: false }));
  fill(machine, 'fill tlb0 7f0000001000');
  expect(machine.readEntry(table, slot) & (PTE.A | PTE.D)).toBe(PTE.A);
  machine.storeEntry(table, slot, withoutBits(machine.readEntry(table, slot), PTE.A));
  fill(machine, 'fill tlb0 7f0000001000');
  expect(machine.readEntry(table, slot) & PTE.A).toBe(PTE.A);
});

test('a pointer that is held is gone on from, whatever became of the entry it was read from', () => {
  const { machine, told, root, table } = mapped();
  for (const line of CHAIN) fill(machine, line);
  machine.storeEntry(root, 254, 0);
  fill(machine, 'fill tlb0 7f0000001000');
  machine.evict('tlb', 0, 0);
  setLeaf(machine, table, PAGE, 0);
  machine.freeFrame(table);
  told.length = 0;
  const read = machine.fills(100).find(action => action.kind === 'read' && action.level === 1);
  if (read === undefined) throw new Error('the marked pointer is not read');
  machine.act(read);
  expect(told).toEqual([`walked cpu 0 7f0000000000 ${table}[0] marked`]);
});

test('copies of an entry before and after it changed stand side by side, and the youngest answers', () => {
  const { machine, told, table, frame } = mapped();
  const other = machine.allocData();
  access(machine, 0, PAGE, false);
  setLeaf(machine, table, PAGE, makeLeaf(other, { write: true }));
  fill(machine, 'fill tlb0 7f0000001000');
  expect(held(machine).filter(line => line.startsWith('tlb'))).toEqual([
    `tlb0 7f0000001000 -> ${frame} WU`,
    `tlb0 7f0000001000 -> ${other} WU`,
  ]);
  access(machine, 0, PAGE, false);
  expect(told.at(-1)).toContain(`frame ${other}`);
  machine.evict('tlb', 0, 1);
  access(machine, 0, PAGE, false);
  expect(told.at(-1)).toContain(`frame ${frame}`);
  machine.invlpg(0, PAGE);
  expect(held(machine)).toEqual([]);
});

test('a CPU without an address space fills nothing, and a CR3 load leaves nothing to go on from', () => {
  const { machine } = mapped();
  for (const line of CHAIN) fill(machine, line);
  machine.loadCr3(0, -1);
  expect(possible(machine)).toEqual([]);
});

const twoDevices = {
  iommus: [
    [
      [2, 0, 0],
      [0, 0, 0],
    ],
  ],
} as const;

test('an IOMMU fills for every device and PASID whose root is set, and an ATC from the IOTLB', () => {
  const { machine, root, frame, table } = mapped(twoDevices);
  machine.loadCr3(0, -1);
  machine.setGcr3(0, 3, root);
  machine.setGcr3(1, 1, root);
  expect(possible(machine)).toEqual([
    'fill walk-cache0 dev0/3 7f0000000000 L4',
    'fill walk-cache0 dev1/1 7f0000000000 L4',
  ]);
  for (const level of [4, 3, 2]) fill(machine, `fill walk-cache0 dev0/3 7f0000000000 L${level}`);
  fill(machine, 'fill iotlb0 dev0/3 7f0000001000');
  fill(machine, 'fill atc0 dev0/3 7f0000001000');
  const leaves = held(machine).filter(line => !line.includes(' L'));
  expect(leaves).toEqual([
    `iotlb0 dev0/3 7f0000001000 -> ${frame} U`,
    `atc0 dev0/3 7f0000001000 -> ${frame} U`,
  ]);
  // The copy in the IOTLB outlives the entry, and the ATC takes it again after its own flush.
  setLeaf(machine, table, PAGE, 0);
  machine.queueInvalidateIotlb(0, 3, PAGE, false);
  drainCommands(machine);
  fill(machine, 'fill atc0 dev0/3 7f0000001000');
  machine.queueInvalidatePages(0, 0, 3, PAGE, false, false);
  machine.queueInvalidateIotlb(0, 3, PAGE, false);
  drainCommands(machine);
  expect(possible(machine).filter(line => !line.includes(' L'))).toEqual([]);
  expect(dma(machine, 0, 0, 3, PAGE, false)).toBe('aborted');
});

test('sorted caches give one state for fills in any order', () => {
  const hashes = [false, true].map(turned => {
    const { machine, words, root } = mapped();
    machine.loadCr3(0, -1);
    machine.sortCaches();
    map(machine, root, NEXT, machine.allocData());
    machine.loadCr3(0, root);
    for (const line of CHAIN) fill(machine, line);
    const both = ['fill tlb0 7f0000001000', 'fill tlb0 7f0000002000'];
    for (const line of turned ? both.reverse() : both) fill(machine, line);
    return words.hash();
  });
  expect(hashes[0]).toBe(hashes[1]);
});
