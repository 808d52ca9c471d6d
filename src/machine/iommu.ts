/**
 * One IOMMU as the AMD one is seen by its driver: IOTLB and walk cache tagged by domain and PASID, a command
 * queue with its processor, a page-request log with its writer, and an event log.
 *
 * What VT-d calls descriptors of its invalidation queue are the same commands, with two differences: an
 * invalidation may be for a block of 2^order pages, whose address bits below the block are ignored; and
 * pointers are dropped unless it is hinted that they may stay.
 *
 * An invalidation is carried out when the processor reaches it, not when it is queued. COMPLETION_WAIT stays
 * at the head until what the invalidations before it must wait for is over, and so holds back the commands
 * after it.
 *
 * A page request that finds the log full is lost, and so is every one after it until software starts the log
 * again. To a group whose last request is lost so the IOMMU may send a response of its own.
 *
 * Software that polls for a completion gives up after some time, where the scenario lets it: the wait is then
 * nobody's, and stays in the queue.
 * Simplified: the event log keeps its first four entries and an overflow bit; nothing consumes them.
 */
import { alignDown, formatAddress, fromWords, highWord, lowWord, PAGE_SIZE } from '../base/address';
import type { Layout } from '../base/layout';
import { EntryCache } from './cache';
import type { IommuConfig } from './config';
import type { Outcome } from './cpu';
import type { Device } from './device';
import type { Dma } from './dma';
import { Fifo } from './fifo';
import type { CommandFields } from './observer';
import { statusName } from './page-group';
import type { Wires } from './wires';

const EVENT_LOG = 4;

/** Types of command. */
const INVALIDATE_IOMMU_PAGES = 1;
const INVALIDATE_IOTLB_PAGES = 2;
const COMPLETION_WAIT = 3;
const COMPLETE_PPR = 4;

/** Names of the commands, as the AMD manual has them. */
export type CommandName =
  | 'INVALIDATE_IOMMU_PAGES'
  | 'INVALIDATE_IOTLB_PAGES'
  | 'COMPLETION_WAIT'
  | 'COMPLETE_PPR';

const names: readonly CommandName[] = [
  'INVALIDATE_IOMMU_PAGES',
  'INVALIDATE_IOTLB_PAGES',
  'COMPLETION_WAIT',
  'COMPLETE_PPR',
];

/**
 * Command words: type 0..2, all 3, pde 4, status 5..8, pasid 9..20, device 21..28; address; tag, thread, or
 * order.
 * The thread of a wait that was given up is -1.
 * Log words: 1 + device 0..8, pasid 9..20, tag 21..29, stop marker 30; address, whose lowest bits are write 0
 * and last 1.
 */
const ALL = 1 << 3;
const PDE = 1 << 4;
const NOBODY = -1;
/** Larger blocks are the whole PASID. Simplified: so more is dropped than was asked for. */
const ORDER_MAX = 9;
const STOP = 1 << 30;
const WRITE = 1;
const LAST = 2;

/** A queued command, for views. */
export interface Command extends CommandFields {
  readonly name: CommandName;
  readonly tag: number;
  readonly status: number;
  readonly text: string;
}

/** An entry of the page-request log. */
export interface PageRequest {
  readonly device: number;
  readonly pasid: number;
  readonly address: number;
  readonly tag: number;
  readonly write: boolean;
  readonly last: boolean;
  /** A stop marker: the device has stopped using the PASID. Nothing is asked for, nothing is answered. */
  readonly stop: boolean;
}

/** An entry of the event log. */
export interface FaultRecord {
  readonly device: number;
  readonly pasid: number;
  readonly address: number;
  readonly write: boolean;
}

/** One IOMMU. */
export class Iommu {
  readonly index: number;
  readonly config: IommuConfig;
  readonly iotlb: EntryCache;
  readonly walkCache: EntryCache;
  devices: readonly Device[] = [];
  private readonly wires: Wires;
  private readonly commands: Fifo;
  private readonly log: Fifo;
  private readonly events: Fifo;
  private readonly overflow: number;
  /** Whether a page request was lost, since which none is logged. */
  private readonly pprOverflow: number;
  /** Completion waits that were given up so far, and the threads that gave up their last one. */
  private readonly timeouts: number;
  private readonly gaveUp: number;

  constructor(wires: Wires, layout: Layout, index: number, config: IommuConfig) {
    this.wires = wires;
    this.index = index;
    this.config = config;
    this.iotlb = new EntryCache(wires, layout, 'iotlb', index, config.iotlb);
    this.walkCache = new EntryCache(wires, layout, 'walk-cache', index, config.walkCache);
    this.commands = new Fifo(wires, layout, config.commandQueue, 4);
    this.log = new Fifo(wires, layout, config.pprLog, 3);
    this.events = new Fifo(wires, layout, EVENT_LOG, 3);
    this.overflow = layout.reserve(1);
    this.pprOverflow = layout.reserve(1);
    this.timeouts = layout.reserve(1);
    this.gaveUp = layout.reserve(1);
  }

  /** Queues the invalidation of a block of pages, or all, of a PASID; false if the queue is full. */
  queueInvalidatePages(
    device: number,
    pasid: number,
    address: number,
    all: boolean,
    pde: boolean,
    order = 0,
  ): boolean {
    const flags = (all || order > ORDER_MAX ? ALL : 0) | (pde ? PDE : 0);
    return this.queue(INVALIDATE_IOMMU_PAGES | flags, device, pasid, address, order);
  }

  /** Queues an ATS invalidation; false if the queue is full. */
  queueInvalidateIotlb(device: number, pasid: number, address: number, all: boolean, order = 0): boolean {
    const flags = all || order > ORDER_MAX ? ALL : 0;
    return this.queue(INVALIDATE_IOTLB_PAGES | flags, device, pasid, address, order);
  }

  /** Queues a completion wait; false if the queue is full. */
  queueCompletionWait(thread: number): boolean {
    if (!this.queue(COMPLETION_WAIT, 0, 0, 0, thread)) return false;
    const { words } = this.wires;
    words.put(this.gaveUp, words.get(this.gaveUp) & ~(1 << thread));
    return true;
  }

  /** Commands that the queue has room for. */
  room(): number {
    return this.commands.capacity - this.commands.count();
  }

  /** Threads whose wait can time out now, in the order of their waits. */
  waiting(): number[] {
    const { words } = this.wires;
    if (words.get(this.timeouts) >= this.config.completionTimeouts) return [];
    const found: number[] = [];
    for (let record = 0; record < this.commands.count(); record++) {
      const thread = this.commands.get(record, 3);
      const isWait = (this.commands.get(record, 0) & 7) === COMPLETION_WAIT;
      if (isWait && thread !== NOBODY && !found.includes(thread)) found.push(thread);
    }
    return found;
  }

  /** A thread gives up the waits that it has in the queue. The commands stay. */
  giveUp(thread: number): void {
    const { words } = this.wires;
    for (let record = 0; record < this.commands.count(); record++) {
      const isWait = (this.commands.get(record, 0) & 7) === COMPLETION_WAIT;
      if (isWait && this.commands.get(record, 3) === thread) this.commands.set(record, 3, NOBODY);
    }
    words.put(this.timeouts, words.get(this.timeouts) + 1);
    words.put(this.gaveUp, words.get(this.gaveUp) | (1 << thread));
    this.wires.sink?.({ type: 'time-out', iommu: this.index, thread });
  }

  /** Whether a thread gave up the last wait that it queued. */
  hasGivenUp(thread: number): boolean {
    return ((this.wires.words.get(this.gaveUp) >>> thread) & 1) !== 0;
  }

  /** Queues a page response; false if the queue is full. */
  queueCompletePpr(device: number, pasid: number, tag: number, status: number): boolean {
    return this.queue(COMPLETE_PPR | ((status & 15) << 5), device, pasid, 0, tag);
  }

  /** Whether a completion wait of this thread is still queued. */
  isWaiting(thread: number): boolean {
    for (let record = 0; ; record++) {
      const word = this.commands.get(record, 0);
      if (word === 0) return false;
      if ((word & 7) === COMPLETION_WAIT && this.commands.get(record, 3) === thread) return true;
    }
  }

  /** Whether the command processor can carry out the command at the head. */
  isReady(): boolean {
    const word = this.commands.get(0, 0);
    return word !== 0 && ((word & 7) !== COMPLETION_WAIT || this.isWaitDue());
  }

  /** Carries out the command at the head. */
  commandStep(): Outcome {
    if (!this.isReady()) return 'blocked';
    const word = this.commands.get(0, 0);
    const low = this.commands.get(0, 1);
    const high = this.commands.get(0, 2);
    const last = this.commands.get(0, 3);
    if (this.wires.sink !== undefined) this.announce('carried-out', this.describe(0));
    this.commands.shift();
    const pasid = (word >>> 9) & 4095;
    const device = this.deviceAt((word >>> 21) & 255);
    if (device === undefined) return 'done';
    switch (word & 7) {
      case INVALIDATE_IOMMU_PAGES:
        eachPage(low, high, last, word, (pageLow, pageHigh) => {
          this.invalidatePages(device, pasid, pageLow, pageHigh, word);
        });
        break;
      case INVALIDATE_IOTLB_PAGES:
        eachPage(low, high, last, word, (pageLow, pageHigh) => {
          device.invalidate(pasid, pageLow, pageHigh, (word & ALL) !== 0);
        });
        break;
      case COMPLETE_PPR:
        device.respond(pasid, last, (word >>> 5) & 15);
        break;
    }
    return 'done';
  }

  /** How many devices' programs the page-request writer can take the next request from. */
  pprChoices(): number {
    return this.arriving().length;
  }

  /** Takes one page request: into the log, or nowhere if that is full or has overflown. */
  pprStep(choice: number): Outcome {
    const program = this.arriving()[choice];
    if (program === undefined) return 'blocked';
    const { group } = program;
    const address = program.pageAddress(group.arrived());
    const last = group.arrived() + 1 === group.count();
    const flags = (program.isWrite() ? WRITE : 0) | (last ? LAST : 0);
    const id = (program.device.index + 1) | (program.pasid() << 9) | (program.groupIndex() << 21);
    const interrupt = this.log.count() === 0;
    const { words } = this.wires;
    const isLost =
      words.get(this.pprOverflow) !== 0 ||
      !this.log.push(id | (group.isStop() ? STOP : 0), lowWord(address) | flags, highWord(address));
    if (isLost) words.put(this.pprOverflow, 1);
    const pasid = program.pasid();
    const tag = program.groupIndex();
    const answers = isLost && last && !group.isStop() && this.config.autoResponse >= 0;
    program.pageRequestArrived();
    const told = { iommu: this.index, device: program.device.index, pasid, address, tag };
    this.wires.sink?.(
      isLost ? { type: 'page-request-lost', ...told } : { type: 'page-request-logged', ...told, interrupt },
    );
    if (answers) program.device.respond(pasid, tag, this.config.autoResponse, 'iommu');
    return 'done';
  }

  /** Whether a page request was lost since the log was last started. */
  hasPprOverflow(): boolean {
    return this.wires.words.get(this.pprOverflow) !== 0;
  }

  /** Starts the page-request log again, with what is in it. */
  restartPprLog(): void {
    this.wires.words.put(this.pprOverflow, 0);
  }

  /** Programs with a page request on its way: the lowest device first. A stop marker lets the others by. */
  private arriving(): Dma[] {
    const found: Dma[] = [];
    for (const device of this.devices) {
      const own = device.programs.filter(program => program.hasUnloggedPageRequest());
      for (const program of own) {
        const isBefore = (other: Dma) => !other.group.isStop() && other.pasid() === program.pasid();
        if (!program.group.isStop() || !own.some(isBefore)) found.push(program);
      }
    }
    return found;
  }

  /** Entries in the page-request log. */
  pprCount(): number {
    return this.log.count();
  }

  /** Drops the oldest entry of the page-request log. */
  pprConsume(): void {
    this.log.shift();
  }

  /** Entry of the page-request log; zeros where there is none. */
  pprFields(record: number): PageRequest {
    const word = this.log.get(record, 0);
    const low = this.log.get(record, 1);
    return {
      device: (word & 511) - 1,
      pasid: (word >>> 9) & 4095,
      address: fromWords(low & ~(WRITE | LAST), this.log.get(record, 2)),
      tag: (word >>> 21) & 511,
      write: (low & WRITE) !== 0,
      last: (low & LAST) !== 0,
      stop: (word & STOP) !== 0,
    };
  }

  /** Logs an IO page fault; a full log keeps what it has and notes the overflow. */
  logFault(device: number, pasid: number, address: number, write: boolean): void {
    const word = 1 | (write ? 2 : 0) | (pasid << 2) | (device << 14);
    if (!this.events.push(word, lowWord(address), highWord(address))) this.wires.words.put(this.overflow, 1);
    this.wires.sink?.({ type: 'io-page-fault', device, pasid, address, write });
  }

  /** Whether a fault was lost because the event log was full. */
  hasOverflow(): boolean {
    return this.wires.words.get(this.overflow) !== 0;
  }

  /** Faults logged. */
  faults(): FaultRecord[] {
    return Array.from({ length: this.events.count() }, (_, record) => {
      const word = this.events.get(record, 0);
      const address = fromWords(this.events.get(record, 1), this.events.get(record, 2));
      return { device: word >>> 14, pasid: (word >>> 2) & 4095, address, write: (word & 2) !== 0 };
    });
  }

  /** Commands queued, the next one first. */
  queued(): Command[] {
    return Array.from({ length: this.commands.count() }, (_, record) => this.describe(record));
  }

  /** Whether no command is queued and no page request is unread. */
  isIdle(): boolean {
    return this.commands.get(0, 0) === 0 && this.log.get(0, 0) === 0;
  }

  /** Marks what refers to a frame that is being freed. */
  markFrame(frame: number): void {
    this.iotlb.markFrame(frame);
    this.walkCache.markFrame(frame);
  }

  private queue(flags: number, device: number, pasid: number, address: number, last: number): boolean {
    const own = device - (this.devices[0]?.index ?? 0);
    const word = flags | ((pasid & 4095) << 9) | ((own & 255) << 21);
    if (!this.commands.push(word, lowWord(address), highWord(address), last)) return false;
    if (this.wires.sink !== undefined) this.announce('queued', this.describe(this.commands.count() - 1));
    return true;
  }

  private deviceAt(own: number): Device | undefined {
    return this.devices[own];
  }

  /**
   * Commands before the wait were carried out when it is at the head; what they must wait for may still be
   * under way.
   */
  private isWaitDue(): boolean {
    for (const device of this.devices) {
      if (device.isInvalidating()) return false;
      if (!device.hasAts() && device.programs.some(program => program.mustFinish())) return false;
    }
    return true;
  }

  private invalidatePages(device: Device, pasid: number, low: number, high: number, word: number): void {
    const all = (word & ALL) !== 0;
    const { pointerFlush } = this.config;
    const pde = pointerFlush === 'pde' ? (word & PDE) !== 0 : pointerFlush === 'always';
    const tag = device.tag(pasid);
    this.wires.searched?.mayHold.iommuInvalidated(device, pasid, low, high, all, pde);
    if (all) this.iotlb.dropTag(tag, 'command');
    else this.iotlb.dropCovering(tag, low, high, 'leaves', 'command');
    if (pde && all) this.walkCache.dropTag(tag, 'command');
    else if (pde) this.walkCache.dropCovering(tag, low, high, 'pointers', 'command');
    for (const other of this.devices) {
      for (const program of other.programs) program.iommuInvalidated(device, pasid, low, high, all, pde);
    }
  }

  private announce(phase: 'queued' | 'carried-out', command: Command): void {
    this.wires.sink?.({ type: 'command', iommu: this.index, phase, text: command.text, command });
  }

  private describe(record: number): Command {
    const word = this.commands.get(record, 0);
    const name = names[(word & 7) - 1] ?? 'COMPLETION_WAIT';
    const isWait = name === 'COMPLETION_WAIT';
    const last = this.commands.get(record, 3);
    const isInvalidation = name === 'INVALIDATE_IOMMU_PAGES' || name === 'INVALIDATE_IOTLB_PAGES';
    const fields = {
      name,
      pages: isInvalidation ? 2 ** Math.min(last, ORDER_MAX) : 1,
      device: isWait ? -1 : (this.deviceAt((word >>> 21) & 255)?.index ?? -1),
      pasid: (word >>> 9) & 4095,
      address: fromWords(this.commands.get(record, 1), this.commands.get(record, 2)),
      all: (word & ALL) !== 0,
      pde: (word & PDE) !== 0,
      tag: name === 'COMPLETE_PPR' ? last : -1,
      status: (word >>> 5) & 15,
      thread: isWait ? last : -1,
    };
    return { ...fields, text: commandText(fields) };
  }
}

/** Calls back with each page of the block of an invalidation; once for one of everything. */
function eachPage(
  low: number,
  high: number,
  order: number,
  word: number,
  call: (low: number, high: number) => void,
): void {
  const isBlock = (word & ALL) === 0 && order > 0;
  if (!isBlock) {
    call(low, high);
    return;
  }
  const size = PAGE_SIZE * 2 ** order;
  const first = alignDown(fromWords(low, high), size);
  for (let at = first; at < first + size; at += PAGE_SIZE) call(lowWord(at), highWord(at));
}

function commandText(command: Omit<Command, 'text'>): string {
  if (command.name === 'COMPLETION_WAIT')
    return command.thread === NOBODY
      ? 'COMPLETION_WAIT, given up'
      : `COMPLETION_WAIT thread ${command.thread}`;
  const target = command.name === 'INVALIDATE_IOMMU_PAGES' ? 'domain' : 'device';
  const number = target === 'domain' ? command.device + 1 : command.device;
  const head = `${command.name} ${target} ${number} pasid ${command.pasid}`;
  if (command.name === 'COMPLETE_PPR') return `${head} tag ${command.tag} ${statusName(command.status)}`;
  const block = command.pages === 1 ? '' : ` ${command.pages} pages`;
  const range = command.all ? 'all' : `${formatAddress(command.address)}${block}`;
  return `${head} ${range}${command.pde ? ' PDE' : ''}`;
}
