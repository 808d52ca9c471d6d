/**
 * Random actions over the whole machine: they end, they can be taken back exactly, and what is counted adds
 * up.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Words } from '../../src/base/words';
import { makeLeaf, makePointer, PTE, pteFrame } from '../../src/machine/entry-format';
import type { Machine } from '../../src/machine/machine';
import { contents, map, PAGE, type Rig, rig } from './rig';

const ADDRESSES = [PAGE, PAGE + 0x1000, PAGE + 0x200008, -0x1000];
const FRAMES = 24;

/** One action: a number picks it, others are its arguments. */
const actions = fc.array(fc.tuple(fc.nat(21), fc.nat(), fc.nat(), fc.boolean()), { maxLength: 60 });

type Step = readonly [number, number, number, boolean];

/** Indices are taken modulo what there is, so that shrinking keeps an action meaningful. */
function act({ machine }: Rig, [kind, a, b, flag]: Step): void {
  const address = ADDRESSES[a % 4] ?? 0;
  const cpu = b % 2;
  const device = b % 3;
  const iommu = b % 2;
  const frame = a % FRAMES;
  const pasid = b % 2;
  const entry = [0, makeLeaf(b % FRAMES, { write: flag }), makePointer(b % FRAMES), b | 0][b % 4] ?? 0;
  const all: (() => unknown)[] = [
    () => machine.allocData(),
    () => machine.allocTable(1 + (a % 4)),
    () => machine.freeFrame(frame),
    () => machine.storeEntry(frame, b % 3 === 0 ? 1 : b % 512, entry),
    () => machine.writeWord(frame, b % 512, entry),
    () => machine.cpuAccess(cpu, address, flag, b),
    () => machine.cpuAccess(cpu, address, flag, b),
    () => machine.abandonWalk(cpu),
    () => machine.loadCr3(cpu, frame - 1),
    () => machine.invlpg(cpu, address),
    () => machine.flushTlb(cpu),
    () => machine.setGcr3(device, pasid, frame - 1),
    () => machine.queueInvalidatePages(machine.iommuOf(device), device, pasid, address, flag, a % 2 === 0),
    () => machine.queueInvalidateIotlb(device, pasid, address, flag),
    () => machine.queueCompletionWait(iommu, a % 4),
    () => machine.queueCompletePpr(device, pasid, a % 2, [0, 1, 15][a % 3] ?? 0),
    () => machine.commandStep(iommu),
    () => (flag ? machine.pprStep(iommu) : machine.pprConsume(iommu)),
    () => machine.dmaStep(a % 4, pasid, address, flag, b),
    () => machine.dmaStep(a % 4, pasid, address, flag, b),
    () => (flag ? evictOne(machine, b) : machine.atsStep(device, a % 3)),
    () => fillOne(machine, b),
  ];
  all[kind % all.length]?.();
}

function evictOne(machine: Machine, pick: number): void {
  const all = machine.evictions();
  const one = all[pick % Math.max(all.length, 1)];
  if (one !== undefined) machine.evict(one.cache, one.owner, one.slot);
}

function fillOne(machine: Machine, pick: number): void {
  const all = machine.fills(1000);
  const one = all[pick % Math.max(all.length, 1)];
  if (one !== undefined) machine.act(one);
}

/** Two CPUs, two IOMMUs, three devices of which one has no ATS, four programs, small caches. */
function everything(): Rig {
  const all = rig({
    cpus: 2,
    frames: FRAMES,
    tlb: 2,
    psc: 3,
    iotlb: 2,
    walkCache: 3,
    commandQueue: 3,
    pprLog: 2,
    iommus: [
      [
        [2, 1, 1],
        [0, 0, 0],
      ],
      [[1, 2, 0]],
    ],
    programs: [0, 1, 2, 0],
  });
  const root = all.machine.allocTable(4);
  for (const address of ADDRESSES) map(all.machine, root, address, all.machine.allocData());
  all.machine.loadCr3(0, root);
  all.machine.loadCr3(1, root);
  for (const device of [0, 1, 2]) all.machine.setGcr3(device, 1, root);
  return all;
}

test('any actions can be taken back exactly, one by one', () => {
  fc.assert(
    fc.property(actions, steps => {
      const all = everything();
      const path = steps.map(step => {
        const before = { mark: all.words.mark(), hash: all.words.hash(), words: contents(all.words) };
        act(all, step);
        return before;
      });
      for (const before of path.reverse()) {
        all.words.undo(before.mark);
        expect(all.words.hash()).toBe(before.hash);
      }
      const first = path.at(-1);
      if (first !== undefined) expect(contents(all.words)).toEqual(first.words);
    }),
    { numRuns: 60 },
  );
});

test('a sink changes nothing, and the hash is that of the words', () => {
  fc.assert(
    fc.property(actions, steps => {
      const watched = everything();
      const silent = everything();
      silent.machine.sink = undefined;
      for (const step of steps) {
        act(watched, step);
        act(silent, step);
      }
      expect(silent.words.hash()).toBe(watched.words.hash());
      const copy = new Words(watched.words.fixed, watched.words.frames);
      contents(watched.words).forEach((word, index) => {
        copy.put(index, word);
      });
      expect(copy.hash()).toBe(watched.words.hash());
    }),
    { numRuns: 60 },
  );
});

test('references, huge leaves and caches are what the contents say', () => {
  fc.assert(
    fc.property(actions, steps => {
      const all = everything();
      for (const step of steps) act(all, step);
      const { machine } = all;
      const counts = new Array<number>(FRAMES).fill(0);
      for (let frame = 0; frame < FRAMES; frame++) {
        for (let slot = 0; slot < 512 && machine.frameKind(frame) === 2; slot++) {
          const value = machine.readEntry(frame, slot);
          const target = pteFrame(value);
          if ((value & PTE.P) !== 0 && target < FRAMES) counts[target] = (counts[target] ?? 0) + 1;
        }
      }
      expect(counts.map((_, frame) => machine.frames.references(frame))).toEqual(counts);
      const lowest = counts.findIndex((_, frame) => machine.frameKind(frame) === 0);
      expect(machine.allocData()).toBe(lowest);
      const keys = machine.copies().map(copy => JSON.stringify({ ...copy, slot: 0 }));
      expect(new Set(keys).size).toBe(keys.length);
    }),
    { numRuns: 150 },
  );
});

test('a machine left alone comes to rest: commands and requests drain, and waits end', () => {
  fc.assert(
    fc.property(actions, steps => {
      const all = everything();
      const { machine } = all;
      for (const step of steps) act(all, step);
      for (let round = 0; round < 200 && !machine.quiet(); round++) {
        for (let program = 0; program < 4; program++) {
          if (machine.programs[program]?.stageName() !== 'idle') machine.dmaStep(program, 0, 0, false, 0);
        }
        for (const device of [0, 1, 2]) machine.atsStep(device, 0);
        for (const iommu of [0, 1]) {
          machine.pprStep(iommu);
          if (machine.pprCount(iommu) > 0) {
            const { device, pasid, tag } = machine.pprFields(machine.pprFirst(iommu));
            if (machine.queueCompletePpr(device, pasid, tag, 1)) machine.pprConsume(iommu);
          }
          machine.commandStep(iommu);
        }
      }
      expect(machine.quiet()).toBe(true);
      for (const thread of [0, 1, 2, 3]) expect(machine.completionDone(thread)).toBe(true);
      for (let program = 0; program < 4; program++) expect(machine.dmaReady(program)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test('readiness tells exactly whether a step is blocked', () => {
  fc.assert(
    fc.property(actions, steps => {
      const all = everything();
      const { machine, words } = all;
      for (const step of steps) {
        act(all, step);
        const mark = words.mark();
        const hash = words.hash();
        for (let program = 0; program < 4; program++) {
          const ready = machine.dmaReady(program);
          expect(machine.dmaStep(program, 1, PAGE, false, 0) !== 'blocked').toBe(ready);
          if (!ready) expect(words.hash()).toBe(hash);
          words.undo(mark);
        }
        for (const iommu of [0, 1]) {
          const ready = [machine.commandReady(iommu), machine.pprChoices(iommu) > 0];
          expect(machine.commandStep(iommu) !== 'blocked').toBe(ready[0]);
          words.undo(mark);
          expect(machine.pprStep(iommu) !== 'blocked').toBe(ready[1]);
          words.undo(mark);
        }
        for (const device of [0, 1, 2]) {
          const choices = machine.atsChoices(device);
          for (let choice = 0; choice <= choices; choice++) {
            expect(machine.atsStep(device, choice) !== 'blocked').toBe(choice < choices);
            words.undo(mark);
          }
        }
      }
    }),
    { numRuns: 60 },
  );
});
