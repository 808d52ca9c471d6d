/**
 * Operations: a system call, fault, daemon or work item from entry to return. What is judged by them is
 * stale-after-return, unbalanced, and (by the ranges that they are revoking) access-after-protect.
 */
import {
  addressBelow,
  alignDown,
  entrySpan,
  fromWords,
  highWord,
  lowWord,
  PAGE_SIZE,
} from '../../base/address';
import type { Layout } from '../../base/layout';
import type { FunctionCode } from '../../language/program';
import type { CachedCopy } from '../../machine/copies';
import { pteFrame, pteMapped, pteWrite } from '../../machine/entry-format';
import { compileExpr } from '../expressions';
import { addressText } from '../format';
import { FRAME_HEADER, THREAD } from '../layout';
import type { Vm } from '../vm';
import { fieldOf, leavesIn, mmOfRoot, mmOfThread, rootOf, vmaRights } from './address-spaces';
import { Records } from './records';
import type { Subscribers } from './subscribers';

/** A leaf that was there when an operation began: 1 + thread, address (two words), entry value, level. */
const LEAF_WORDS = 5;

/** The operations under way, in state. */
export class Operations {
  private readonly leaves: Records;

  constructor(
    private readonly vm: Vm,
    private readonly subscribers: Subscribers,
    layout: Layout,
  ) {
    this.leaves = new Records(layout, 2 * vm.program.scenario.machine.frames, LEAF_WORDS);
  }

  /** A frame was pushed: the outermost one of an operation opens it. */
  entered(thread: number, fn: FunctionCode, frame: number): void {
    const { vm } = this;
    const base = vm.threadBase(thread);
    if (!this.opens(thread, fn) || vm.words.get(base + THREAD.operation) !== 0) return;
    vm.words.put(base + THREAD.operation, frame - base - THREAD.words + 1);
    if (fn.revokes === null) return;
    const kept = vm.locals;
    vm.locals = frame + FRAME_HEADER;
    const from = compileExpr(vm, fn.revokes.from)();
    const to = compileExpr(vm, fn.revokes.to)();
    vm.locals = kept;
    for (const [field, value] of [
      [THREAD.from, from],
      [THREAD.to, to],
    ] as const) {
      vm.words.put(base + field, lowWord(value));
      vm.words.put(base + field + 1, highWord(value));
    }
    vm.words.put(base + THREAD.revokes, 1);
    this.noteLeaves(thread, from, to);
  }

  /** A frame is about to be popped: if it is the operation's, the operation is judged and closed. */
  leaving(thread: number, frame: number): void {
    const { words } = this.vm;
    const base = this.vm.threadBase(thread);
    if (words.get(base + THREAD.operation) !== frame - base - THREAD.words + 1) return;
    this.judgeBrackets(thread);
    if (words.get(base + THREAD.revokes) !== 0) this.judgeStale(thread);
    for (const index of this.leaves.all(words))
      if (words.get(index) === thread + 1) this.leaves.remove(words, index);
    for (let field: number = THREAD.operation; field < THREAD.illegal; field++) words.put(base + field, 0);
    this.vm.monitors.operationReturned(thread);
  }

  /** An access is issued: notes whether it is allowed now. */
  issued(kind: 'cpu' | 'device', index: number, pasid: number, address: number, write: boolean): void {
    const { vm } = this;
    const mm = this.mmOfAccess(kind, index, pasid);
    const rights = mm === 0 ? null : vmaRights(vm, mm, address);
    const allowed = mm === 0 || (rights !== null && (!write || rights.write));
    const illegal = !allowed && !this.isRevoking(mm, address) ? 1 : 0;
    vm.words.put(vm.threadBase(vm.thread) + THREAD.illegal, illegal);
  }

  /** The address space that an access of the current thread goes to; 0 for none. */
  mmOfAccess(kind: 'cpu' | 'device', index: number, pasid: number): number {
    return kind === 'cpu' ? mmOfThread(this.vm, this.vm.thread) : this.mmOfBinding(index, pasid);
  }

  /** An access completes. */
  accessed(address: number, write: boolean, frame: number): void {
    const { vm } = this;
    const index = vm.threadBase(vm.thread) + THREAD.illegal;
    if (vm.words.get(index) === 0) return;
    vm.words.put(index, 0);
    const what = write ? 'a write to' : 'a read of';
    vm.violate(
      'access-after-protect',
      `${what} ${addressText(vm, address)} in frame ${frame} completes, which no VMA allowed when issued`,
      {
        address,
        frame,
      },
    );
  }

  private opens(thread: number, fn: FunctionCode): boolean {
    if (fn.role === 'syscall' || fn.role === 'fault') return true;
    const { kind, index } = this.vm.threads[thread] ?? { kind: null, index: 0 };
    // A daemon's pass is an operation; a daemon that runs for ever is none, as it never returns.
    if (kind === 'daemon') return fn.role === 'daemon' && this.vm.program.daemons[index]?.passes !== null;
    return kind === 'kworker' && this.vm.words.get(this.vm.threadBase(thread) + THREAD.depth) === 1;
  }

  private noteLeaves(thread: number, from: number, to: number): void {
    const { vm } = this;
    const mm = mmOfThread(vm, thread);
    if (mm === 0) return;
    for (const leaf of leavesIn(vm, mm, from, to)) {
      const record = [thread + 1, lowWord(leaf.address), highWord(leaf.address), leaf.value, leaf.level];
      if (!this.leaves.add(vm.words, record))
        vm.limit = `more than ${this.leaves.capacity} leaves in an operation's range`;
    }
  }

  private judgeBrackets(thread: number): void {
    for (const bracket of this.subscribers.openBrackets()) {
      if (bracket.thread !== thread) continue;
      const name = this.vm.monitors.driverOf(bracket.subscriber);
      const range = `${addressText(this.vm, bracket.start)}..${addressText(this.vm, bracket.end)}`;
      this.vm.violate(
        'unbalanced',
        `the operation returns with invalidate_range_start(${range}) of ${name} not ended`,
      );
      this.subscribers.closeOf(bracket.subscriber, thread);
    }
  }

  private judgeStale(thread: number): void {
    const { vm } = this;
    const mm = mmOfThread(vm, thread);
    const root = rootOf(vm, mm);
    if (mm === 0 || root < 0) return;
    const mine = this.leaves.all(vm.words).filter(index => vm.words.get(index) === thread + 1);
    if (mine.length === 0) return;
    for (const index of mine) {
      const found = this.staleIn(thread, index, root);
      if (found === null) continue;
      const { copy, address, frame } = found;
      const cache = vm.monitors.cacheName(copy);
      const where = `${addressText(this.vm, address)} to frame ${frame}`;
      const text = `${cache} still translates ${where} when the operation returns`;
      vm.violate('stale-after-return', text, { address, frame });
    }
  }

  /** A copy of a leaf, or of a part that the operation was about, which must not be there any more. */
  private staleIn(
    thread: number,
    index: number,
    root: number,
  ): { copy: CachedCopy; address: number; frame: number } | null {
    const { vm } = this;
    const value = vm.words.get(index + 3);
    const first = fromWords(vm.words.get(index + 1), vm.words.get(index + 2));
    const { from, to } = this.revoked(thread);
    const level = vm.words.get(index + 4);
    const start = addressBelow(first, from) ? alignDown(from, PAGE_SIZE) : first;
    const end = addressBelow(to, first + entrySpan(level)) ? to : first + entrySpan(level);
    // Of 1 GiB one page in 512 is looked at: nothing smaller than 2 MiB can be left of it by itself.
    const step = level <= 2 ? PAGE_SIZE : entrySpan(2);
    for (let address = start; addressBelow(address, end); address += step) {
      const frame = pteFrame(value) + Math.floor((address - first) / PAGE_SIZE);
      const copy = vm.machine
        .leavesAt(address)
        .filter(each => this.usable(each, root))
        .find(each => translates(each, address, frame) && this.isStale(each, root, address));
      if (copy !== undefined) return { copy, address, frame };
    }
    return null;
  }

  /** The range that the operation of a thread revokes. */
  private revoked(thread: number): { readonly from: number; readonly to: number } {
    const { words } = this.vm;
    const base = this.vm.threadBase(thread);
    const from = fromWords(words.get(base + THREAD.from), words.get(base + THREAD.from + 1));
    const to = fromWords(words.get(base + THREAD.to), words.get(base + THREAD.to + 1));
    return { from, to };
  }

  /** Whether the context that tags a copy is loaded now, with this root. */
  private usable(copy: CachedCopy, root: number): boolean {
    if (copy.cache === 'tlb' || copy.cache === 'psc') return this.vm.machine.cr3(copy.owner) === root;
    return this.vm.machine.gcr3(copy.device, copy.pasid) === root;
  }

  private isStale(copy: CachedCopy, root: number, address: number): boolean {
    // A NUMA hint takes no right away: it only asks who accesses the page.
    const now = this.vm.machine.backing(root, address) ?? this.vm.machine.hint(root, address);
    if (now === undefined) return true;
    const offset = Math.floor((address - copy.address) / PAGE_SIZE);
    return now.frame !== copy.frame + offset || (copy.write && !pteWrite(now.value)) || !pteMapped(now.value);
  }

  private isRevoking(mm: number, address: number): boolean {
    const { vm } = this;
    return vm.threads.some(thread => {
      const base = vm.threadBase(thread.id);
      if (vm.words.get(base + THREAD.revokes) === 0 || mmOfThread(vm, thread.id) !== mm) return false;
      const { from, to } = this.revoked(thread.id);
      return !addressBelow(address, from) && addressBelow(address, to);
    });
  }

  private mmOfBinding(device: number, pasid: number): number {
    const bound = this.subscribers.boundTo(device, pasid).find(binding => !binding.released);
    if (bound !== undefined) return fieldOf(this.vm, 'mmu_notifier', 'mm', bound.subscriber);
    return mmOfRoot(this.vm, this.vm.machine.gcr3(device, pasid));
  }
}

function translates(copy: CachedCopy, address: number, frame: number): boolean {
  const offset = address - copy.address;
  return 0 <= offset && offset < copy.size && frame === copy.frame + Math.floor(offset / PAGE_SIZE);
}
