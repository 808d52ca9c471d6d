/**
 * One CPU: CR3, TLB, paging-structure cache, and the registers of the one access it can have under way.
 *
 * A virtual CPU is one more of these: its root is that of the guest's memory (EPTP), and its caches are what
 * the CPU it runs on keeps for the guest, which entries and exits do not touch (VPID).
 *
 * Simplified: no PCID, so the tag of a copy is the root it was walked from, and a CR3 load empties both
 * caches (global leaves stay). Lost: copies that outlive a switch of address space. What is cached for a
 * guest may also be cached while it does not run; but a walk that is noticed is made only while it runs.
 */
import { highWord, lowWord, wordOf } from '../base/address';
import type { Layout } from '../base/layout';
import { EntryCache } from './cache';
import { type Frames, pieceFrame } from './frames';
import type { Agent } from './observer';
import { D, levelOf, MARK, rootFrame, rootWord, U, VALID, W, WRITE_REQUEST } from './register-bits';
import type { SearchAccess } from './search-access';
import { WALK_WORDS, type Walker, type WalkPort } from './walk';
import type { Wires } from './wires';

/** What one step of an agent came to. */
export type Outcome = 'more' | 'done' | 'fault' | 'blocked' | 'aborted';

/** Capacities of a CPU's caches. */
export interface CpuSizes {
  readonly tlb: number;
  readonly pagingStructureCache: number;
}

/** One CPU. */
export class Cpu {
  readonly tlb: EntryCache;
  readonly psc: EntryCache;
  /** Result of the load that was `done` last. No part of the state. */
  value = 0;
  /** Whether the last `fault` found a present entry without the rights. No part of the state. */
  faultPresent = false;
  private readonly wires: Wires;
  private readonly frames: Frames;
  private readonly walker: Walker;
  private readonly index: number;
  readonly port: WalkPort;
  private readonly agent: Agent;
  private readonly root: number;
  private readonly walk: number;
  /** Whether the guest runs, 0 where there is none. */
  private readonly running: number;

  constructor(
    wires: Wires,
    layout: Layout,
    frames: Frames,
    walker: Walker,
    index: number,
    sizes: CpuSizes,
    isGuest: boolean,
  ) {
    this.wires = wires;
    this.frames = frames;
    this.walker = walker;
    this.index = index;
    this.agent = { kind: 'cpu', index };
    this.root = layout.reserve(1);
    this.walk = layout.reserve(WALK_WORDS);
    this.running = isGuest ? layout.reserve(1) : -1;
    // An access looks its translation up after the walk: without room for one it could never complete.
    this.tlb = new EntryCache(wires, layout, 'tlb', index, Math.max(sizes.tlb, 1));
    this.psc = new EntryCache(wires, layout, 'psc', index, sizes.pagingStructureCache);
    this.port = {
      agent: this.agent,
      leaves: this.tlb,
      pointers: this.psc,
      isIommu: false,
      cachesAbsent: false,
    };
  }

  /** Root frame in CR3, -1 for none. */
  cr3(): number {
    return rootFrame(this.rootRegister());
  }

  /** Loads CR3: empties both caches but for global leaves. */
  loadCr3(root: number): void {
    this.wires.searched?.mayHold.rootLoading(root);
    this.wires.words.put(this.root, rootWord(root, this.frames.isFree(root)));
    this.wires.searched?.mayHold.flush(this.index);
    this.wires.sink?.({ type: 'cr3', cpu: this.index, root });
    this.abandonWalk();
    this.tlb.dropAll(true, 'flush');
    this.psc.dropAll(false, 'flush');
  }

  /** Whether walks of this CPU can be noticed: not while it is one of a guest that does not run. */
  isRunning(): boolean {
    return this.running < 0 || this.wires.words.get(this.running) !== 0;
  }

  /** The guest is entered, or leaves: an access under way starts over when it is entered again. */
  setRunning(runs: boolean): void {
    this.wires.words.put(this.running, runs ? 1 : 0);
    if (!runs) this.abandonWalk();
  }

  /** INVLPG: the leaf for the address, global or not, and every pointer of the address space. */
  invlpg(address: number): void {
    const tag = this.rootTag();
    this.wires.sink?.({ type: 'flush-tlb', cpu: this.index, address });
    this.walker.restart(this.walk);
    this.wires.searched?.mayHold.invlpg(this.index, lowWord(address), highWord(address));
    this.tlb.dropCovering(tag, lowWord(address), highWord(address), 'leaves', 'invlpg');
    this.psc.dropTag(tag, 'invlpg');
  }

  /** Empties both caches, global leaves included. */
  flush(): void {
    this.wires.sink?.({ type: 'flush-tlb', cpu: this.index, address: null });
    this.walker.restart(this.walk);
    this.wires.searched?.mayHold.flush(this.index);
    this.tlb.dropAll(false, 'flush');
    this.psc.dropAll(false, 'flush');
  }

  /** Clears the registers of the access under way: it starts over. */
  abandonWalk(): void {
    for (let word = 0; word < WALK_WORDS; word++) this.wires.words.put(this.walk + word, 0);
  }

  /** One step of an access: lookup and access when the TLB grants it, else one level of the walk. */
  access(address: number, write: boolean, value: number): Outcome {
    const words = this.wires.words;
    const low = lowWord(address);
    const high = highWord(address);
    const header = words.get(this.walk);
    const isUnderWay = header !== 0 && this.isFor(header, low, high, write);
    if (!isUnderWay) {
      if (header !== 0) this.abandonWalk();
      this.wires.hooks.issued(this.agent, 0, address, write);
    }
    const { searched } = this.wires;
    if (searched !== undefined) return this.choose(searched, address, write, value, isUnderWay);
    if (!isUnderWay || levelOf(header) === 0) {
      const slot = this.tlb.findLeaf(this.rootTag(), low, high, write ? U | W | D : U);
      if (slot >= 0) {
        if (isUnderWay) this.abandonWalk();
        this.complete(this.tlb.flags(slot), this.tlb.frame(slot), address, write, value);
        return 'done';
      }
      if (!isUnderWay) this.begin(low, high, write);
    }
    const result = this.walker.step(this.port, this.walk, 0, this.rootTag(), this.rootRegister(), write);
    if (result === 'leaf') this.walker.restart(this.walk);
    if (result === 'leaf' || result === 'more') return 'more';
    return this.fault(low, high, result === 'denied');
  }

  /** Marks what refers to a frame that is being freed. */
  markFrame(frame: number): void {
    const register = this.rootRegister();
    if (rootFrame(register) === frame) this.wires.words.put(this.root, register | 1);
    this.walker.markFrame(this.walk, frame);
    this.tlb.markFrame(frame);
    this.psc.markFrame(frame);
  }

  /** The register word of CR3: a root and its mark. */
  rootRegister(): number {
    return this.wires.words.get(this.root);
  }

  /** Tag of the copies of this address space. The mark of the root does not change which are found. */
  rootTag(): number {
    return this.rootRegister() >> 1;
  }

  /** Whether no access is under way. */
  isIdle(): boolean {
    return this.wires.words.get(this.walk) === 0;
  }

  private isFor(header: number, low: number, high: number, write: boolean): boolean {
    const words = this.wires.words;
    if (words.get(this.walk + 1) !== low || words.get(this.walk + 2) !== high) return false;
    return ((header & WRITE_REQUEST) !== 0) === write;
  }

  private begin(low: number, high: number, write: boolean): void {
    const { words } = this.wires;
    words.put(this.walk, VALID | (write ? WRITE_REQUEST : 0));
    words.put(this.walk + 1, low);
    words.put(this.walk + 2, high);
  }

  /** One step of an access with the caches of a search: one of all that it can come to. */
  private choose(
    searched: SearchAccess,
    address: number,
    write: boolean,
    value: number,
    isUnderWay: boolean,
  ): Outcome {
    const [low, high] = [lowWord(address), highWord(address)];
    const space = searched.mayHold.cpuSpace(this.index);
    const possibility = searched.choose(space, low, high, write, !isUnderWay);
    if (possibility.kind === 'hit') {
      if (isUnderWay) this.abandonWalk();
      this.complete(possibility.copy.flags, possibility.copy.frame, address, write, value);
      return 'done';
    }
    if (possibility.kind === 'read') {
      const result = searched.take(space, possibility, low, high, write);
      if (result === 'absent' || result === 'denied') {
        searched.mayHold.faulted(this.index, low, high);
        return this.fault(low, high, result === 'denied');
      }
    }
    this.begin(low, high, write);
    return 'more';
  }

  private complete(flags: number, first: number, address: number, write: boolean, value: number): void {
    const low = lowWord(address);
    const frame = pieceFrame(first, low, highWord(address), levelOf(flags));
    const word = wordOf(low);
    if (write) this.frames.write(frame, word, value);
    else this.value = this.frames.read(frame, word);
    this.wires.hooks.accessed(this.agent, 0, address, write, frame, (flags & MARK) !== 0);
    if (this.wires.sink === undefined) return;
    const seen = write ? value : this.value;
    this.wires.sink({ type: 'access', by: this.agent, pasid: 0, address, write, frame, value: seen });
  }

  /**
   * A fault drops the copies used for its address, so that the access can be repeated once the fault is
   * handled.
   */
  private fault(low: number, high: number, present: boolean): Outcome {
    this.faultPresent = present;
    this.abandonWalk();
    const tag = this.rootTag();
    this.tlb.dropCovering(tag, low, high, 'leaves', 'fault');
    this.psc.dropCovering(tag, low, high, 'pointers', 'fault');
    return 'fault';
  }
}
