/**
 * Who is subscribed: hashed notifiers, the brackets each has open, the bindings each answers for.
 *
 * A bracket counts from an invalidate_range_start called while the subscriber is hashed to its end, per
 * thread.
 */
import { addressBelow, fromWords, highWord, lowWord } from '../../base/address';
import type { Layout } from '../../base/layout';
import type { Vm } from '../vm';
import { fieldOf } from './address-spaces';
import { Records } from './records';

/** An open bracket: subscriber, 1 + thread, start (two words), end (two words). */
const BRACKET_WORDS = 6;
/** A binding: subscriber, 1 + device, pasid, whether released. */
const BINDING_WORDS = 4;

/** Subscribers, their brackets and bindings, in state. */
export class Subscribers {
  private readonly hashed: Records;
  private readonly brackets: Records;
  private readonly bindings: Records;

  constructor(
    private readonly vm: Vm,
    layout: Layout,
  ) {
    this.hashed = new Records(layout, 16, 1);
    this.brackets = new Records(layout, 64, BRACKET_WORDS);
    this.bindings = new Records(layout, 16, BINDING_WORDS);
  }

  /** A subscriber was put in a list. */
  add(subscriber: number): void {
    if (!this.hashed.add(this.vm.words, [subscriber])) this.vm.limit = 'more than 16 subscribers';
  }

  /** A subscriber was taken out of its list; its open brackets no longer count. */
  remove(subscriber: number): void {
    const { words } = this.vm;
    for (const index of this.hashed.all(words))
      if (words.get(index) === subscriber) this.hashed.remove(words, index);
    for (const index of this.brackets.all(words))
      if (words.get(index) === subscriber) this.brackets.remove(words, index);
  }

  /** Subscribers hashed now, all or those of an mm. */
  of(mm: number | null): number[] {
    const { words } = this.vm;
    const all = this.hashed.all(words).map(index => words.get(index));
    return mm === null
      ? all
      : all.filter(subscriber => fieldOf(this.vm, 'mmu_notifier', 'mm', subscriber) === mm);
  }

  /** Whether a subscriber is hashed. */
  has(subscriber: number): boolean {
    return this.of(null).includes(subscriber);
  }

  /** Whether the subscriber's driver implements a callback. */
  implements(subscriber: number, callback: string): boolean {
    const ops = fieldOf(this.vm, 'mmu_notifier', 'ops', subscriber);
    return this.vm.program.notifiers[ops - 1]?.callbacks[callback] !== undefined;
  }

  /** Opens a bracket of a subscriber on the current thread; one that is no longer hashed has none. */
  open(subscriber: number, start: number, end: number): void {
    if (!this.has(subscriber)) return;
    const record = [
      subscriber,
      this.vm.thread + 1,
      lowWord(start),
      highWord(start),
      lowWord(end),
      highWord(end),
    ];
    if (!this.brackets.add(this.vm.words, record)) this.vm.limit = 'more than 64 brackets open';
  }

  /** Closes the bracket of this range; false if the subscriber had none open on this thread. */
  close(subscriber: number, start: number, end: number): boolean {
    const { words } = this.vm;
    const mine = this.brackets
      .all(words)
      .filter(index => words.get(index) === subscriber && words.get(index + 1) === this.vm.thread + 1);
    const exact = mine.find(index => this.startOf(index) === start && this.endOf(index) === end);
    const found = exact ?? mine[0];
    if (found !== undefined) this.brackets.remove(words, found);
    return found !== undefined;
  }

  /** Drops every bracket that the subscriber has open on a thread. */
  closeOf(subscriber: number, thread: number): void {
    const { words } = this.vm;
    for (const index of this.brackets.all(words))
      if (words.get(index) === subscriber && words.get(index + 1) === thread + 1)
        this.brackets.remove(words, index);
  }

  /** Whether a bracket of the subscriber, on any thread, is open over all of a range. */
  covers(subscriber: number, address: number, size: number): boolean {
    const { words } = this.vm;
    return this.brackets
      .all(words)
      .some(
        index =>
          words.get(index) === subscriber &&
          !addressBelow(address, this.startOf(index)) &&
          !addressBelow(this.endOf(index) - 1, address + size - 1),
      );
  }

  /** Open brackets, for views: subscriber, thread and range. */
  openBrackets(): { subscriber: number; thread: number; start: number; end: number }[] {
    const { words } = this.vm;
    return this.brackets.all(words).map(index => ({
      subscriber: words.get(index),
      thread: words.get(index + 1) - 1,
      start: this.startOf(index),
      end: this.endOf(index),
    }));
  }

  /** Says that a subscriber answers for a binding. */
  bind(subscriber: number, device: number, pasid: number): void {
    this.unbind(subscriber, device, pasid);
    if (!this.bindings.add(this.vm.words, [subscriber, device + 1, pasid, 0]))
      this.vm.limit = 'more than 16 bindings';
  }

  /** The subscriber's ->release or unregister has returned: no walk through its bindings may follow. */
  release(subscriber: number): void {
    const { words } = this.vm;
    for (const index of this.bindings.all(words))
      if (words.get(index) === subscriber) words.put(index + 3, 1);
  }

  /** The core has released every subscriber of an mm, also those that have no ->release to be told by. */
  releaseAllOf(mm: number): void {
    const { words } = this.vm;
    for (const index of this.bindings.all(words))
      if (fieldOf(this.vm, 'mmu_notifier', 'mm', words.get(index)) === mm) words.put(index + 3, 1);
  }

  /** Bindings of (device, pasid): subscriber and whether it was released. */
  boundTo(device: number, pasid: number): { subscriber: number; released: boolean }[] {
    const { words } = this.vm;
    return this.bindings
      .all(words)
      .filter(index => words.get(index + 1) === device + 1 && words.get(index + 2) === pasid)
      .map(index => ({ subscriber: words.get(index), released: words.get(index + 3) !== 0 }));
  }

  /** What a subscriber has said that it answers for, released or not. */
  bindingsOf(subscriber: number): { device: number; pasid: number }[] {
    const { words } = this.vm;
    return this.bindings
      .all(words)
      .filter(index => words.get(index) === subscriber)
      .map(index => ({ device: words.get(index + 1) - 1, pasid: words.get(index + 2) }));
  }

  /** Whether the subscriber has a binding, so that an IOMMU walks the tables of its mm. */
  isBound(subscriber: number): boolean {
    const { words } = this.vm;
    return this.bindings
      .all(words)
      .some(index => words.get(index) === subscriber && words.get(index + 3) === 0);
  }

  private unbind(subscriber: number, device: number, pasid: number): void {
    const { words } = this.vm;
    for (const index of this.bindings.all(words)) {
      const same = words.get(index + 1) === device + 1 && words.get(index + 2) === pasid;
      if (same && (words.get(index) === subscriber || words.get(index + 3) !== 0))
        this.bindings.remove(words, index);
    }
  }

  private startOf(index: number): number {
    return fromWords(this.vm.words.get(index + 2), this.vm.words.get(index + 3));
  }

  private endOf(index: number): number {
    return fromWords(this.vm.words.get(index + 4), this.vm.words.get(index + 5));
  }
}
