/**
 * missed-range: what each subscriber must still be told.
 *
 * An obligation is opened when a present leaf is cleared or replaced by another frame (t0), for every
 * subscriber hashed then; also when a pointer above it is cleared; and, for subscribers with a binding, for a
 * pointer itself. It is closed by a bracket of the subscriber that covers the address and is open at t0
 * (leaves only), by an invalidate_range or invalidate_page called at or after t0, on its return, or by
 * release or unregister; also when the same frame comes back there, of a huge leaf when all pieces do. It is
 * violated if it is open when the frame, or a piece of it, is freed, or when a present leaf with another
 * frame is stored there, or linked there with its table.
 */
import { addressBelow, entrySpan, fromWords, highWord, lowWord, PAGE_SIZE } from '../../base/address';
import type { Layout } from '../../base/layout';
import { FRAME_WORDS } from '../../base/words';
import { pteFrame, pteHuge, ptePresent } from '../../machine/entry-format';
import { spans } from '../../machine/frames';
import { addressText } from '../format';
import type { Vm } from '../vm';
import { type Leaf, leavesIn, leavesUnder, placesOfSlot } from './address-spaces';
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
      if (!ptePresent(value)) continue;
      if (leaf(value)) this.judgeLeaf(mm, { address, level, frame: pteFrame(value), value });
      else this.judgeTable(mm, address, level, pteFrame(value));
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
      const kind = words.get(index + 4);
      const first = words.get(index + 3) - 1;
      if (kind >= TABLE ? first !== frame : !spans(first, kind, frame)) continue;
      const what = kind >= TABLE ? 'the page table in frame' : 'frame';
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
      const isTold = pointer
        ? !this.subscribers.isBound(subscriber)
        : this.subscribers.covers(subscriber, address, entrySpan(level));
      if (isTold) continue;
      const kind = pointer ? TABLE + level : level;
      const record = [subscriber, lowWord(address), highWord(address), frame + 1, kind, 0];
      if (!this.open.add(this.vm.words, record))
        this.vm.limit = `more than ${this.open.capacity} obligations of missed-range`;
    }
  }

  /** A leaf of a level that is stored: what it maps now is held against what was there. */
  private judgeLeaf(mm: number, { address, level, frame }: Leaf): void {
    const { words } = this.vm;
    const open = this.open.all(words).filter(index => this.isLeafOf(index, mm));
    for (const index of open) {
      const gone = this.addressOf(index);
      const goneLevel = words.get(index + 4);
      const isIn = (inner: number, outer: number, span: number): boolean =>
        !addressBelow(inner, outer) && addressBelow(inner, outer + span);
      if (!isIn(gone, address, entrySpan(level)) && !isIn(address, gone, entrySpan(goneLevel))) continue;
      // Both begin at the same byte, counted from the one that begins first.
      const isSame = words.get(index + 3) - 1 - frame === Math.floor((gone - address) / PAGE_SIZE);
      if (!isSame) this.missed(index, `frame ${frame} is mapped instead`, frame);
      else if (goneLevel <= level) this.open.remove(words, index);
    }
  }

  /**
   * A pointer to a table is stored: its leaves are mapped now. What was a huge leaf and comes back as pieces
   * that are all the same frames was never gone.
   */
  private judgeTable(mm: number, address: number, level: number, table: number): void {
    const { words } = this.vm;
    if (!this.open.all(words).some(index => this.isLeafOf(index, mm))) return;
    const below = { table, level: level - 1, base: address };
    const leaves = leavesUnder(this.vm, below, address, address + entrySpan(level));
    for (const leaf of leaves) this.judgeLeaf(mm, leaf);
    for (const index of this.open.all(words)) {
      if (!this.isLeafOf(index, mm) || words.get(index + 4) !== level) continue;
      if (this.addressOf(index) === address && leaves.length === FRAME_WORDS) this.open.remove(words, index);
    }
  }

  /** Whether an obligation is about a leaf of an mm. */
  private isLeafOf(index: number, mm: number): boolean {
    const { words } = this.vm;
    return words.get(index + 4) < TABLE && this.subscribers.of(mm).includes(words.get(index));
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
