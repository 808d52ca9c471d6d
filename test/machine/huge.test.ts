/** Leaves of 2 MiB and 1 GiB in the caches of IOMMU and device, whole and in pieces. */
import { expect, test } from 'vitest';
import { dma, drainCommands, held, map, rig } from './rig';

const BASE = 0x7f00_4000_0000;
const PAGE = 0x1000;

/** A device with a huge leaf of a level at BASE, two pieces of which it has used. */
function used(level: number, splits: boolean) {
  const { machine } = rig({ frames: 1024, iommus: [[[8, 0, 0]]], splits });
  const root = machine.allocTable(4);
  expect(machine.allocRun(512)).toBe(512);
  map(machine, root, BASE, 512, { write: true }, level);
  machine.setGcr3(0, 1, root);
  for (const page of [1, 5]) expect(dma(machine, 0, 0, 1, BASE + page * PAGE, true, page)).toBe('done');
  const leaves = (): string[] => held(machine).filter(line => /^(atc|iotlb)/.test(line));
  return { machine, leaves };
}

for (const [level, size] of [
  [2, '2048K'],
  [3, '1048576K'],
] as const) {
  test(`a leaf of ${size} is one copy, which the invalidation of any of its pages drops`, () => {
    const { machine, leaves } = used(level, false);
    expect([machine.readWord(513, 0), machine.readWord(517, 0)]).toEqual([1, 5]);
    expect(leaves()).toHaveLength(2);
    expect(leaves().every(line => line.includes(size))).toBe(true);
    machine.queueInvalidatePages(0, 0, 1, BASE + 9 * PAGE, false, false);
    machine.queueInvalidateIotlb(0, 1, BASE + 9 * PAGE, false);
    drainCommands(machine);
    expect(leaves()).toEqual([]);
  });

  test(`a device that splits keeps pieces of ${size}, and drops only what is invalidated`, () => {
    const { machine, leaves } = used(level, true);
    expect([machine.readWord(513, 0), machine.readWord(517, 0)]).toEqual([1, 5]);
    const atc = (): string[] => leaves().filter(line => line.startsWith('atc'));
    expect(atc().map(line => / -> (\d+)/.exec(line)?.[1])).toEqual(['513', '517']);
    machine.queueInvalidateIotlb(0, 1, BASE + PAGE, false);
    drainCommands(machine);
    expect(atc().map(line => / -> (\d+)/.exec(line)?.[1])).toEqual(['517']);
  });
}

test('the free of a piece marks the copy of its huge page, or that piece alone', () => {
  for (const [splits, marked] of [
    [false, 1],
    [true, 1],
  ] as const) {
    const { machine, leaves } = used(2, splits);
    machine.freeFrame(517);
    expect(leaves().filter(line => line.startsWith('atc') && line.includes('!'))).toHaveLength(marked);
  }
});
