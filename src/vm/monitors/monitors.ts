/**
 * What is always watched: listens to the machine and to the stack, keeps what it must remember in state,
 * reports findings.
 */

import { alignDown, entrySpan, fromWords, PAGE_SIZE } from '../../base/address';
import { unreachable } from '../../base/assert';
import type { Layout } from '../../base/layout';
import { FRAME_WORDS } from '../../base/words';
import type { FunctionCode } from '../../language/program';
import { cpuName } from '../../machine/config';
import type { CachedCopy } from '../../machine/copies';
import { pteFrame, pteHuge, pteMapped, ptePresent } from '../../machine/entry-format';
import { TABLE } from '../../machine/frames';
import type { Agent, MachineHooks } from '../../machine/observer';
import { MARK } from '../../machine/register-bits';
import type { Reach } from '../../machine/walk';
import { addressText } from '../format';
import { FRAME_HEADER } from '../layout';
import type { Violation } from '../types';
import type { Vm } from '../vm';
import { fieldOf, type Leaf, leavesUnder, placesOfSlot, type SlotPlace } from './address-spaces';
import { LockOrder } from './lock-order';
import { Obligations } from './obligations';
import { Operations } from './operations';
import { PageCopies } from './page-copies';
import { leaks } from './refcounts';
import { Sharing } from './sharing';
import { Subscribers } from './subscribers';
import { WriteOuts } from './write-outs';

/**
 * Kernel functions that open and close a bracket for subscribers that implement only one of the two
 * callbacks.
 */
const START = '__mmu_notifier_invalidate_range_start';
const END = '__mmu_notifier_invalidate_range_end';
/** Kernel functions after whose return one subscriber, or all of an address space, are gone. */
const UNREGISTER = 'mmu_notifier_unregister';
const RELEASE = '__mmu_notifier_release';

/** Functions whose entry or return is judged by their name. A search makes a state of each. */
export const judgedFunctions: ReadonlySet<string> = new Set([START, END, UNREGISTER, RELEASE]);

/**
 * Fields, by struct, that are looked at when the hardware does something or a judged function is entered or
 * left: a step that writes one does not commute with these.
 */
export const judgedFields: Readonly<Record<string, readonly string[]>> = {
  mm: ['mmap', 'pgd'],
  mmu_notifier: ['mm', 'ops'],
  task: ['mm'],
  page: ['dirty'],
  vma: ['vm_end', 'vm_next', 'vm_shared', 'vm_start', 'vm_write'],
};

/** All monitors of a vm. */
export class Monitors implements MachineHooks {
  readonly subscribers: Subscribers;
  private readonly obligations: Obligations;
  private readonly operations: Operations;
  private readonly copies: PageCopies;
  private readonly writeOuts: WriteOuts;
  private readonly sharing: Sharing;
  readonly lockOrder: LockOrder;
  private guestOffset = 0;

  constructor(
    private readonly vm: Vm,
    layout: Layout,
  ) {
    this.subscribers = new Subscribers(vm, layout);
    this.obligations = new Obligations(vm, this.subscribers, layout);
    this.operations = new Operations(vm, this.subscribers, layout);
    this.copies = new PageCopies(vm, layout);
    this.writeOuts = new WriteOuts(vm, layout);
    this.sharing = new Sharing(vm, layout);
    this.lockOrder = new LockOrder(vm, layout);
  }

  /** False while an expression is read for display: looking is no access. */
  live = true;

  /** A frame was pushed on a thread. */
  entered(thread: number, fn: FunctionCode, frame: number): void {
    this.operations.entered(thread, fn, frame);
    if (fn.name === START || fn.name === END) this.enteredDispatch(fn, frame);
    if (fn.role !== 'callback' || fn.callback === null) return;
    const [subscriber, start, end] = this.callbackArguments(fn, frame);
    this.tellCallback('callback', thread, fn, frame);
    switch (fn.callback) {
      case 'invalidate_range_start':
        this.subscribers.open(subscriber, start, end);
        break;
      case 'invalidate_range_end':
        this.close(subscriber, start, end);
        break;
      case 'invalidate_range':
        this.obligations.called(subscriber, start, end);
        break;
      case 'invalidate_page':
        this.obligations.called(
          subscriber,
          alignDown(start, PAGE_SIZE),
          alignDown(start, PAGE_SIZE) + PAGE_SIZE,
        );
        break;
    }
  }

  /** A frame is about to be popped from a thread. */
  leaving(thread: number, fn: FunctionCode, frame: number): void {
    this.operations.leaving(thread, frame);
    const first = this.vm.words.get(frame + FRAME_HEADER);
    if (fn.name === UNREGISTER) this.gone(first);
    if (fn.name === RELEASE) this.subscribers.releaseAllOf(first);
    if (fn.role !== 'callback' || fn.callback === null) return;
    const [subscriber] = this.callbackArguments(fn, frame);
    this.tellCallback('callback-return', thread, fn, frame);
    if (fn.callback === 'invalidate_range' || fn.callback === 'invalidate_page')
      this.obligations.returned(subscriber);
    if (fn.callback === 'release') this.gone(subscriber);
  }

  /** A notifier object was put in a list of them. */
  subscribed(subscriber: number): void {
    this.subscribers.add(subscriber);
    this.vm.emit({ type: 'subscribed', thread: this.vm.thread, subscriber });
  }

  /** A notifier object was taken out of its list. */
  unsubscribed(subscriber: number): void {
    this.subscribers.remove(subscriber);
    this.obligations.dropAll(subscriber);
    this.vm.emit({ type: 'unsubscribed', thread: this.vm.thread, subscriber });
  }

  /** A subscriber says that it answers for a binding. */
  binds(subscriber: number, device: number, pasid: number): void {
    this.subscribers.bind(subscriber, device, pasid);
  }

  /**
   * Where the process of a guest has what the guest accesses next: so many bytes after the guest-physical
   * address. No part of the state: it is said in the step of the access.
   */
  judgeGuestAt(offset: number): void {
    this.guestOffset = offset;
  }

  issued(agent: Agent, pasid: number, at: number, write: boolean): void {
    const address = at + this.guestOffset;
    this.operations.issued(agent.kind, agent.index, pasid, address, write);
    this.sharing.issued();
  }

  accessed(agent: Agent, pasid: number, at: number, write: boolean, frame: number, marked: boolean): void {
    const address = at + this.guestOffset;
    this.operations.accessed(address, write, frame);
    const mm = this.operations.mmOfAccess(agent.kind, agent.index, pasid);
    this.sharing.accessed(mm, address, write, frame);
    if (write) {
      if (mm !== 0) this.copies.stored(mm, address, frame);
      this.writeOuts.stored(frame);
    }
    if (!marked) return;
    const who = this.agentName(agent, pasid);
    const what = write ? 'writes to' : 'reads';
    const where = `${addressText(this.vm, address)} in frame ${frame}`;
    const text = `${who} ${what} ${where}, which was freed after the translation was made`;
    this.vm.violate('use-after-free', text, { address, frame });
  }

  walked(agent: Agent, pasid: number, address: number, frame: number, slot: number, marked: boolean): void {
    if (!this.isWrongWalk(agent, pasid, { table: frame, gathered: marked ? MARK : 0 })) return;
    const who = `the walk of ${this.agentName(agent, pasid)} for ${addressText(this.vm, address)}`;
    const at = { address, frame };
    if (marked)
      this.vm.violate(
        'table-use-after-free',
        `${who} reads entry ${slot} of frame ${frame}, a page-table page that was freed`,
        at,
      );
    if (this.vm.machine.frameKind(frame) !== TABLE)
      this.vm.violate('bad-walk', `${who} takes frame ${frame} for a page-table page, which it is not`, at);
    if (this.isReleased(agent, pasid))
      this.vm.violate('walk-after-release', `${who} comes after release of its subscriber`, at);
  }

  /** Whether a walk that goes on from here is a finding, whatever it reads. */
  isWrongWalk(agent: Agent, pasid: number, from: Pick<Reach, 'table' | 'gathered'>): boolean {
    if ((from.gathered & MARK) !== 0 || this.vm.machine.frameKind(from.table) !== TABLE) return true;
    return this.isReleased(agent, pasid);
  }

  entryStoring(frame: number, slot: number, old: number, value: number): void {
    this.obligations.entryStoring(frame, slot, old, value);
    if (!ptePresent(value)) return;
    const level = Math.max(1, this.vm.machine.tableLevel(frame));
    const isSame = pteMapped(old) && pteFrame(old) === pteFrame(value) && pteHuge(old) === pteHuge(value);
    const isLeaf = level === 1 || pteHuge(value);
    if (!isLeaf && (isSame || this.isEmptyTable(pteFrame(value)))) return;
    const places = new Once(() => placesOfSlot(this.vm, frame, slot));
    if (isLeaf) {
      this.mapping(places, { address: 0, level, frame: pteFrame(value), value }, isSame);
      return;
    }
    const below = { table: pteFrame(value), level: level - 1, base: 0 };
    for (const leaf of leavesUnder(this.vm, below, 0, entrySpan(level))) this.mapping(places, leaf, false);
  }

  /** Whether a table has no entries: as most have when they are linked. */
  private isEmptyTable(table: number): boolean {
    return this.vm.machine.nextPopulated(table, 0, FRAME_WORDS) < 0;
  }

  /** A leaf is mapped, at an address that counts from that of an entry, in each place of the entry. */
  private mapping(places: Once<SlotPlace[]>, leaf: Leaf, isSame: boolean): void {
    const span = entrySpan(leaf.level) / PAGE_SIZE;
    const isShared = !isSame && this.isMapped(leaf.frame, span);
    if (this.copies.isQuiet() && !isShared) return;
    for (const { mm, address } of places.get()) {
      if (isShared) this.sharing.mapping(mm, leaf.frame, span);
      if (this.copies.isQuiet()) continue;
      for (let piece = 0; piece < span; piece++)
        this.copies.mapped(mm, address + leaf.address + piece * PAGE_SIZE, leaf.frame + piece);
    }
  }

  /** Whether one of `count` frames is mapped somewhere, or may be a part of a huge page that is. */
  private isMapped(frame: number, count: number): boolean {
    const { frames } = this.vm.machine;
    if (frames.anyHuge()) return true;
    for (let piece = 0; piece < count; piece++) if (frames.references(frame + piece) > 0) return true;
    return false;
  }

  /** A page was copied to another. */
  copied(from: number, to: number): void {
    this.copies.copied(from, to);
    this.tellPage('copied', from, to);
  }

  /** Two pages were found to have the same contents: each is a copy of the other. */
  foundEqual(a: number, b: number): void {
    if (!this.live) return;
    this.copies.copied(a, b);
    this.copies.copied(b, a);
    this.tellPage('equal', a, b);
  }

  /** Other contents were put in a page. */
  overwritten(frame: number): void {
    this.copies.overwritten(frame);
  }

  /** The contents of a page were read to be kept. */
  writtenOut(frame: number): void {
    this.writeOuts.writtenOut(frame);
    this.tellPage('written-out', frame, null);
  }

  /** Nobody wants the contents of a page. */
  discarded(frame: number): void {
    this.writeOuts.discarded(frame);
    this.tellPage('discarded', frame, null);
  }

  /** The operation of a thread is over. */
  operationReturned(thread: number): void {
    this.copies.operationReturned(thread);
    this.sharing.operationReturned(thread);
  }

  frameFreeing(frame: number): void {
    this.obligations.frameFreeing(frame);
    this.writeOuts.freed(frame);
    this.copies.freed(frame);
    this.sharing.freed(frame);
  }

  pageResponse(device: number, pasid: number, tag: number, outstanding: boolean): void {
    if (outstanding) return;
    const who = this.agentName({ kind: 'device', index: device }, pasid);
    this.vm.violate('page-response', `group ${tag} of ${who} is answered, and was not waiting`);
  }

  deviceFailed(device: number, pasid: number, address: number): void {
    const who = this.agentName({ kind: 'device', index: device }, pasid);
    const what = `its requests for ${addressText(this.vm, address)} were answered`;
    const text = `${who} has failed: ${what}, and the address still has no translation`;
    this.vm.violate('device-failure', text, { address });
  }

  /** What is wrong when everything is quiet. */
  atRest(): Violation[] {
    return [...this.unanswered(), ...this.writeOuts.atRest(), ...leaks(this.vm)];
  }

  private unanswered(): Violation[] {
    return this.vm.machine.devices.flatMap(({ index }) =>
      this.vm.machine
        .requests(index)
        .filter(({ stage }) => stage === 'logged-page-request' || stage === 'page-request')
        .map(({ pasid, address }) => this.neverAnswered({ kind: 'device', index }, pasid, address)),
    );
  }

  /** What is not judged of a binding that no subscriber answers for; null where one does. */
  unanswering(device: number, pasid: number): string | null {
    if (this.subscribers.boundTo(device, pasid).length > 0) return null;
    const lost = 'missed-range of page tables and walk-after-release are not judged';
    return `no subscriber answers for ${this.deviceName(device)} PASID ${pasid} (binds()): ${lost}`;
  }

  /** Name of the driver of a subscriber. */
  driverOf(subscriber: number): string {
    const ops = fieldOf(this.vm, 'mmu_notifier', 'ops', subscriber);
    return this.vm.program.notifiers[ops - 1]?.name ?? `subscriber ${subscriber}`;
  }

  /** `the TLB of cpu1`, `the ATC of gpu`. */
  cacheName(copy: CachedCopy): string {
    const { iommus } = this.vm.program.scenario.machine;
    switch (copy.cache) {
      case 'tlb':
        return `the TLB of ${cpuName(this.vm.machine.config, copy.owner)}`;
      case 'psc':
        return `the paging-structure cache of ${cpuName(this.vm.machine.config, copy.owner)}`;
      case 'iotlb':
        return `the IOTLB of ${iommus[copy.owner]?.name ?? '?'}`;
      case 'walk-cache':
        return `the walk cache of ${iommus[copy.owner]?.name ?? '?'}`;
      case 'atc':
        return `the ATC of ${this.deviceName(copy.owner)}`;
      default:
        return unreachable(copy.cache);
    }
  }

  private neverAnswered(agent: Agent, pasid: number, address: number): Violation {
    const thread = this.vm.threads.find(({ kind }) => kind === 'device')?.id ?? 0;
    const what = `the page request of ${this.agentName(agent, pasid)} for ${addressText(this.vm, address)}`;
    const message = `${what} is never answered`;
    return { property: 'page-response', message, thread, address, frame: null, fn: null, span: null };
  }

  private enteredDispatch(fn: FunctionCode, frame: number): void {
    const [mm, start, end] = this.callbackArguments(fn, frame);
    for (const subscriber of this.subscribers.of(mm)) {
      const starts = this.subscribers.implements(subscriber, 'invalidate_range_start');
      const ends = this.subscribers.implements(subscriber, 'invalidate_range_end');
      if (fn.name === START && !starts && ends) this.subscribers.open(subscriber, start, end);
      if (fn.name === END && starts && !ends) this.close(subscriber, start, end);
    }
  }

  private close(subscriber: number, start: number, end: number): void {
    if (this.subscribers.close(subscriber, start, end) || !this.subscribers.has(subscriber)) return;
    const range = `${addressText(this.vm, start)}..${addressText(this.vm, end)}`;
    this.vm.violate(
      'unbalanced',
      `invalidate_range_end(${range}) of ${this.driverOf(subscriber)} ends what was never started`,
    );
  }

  private gone(subscriber: number): void {
    this.obligations.dropAll(subscriber);
    this.subscribers.release(subscriber);
  }

  /** Whether any walk of a device for a PASID is a finding: its subscribers were released. */
  isReleased(agent: Agent, pasid: number): boolean {
    if (agent.kind !== 'device') return false;
    const bound = this.subscribers.boundTo(agent.index, pasid);
    return bound.length > 0 && bound.every(binding => binding.released);
  }

  /** First parameter (subscriber or mm), then `start` or `address`, then `end`. */
  private callbackArguments(fn: FunctionCode, frame: number): [number, number, number] {
    // A driver may name its parameters as it likes: the kernel's declaration says which is which.
    const names = this.parameterNames(fn);
    const wide = (wanted: readonly string[]): number => {
      const param = fn.params[names.findIndex(name => wanted.includes(name))];
      if (param === undefined) return 0;
      const index = frame + FRAME_HEADER + param.slot;
      return fromWords(this.vm.words.get(index), this.vm.words.get(index + 1));
    };
    return [this.vm.words.get(frame + FRAME_HEADER), wide(['start', 'address']), wide(['end'])];
  }

  private parameterNames(fn: FunctionCode): readonly string[] {
    const declared = this.vm.program.callbacks.find(callback => callback.name === fn.callback);
    return (declared?.params ?? fn.params).map(param => param.name);
  }

  private tellCallback(
    type: 'callback' | 'callback-return',
    thread: number,
    fn: FunctionCode,
    frame: number,
  ): void {
    if (this.vm.sink === undefined || fn.callback === null) return;
    const [subscriber, start, end] = this.callbackArguments(fn, frame);
    const names = this.parameterNames(fn);
    const named = (name: string): boolean => names.includes(name);
    this.vm.emit({
      type,
      thread,
      callback: fn.callback,
      driver: fn.driver ?? '',
      subscriber,
      start: named('start') || named('address') ? start : null,
      end: named('end') ? end : null,
    });
  }

  private tellPage(
    what: 'copied' | 'equal' | 'written-out' | 'discarded',
    frame: number,
    other: number | null,
  ): void {
    if (this.vm.isHeard) this.vm.emit({ type: 'page', thread: this.vm.thread, what, frame, other });
  }

  private agentName(agent: Agent, pasid: number): string {
    if (agent.kind === 'cpu') return cpuName(this.vm.machine.config, agent.index);
    return `${this.deviceName(agent.index)} (pasid ${pasid})`;
  }

  private deviceName(device: number): string {
    return this.vm.machine.devices[device]?.config.name ?? '?';
  }
}

/** A value that is made when it is first asked for. */
class Once<T extends object> {
  private value: T | null = null;

  constructor(private readonly make: () => T) {}

  get(): T {
    this.value ??= this.make();
    return this.value;
  }
}
