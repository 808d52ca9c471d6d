/**
 * cow-isolation: a store through a private mapping changes what another address space reads.
 *
 * Kept is which frame came to be mapped by a second address space, by whose operation, and which threads had
 * an access under way when that operation returned: theirs was issued before, and may still go to the page
 * that is shared now.
 */
import type { Layout } from '../../base/layout';
import { addressText } from '../format';
import { THREAD } from '../layout';
import type { Vm } from '../vm';
import { processOf, vmaRights } from './address-spaces';
import { mappersOf } from './mappers';
import { Records } from './records';

/** 1 + frame, the mm that must not see it change, 1 + thread of the operation or 0, exempt threads. */
const WORDS = 4;

/** Frames that two address spaces share, in state. */
export class Sharing {
  private readonly shared: Records;

  constructor(
    private readonly vm: Vm,
    layout: Layout,
  ) {
    this.shared = new Records(layout, 2 * vm.program.scenario.machine.frames, WORDS);
  }

  /** A present leaf is about to be stored where another frame, or none, was. */
  mapping(mm: number, frame: number): void {
    const { vm } = this;
    if (vm.machine.frames.references(frame) === 0 && !vm.machine.frames.anyHuge()) return;
    const others = new Set(mappersOf(vm, frame).map(mapper => mapper.mm));
    others.delete(mm);
    for (const other of others) this.note(frame, other);
    if (others.size > 0) this.note(frame, mm);
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
      return words.get(index) === frame + 1 && words.get(index + 1) !== mm && isOver;
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
    const { words } = this.vm;
    if (this.shared.isEmpty(words)) return;
    for (const index of this.shared.all(words))
      if (words.get(index) === frame + 1) this.shared.remove(words, index);
  }

  private note(frame: number, mm: number): void {
    const { vm } = this;
    const { words } = vm;
    for (const index of this.shared.all(words))
      if (words.get(index) === frame + 1 && words.get(index + 1) === mm) this.shared.remove(words, index);
    const isOperation = words.get(vm.threadBase(vm.thread) + THREAD.operation) !== 0;
    if (!this.shared.add(words, [frame + 1, mm, isOperation ? vm.thread + 1 : 0, 0]))
      vm.limit = `more than ${this.shared.capacity} frames shared by address spaces`;
  }
}
