/**
 * cow-isolation: a store through a private mapping changes what another address space reads.
 *
 * Kept is which frame came to be mapped by a second address space, by whose operation, and which threads had
 * an access under way when that operation returned: theirs was issued before, and may still go to the page
 * that is shared now.
 */
import type { Layout } from '../../base/layout';
import { FRAME_WORDS } from '../../base/words';
import { pteFrame } from '../../machine/entry-format';
import { addressText } from '../format';
import { THREAD } from '../layout';
import type { Vm } from '../vm';
import { placesOfSlot, processOf, vmaRights } from './address-spaces';
import { entriesOfRun, mappersOf } from './mappers';
import { Records } from './records';

/**
 * 1 + first frame, the mm that must not see it change, 1 + thread of the operation or 0, exempt threads,
 * number of frames in a row.
 */
const WORDS = 5;

/** Frames that two address spaces share, in state. */
export class Sharing {
  private readonly shared: Records;

  constructor(
    private readonly vm: Vm,
    layout: Layout,
  ) {
    this.shared = new Records(layout, 2 * vm.program.scenario.machine.frames, WORDS);
  }

  /** A present leaf for some frames is about to be stored where others, or none, were. */
  mapping(mm: number, first: number, count: number): void {
    const { vm } = this;
    for (const { table, slot, level, value } of entriesOfRun(vm, first, count)) {
      const others = new Set(placesOfSlot(vm, table, slot).map(place => place.mm));
      others.delete(mm);
      if (others.size === 0) continue;
      // Those of the frames that the entry maps too.
      const from = Math.max(first, pteFrame(value));
      const to = Math.min(first + count, pteFrame(value) + FRAME_WORDS ** (level - 1));
      for (const other of others) this.note(from, to - from, other);
      this.note(from, to - from, mm);
    }
  }

  /** An access is issued on the current thread. */
  issued(): void {
    const { vm } = this;
    const { words, thread } = vm;
    words.put(vm.threadBase(thread) + THREAD.accessing, 1);
    if (this.shared.isEmpty(words)) return;
    for (const index of this.shared.all(words)) words.put(index + 3, words.get(index + 3) & ~(1 << thread));
  }

  /** An access of the current thread completes. */
  accessed(mm: number, address: number, write: boolean, frame: number): void {
    const { vm } = this;
    const { words, thread } = vm;
    words.put(vm.threadBase(thread) + THREAD.accessing, 0);
    if (!write || this.shared.isEmpty(words)) return;
    const sharers = this.shared.all(words).filter(index => {
      const isOver = words.get(index + 2) === 0 && ((words.get(index + 3) >>> thread) & 1) === 0;
      return this.holds(index, frame) && words.get(index + 1) !== mm && isOver;
    });
    if (sharers.length === 0 || vmaRights(vm, mm, address)?.shared !== false) return;
    const seen = mappersOf(vm, frame).find(mapper =>
      sharers.some(index => words.get(index + 1) === mapper.mm),
    );
    if (seen === undefined) return;
    const where = `${addressText(vm, address)} in frame ${frame}`;
    const at = `${addressText(vm, seen.address)} of ${processOf(vm, seen.mm) ?? `mm#${seen.mm}`}`;
    const text = `a store to ${where}, through a private mapping, changes what is read at ${at}`;
    vm.violate('cow-isolation', text, { address, frame });
  }

  /** The operation of a thread is over: what it shared is shared from now on. */
  operationReturned(thread: number): void {
    const { vm } = this;
    const { words } = vm;
    if (this.shared.isEmpty(words)) return;
    const underWay = vm.threads.reduce(
      (mask, { id }) => (words.get(vm.threadBase(id) + THREAD.accessing) === 0 ? mask : mask | (1 << id)),
      0,
    );
    for (const index of this.shared.all(words)) {
      if (words.get(index + 2) !== thread + 1) continue;
      words.put(index + 2, 0);
      words.put(index + 3, underWay);
    }
  }

  /** A frame is freed. */
  freed(frame: number): void {
    this.cut(frame, 1, null);
  }

  private holds(index: number, frame: number): boolean {
    const { words } = this.vm;
    const first = words.get(index) - 1;
    return first <= frame && frame < first + words.get(index + 4);
  }

  private note(first: number, count: number, mm: number): void {
    const { vm } = this;
    const { words } = vm;
    this.cut(first, count, mm);
    const isOperation = words.get(vm.threadBase(vm.thread) + THREAD.operation) !== 0;
    this.add([first + 1, mm, isOperation ? vm.thread + 1 : 0, 0, count]);
  }

  /** Takes frames out of what is kept of an mm, or of all. */
  private cut(first: number, count: number, mm: number | null): void {
    const { words } = this.vm;
    if (this.shared.isEmpty(words)) return;
    for (const index of this.shared.all(words)) {
      const [kept, owner, thread, exempt, length] = [0, 1, 2, 3, 4].map(word => words.get(index + word));
      const from = (kept ?? 0) - 1;
      const to = from + (length ?? 0);
      if ((mm !== null && owner !== mm) || to <= first || first + count <= from) continue;
      this.shared.remove(words, index);
      const rest = [owner ?? 0, thread ?? 0, exempt ?? 0];
      if (from < first) this.add([from + 1, ...rest, first - from]);
      if (first + count < to) this.add([first + count + 1, ...rest, to - first - count]);
    }
  }

  private add(record: readonly number[]): void {
    if (!this.shared.add(this.vm.words, record))
      this.vm.limit = `more than ${this.shared.capacity} frames shared by address spaces`;
  }
}
