import { expect, test } from 'vitest';
import { makeLeaf, makePointer, PTE } from '../../src/machine/entry-format';
import { access, FAR, FARTHER, held, map, NEXT, PAGE, rig, setLeaf } from './rig';

/** One CPU with PAGE mapped to a data frame that holds 7 in its first word. */
function mapped(options: Parameters<typeof rig>[0] = {}, write = true) {
  const all = rig(options);
  const { machine } = all;
  const root = machine.allocTable(4);
  const frame = machine.allocData();
  const table = map(machine, root, PAGE, frame, { write, young: false });
  machine.writeWord(frame, 0, 7);
  for (let cpu = 0; cpu < (options.cpus ?? 1); cpu++) machine.loadCr3(cpu, root);
  all.told.length = 0;
  return { ...all, root, frame, table };
}

test('a cold load walks one level a step, then looks up and accesses in one', () => {
  const { machine, told, root, table, frame } = mapped();
  const outcomes = Array.from({ length: 5 }, () => machine.cpuAccess(0, PAGE, false, 0));
  expect(outcomes).toEqual(['more', 'more', 'more', 'more', 'done']);
  expect(machine.value).toBe(7);
  expect(told[0]).toBe('issued cpu 0 0 7f0000001000 read');
  expect(told[1]).toBe(`walked cpu 0 7f0000001000 ${root}[254]`);
  expect(told[4]).toBe(`walked cpu 0 7f0000001000 ${table}[1]`);
  expect(told.slice(5)).toEqual([`accessed cpu 0 0 7f0000001000 read frame ${frame}`]);
  expect(machine.readEntry(table, 1)).toBe(makeLeaf(frame, { write: true }));
});

test('the second access is one step, and a neighbour needs its leaf only', () => {
  const { machine, root } = mapped();
  const other = machine.allocData();
  map(machine, root, NEXT, other);
  access(machine, 0, PAGE, false);
  expect(machine.cpuAccess(0, PAGE + 8, false, 0)).toBe('done');
  expect(machine.cpuAccess(0, NEXT, false, 0)).toBe('more');
  expect(machine.cpuAccess(0, NEXT, false, 0)).toBe('done');
});

test('paging-structure entries serve everything under their prefix', () => {
  const { machine, root, told } = mapped();
  const [far, farther] = [machine.allocData(), machine.allocData()];
  map(machine, root, FAR, far);
  map(machine, root, FARTHER, farther);
  access(machine, 0, PAGE, false);
  const walks = (address: number) => {
    told.length = 0;
    access(machine, 0, address, false);
    return told.filter(line => line.startsWith('walked')).length;
  };
  expect([walks(FAR), walks(FARTHER), walks(FARTHER)]).toEqual([2, 3, 0]);
});

test('a store through a copy without D walks again and sets D', () => {
  const { machine, table, frame, told } = mapped();
  access(machine, 0, PAGE, false);
  expect(held(machine)).toContain(`tlb0 7f0000001000 -> ${frame} WU`);
  told.length = 0;
  expect(machine.cpuAccess(0, PAGE, true, 9)).toBe('more');
  expect(machine.readEntry(table, 1) & PTE.D).toBe(PTE.D);
  expect(machine.cpuAccess(0, PAGE, true, 9)).toBe('done');
  expect(told.filter(line => line.startsWith('walked')).length).toBe(1);
  expect(machine.readWord(frame, 0)).toBe(9);
  expect(held(machine)).toContain(`tlb0 7f0000001000 -> ${frame} WUD`);
});

test('a copy with D is not walked again although D was cleared in the entry', () => {
  const { machine, table, frame } = mapped();
  access(machine, 0, PAGE, true, 1);
  setLeaf(machine, table, PAGE, makeLeaf(frame, { write: true, dirty: false }));
  expect(machine.cpuAccess(0, PAGE, true, 2)).toBe('done');
  expect(machine.readEntry(table, 1) & PTE.D).toBe(0);
});

test('a fault tells absent from denied and drops the copies it used', () => {
  const { machine, table, frame } = mapped({}, false);
  expect(access(machine, 0, PAGE, true)).toBe('fault');
  expect(machine.faultPresent).toBe(true);
  expect(access(machine, 0, PAGE, false)).toBe('done');
  setLeaf(machine, table, PAGE, 0);
  expect(machine.cpuAccess(0, PAGE, false, 0)).toBe('done');
  expect(access(machine, 0, PAGE, true)).toBe('fault');
  expect(machine.faultPresent).toBe(false);
  expect(held(machine)).toEqual([]);
  expect(access(machine, 0, PAGE, false)).toBe('fault');
  setLeaf(machine, table, PAGE, makeLeaf(frame, { write: true }));
  expect(access(machine, 0, PAGE, true)).toBe('done');
});

test('a store to a page that became writable walks again instead of faulting', () => {
  const { machine, table, frame } = mapped({}, false);
  access(machine, 0, PAGE, false);
  setLeaf(machine, table, PAGE, makeLeaf(frame, { write: true }));
  expect(access(machine, 0, PAGE, true)).toBe('done');
});

test('rights are those that all levels grant', () => {
  const { machine, root, frame, table } = mapped();
  const upper = machine.backing(root, PAGE);
  expect(upper).toEqual({
    frame,
    value: makeLeaf(frame, { write: true, young: false }),
    level: 1,
    table,
    slot: 1,
  });
  const pgd = machine.readEntry(root, 254);
  machine.storeEntry(root, 254, pgd & ~PTE.W);
  expect([access(machine, 0, PAGE, true), machine.faultPresent]).toEqual(['fault', true]);
  expect(access(machine, 0, PAGE, false)).toBe('done');
  expect(held(machine)).toContain(`tlb0 7f0000001000 -> ${frame} U`);
  machine.flushTlb(0);
  machine.storeEntry(root, 254, pgd & ~PTE.U);
  expect(access(machine, 0, PAGE, false)).toBe('fault');
});

test('INVLPG drops the leaf of its page, and every paging-structure entry', () => {
  const { machine, root, frame } = mapped();
  const other = machine.allocData();
  map(machine, root, FAR, other);
  access(machine, 0, PAGE, false);
  access(machine, 0, FAR, false);
  machine.invlpg(0, PAGE + 0x10);
  expect(held(machine)).toEqual([`tlb0 ${FAR.toString(16)} -> ${other} WU`]);
  expect(machine.backing(root, PAGE)?.frame).toBe(frame);
});

test('a CR3 load empties both caches but for global leaves, a flush those too', () => {
  const { machine, root, frame } = mapped();
  const kernel = -0x1000;
  map(machine, root, kernel, frame, { write: true, global: true });
  access(machine, 0, PAGE, false);
  access(machine, 0, kernel, false);
  machine.loadCr3(0, root);
  expect(held(machine)).toEqual([`tlb0 -1000 -> ${frame} WU`]);
  const empty = machine.allocTable(4);
  machine.loadCr3(0, empty);
  expect([machine.cr3(0), access(machine, 0, kernel, false)]).toEqual([empty, 'done']);
  machine.flushTlb(0);
  expect(held(machine)).toEqual([]);
  machine.loadCr3(0, -1);
  expect([machine.cr3(0), access(machine, 0, kernel, false)]).toEqual([-1, 'fault']);
});

test('an abandoned walk starts over and is issued again', () => {
  const { machine, told, words } = mapped();
  machine.cpuAccess(0, PAGE, false, 0);
  machine.cpuAccess(0, PAGE, false, 0);
  machine.abandonWalk(0);
  expect(machine.cpus[0]?.isIdle()).toBe(true);
  expect(access(machine, 0, PAGE, false)).toBe('done');
  expect(told.filter(line => line.startsWith('issued')).length).toBe(2);
  expect(machine.cpus[0]?.isIdle()).toBe(true);
  expect(words.mark()).toBeGreaterThan(0);
});

test('an entry cleared while the walk is under way is not seen by it', () => {
  const { machine, table } = mapped();
  for (let step = 0; step < 3; step++) machine.cpuAccess(0, PAGE, false, 0);
  setLeaf(machine, table, PAGE, 0);
  expect(machine.cpuAccess(0, PAGE, false, 0)).toBe('fault');
});

test('a huge leaf translates each of its pieces, and any address in it invalidates it', () => {
  const { machine, root } = rigWithHuge();
  const base = 0x40000000;
  expect(access(machine, 0, base + 0x5008, true, 3)).toBe('done');
  expect(machine.readWord(512 + 5, 1)).toBe(3);
  expect(machine.cpuAccess(0, base + 0x1ff000, true, 4)).toBe('done');
  expect(machine.readWord(1023, 0)).toBe(4);
  expect(machine.backing(root, base + 0x5008)).toMatchObject({ frame: 517, level: 2 });
  expect(held(machine)).toContain('tlb0 40000000 2048K -> 512 WUD');
  machine.invlpg(0, base + 0x10000);
  expect(held(machine)).toEqual([]);
});

function rigWithHuge() {
  const all = rig({ frames: 1100 });
  const root = all.machine.allocTable(4);
  for (let frame = 1; frame < 1060; frame++) all.machine.allocData();
  map(all.machine, root, 0x40000000, 512, { write: true }, 2);
  all.machine.loadCr3(0, root);
  return { ...all, root };
}

test('a copy of a huge leaf does not hide the sufficient copy of a page', () => {
  const { machine, root } = rigWithHuge();
  const base = 0x40000000;
  machine.storeEntry(machine.backing(root, base)?.table ?? 0, 0, makeLeaf(512, { write: false, huge: true }));
  expect(access(machine, 0, base, false)).toBe('done');
  const split = machine.allocTable(1);
  machine.storeEntry(split, 0, makeLeaf(512, { write: true }));
  machine.storeEntry(machine.backing(root, base)?.table ?? 0, 0, makePointer(split));
  expect(access(machine, 0, base, true)).toBe('done');
});

test('a full TLB drops its oldest entry', () => {
  const { machine, root, frame, events } = mapped({ tlb: 2, psc: 1 });
  for (let page = 1; page < 4; page++) map(machine, root, PAGE + page * 0x1000, frame);
  for (let page = 0; page < 3; page++) access(machine, 0, PAGE + page * 0x1000, false);
  const leaves = machine.copies().filter(copy => copy.cache === 'tlb');
  expect(leaves.map(copy => copy.address)).toEqual([PAGE + 0x1000, PAGE + 0x2000]);
  expect(
    machine
      .copies()
      .filter(copy => copy.cache === 'psc')
      .map(copy => copy.level),
  ).toEqual([2]);
  const dropped = events.flatMap(event =>
    event.type === 'drop' && event.cache === 'tlb' ? [event.why] : [],
  );
  expect(dropped).toEqual(['capacity']);
});

test('evictions name every entry, and an evicted one is gone', () => {
  const { machine } = mapped();
  access(machine, 0, PAGE, false);
  const before = machine.evictions();
  expect(before.map(({ cache, slot }) => `${cache} ${slot}`)).toEqual(['tlb 0', 'psc 0', 'psc 1', 'psc 2']);
  machine.evict('psc', 0, 1);
  expect(machine.copies().map(copy => `${copy.cache} L${copy.level}`)).toEqual([
    'tlb L1',
    'psc L4',
    'psc L2',
  ]);
  machine.evict('tlb', 0, 5);
  machine.evict('tlb', 0, 0);
  expect(machine.evictions().length).toBe(2);
});

test('a walk through garbage reads what is there and ends', () => {
  const { machine, root, frame, told } = mapped();
  const upper = machine.readEntry(root, 254);
  machine.storeEntry(root, 254, makePointer(frame));
  expect(access(machine, 0, PAGE, false)).toBe('fault');
  expect(told.some(line => line.startsWith(`walked cpu 0 7f0000001000 ${frame}[`))).toBe(true);
  expect(machine.backing(root, PAGE)).toBeUndefined();
  machine.storeEntry(root, 254, makePointer(5000));
  expect(access(machine, 0, PAGE, false)).toBe('fault');
  machine.storeEntry(root, 254, upper);
  expect(access(machine, 0, PAGE, false)).toBe('done');
});

test('two CPUs keep copies of their own', () => {
  const { machine, table } = mapped({ cpus: 2 });
  access(machine, 0, PAGE, false);
  setLeaf(machine, table, PAGE, 0);
  expect(access(machine, 0, PAGE, false)).toBe('done');
  expect(access(machine, 1, PAGE, false)).toBe('fault');
  machine.invlpg(1, PAGE);
  expect(access(machine, 0, PAGE, false)).toBe('done');
  machine.invlpg(0, PAGE);
  expect(access(machine, 0, PAGE, false)).toBe('fault');
});
