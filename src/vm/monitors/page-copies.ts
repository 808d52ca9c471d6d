/**
 * lost-write: a store that a copy has missed.
 *
 * A copy of one page to another is remembered until one of the two is freed or the copy is overwritten. A
 * store through (mm, address) that hits the old page is a loss once the copy is mapped there: if it is mapped
 * already, at once; if not, when it is. The other way about, while the operation that made the copy goes on:
 * a store that hits the copy is a loss when the old page is mapped there again.
 */
import { alignDown, fromWords, highWord, lowWord, PAGE_SIZE } from '../../base/address';
import type { Layout } from '../../base/layout';
import { addressText } from '../format';
import { THREAD } from '../layout';
import type { Vm } from '../vm';
import { rootOf } from './address-spaces';
import { Records } from './records';

/** 1 + the old frame, 1 + the copy, 1 + the thread whose operation made it (0 when that is over). */
const COPY_WORDS = 3;
/** 1 + the frame that was hit, 1 + the other one, mm, address (two words). */
const STORE_WORDS = 5;
const STORES_MAX = 64;

/** The copies, and the stores that may be lost, in state. */
export class PageCopies {
  private readonly copies: Records;
  private readonly stores: Records;

  constructor(
    private readonly vm: Vm,
    layout: Layout,
  ) {
    this.copies = new Records(layout, vm.program.scenario.machine.frames, COPY_WORDS);
    this.stores = new Records(layout, STORES_MAX, STORE_WORDS);
  }

  /** A page was copied to another, or found to have the same contents. */
  copied(from: number, to: number): void {
    const { vm } = this;
    this.forget(from, to);
    const isOperation = vm.words.get(vm.threadBase(vm.thread) + THREAD.operation) !== 0;
    if (!this.copies.add(vm.words, [from + 1, to + 1, isOperation ? vm.thread + 1 : 0]))
      vm.limit = `more than ${this.copies.capacity} copies of pages`;
  }

  /** Other contents are in a page: it is a copy of none. */
  overwritten(to: number): void {
    this.drop((_, other) => other === to);
  }

  /** A frame is freed. */
  freed(frame: number): void {
    this.drop((from, to) => from === frame || to === frame);
  }

  /** The operation of a thread is over: what its copies replaced does not come back. */
  operationReturned(thread: number): void {
    const { words } = this.vm;
    for (const index of this.copies.all(words)) {
      if (words.get(index + 2) !== thread + 1) continue;
      words.put(index + 2, 0);
      this.dropStores(words.get(index + 1), words.get(index));
    }
  }

  /** A store of a user or a device completes. */
  stored(mm: number, address: number, frame: number): void {
    const { vm } = this;
    const { words } = vm;
    if (this.copies.isEmpty(words)) return;
    const page = alignDown(address, PAGE_SIZE);
    for (const index of this.copies.all(words)) {
      const [from, to] = [words.get(index) - 1, words.get(index + 1) - 1];
      if (from === frame) {
        const root = rootOf(vm, mm);
        const now = root < 0 ? undefined : vm.machine.backing(root, page);
        if (now?.frame === to) this.report(address, from, to, 'was mapped already');
        else this.note(from, to, mm, page);
      } else if (to === frame && words.get(index + 2) !== 0) this.note(to, from, mm, page);
    }
  }

  /** A present leaf is stored: `frame` is mapped at a page of an mm. */
  mapped(mm: number, page: number, frame: number): void {
    const { words } = this.vm;
    for (const index of this.stores.all(words)) {
      if (words.get(index + 1) !== frame + 1 || words.get(index + 2) !== mm) continue;
      if (fromWords(words.get(index + 3), words.get(index + 4)) !== page) continue;
      const hit = words.get(index) - 1;
      this.stores.remove(words, index);
      this.report(page, hit, frame, 'is mapped now');
    }
  }

  /** Whether there is nothing to judge when a leaf is stored. */
  isQuiet(): boolean {
    return this.stores.isEmpty(this.vm.words);
  }

  private report(address: number, hit: number, other: number, when: string): void {
    const { vm } = this;
    const store = `a store to ${addressText(vm, address)} hit frame ${hit} after its contents were copied`;
    const text = `${store}, and frame ${other}, which ${when}, does not have it`;
    vm.violate('lost-write', text, { address, frame: hit });
  }

  private note(hit: number, other: number, mm: number, page: number): void {
    const { vm } = this;
    const record = [hit + 1, other + 1, mm, lowWord(page), highWord(page)];
    const isKnown = this.stores
      .all(vm.words)
      .some(index => record.every((word, offset) => vm.words.get(index + offset) === word));
    if (!isKnown && !this.stores.add(vm.words, record))
      vm.limit = `more than ${STORES_MAX} stores to pages that were copied`;
  }

  private forget(from: number, to: number): void {
    this.drop((other, copy) => copy === to || (other === from && copy === to));
  }

  private drop(isWanted: (from: number, to: number) => boolean): void {
    const { words } = this.vm;
    if (this.copies.isEmpty(words)) return;
    for (const index of this.copies.all(words)) {
      const [from, to] = [words.get(index), words.get(index + 1)];
      if (!isWanted(from - 1, to - 1)) continue;
      this.copies.remove(words, index);
      this.dropStores(from, to);
      this.dropStores(to, from);
    }
  }

  private dropStores(hit: number, other: number): void {
    const { words } = this.vm;
    for (const index of this.stores.all(words))
      if (words.get(index) === hit && words.get(index + 1) === other) this.stores.remove(words, index);
  }
}
