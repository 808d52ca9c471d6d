import { expect, test } from 'vitest';
import { makeLeaf, PTE } from '../../src/machine/entry-format';
import { dma, drainCommands, FAR, held, map, NEXT, PAGE, rig, setLeaf, takeOff } from './rig';

/** Devices without ATS, PAGE mapped in the space of PASID 1 of each. */
function mapped(options: Parameters<typeof rig>[0] = {}) {
  const all = rig({ iommus: [[[0, 0, 0]]], ...options });
  const { machine } = all;
  const root = machine.allocTable(4);
  const frame = machine.allocData();
  const table = map(machine, root, PAGE, frame, { write: true, young: false });
  machine.writeWord(frame, 0, 7);
  for (const device of machine.devices) machine.setGcr3(device.index, 1, root);
  all.told.length = 0;
  return { ...all, root, frame, table };
}

test('a DMA walks, is in flight, and accesses, each a step of its own', () => {
  const { machine, told, frame } = mapped();
  const outcomes = Array.from({ length: 5 }, () => machine.dmaStep(0, 1, PAGE, false, 0));
  expect(outcomes).toEqual(['more', 'more', 'more', 'more', 'done']);
  expect(machine.value).toBe(7);
  expect(told.at(0)).toBe('issued device 0 1 7f0000001000 read');
  expect(told.at(-1)).toBe(`accessed device 0 1 7f0000001000 read frame ${frame}`);
  expect(machine.quiet()).toBe(true);
  expect([machine.dmaStep(0, 1, PAGE, false, 0), machine.quiet()]).toEqual(['more', false]);
  expect(machine.dmaStep(0, 1, PAGE, false, 0)).toBe('done');
});

test('what happens to entry and caches does not call back a DMA in flight', () => {
  const { machine, table, frame } = mapped();
  takeOff(machine, 0, 0, 1, PAGE, true);
  setLeaf(machine, table, PAGE, 0);
  machine.queueInvalidatePages(0, 0, 1, 0, true, true);
  drainCommands(machine);
  expect(machine.inFlight()).toMatchObject([{ frame, ats: false, mustFinish: true }]);
  expect(machine.dmaStep(0, 1, PAGE, true, 9)).toBe('done');
  expect(machine.readWord(frame, 0)).toBe(9);
});

test('a copy grants W only if a write made it, and D is set by writes only', () => {
  const { machine, table } = mapped();
  dma(machine, 0, 0, 1, PAGE, false);
  expect(machine.readEntry(table, 1) & (PTE.A | PTE.D)).toBe(PTE.A);
  expect(held(machine).filter(line => line.startsWith('iotlb'))).toEqual([
    'iotlb0 dev0/1 7f0000001000 -> 1 U',
  ]);
  dma(machine, 0, 0, 1, PAGE, true);
  expect(machine.readEntry(table, 1) & PTE.D).toBe(PTE.D);
  expect(held(machine).filter(line => line.startsWith('iotlb'))).toEqual([
    'iotlb0 dev0/1 7f0000001000 -> 1 WUD',
  ]);
});

test('untranslatable DMA is aborted and logged; a full log keeps its first entries', () => {
  const { machine, events } = mapped();
  for (let page = 0; page < 6; page++) {
    expect(dma(machine, 0, 0, 1, FAR + page * 0x1000, true)).toBe('aborted');
    expect(machine.eventOverflow(0)).toBe(page >= 4);
  }
  expect(machine.eventLog(0).map(fault => fault.address)).toEqual(
    [0, 1, 2, 3].map(page => FAR + page * 0x1000),
  );
  expect(events.filter(event => event.type === 'io-page-fault').length).toBe(6);
  expect(dma(machine, 0, 0, 2, PAGE, false)).toBe('aborted');
  expect(machine.quiet()).toBe(true);
});

test('a read-only leaf aborts a write', () => {
  const { machine, table, frame } = mapped();
  setLeaf(machine, table, PAGE, makeLeaf(frame, { write: false }));
  expect(dma(machine, 0, 0, 1, PAGE, false)).toBe('done');
  expect(dma(machine, 0, 0, 1, PAGE, true)).toBe('aborted');
});

test('copies are tagged by device and PASID, and commands name one of each', () => {
  const { machine, root } = mapped({
    iommus: [
      [
        [0, 0, 0],
        [0, 0, 0],
      ],
    ],
    iotlb: 8,
    walkCache: 32,
  });
  machine.setGcr3(0, 2, root);
  dma(machine, 0, 0, 1, PAGE, false);
  dma(machine, 0, 0, 2, PAGE, false);
  dma(machine, 1, 1, 1, PAGE, false);
  const spaces = () => {
    const leaves = machine.copies().filter(copy => copy.cache === 'iotlb');
    return leaves.map(copy => `${copy.device}/${copy.pasid}`);
  };
  expect(spaces()).toEqual(['0/1', '0/2', '1/1']);
  machine.queueInvalidatePages(0, 0, 2, PAGE, false, true);
  drainCommands(machine);
  expect(spaces()).toEqual(['0/1', '1/1']);
  machine.queueInvalidatePages(0, 0, 1, 0, true, false);
  drainCommands(machine);
  expect(spaces()).toEqual(['1/1']);
  const pointers = machine.copies().filter(copy => copy.cache === 'walk-cache');
  expect(pointers.map(copy => `${copy.device}/${copy.pasid}`)).toEqual([
    '0/1',
    '0/1',
    '0/1',
    '1/1',
    '1/1',
    '1/1',
  ]);
});

test('clearing or changing a PASID entry invalidates nothing', () => {
  const { machine, root } = mapped();
  dma(machine, 0, 0, 1, PAGE, false);
  machine.clearGcr3(0, 1);
  expect([machine.gcr3(0, 1), dma(machine, 0, 0, 1, PAGE, false)]).toEqual([-1, 'done']);
  machine.queueInvalidatePages(0, 0, 1, 0, true, true);
  drainCommands(machine);
  expect(dma(machine, 0, 0, 1, PAGE, false)).toBe('aborted');
  machine.setGcr3(0, 1, root);
  expect([machine.gcr3(0, 1), dma(machine, 0, 0, 1, PAGE, false)]).toEqual([root, 'done']);
});

test('without PDE an invalidation drops leaves only, with it the pointers on its path too', () => {
  const { machine, root } = mapped();
  map(machine, root, FAR, 1);
  dma(machine, 0, 0, 1, PAGE, false);
  dma(machine, 0, 0, 1, FAR, false);
  const kept = () => machine.copies().map(copy => `L${copy.level} ${copy.address.toString(16)}`);
  expect(kept().length).toBe(2 + 4);
  machine.queueInvalidatePages(0, 0, 1, NEXT, false, false);
  drainCommands(machine);
  expect(kept().length).toBe(6);
  machine.queueInvalidatePages(0, 0, 1, PAGE, false, false);
  drainCommands(machine);
  expect(kept().length).toBe(5);
  machine.queueInvalidatePages(0, 0, 1, NEXT, false, true);
  drainCommands(machine);
  expect(kept()).toEqual([`L1 ${FAR.toString(16)}`, `L2 ${(FAR - 0x1000).toString(16)}`]);
});

test('with PDE, a walk under way under the invalidated pointer starts over', () => {
  const { machine, told } = mapped();
  for (let step = 0; step < 3; step++) machine.dmaStep(0, 1, PAGE, false, 0);
  machine.queueInvalidatePages(0, 0, 1, FAR, false, true);
  drainCommands(machine);
  expect(machine.requests(0)).toMatchObject([{ stage: 'walk' }]);
  machine.queueInvalidatePages(0, 0, 1, PAGE, false, false);
  drainCommands(machine);
  expect(machine.requests(0)).toMatchObject([{ stage: 'walk' }]);
  machine.queueInvalidatePages(0, 0, 1, NEXT, false, true);
  drainCommands(machine);
  expect(machine.requests(0)).toMatchObject([{ stage: 'lookup' }]);
  expect(dma(machine, 0, 0, 1, PAGE, false)).toBe('done');
  expect(told.filter(line => line.startsWith('issued')).length).toBe(1);
});

test('commands wait in their queue until the processor carries them out', () => {
  const { machine } = mapped({ commandQueue: 2 });
  dma(machine, 0, 0, 1, PAGE, false);
  expect(machine.queueInvalidatePages(0, 0, 1, PAGE, false, true)).toBe(true);
  expect(machine.queueCompletionWait(0, 3)).toBe(true);
  expect(machine.queueCompletionWait(0, 3)).toBe(false);
  expect(machine.commandQueue(0).map(command => command.text)).toEqual([
    'INVALIDATE_IOMMU_PAGES domain 1 pasid 1 0x7f0000001000 PDE',
    'COMPLETION_WAIT thread 3',
  ]);
  expect(machine.copies().some(copy => copy.cache === 'iotlb')).toBe(true);
  expect([machine.completionDone(3), machine.completionDone(2), machine.quiet()]).toEqual([
    false,
    true,
    false,
  ]);
  expect([machine.commandReady(0), machine.commandStep(0)]).toEqual([true, 'done']);
  expect(machine.copies().some(copy => copy.cache === 'iotlb')).toBe(false);
  expect([machine.commandStep(0), machine.completionDone(3)]).toEqual(['done', true]);
  expect([machine.commandReady(0), machine.commandStep(0), machine.quiet()]).toEqual([
    false,
    'blocked',
    true,
  ]);
});

test('a completion wait holds until the DMA translated before the invalidation is done', () => {
  const { machine } = mapped({ programs: [0, 0] });
  takeOff(machine, 0, 0, 1, PAGE, true);
  machine.queueInvalidatePages(0, 0, 1, PAGE, false, true);
  machine.queueCompletionWait(0, 1);
  expect(drainCommands(machine)).toBe(1);
  takeOff(machine, 1, 0, 1, PAGE, true);
  expect(machine.inFlight().map(flight => flight.mustFinish)).toEqual([true, false]);
  expect([machine.commandStep(0), machine.completionDone(1)]).toEqual(['blocked', false]);
  machine.dmaStep(0, 1, PAGE, true, 1);
  expect([machine.commandStep(0), machine.completionDone(1)]).toEqual(['done', true]);
  expect(machine.inFlight().length).toBe(1);
});

test('a completion wait with no invalidation before it does not wait for DMA', () => {
  const { machine } = mapped();
  takeOff(machine, 0, 0, 1, PAGE, true);
  machine.queueCompletionWait(0, 1);
  expect(machine.commandStep(0)).toBe('done');
});

test('each IOMMU has queue, caches and log of its own', () => {
  const { machine } = mapped({
    iommus: [
      [[0, 0, 0]],
      [
        [0, 0, 0],
        [4, 1, 0],
      ],
    ],
    pprLog: 3,
  });
  expect([0, 1, 2].map(device => machine.iommuOf(device))).toEqual([0, 1, 1]);
  expect([machine.pprFirst(0), machine.pprFirst(1), machine.hasAts(0), machine.hasAts(2)]).toEqual([
    0,
    3,
    false,
    true,
  ]);
  dma(machine, 0, 0, 1, PAGE, false);
  dma(machine, 1, 1, 1, PAGE, false);
  machine.queueInvalidatePages(1, 1, 1, 0, true, true);
  machine.queueCompletionWait(1, 0);
  expect([machine.commandStep(0), drainCommands(machine, 1)]).toEqual(['blocked', 2]);
  expect(new Set(machine.copies().map(copy => `${copy.cache}${copy.owner}`))).toEqual(
    new Set(['iotlb0', 'walk-cache0']),
  );
  machine.queueInvalidatePages(0, 2, 1, 0, true, true);
  expect(drainCommands(machine, 0)).toBe(1);
});

test('full caches drop their oldest entries, and a walk cache may have none', () => {
  const { machine, root, frame } = mapped({ iotlb: 1, walkCache: 0 });
  map(machine, root, NEXT, frame);
  dma(machine, 0, 0, 1, PAGE, false);
  dma(machine, 0, 0, 1, NEXT, false);
  expect(held(machine)).toEqual([`iotlb0 dev0/1 ${NEXT.toString(16)} -> ${frame} U`]);
});

test('a block of pages is dropped whole, and its address rounded down to its size', () => {
  const { machine, root, frame } = mapped();
  for (let page = 1; page < 4; page++)
    map(machine, root, PAGE + page * 0x1000, frame, { write: true, young: false });
  const left = (address: number, order: number) => {
    for (let page = 0; page < 4; page++) dma(machine, 0, 0, 1, PAGE + page * 0x1000, false);
    machine.queueInvalidatePages(0, 0, 1, address, false, false, order);
    drainCommands(machine);
    return held(machine)
      .filter(line => line.startsWith('iotlb'))
      .map(line => Number.parseInt(line.split(' ')[2] ?? '', 16) - PAGE);
  };
  // PAGE is the second page of a pair.
  expect(left(PAGE, 1)).toEqual([0x1000, 0x2000, 0x3000]);
  expect(left(PAGE + 0x2000, 1).sort()).toEqual([0, 0x3000]);
  expect(left(PAGE, 3)).toEqual([]);
  expect(left(PAGE, 40)).toEqual([]);
});
