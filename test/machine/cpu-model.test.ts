/**
 * The CPU against the most naive reference: exhaustively for one page, whose behaviour is known exactly, and
 * with random actions for several pages and tables, where any result must be explained by entries that were
 * there since the last flush of that page.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeLeaf, makePointer, PTE, pteFrame, ptePresent } from '../../src/machine/entry-format';
import { access, map, PAGE, rig, setLeaf } from './rig';

const DEPTH = 6;

interface OnePage {
  /** Frame and W in the table; D as hardware keeps it. */
  entry: { frame: number; write: boolean; dirty: boolean } | undefined;
  /** The same as the TLB holds it. */
  copy: { frame: number; write: boolean; dirty: boolean } | undefined;
}

/** What an access must do, worked out with one copy and one entry. */
function expectAccess(page: OnePage, write: boolean): { outcome: string; frame: number; next: OnePage } {
  const { copy, entry } = page;
  const isHit = copy !== undefined && (!write || (copy.write && copy.dirty));
  if (isHit) return { outcome: 'done', frame: copy.frame, next: page };
  if (entry === undefined) return { outcome: 'absent', frame: -1, next: { entry, copy: undefined } };
  if (write && !entry.write) return { outcome: 'denied', frame: -1, next: { entry, copy: undefined } };
  const used = { ...entry, dirty: entry.dirty || write };
  return { outcome: 'done', frame: entry.frame, next: { entry: used, copy: used } };
}

test('one page, every sequence of six actions', () => {
  const { machine, words, told } = rig({ frames: 16 });
  machine.sink = undefined;
  const root = machine.allocTable(4);
  const frames = [machine.allocData(), machine.allocData()];
  const table = map(machine, root, PAGE, frames[0] ?? 0);
  setLeaf(machine, table, PAGE, 0);
  machine.loadCr3(0, root);
  let runs = 0;

  const store = (frame: number, write: boolean) => (page: OnePage) => {
    setLeaf(machine, table, PAGE, makeLeaf(frame, { write }));
    return { entry: { frame, write, dirty: false }, copy: page.copy };
  };
  const use = (write: boolean) => (page: OnePage) => {
    const expected = expectAccess(page, write);
    told.length = 0;
    const outcome = access(machine, 0, PAGE, write, 1);
    const shown = outcome === 'fault' ? (machine.faultPresent ? 'denied' : 'absent') : outcome;
    const frame = Number(told.at(-1)?.match(/frame (\d+)/)?.[1] ?? -1);
    if (shown !== expected.outcome || (outcome === 'done' && frame !== expected.frame)) {
      throw new Error(`expected ${JSON.stringify(expected)}, got ${shown} of frame ${frame}`);
    }
    return expected.next;
  };
  const flush = (instruction: () => void) => (page: OnePage) => {
    instruction();
    return { entry: page.entry, copy: undefined };
  };
  const actions: ((page: OnePage) => OnePage)[] = [
    store(frames[0] ?? 0, true),
    store(frames[1] ?? 0, false),
    page => {
      setLeaf(machine, table, PAGE, 0);
      return { entry: undefined, copy: page.copy };
    },
    use(false),
    use(true),
    flush(() => machine.invlpg(0, PAGE)),
    flush(() => machine.loadCr3(0, root)),
  ];
  const search = (page: OnePage, depth: number) => {
    runs++;
    if (depth === 0) return;
    for (const action of actions) {
      const mark = words.mark();
      search(action(page), depth - 1);
      words.undo(mark);
    }
  };
  const before = words.hash();
  search({ entry: undefined, copy: undefined }, DEPTH);
  expect(words.hash()).toBe(before);
  expect(runs).toBe((7 ** (DEPTH + 1) - 1) / 6);
});

const PAGES = [PAGE, PAGE + 0x1000, PAGE + 0x200000, PAGE + 0x201000];

type Action =
  | { kind: 'leaf'; table: number; slot: number; frame: number; write: boolean }
  | { kind: 'pointer'; region: number; table: number; write: boolean }
  | { kind: 'step'; page: number; write: boolean }
  | { kind: 'invlpg'; page: number }
  | { kind: 'flush' | 'abandon' };

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constant('leaf' as const),
    table: fc.nat(2),
    slot: fc.nat(1),
    frame: fc.nat(3),
    write: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('pointer' as const),
    region: fc.nat(1),
    table: fc.nat(3),
    write: fc.boolean(),
  }),
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('step' as const), page: fc.nat(3), write: fc.boolean() }),
  },
  fc.record({ kind: fc.constant('invlpg' as const), page: fc.nat(3) }),
  fc.record({ kind: fc.constantFrom('flush' as const, 'abandon' as const) }),
);

/** Everything an entry has been: value and until when, in a count of actions. */
type History = Map<string, { value: number; until: number }[]>;

/** Ends of all walks from `table` that read at each level a value that was there at or after `since`. */
function* walks(history: History, table: number, address: number, since: number): Generator<number> {
  const open: { table: number; level: number; write: boolean }[] = [{ table, level: 4, write: true }];
  for (let item = open.pop(); item !== undefined; item = open.pop()) {
    const slot = Math.floor(address / 2 ** (12 + 9 * (item.level - 1))) % 512;
    for (const { value, until } of history.get(`${item.table}:${slot}`) ?? [{ value: 0, until: Infinity }]) {
      if (until < since) continue;
      const write = item.write && (value & PTE.W) !== 0;
      if (!ptePresent(value)) yield -1;
      else if (item.level > 1) open.push({ table: pteFrame(value), level: item.level - 1, write });
      else yield pteFrame(value) * 2 + (write ? 1 : 0);
    }
  }
}

test('any result is explained by entries that were there since the last flush of the page', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), fc.integer({ min: 1, max: 4 }), (actions, capacity) => {
      const { machine, told } = rig({ frames: 16, tlb: capacity, psc: capacity });
      const root = machine.allocTable(4);
      const data = Array.from({ length: 3 }, () => machine.allocData());
      const lowest = map(machine, root, PAGE, data[0] ?? 0);
      const middle = [...Array(16).keys()].find(frame => machine.tableLevel(frame) === 2) ?? -1;
      const tables = [lowest, machine.allocTable(1), machine.allocTable(1)];
      machine.loadCr3(0, root);
      const history: History = new Map();
      const since = PAGES.map(() => 0);
      let now = 0;
      const record = (frame: number, slot: number) => {
        const list = history.get(`${frame}:${slot}`) ?? [{ value: 0, until: Infinity }];
        const last = list.at(-1);
        if (last !== undefined) last.until = now;
        list.push({ value: machine.readEntry(frame, slot), until: Infinity });
        history.set(`${frame}:${slot}`, list);
      };
      for (const frame of [root, ...Array(16).keys()]) {
        if (machine.frameKind(frame) !== 2) continue;
        let slot = machine.nextPopulated(frame, 0, 512);
        for (; slot >= 0; slot = machine.nextPopulated(frame, slot + 1, 512)) {
          history.set(`${frame}:${slot}`, [{ value: machine.readEntry(frame, slot), until: Infinity }]);
        }
      }
      const judge = (address: number, page: number, write: boolean, outcome: string) => {
        const ends = [...walks(history, root, address, since[page] ?? 0)];
        if (outcome === 'done') {
          const frame = Number(told.at(-1)?.match(/frame (\d+)/)?.[1]);
          expect(ends.some(end => end >= 0 && end >> 1 === frame && (!write || (end & 1) === 1))).toBe(true);
        } else if (outcome === 'fault') {
          expect(
            ends.some(end => (end === -1) === !machine.faultPresent && (end & 1) === (end === -1 ? 1 : 0)),
          ).toBe(true);
        }
      };
      for (const next of actions) {
        now++;
        switch (next.kind) {
          case 'leaf': {
            const table = tables[next.table] ?? 0;
            const value = next.frame === 3 ? 0 : makeLeaf(data[next.frame] ?? 0, { write: next.write });
            machine.storeEntry(table, 1 + next.slot, value);
            record(table, 1 + next.slot);
            break;
          }
          case 'pointer': {
            const value =
              next.table === 3 ? 0 : makePointer(tables[next.table] ?? 0) & ~(next.write ? 0 : PTE.W);
            machine.storeEntry(middle, next.region, value);
            record(middle, next.region);
            break;
          }
          case 'step': {
            const address = PAGES[next.page] ?? 0;
            judge(address, next.page, next.write, machine.cpuAccess(0, address, next.write, 1));
            break;
          }
          case 'invlpg':
            machine.invlpg(0, PAGES[next.page] ?? 0);
            since[next.page] = now + 0.5;
            break;
          case 'flush':
            machine.flushTlb(0);
            since.fill(now + 0.5);
            break;
          case 'abandon':
            machine.abandonWalk(0);
            break;
        }
      }
      machine.flushTlb(0);
      since.fill(now + 0.5);
      PAGES.forEach((address, page) => {
        told.length = 0;
        const write = page % 2 === 0;
        const outcome = access(machine, 0, address, write, 1);
        judge(address, page, write, outcome);
        expect(outcome === 'done').toBe(
          [...walks(history, root, address, now + 0.5)].every(end => end >= 0 && (!write || (end & 1) === 1)),
        );
      });
    }),
    { numRuns: 300 },
  );
});
