import { expect, test } from 'vitest';
import { makeLeaf, makePointer, pteFrame } from '../../src/machine/entry-format';
import { access, dma, drainCommands, held, map, NEXT, PAGE, rig, setLeaf, stepRequest, takeOff } from './rig';

function mapped(options: Parameters<typeof rig>[0] = {}) {
  const all = rig({
    iommus: [
      [
        [4, 2, 0],
        [0, 0, 0],
      ],
    ],
    ...options,
  });
  const { machine } = all;
  const root = machine.allocTable(4);
  const frame = machine.allocData();
  const table = map(machine, root, PAGE, frame);
  machine.loadCr3(0, root);
  for (const device of machine.devices) machine.setGcr3(device.index, 1, root);
  all.told.length = 0;
  return { ...all, root, frame, table };
}

const marked = (lines: readonly string[]) =>
  lines.filter(line => line.includes('!')).map(line => line.split(' ')[0]);

test('a freed page marks its copies in TLB, IOTLB and ATC, and accesses through them tell', () => {
  const { machine, told, table, frame } = mapped();
  access(machine, 0, PAGE, true);
  dma(machine, 0, 0, 1, PAGE, true);
  dma(machine, 1, 1, 1, PAGE, true);
  setLeaf(machine, table, PAGE, 0);
  machine.freeFrame(frame);
  expect(marked(held(machine))).toEqual(['tlb0', 'iotlb0', 'iotlb0', 'atc0']);
  told.length = 0;
  access(machine, 0, PAGE, true, 1);
  dma(machine, 0, 0, 1, PAGE, true, 2);
  dma(machine, 1, 1, 1, PAGE, true, 3);
  const ends = told.filter(line => line.startsWith('accessed'));
  expect(ends).toEqual(
    ['cpu 0 0', 'device 0 1', 'device 1 1'].map(
      by => `accessed ${by} 7f0000001000 write frame ${frame} marked`,
    ),
  );
  expect(machine.readWord(frame, 0)).toBe(3);
});

test('a freed page marks the DMA in flight and the answer on its way', () => {
  const { machine, frame, told } = mapped();
  takeOff(machine, 1, 1, 1, PAGE, true);
  machine.dmaStep(0, 1, PAGE, true, 0);
  while (machine.requests(0)[0]?.stage === 'request') stepRequest(machine, 0, 0);
  machine.freeFrame(frame);
  expect([machine.inFlight()[0]?.marked, machine.requests(0)[0]?.marked]).toEqual([true, true]);
  expect(dma(machine, 0, 0, 1, PAGE, true, 4)).toBe('done');
  expect(told.at(-1)).toContain('marked');
  expect(machine.dmaStep(1, 1, PAGE, true, 5)).toBe('done');
  expect(told.at(-1)).toContain('marked');
});

test('the mark stays when the frame is allocated again', () => {
  const { machine, table, frame, told } = mapped();
  access(machine, 0, PAGE, true);
  setLeaf(machine, table, PAGE, 0);
  machine.freeFrame(frame);
  expect(machine.allocData()).toBe(frame);
  access(machine, 0, PAGE, true);
  expect(told.at(-1)).toContain('marked');
});

test('a fill from a marked entry is marked, one from a new entry is not', () => {
  const { machine, table, frame } = mapped();
  machine.freeFrame(frame);
  access(machine, 0, PAGE, true);
  expect(marked(held(machine))).toEqual(['tlb0']);
  machine.flushTlb(0);
  setLeaf(machine, table, PAGE, makeLeaf(machine.allocData(), { write: true }));
  access(machine, 0, PAGE, true);
  expect(marked(held(machine))).toEqual([]);
});

test('a freed table marks pointers in caches, and walks and fills through them tell', () => {
  const { machine, told, root, table, frame } = mapped();
  access(machine, 0, PAGE, false);
  dma(machine, 1, 1, 1, PAGE, false);
  const middle = machine.readEntry(machine.readEntry(root, 254) >>> 12, 0) >>> 12;
  machine.storeEntry(middle, machine.nextPopulated(middle, 0, 512), 0);
  machine.freeFrame(table);
  expect(marked(held(machine))).toEqual(['psc0', 'walk-cache0']);
  expect(machine.allocTable(1)).toBe(table);
  setLeaf(machine, table, NEXT, makeLeaf(frame, { write: true }));
  told.length = 0;
  expect(access(machine, 0, NEXT, false)).toBe('done');
  expect(dma(machine, 1, 1, 1, NEXT, false)).toBe('done');
  expect(told.filter(line => line.startsWith('walked'))).toEqual([
    `walked cpu 0 ${NEXT.toString(16)} ${table}[2] marked`,
    `walked device 1 ${NEXT.toString(16)} ${table}[2] marked`,
  ]);
  expect(told.filter(line => line.startsWith('accessed')).every(line => line.endsWith('marked'))).toBe(true);
});

test('a walk of a freed table reads poison, which is not present', () => {
  const { machine, table, frame } = mapped();
  access(machine, 0, NEXT, false);
  machine.freeFrame(table);
  expect(frame).toBeGreaterThan(0);
  expect(access(machine, 0, PAGE, false)).toBe('fault');
  expect(dma(machine, 1, 1, 1, PAGE, false)).toBe('aborted');
});

test('a table freed under a walk marks its registers', () => {
  const { machine, told, table } = mapped();
  for (let step = 0; step < 3; step++) machine.cpuAccess(0, PAGE, false, 0);
  for (let step = 0; step < 3; step++) machine.dmaStep(1, 1, PAGE, false, 0);
  machine.freeFrame(table);
  told.length = 0;
  machine.cpuAccess(0, PAGE, false, 0);
  machine.dmaStep(1, 1, PAGE, false, 0);
  expect(told.map(line => line.split(' ').at(-1))).toEqual(['marked', 'marked']);
});

test('a freed root marks CR3 and the PASID entries, until they are loaded anew', () => {
  const { machine, told, root } = mapped();
  machine.freeFrame(root);
  told.length = 0;
  access(machine, 0, PAGE, false);
  dma(machine, 1, 1, 1, PAGE, false);
  expect(told.filter(line => line.startsWith('walked')).every(line => line.endsWith('marked'))).toBe(true);
  expect([machine.cr3(0), machine.gcr3(1, 1)]).toEqual([root, root]);
  expect(machine.allocTable(4)).toBe(root);
  machine.loadCr3(0, root);
  machine.setGcr3(1, 1, root);
  told.length = 0;
  access(machine, 0, PAGE, false);
  dma(machine, 1, 1, 1, PAGE, false);
  expect(told.filter(line => line.startsWith('walked')).some(line => line.endsWith('marked'))).toBe(false);
});

test('an invalidation that covers a marked copy removes it', () => {
  const { machine, frame, table } = mapped();
  dma(machine, 1, 1, 1, PAGE, true);
  setLeaf(machine, table, PAGE, 0);
  machine.freeFrame(frame);
  expect(marked(held(machine))).toEqual(['iotlb0']);
  machine.queueInvalidatePages(0, 1, 1, PAGE, false, true);
  drainCommands(machine);
  expect(held(machine)).toEqual([]);
});

test('the free of a piece marks the copy of its huge page', () => {
  const { machine } = rig({ frames: 1100 });
  const root = machine.allocTable(4);
  for (let frame = 1; frame < 1060; frame++) machine.allocData();
  map(machine, root, 0x40000000, 512, { write: true }, 2);
  machine.loadCr3(0, root);
  access(machine, 0, 0x40000000, false);
  machine.freeFrame(700);
  expect(marked(held(machine))).toEqual(['tlb0']);
});

test('a pointer to a freed table in another table is marked', () => {
  const { machine, told, root, table } = mapped();
  const other = machine.allocTable(4);
  machine.storeEntry(other, 254, machine.readEntry(root, 254));
  machine.freeFrame(table);
  machine.loadCr3(0, other);
  told.length = 0;
  access(machine, 0, PAGE, false);
  expect(told.filter(line => line.startsWith('walked')).map(line => line.endsWith('marked'))).toEqual([
    false,
    false,
    false,
    true,
  ]);
  expect(pteFrame(makePointer(table))).toBe(table);
});
