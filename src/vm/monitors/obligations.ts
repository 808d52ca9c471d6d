/**
 * missed-range: what each subscriber must still be told.
 *
 * An obligation is opened when a present leaf is cleared or replaced by another frame (t0), for every
 * subscriber hashed then; also when a pointer above it is cleared; and, for subscribers with a binding, for a
 * pointer itself. It is closed by a bracket of the subscriber that covers the address and is open at t0
 * (leaves only), by an invalidate_range or invalidate_page called at or after t0, on its return, or by
 * release or unregister. It is violated if it is open when the frame is freed, or when a present leaf with
 * another frame is stored there.
 */
import { addressBelow, entrySpan, fromWords, highWord, lowWord } from '../../base/address';
import type { Layout } from '../../base/layout';
import { pteFrame, pteHuge, ptePresent } from '../../machine/entry-format';
import { addressText } from '../format';
import type { Vm } from '../vm';
import { leavesIn, placesOfSlot } from './address-spaces';
import { Records } from './records';
import type { Subscribers } from './subscribers';

/**
 * Words of an obligation: subscriber; address (two); 1 + frame; level, or 16 + level for a table pointer; bit
 * mask of
 * threads in a callback that will close it on its return.
 */
const WORDS = 6;
const TABLE = 16;

/** The obligations that are open, in state. */
export class Obligations {
  private readonly open: Records;

  constructor(
    private readonly vm: Vm,
    private readonly subscribers: Subscribers,
    layout: Layout,
  ) {
    this.open = new Records(layout, 4 * vm.program.scenario.machine.frames, WORDS);
  }

  /** An entry is about to change from `old` to `value`. */
  entryStoring(frame: number, slot: number, old: number, value: number): void {
    const same = ptePresent(value) && pteFrame(value) === pteFrame(old) && pteHuge(value) === pteHuge(old);
    const clears = ptePresent(old) && !same;
    if (!clears && !ptePresent(value)) return;
    if (this.subscribers.of(null).length === 0) return;
    for (const { mm, address, level } of placesOfSlot(this.vm, frame, slot)) {
      const leaf = (entry: number): boolean => level === 1 || pteHuge(entry);
      if (clears) this.openFor(mm, address, level, pteFrame(old), !leaf(old));
      if (clears && !leaf(old)) this.openBelow(mm, address, level);
      if (ptePresent(value) && leaf(value)) this.judgeStore(mm, address, pteFrame(value));
    }
  }

  /** A pointer goes, and with it the leaves that are still below: those of a table that others use. */
  private openBelow(mm: number, address: number, level: number): void {
    for (const leaf of leavesIn(this.vm, mm, address, address + entrySpan(level)))
      this.openFor(mm, leaf.address, leaf.level, leaf.frame, false);
  }

  /** A frame is about to be freed: nobody may still have to be told about it. */
  frameFreeing(frame: number): void {
    const { words } = this.vm;
    for (const index of this.open.all(words)) {
      if (words.get(index + 3) !== frame + 1) continue;
      const what = words.get(index + 4) >= TABLE ? 'the page table in frame' : 'frame';
      this.missed(index, `${what} ${frame} is freed`, frame);
    }
  }

  /** A callback that covers [start, end) is called on the current thread: it will close what is open now. */
  called(subscriber: number, start: number, end: number): void {
    const { words } = this.vm;
    for (const index of this.open.all(words)) {
      if (words.get(index) !== subscriber || !this.meets(index, start, end)) continue;
      words.put(index + 5, words.get(index + 5) | (1 << this.vm.thread));
    }
  }

  /** That callback returned. */
  returned(subscriber: number): void {
    const { words } = this.vm;
    for (const index of this.open.all(words)) {
      const mine = words.get(index) === subscriber && ((words.get(index + 5) >>> this.vm.thread) & 1) === 1;
      if (mine) this.open.remove(words, index);
    }
  }

  /** The subscriber is gone or was told that everything is. */
  dropAll(subscriber: number): void {
    const { words } = this.vm;
    for (const index of this.open.all(words))
      if (words.get(index) === subscriber) this.open.remove(words, index);
  }

  private openFor(mm: number, address: number, level: number, frame: number, pointer: boolean): void {
    for (const subscriber of this.subscribers.of(mm)) {
      if (pointer ? !this.subscribers.isBound(subscriber) : this.subscribers.covers(subscriber, address))
        continue;
      const kind = pointer ? TABLE + level : level;
      const record = [subscriber, lowWord(address), highWord(address), frame + 1, kind, 0];
      if (!this.open.add(this.vm.words, record))
        this.vm.limit = `more than ${this.open.capacity} obligations of missed-range`;
    }
  }

  private judgeStore(mm: number, address: number, frame: number): void {
    const { words } = this.vm;
    const subscribers = this.subscribers.of(mm);
    for (const index of this.open.all(words)) {
      if (!subscribers.includes(words.get(index)) || words.get(index + 4) >= TABLE) continue;
      if (this.addressOf(index) !== address) continue;
      if (words.get(index + 3) === frame + 1) this.open.remove(words, index);
      else this.missed(index, `frame ${frame} is mapped instead`, frame);
    }
  }

  private missed(index: number, then: string, frame: number): void {
    const { words } = this.vm;
    const address = this.addressOf(index);
    const ops = this.subscriberName(words.get(index));
    const gone = words.get(index + 4) >= TABLE ? 'the table pointer' : 'the translation';
    const what = `${gone} of ${addressText(this.vm, address)} to frame ${words.get(index + 3) - 1}`;
    this.vm.violate('missed-range', `${ops} was not told that ${what} is gone, and ${then}`, {
      address,
      frame,
    });
    this.open.remove(words, index);
  }

  private subscriberName(subscriber: number): string {
    return this.vm.monitors.driverOf(subscriber);
  }

  private addressOf(index: number): number {
    return fromWords(this.vm.words.get(index + 1), this.vm.words.get(index + 2));
  }

  /** Leaves must be covered, spans of pointers must be met. */
  private meets(index: number, start: number, end: number): boolean {
    const address = this.addressOf(index);
    const kind = this.vm.words.get(index + 4);
    if (kind < TABLE)
      return !addressBelow(address, start) && !addressBelow(end - 1, address + entrySpan(kind) - 1);
    const span = entrySpan(kind - TABLE);
    return addressBelow(address, end) && addressBelow(start, address + span);
  }
}
