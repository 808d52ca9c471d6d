/**
 * The one DMA that a device program can have under way. Translation and access are two steps; in between it
 * is in flight, and nothing that happens to the page tables or caches can call it back.
 *
 *     without ATS   looking up -> (walk steps) -> in flight -> done
 *     with ATS      looking up -> requested -> looking up ... -> in flight -> done
 *     with PRI      requested -> untranslated -> page requested -> looking up (SUCCESS), or aborted
 *
 * A program may also ask for pages without an access (`ask`), and say that it stops using a PASID (`stop`).
 *
 * Registers: the four words of a walk, whose flags word also holds the stage, a word of tag, PASID and
 * re-faults, and the word of the group of page requests (page-group.ts).
 */
import {
  alignDown,
  fromWords,
  highWord,
  lowWord,
  PAGE_SIZE,
  prefixHigh,
  prefixLow,
  wordOf,
} from '../base/address';
import type { Layout } from '../base/layout';
import type { Outcome } from './cpu';
import type { Device } from './device';
import { type Frames, pieceFrame, spans } from './frames';
import { GROUP_MAX, type GroupKind, PageGroup, PPR_FAILURE, PPR_SUCCESS } from './page-group';
import { D, GATHERED, LEAF, LEVEL_MASK, levelOf, MARK, NX, U, W, WRITE_REQUEST } from './register-bits';
import type { SearchAccess } from './search-access';
import { WALK_WORDS, type Walker, type WalkResult } from './walk';
import type { Wires } from './wires';

const STAGE_SHIFT = 13;
const STAGE_MASK = 7 << STAGE_SHIFT;
const IDLE = 0;
const LOOKUP = 1 << STAGE_SHIFT;
const FLIGHT = 2 << STAGE_SHIFT;
/** A translation request is with the ATS agent. */
const REQUEST = 3 << STAGE_SHIFT;
/** Its answer was: not translatable. */
const UNTRANSLATED = 4 << STAGE_SHIFT;
const PAGE_REQUEST = 5 << STAGE_SHIFT;
const ABORT = 6 << STAGE_SHIFT;
/** The answer to what the program asked for itself is there. */
const REPLY = 7 << STAGE_SHIFT;
/** Request: its answer must not be used. */
const DISCARD = 1 << 16;
/** In flight: a wait for an earlier invalidation must not complete before. */
const MUST_FINISH = 1 << 17;
/** Request: the answer is on its way back. */
const ANSWER = 1 << 18;
/** Answer: a translation. */
const TRANSLATED = 1 << 19;
/** A page request for this address was answered with SUCCESS. */
const ANSWERED = 1 << 21;

const TAG_MASK = 511;
const PASID_SHIFT = 9;
const PASID_MASK = 4095;
const REFAULT_SHIFT = 21;
/** What a DMA in flight does not ask for any more. */
const RIGHTS = W | U | NX;
/** Highest limit of re-faults that the register can count up to. */
const REFAULTS_MAX = 1000;

/** What the DMA of a program waits for or is about to do. */
export type DmaStage =
  | 'idle'
  | 'lookup'
  | 'walk'
  | 'in-flight'
  | 'request'
  | 'answer'
  | 'untranslated'
  | 'page-request'
  | 'logged-page-request'
  | 'stop-marker'
  | 'reply'
  | 'abort';

/** The DMA of one device program. */
export class Dma {
  readonly device: Device;
  readonly program: number;
  /** Result of the read, or response to the pages asked for, that was `done` last. No part of the state. */
  value = 0;
  /** The group of page requests that is outstanding. */
  readonly group: PageGroup;
  private readonly wires: Wires;
  private readonly frames: Frames;
  private readonly walker: Walker;
  private readonly base: number;

  constructor(wires: Wires, layout: Layout, frames: Frames, walker: Walker, device: Device, program: number) {
    this.wires = wires;
    this.frames = frames;
    this.walker = walker;
    this.device = device;
    this.program = program;
    this.base = layout.reserve(WALK_WORDS + 1);
    this.group = new PageGroup(wires, layout);
  }

  /**
   * One step of the DMA as the device sees it. The arguments other than `value` count at the first step
   * only.
   */
  step(pasid: number, address: number, write: boolean, value: number): Outcome {
    const isIssued = this.stage() === IDLE;
    if (isIssued) this.issue(pasid, address, write);
    switch (this.stage()) {
      case LOOKUP:
        if (this.device.hasFailed()) return this.abort();
        // After an answer the device asks anew: what was not allowed before may be now.
        if ((this.header() & ANSWERED) !== 0)
          this.wires.hooks.issued(this.device.agent, this.pasid(), this.address(), this.isWrite());
        if (this.wires.searched !== undefined) return this.choose(this.wires.searched, isIssued);
        return this.device.hasAts() ? this.lookUpAtc() : this.lookUpIotlb();
      case FLIGHT:
        return this.access(value);
      case UNTRANSLATED:
        return this.device.hasPri() ? this.requestPage() : this.abort();
      case ABORT:
        return this.abort();
      default:
        return 'blocked';
    }
  }

  /**
   * One step of asking for pages in a row without an access, as one group. `done` once the response is there,
   * which is the `value`; FAILURE at once where the device may not ask.
   */
  ask(pasid: number, address: number, pages: number, write: boolean): Outcome {
    if (this.stage() === IDLE) {
      if (this.device.hasPri()) return this.post(pasid, address, pages, write, 'asked');
      this.value = PPR_FAILURE;
      return 'done';
    }
    return this.reply();
  }

  /** One step of a stop marker: all that the device asked for with the PASID comes before it. */
  stop(pasid: number): Outcome {
    if (this.stage() !== IDLE) return this.reply();
    return this.device.hasPri() ? this.post(pasid, 0, 1, false, 'stop') : 'done';
  }

  /** Whether `step` would not be `blocked`. */
  isReady(): boolean {
    const stage = this.stage();
    if (stage === UNTRANSLATED) return !this.device.hasPri() || this.device.mayRequest(1);
    return stage !== REQUEST && stage !== PAGE_REQUEST;
  }

  /** One step of the ATS agent on this program's request: lookup, walk, or answer. */
  translate(): Outcome {
    const header = this.header();
    if ((header & ANSWER) !== 0) return this.deliver(header);
    if (levelOf(header) === 0) {
      const cache = this.device.iommu.iotlb;
      const slot = cache.findLeaf(this.tag(), this.low(), this.high(), this.isWrite() ? W : 0);
      if (slot >= 0) return this.answer(cache.flags(slot), cache.frame(slot));
      if (cache.findAbsent(this.tag(), this.low(), this.high())) {
        this.put(this.header() | ANSWER);
        return 'more';
      }
    }
    const result = this.walk();
    if (result === 'more') return 'more';
    if (result === 'leaf') return this.answer(this.walker.flags, this.walker.frame);
    this.walker.restart(this.base);
    this.put(this.header() | ANSWER);
    return 'more';
  }

  /** Whether a translation request of this program is outstanding. */
  hasRequest(): boolean {
    return this.stage() === REQUEST;
  }

  /** Whether a group of page requests (with this index) is outstanding, in the log or not. */
  hasPageRequest(tag?: number): boolean {
    if (this.stage() !== PAGE_REQUEST || this.group.isStop()) return false;
    return tag === undefined || this.groupIndex() === tag;
  }

  /** Page requests that wait for a response. */
  outstanding(): number {
    return this.hasPageRequest() ? this.group.count() : 0;
  }

  /** Whether a page request or a stop marker is on its way to the IOMMU. */
  hasUnloggedPageRequest(): boolean {
    return this.stage() === PAGE_REQUEST && this.group.isOnItsWay();
  }

  /** The next page request of the group has reached the IOMMU. */
  pageRequestArrived(): void {
    this.group.arrive();
    if (this.group.isOnItsWay()) return;
    if (this.group.isStop()) this.put(REPLY);
    else if (this.group.isAnswered()) this.finish(this.group.status());
  }

  /** Whether a response with this PASID and index is what the program waits for. */
  awaitsResponse(pasid: number, tag: number): boolean {
    if (!this.hasPageRequest(tag) || this.group.arrived() === 0) return false;
    return !this.group.isAnswered() && this.pasid() === pasid;
  }

  /**
   * A page response arrives: the address is looked up again, or the DMA ends.
   * Simplified: with requests of the group still on their way the program acts on it once they have arrived.
   */
  takeResponse(status: number): void {
    if (this.group.isOnItsWay()) this.group.answer(status);
    else this.finish(status);
  }

  /** The group will not be answered: PRI was reset, or the device was told FAILURE. */
  dropRequests(): void {
    this.finish(PPR_FAILURE);
  }

  /** INVALIDATE_IOMMU_PAGES was carried out. */
  iommuInvalidated(
    device: Device,
    pasid: number,
    low: number,
    high: number,
    all: boolean,
    pde: boolean,
  ): void {
    const header = this.header();
    if (this.stage() === FLIGHT && !this.device.hasAts()) this.put(header | MUST_FINISH);
    const level = levelOf(header);
    const isWalking = level !== 0 && (header & ANSWER) === 0 && this.stage() !== FLIGHT;
    if (!isWalking || !pde || device !== this.device || pasid !== this.pasid()) return;
    if (all || this.shares(low, high, level + 1)) this.walker.restart(this.base);
  }

  /** INVALIDATE_IOTLB_PAGES arrived at the device. */
  atcInvalidated(pasid: number, low: number, high: number, all: boolean): void {
    if (pasid !== this.pasid()) return;
    const header = this.header();
    const isTranslated = (header & (ANSWER | TRANSLATED)) === (ANSWER | TRANSLATED);
    const level = this.stage() === FLIGHT || isTranslated ? Math.max(levelOf(header), 1) : 1;
    if (!all && !this.shares(low, high, level)) return;
    if (this.stage() === FLIGHT) this.put(header | MUST_FINISH);
    if (this.stage() === REQUEST) this.put(header | DISCARD);
  }

  /** Whether the DMA is in flight and an earlier invalidation waits for it. */
  mustFinish(): boolean {
    return (this.header() & MUST_FINISH) !== 0;
  }

  /** Marks what refers to a frame that is being freed. */
  markFrame(frame: number): void {
    const header = this.header();
    const isTranslated = (header & (ANSWER | TRANSLATED)) === (ANSWER | TRANSLATED);
    if (this.stage() === FLIGHT) {
      if (this.frame() === frame) this.put(header | MARK);
    } else if (isTranslated) {
      if (spans(this.frame(), levelOf(header), frame)) this.put(header | MARK);
    } else this.walker.markFrame(this.base, frame);
  }

  /** Where the DMA stands, for views. */
  stageName(): DmaStage {
    const header = this.header();
    switch (this.stage()) {
      case LOOKUP:
        return levelOf(header) === 0 ? 'lookup' : 'walk';
      case FLIGHT:
        return 'in-flight';
      case REQUEST:
        return (header & ANSWER) === 0 ? 'request' : 'answer';
      case UNTRANSLATED:
        return 'untranslated';
      case PAGE_REQUEST:
        if (this.group.isStop()) return 'stop-marker';
        return this.group.isOnItsWay() ? 'page-request' : 'logged-page-request';
      case ABORT:
        return 'abort';
      case REPLY:
        return 'reply';
      default:
        return 'idle';
    }
  }

  /** Whether the copy in use, or the pointer a walk follows, is dangling. */
  isMarked(): boolean {
    return (this.header() & MARK) !== 0;
  }

  /** Whether the DMA writes. */
  isWrite(): boolean {
    return (this.header() & WRITE_REQUEST) !== 0;
  }

  /** Whether the answer of the request must not be used. */
  isDiscarded(): boolean {
    return (this.header() & DISCARD) !== 0;
  }

  /** Level of the leaf that an answer or a DMA in flight uses; of the table a walk reads next. */
  level(): number {
    return levelOf(this.header());
  }

  /** Frame in flight, first frame of an answer, or table a walk reads next. */
  frame(): number {
    return this.wires.words.get(this.base + 3);
  }

  /** Address the DMA is for. */
  address(): number {
    return fromWords(this.low(), this.high());
  }

  /** PASID the DMA was issued with. */
  pasid(): number {
    return (this.rest() >>> PASID_SHIFT) & PASID_MASK;
  }

  /** Group index of the outstanding page request. */
  groupIndex(): number {
    return this.rest() & TAG_MASK;
  }

  /** Consecutive answered requests for the address that were untranslatable again. */
  refaults(): number {
    return this.rest() >>> REFAULT_SHIFT;
  }

  private issue(pasid: number, address: number, write: boolean): void {
    const words = this.wires.words;
    this.put(LOOKUP | (write ? WRITE_REQUEST : 0));
    words.put(this.base + 1, lowWord(address));
    words.put(this.base + 2, highWord(address));
    this.putRest(pasid & PASID_MASK, 0, 0);
    this.wires.hooks.issued(this.device.agent, pasid, address, write);
  }

  /**
   * One step of a lookup with the caches of a search: one of all that it can come to. A translation request
   * is made and answered in one step, as what may come between changes nothing for the device.
   */
  private choose(searched: SearchAccess, isIssued: boolean): Outcome {
    const [low, high, write] = [this.low(), this.high(), this.isWrite()];
    const space = searched.mayHold.deviceSpace(this.device, this.pasid());
    const possibility = searched.choose(space, low, high, write, isIssued);
    if (possibility.kind === 'wait') return 'more';
    if (possibility.kind === 'hit')
      return this.takeOff(possibility.copy.flags & ~RIGHTS, possibility.copy.frame);
    const result = searched.take(space, possibility, low, high, write);
    if (result === 'more' || (result === 'leaf' && this.device.hasAts())) return 'more';
    if (result === 'leaf') return this.takeOff(searched.flags & ~RIGHTS, searched.frame);
    if (!this.device.hasAts()) return this.abort();
    this.untranslated(this.header() & (WRITE_REQUEST | ANSWERED));
    return 'more';
  }

  private lookUpAtc(): Outcome {
    const cache = this.device.atc;
    const slot = cache.findLeaf(this.tag(), this.low(), this.high(), this.isWrite() ? W : 0);
    if (slot >= 0) return this.takeOff(cache.flags(slot), cache.frame(slot));
    this.put((this.header() & ~STAGE_MASK) | REQUEST);
    return 'more';
  }

  private lookUpIotlb(): Outcome {
    if (levelOf(this.header()) === 0) {
      const cache = this.device.iommu.iotlb;
      const slot = cache.findLeaf(this.tag(), this.low(), this.high(), this.isWrite() ? W : 0);
      if (slot >= 0) return this.takeOff(cache.flags(slot), cache.frame(slot));
      if (cache.findAbsent(this.tag(), this.low(), this.high())) return this.abort();
    }
    const result = this.walk();
    if (result === 'more') return 'more';
    return result === 'leaf' ? this.takeOff(this.walker.flags, this.walker.frame) : this.abort();
  }

  private walk(): WalkResult {
    const pasid = this.pasid();
    const root = this.device.rootRegister(pasid);
    return this.walker.step(this.device.port, this.base, pasid, this.tag(), root, this.isWrite());
  }

  private takeOff(flags: number, first: number): Outcome {
    this.put((this.header() & WRITE_REQUEST) | FLIGHT | (flags & (LEVEL_MASK | GATHERED)));
    const frame = pieceFrame(first, this.low(), this.high(), levelOf(flags));
    this.wires.words.put(this.base + 3, frame);
    return 'more';
  }

  private access(value: number): Outcome {
    const frame = this.frame();
    const marked = this.isMarked();
    const write = this.isWrite();
    const address = this.address();
    const pasid = this.pasid();
    const word = wordOf(this.low());
    this.clear();
    if (write) this.frames.write(frame, word, value);
    else this.value = this.frames.read(frame, word);
    this.wires.hooks.accessed(this.device.agent, pasid, address, write, frame, marked);
    const seen = write ? value : this.value;
    this.wires.sink?.({ type: 'access', by: this.device.agent, pasid, address, write, frame, value: seen });
    return 'done';
  }

  private answer(flags: number, frame: number): Outcome {
    const kept = this.header() & ~(LEVEL_MASK | GATHERED);
    this.put(kept | ANSWER | TRANSLATED | (flags & (LEVEL_MASK | GATHERED | D)));
    this.wires.words.put(this.base + 3, frame);
    return 'more';
  }

  /** The answer reaches the device: it fills the ATC, or is discarded and asked for again. */
  private deliver(header: number): Outcome {
    const kept = header & (WRITE_REQUEST | ANSWERED);
    const frame = this.frame();
    this.wires.words.put(this.base + 3, 0);
    if ((header & DISCARD) !== 0) {
      this.put(kept | REQUEST);
      const drop = { type: 'drop', cache: 'atc', slot: -1, why: 'discard' } as const;
      this.wires.sink?.({ ...drop, owner: this.device.index, address: this.address(), frame });
      return 'more';
    }
    if ((header & TRANSLATED) !== 0) {
      const flags = LEAF | (header & (GATHERED | D));
      const { splits } = this.device.config;
      const level = splits ? 1 : levelOf(header);
      const first = splits ? pieceFrame(frame, this.low(), this.high(), levelOf(header)) : frame;
      this.device.atc.fill(this.tag(), level, this.low(), this.high(), flags & ~LEVEL_MASK, first);
      this.put(kept | LOOKUP);
      return 'done';
    }
    this.untranslated(kept);
    return 'done';
  }

  private untranslated(kept: number): void {
    this.put(kept | UNTRANSLATED);
    if ((kept & ANSWERED) !== 0) this.countRefault();
  }

  private countRefault(): void {
    const limit = Math.min(this.device.config.refaults, REFAULTS_MAX);
    if (limit === 0) return;
    const refaults = this.refaults() + 1;
    this.putRest(this.pasid(), 0, refaults);
    if (refaults <= limit) return;
    this.put((this.header() & ~STAGE_MASK) | ABORT);
    if (!this.device.hasFailed()) this.device.fail(this.pasid(), this.address());
  }

  private requestPage(): Outcome {
    if (!this.device.mayRequest(1)) return 'blocked';
    this.putRest(this.pasid(), this.device.freeTag(), this.refaults());
    this.put((this.header() & WRITE_REQUEST) | PAGE_REQUEST);
    this.group.begin(1, 'access');
    this.announceRequests();
    return 'more';
  }

  /** Sends a group, or a stop marker, that no access is behind. */
  private post(pasid: number, address: number, pages: number, write: boolean, kind: GroupKind): Outcome {
    const count = Math.min(Math.max(1, pages), GROUP_MAX);
    if (kind === 'asked' && !this.device.mayRequest(count)) return 'blocked';
    const words = this.wires.words;
    this.put(PAGE_REQUEST | (write ? WRITE_REQUEST : 0));
    words.put(this.base + 1, lowWord(address));
    words.put(this.base + 2, highWord(address));
    // The index last: it is the lowest that no group has.
    this.putRest(pasid & PASID_MASK, kind === 'asked' ? this.device.freeTag(this) : 0, 0);
    this.group.begin(count, kind);
    if (kind === 'asked') this.announceRequests();
    else this.wires.sink?.({ type: 'stop-marker', device: this.device.index, pasid });
    return 'more';
  }

  private announceRequests(): void {
    const count = this.group.count();
    const how = this.isWrite() ? 'write' : 'read';
    for (let page = 0; page < count; page++) {
      this.wires.sink?.({
        type: 'page-request',
        device: this.device.index,
        pasid: this.pasid(),
        address: this.pageAddress(page),
        tag: this.groupIndex(),
        text: count === 1 ? how : `${how}, ${page + 1} of ${count}`,
      });
    }
  }

  /** Address of a page of the group. */
  pageAddress(page: number): number {
    return alignDown(this.address(), PAGE_SIZE) + page * PAGE_SIZE;
  }

  private reply(): Outcome {
    if (this.stage() !== REPLY) return 'blocked';
    this.value = this.group.status();
    this.clear();
    return 'done';
  }

  /** The group has its response, or will never have one. */
  private finish(status: number): void {
    if (this.group.isAsked()) {
      this.group.answer(status);
      this.put(REPLY);
      return;
    }
    this.group.clear();
    this.putRest(this.pasid(), 0, this.refaults());
    const isGranted = status === PPR_SUCCESS;
    this.put((this.header() & WRITE_REQUEST) | (isGranted ? LOOKUP | ANSWERED : ABORT));
  }

  private abort(): Outcome {
    this.device.iommu.logFault(this.device.index, this.pasid(), this.address(), this.isWrite());
    this.clear();
    return 'aborted';
  }

  private clear(): void {
    for (let word = 0; word <= WALK_WORDS; word++) this.wires.words.put(this.base + word, 0);
    this.group.clear();
  }

  private shares(low: number, high: number, level: number): boolean {
    if (prefixLow(low, level) !== prefixLow(this.low(), level)) return false;
    return prefixHigh(high, level) === prefixHigh(this.high(), level);
  }

  private tag(): number {
    return this.device.tag(this.pasid());
  }

  private header(): number {
    return this.wires.words.get(this.base);
  }

  private stage(): number {
    return this.header() & STAGE_MASK;
  }

  private low(): number {
    return this.wires.words.get(this.base + 1);
  }

  private high(): number {
    return this.wires.words.get(this.base + 2);
  }

  private rest(): number {
    return this.wires.words.get(this.base + WALK_WORDS);
  }

  private put(header: number): void {
    this.wires.words.put(this.base, header);
  }

  private putRest(pasid: number, tag: number, refaults: number): void {
    this.wires.words.put(this.base + WALK_WORDS, tag | (pasid << PASID_SHIFT) | (refaults << REFAULT_SHIFT));
  }
}
