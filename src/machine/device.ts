/**
 * One device behind an IOMMU: its device table entry (domain, and what is on), its PASID table, its
 * translation cache (ATC) and the DMA of its programs. The ATS agent of the device carries its translation
 * requests and sends the completions of invalidations.
 *
 * Simplified: the PASID table has 32 entries, and a device is a domain of its own.
 */
import type { Layout } from '../base/layout';
import { EntryCache } from './cache';
import type { DeviceConfig } from './config';
import type { Outcome } from './cpu';
import { Dma } from './dma';
import type { Frames } from './frames';
import type { Iommu } from './iommu';
import type { Agent } from './observer';
import { PPR_FAILURE, statusName } from './page-group';
import { rootFrame, rootWord, spaceTag } from './register-bits';
import type { Walker, WalkPort } from './walk';
import type { Wires } from './wires';

/** Entries of a PASID table. */
export const PASIDS = 32;

/**
 * Bits of the device's status word. PRI starts as software has set it up before: enabled, with the whole
 * capacity allocated.
 */
/** PRI control: Enable is clear. */
const PRI_DISABLED = 1 << 0;
/** The device gave up on an address. */
const FAILED = 1 << 1;
/** An ATS invalidation was carried out whose completion has not been sent. */
const INVALIDATING = 1 << 2;
/** PRI status: a FAILURE response came (RF), a response with an unexpected index came (UPRGI). */
const RESPONSE_FAILURE = 1 << 3;
const UNEXPECTED = 1 << 4;
/** What the Outstanding Page Request Allocation leaves of the capacity. */
const WITHHELD_SHIFT = 8;
const WITHHELD = 63 << WITHHELD_SHIFT;

/** One device. */
export class Device {
  readonly index: number;
  readonly config: DeviceConfig;
  readonly iommu: Iommu;
  readonly agent: Agent;
  readonly atc: EntryCache;
  readonly port: WalkPort;
  readonly programs: readonly Dma[];
  private readonly wires: Wires;
  private readonly frames: Frames;
  private readonly status: number;
  private readonly pasidTable: number;

  constructor(
    wires: Wires,
    layout: Layout,
    frames: Frames,
    walker: Walker,
    iommu: Iommu,
    config: DeviceConfig,
    index: number,
    programs: readonly number[],
  ) {
    this.wires = wires;
    this.frames = frames;
    this.index = index;
    this.config = config;
    this.iommu = iommu;
    this.agent = { kind: 'device', index };
    this.status = layout.reserve(1);
    this.pasidTable = layout.reserve(PASIDS);
    this.atc = new EntryCache(wires, layout, 'atc', index, config.atc);
    const { iotlb: leaves, walkCache: pointers } = iommu;
    const { cachesAbsent } = iommu.config;
    this.port = { agent: this.agent, leaves, pointers, isIommu: true, cachesAbsent };
    this.programs = programs.map(program => new Dma(wires, layout, frames, walker, this, program));
  }

  /** Whether the device translates through a cache of its own. */
  hasAts(): boolean {
    return this.config.atc > 0;
  }

  /** Whether the device may send page requests. */
  hasPri(): boolean {
    const off = PRI_DISABLED | RESPONSE_FAILURE | FAILED;
    return this.hasAts() && this.config.requests > 0 && (this.statusWord() & off) === 0;
  }

  /** Whether Enable is set in the PRI control register. */
  isPriEnabled(): boolean {
    return this.config.requests > 0 && (this.statusWord() & PRI_DISABLED) === 0;
  }

  /** Stopped in the PRI status register: not enabled, and no request is outstanding. */
  isPriStopped(): boolean {
    return !this.isPriEnabled() && this.outstanding() === 0;
  }

  /** RF in the PRI status register: a FAILURE response came. */
  hasResponseFailure(): boolean {
    return (this.statusWord() & RESPONSE_FAILURE) !== 0;
  }

  /** UPRGI in the PRI status register: a response came that no group waited for. */
  hasUnexpectedResponse(): boolean {
    return (this.statusWord() & UNEXPECTED) !== 0;
  }

  /** Outstanding Page Request Allocation: how many requests may wait for a response. */
  allocation(): number {
    return this.config.requests - ((this.statusWord() & WITHHELD) >>> WITHHELD_SHIFT);
  }

  /** Page requests that wait for a response. */
  outstanding(): number {
    let count = 0;
    for (const program of this.programs) count += program.outstanding();
    return count;
  }

  /** Whether so many more requests, as one group, may be sent now. */
  mayRequest(count: number): boolean {
    return this.outstanding() + count <= this.allocation();
  }

  /** Sets Enable, and the allocation: no more than the capacity. Clears RF and UPRGI. */
  enablePri(requests: number): void {
    const withheld = this.config.requests - Math.max(0, Math.min(requests, this.config.requests));
    const kept = this.statusWord() & ~(PRI_DISABLED | RESPONSE_FAILURE | UNEXPECTED | WITHHELD);
    this.wires.words.put(this.status, kept | (withheld << WITHHELD_SHIFT));
    this.tellPri(`enabled for ${this.allocation()} requests`);
  }

  /** Clears Enable: no new requests; those outstanding stay so. */
  disablePri(): void {
    this.setStatus(PRI_DISABLED);
    this.tellPri('disabled');
  }

  /** Reset, which counts only while Enable is clear: what is outstanding is forgotten, nothing answers it. */
  resetPri(): void {
    if (this.isPriEnabled()) return;
    for (const program of this.programs) if (program.hasPageRequest()) program.dropRequests();
    this.tellPri('reset');
  }

  /** Whether the device gave up. */
  hasFailed(): boolean {
    return (this.statusWord() & FAILED) !== 0;
  }

  /** Whether the completion of an ATS invalidation is outstanding. */
  isInvalidating(): boolean {
    return (this.statusWord() & INVALIDATING) !== 0;
  }

  /** Domain number in the device table entry. */
  domain(): number {
    return this.index + 1;
  }

  /** Tag under which the IOMMU and the ATC keep copies of an address space. */
  tag(pasid: number): number {
    return spaceTag(this.domain(), pasid);
  }

  /** Word of the PASID table: a root and its mark. */
  rootRegister(pasid: number): number {
    return 0 <= pasid && pasid < PASIDS ? this.wires.words.get(this.pasidTable + pasid) : 0;
  }

  /** Writes the PASID table entry; -1 clears it. Invalidates nothing. */
  setRoot(pasid: number, root: number): void {
    if (pasid < 0 || PASIDS <= pasid) return;
    const { searched } = this.wires;
    searched?.mayHold.rootLoading(root);
    searched?.mayHold.rootChanging(this, pasid);
    this.wires.words.put(this.pasidTable + pasid, rootWord(root, this.frames.isFree(root)));
    searched?.mayHold.rootChanged();
    this.wires.sink?.({ type: 'gcr3', device: this.index, pasid, root: root < 0 ? null : root });
  }

  /** The device gives up: every DMA from now on is aborted. */
  fail(pasid: number, address: number): void {
    this.setStatus(FAILED);
    this.wires.hooks.deviceFailed(this.index, pasid, address);
    this.wires.sink?.({ type: 'device-failed', device: this.index, pasid, address });
  }

  /** Lowest index that no outstanding group uses, but for that of one program. */
  freeTag(but?: Dma): number {
    for (let tag = 0; ; tag++)
      if (!this.programs.some(program => program !== but && program.hasPageRequest(tag))) return tag;
  }

  /**
   * A response arrives. A group of which nothing has reached the IOMMU yet is not outstanding for software: a
   * response with its index answers an earlier group once more, and is dropped.
   * Simplified: a real device would take it for the answer to the new group.
   */
  respond(pasid: number, tag: number, status: number, by: 'software' | 'iommu' = 'software'): void {
    const program = this.programs.find(candidate => candidate.awaitsResponse(pasid, tag));
    this.wires.hooks.pageResponse(this.index, pasid, tag, program !== undefined);
    const address = program?.address() ?? 0;
    const unexpected = program === undefined;
    const who = by === 'iommu' ? ' by the IOMMU' : '';
    const text = `${unexpected ? 'unexpected ' : ''}${statusName(status)}${who}`;
    const told = { device: this.index, pasid, address, tag, text, status, unexpected };
    this.wires.sink?.({ type: 'page-response', ...told });
    if (program === undefined) {
      // After FAILURE the device expects none, and ignores what comes.
      if (!this.hasResponseFailure()) this.setStatus(UNEXPECTED);
      return;
    }
    if (status !== PPR_FAILURE) {
      program.takeResponse(status);
      return;
    }
    this.setStatus(RESPONSE_FAILURE);
    for (const other of this.programs) if (other.hasPageRequest()) other.dropRequests();
  }

  /** INVALIDATE_IOTLB_PAGES arrives: copies are dropped at once, the completion follows when it may. */
  invalidate(pasid: number, low: number, high: number, all: boolean): void {
    if (!this.hasAts()) return;
    this.wires.searched?.mayHold.atcInvalidated(this, pasid, low, high, all);
    if (all) this.atc.dropTag(this.tag(pasid), 'command');
    else this.atc.dropCovering(this.tag(pasid), low, high, 'leaves', 'command');
    for (const program of this.programs) program.atcInvalidated(pasid, low, high, all);
    this.setStatus(INVALIDATING);
  }

  /** How many actions the ATS agent has: one a request, one for a completion that can be sent. */
  atsChoices(): number {
    let choices = this.canComplete() ? 1 : 0;
    for (const program of this.programs) if (program.hasRequest()) choices++;
    return choices;
  }

  /** Advances a request by a step, or, as the last choice, sends the completion. */
  atsStep(choice: number): Outcome {
    let left = choice;
    for (const program of this.programs) if (program.hasRequest() && left-- === 0) return program.translate();
    if (left !== 0 || !this.canComplete()) return 'blocked';
    this.wires.words.put(this.status, this.statusWord() & ~INVALIDATING);
    const text = `ATS invalidation completed by ${this.config.name}`;
    this.wires.sink?.({
      type: 'command',
      iommu: this.iommu.index,
      phase: 'carried-out',
      text,
      command: null,
    });
    return 'done';
  }

  /** Marks what refers to a frame that is being freed. */
  markFrame(frame: number): void {
    for (let pasid = 0; pasid < PASIDS; pasid++) {
      const register = this.rootRegister(pasid);
      if (rootFrame(register) === frame) this.wires.words.put(this.pasidTable + pasid, register | 1);
    }
    this.atc.markFrame(frame);
    for (const program of this.programs) program.markFrame(frame);
  }

  private tellPri(text: string): void {
    this.wires.sink?.({ type: 'pri', device: this.index, text });
  }

  private canComplete(): boolean {
    return this.isInvalidating() && !this.programs.some(program => program.mustFinish());
  }

  private statusWord(): number {
    return this.wires.words.get(this.status);
  }

  private setStatus(bit: number): void {
    this.wires.words.put(this.status, this.statusWord() | bit);
  }
}
