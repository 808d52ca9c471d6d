/**
 * The hardware: frames and page tables, CPUs, IOMMUs and devices. What no scenario can change, only
 * configure.
 *
 * Everything that happens later because of what happened before is in `Words`; the objects here hold where
 * their words lie, and nothing else. Properties are judged through hooks, people watch through `sink`. No
 * step throws for what the code under study does wrong: walking garbage, writing freed memory and freeing
 * twice are what it is here to show.
 */
import { assert } from '../base/assert';
import type { Layout } from '../base/layout';
import type { Words } from '../base/words';
import type { EntryCache } from './cache';
import type { MachineConfig } from './config';
import { type CachedCopy, decodeCopies } from './copies';
import { Cpu, type Outcome } from './cpu';
import { Device } from './device';
import type { Dma, DmaStage } from './dma';
import { X86_64 } from './entry-format';
import { Frames, TABLE } from './frames';
import { type Command, type FaultRecord, Iommu, type PageRequest } from './iommu';
import { MayHold } from './may-hold';
import type { CacheKind, MachineEvent, MachineHooks, SearchHooks } from './observer';
import { rootFrame } from './register-bits';
import { SearchAccess } from './search-access';
import { type CacheAction, evictionsOf, Speculation } from './speculation';
import { type Backing, Walker } from './walk';
import { Wires } from './wires';

/** What a compiled program adds to the hardware. */
export interface MachineSizes {
  readonly threads: number;
  /** Device index of each device program. */
  readonly programs: readonly number[];
  /** Whoever searches with what caches may hold, instead of with what they do hold. */
  readonly search?: SearchHooks | undefined;
}

/** A DMA that is translated and not yet done. */
export interface InFlight {
  readonly program: number;
  readonly device: number;
  readonly pasid: number;
  readonly address: number;
  readonly write: boolean;
  readonly frame: number;
  /** Whether it was translated by the device. */
  readonly ats: boolean;
  readonly marked: boolean;
  /** An invalidation that was carried out waits for it. */
  readonly mustFinish: boolean;
}

/** What a device program waits for: a walk, a translation request, its answer, or a page response. */
export interface DeviceRequest {
  readonly program: number;
  readonly pasid: number;
  readonly address: number;
  readonly write: boolean;
  readonly stage: DmaStage;
  /** Group index of a page request, -1 for others. */
  readonly tag: number;
  /** Requests of the group, and those that have reached the IOMMU. */
  readonly pages: number;
  readonly arrived: number;
  /** The answer will not be used: its range was invalidated meanwhile. */
  readonly discard: boolean;
  readonly marked: boolean;
  readonly refaults: number;
}

/** PRI of a device, as its registers have it. */
export interface PriState {
  readonly enabled: boolean;
  readonly stopped: boolean;
  /** RF. */
  readonly responseFailure: boolean;
  /** UPRGI. */
  readonly unexpectedResponse: boolean;
  readonly allocation: number;
  readonly outstanding: number;
}

/** The whole machine: every operation that the code under study and the agents have on hardware. */
export class Machine {
  /** Result of the load or DMA read that was `done` last. No part of the state. */
  value = 0;
  /** Whether the last CPU fault found a present entry without the rights. No part of the state. */
  faultPresent = false;
  readonly config: MachineConfig;
  readonly frames: Frames;
  /** The CPUs, then the virtual CPUs. */
  readonly cpus: readonly Cpu[];
  readonly iommus: readonly Iommu[];
  readonly devices: readonly Device[];
  /** The DMA of each device program. */
  readonly programs: readonly Dma[];
  private readonly wires = new Wires();
  private readonly walker: Walker;
  private readonly speculation: Speculation;
  private readonly caches: readonly EntryCache[];
  private readonly logBases: readonly number[];

  constructor(config: MachineConfig, sizes: MachineSizes, layout: Layout) {
    this.config = config;
    this.frames = new Frames(this.wires, layout, config.frames);
    const format = { ...X86_64, levels: config.levels };
    this.walker = new Walker(this.wires, this.frames, format);
    this.cpus = Array.from(
      { length: config.cpus + config.vcpus },
      (_, index) =>
        new Cpu(this.wires, layout, this.frames, this.walker, index, config, index >= config.cpus),
    );
    const mayHold =
      sizes.search === undefined
        ? undefined
        : new MayHold(this.wires, layout, this.frames, format, config, sizes.search);
    this.iommus = config.iommus.map((iommu, index) => new Iommu(this.wires, layout, index, iommu));
    this.devices = this.makeDevices(sizes, layout);
    for (const iommu of this.iommus) iommu.devices = this.devices.filter(device => device.iommu === iommu);
    this.speculation = new Speculation(this.frames, this.walker, format, this.cpus, this.devices);
    if (mayHold !== undefined) {
      mayHold.cpus = this.cpus;
      mayHold.devices = this.devices;
      this.wires.watch = mayHold;
      this.wires.searched = new SearchAccess(this.wires, mayHold);
    }
    const programs = this.devices.flatMap(device => device.programs);
    this.programs = programs.sort((a, b) => a.program - b.program);
    assert(
      this.programs.length === sizes.programs.length,
      'Machine: a program names a device that is not there',
    );
    this.caches = [
      ...this.cpus.flatMap(cpu => [cpu.tlb, cpu.psc]),
      ...this.iommus.flatMap(iommu => [iommu.iotlb, iommu.walkCache]),
      ...this.devices.map(device => device.atc),
    ];
    let base = 0;
    this.logBases = config.iommus.map(iommu => {
      base += iommu.pprLog;
      return base - iommu.pprLog;
    });
  }

  /** Connects the machine to a state and to who judges it. */
  attach(words: Words, hooks: MachineHooks): void {
    this.wires.words = words;
    this.wires.hooks = hooks;
  }

  /** Receives events while set. */
  get sink(): ((event: MachineEvent) => void) | undefined {
    return this.wires.sink;
  }

  set sink(sink: ((event: MachineEvent) => void) | undefined) {
    this.wires.sink = sink;
  }

  /** Lowest free frame, zeroed, as a data page; -1 when none is free. */
  allocData(): number {
    return this.frames.allocData();
  }

  /** Lowest free frame, zeroed, as a page table; -1 when none is free. */
  allocTable(level: number): number {
    return this.frames.allocTable(level);
  }

  /** First of `count` free frames in a row, aligned to `count`, zeroed, as data; -1 when there are none. */
  allocRun(count: number): number {
    return this.frames.allocRun(count);
  }

  /** Copies the contents of a frame to another at once. */
  copyFrame(to: number, from: number): void {
    this.frames.copy(to, from);
  }

  /** Whether two frames have the same contents. */
  framesEqual(a: number, b: number): boolean {
    return this.frames.areEqual(a, b);
  }

  /** Returns a frame to the allocator and marks every copy of a translation or pointer to it. */
  freeFrame(frame: number): void {
    this.wires.hooks.frameFreeing(frame);
    if (this.frames.kind(frame) === TABLE) this.wires.searched?.mayHold.tableFreeing(frame);
    if (this.frames.free(frame)) this.markCopies(frame);
  }

  /** Does the same with a data frame, but that it stays with who has it, zeroed. */
  recycleFrame(frame: number): void {
    this.wires.hooks.frameFreeing(frame);
    if (this.frames.recycle(frame)) this.markCopies(frame);
  }

  private markCopies(frame: number): void {
    const mayHold = this.wires.searched?.mayHold;
    mayHold?.entryChanged();
    for (const cpu of this.cpus) cpu.markFrame(frame);
    for (const iommu of this.iommus) iommu.markFrame(frame);
    for (const device of this.devices) device.markFrame(frame);
    mayHold?.markFrame(frame);
  }

  /** `FREE`, `DATA` or `TABLE`. */
  frameKind(frame: number): number {
    return this.frames.kind(frame);
  }

  /** Level of a table, 0 for other frames. */
  tableLevel(frame: number): number {
    return this.frames.level(frame);
  }

  /** Word 0..511 of the contents of a frame. */
  readWord(frame: number, word: number): number {
    return this.frames.read(frame, word);
  }

  /** Stores a word of the contents of a frame. */
  writeWord(frame: number, word: number, value: number): void {
    this.frames.write(frame, word, value);
  }

  /** Entry 0..511 of a frame taken as a page table. */
  readEntry(frame: number, slot: number): number {
    return this.frames.read(frame, slot);
  }

  /** Stores an entry for software; see `Frames.store` for what becomes of marks. */
  storeEntry(frame: number, slot: number, value: number): void {
    this.frames.store(frame, slot, value);
  }

  /** Slot of the next non-empty entry in [from, to), -1 if there is none. */
  nextPopulated(frame: number, from: number, to: number): number {
    return this.frames.nextPopulated(frame, from, to);
  }

  /** The present leaf for an address, found without effects. */
  backing(root: number, address: number): Backing | undefined {
    return this.walker.backing(root, address);
  }

  /** The leaf for an address that is a NUMA hint, found without effects. */
  hint(root: number, address: number): Backing | undefined {
    return this.walker.hint(root, address);
  }

  /** One step of a CPU's access. */
  cpuAccess(cpu: number, address: number, write: boolean, value: number): Outcome {
    const unit = this.cpu(cpu);
    const outcome = unit.access(address, write, value);
    if (outcome === 'done' && !write) this.value = unit.value;
    if (outcome === 'fault') this.faultPresent = unit.faultPresent;
    return outcome;
  }

  /** An interrupt frame was pushed: the access under way starts over when it comes back. */
  abandonWalk(cpu: number): void {
    this.cpu(cpu).abandonWalk();
  }

  /** The number of a virtual CPU among all units with a TLB of their own. */
  vcpu(number: number): number {
    return this.config.cpus + number;
  }

  /** Whether the guest of a unit runs; true of a CPU. */
  isRunning(cpu: number): boolean {
    return this.cpu(cpu).isRunning();
  }

  /** Enters a guest, or leaves it. Its caches stay as they are. */
  setRunning(cpu: number, runs: boolean): void {
    this.cpu(cpu).setRunning(runs);
  }

  /** Loads CR3, -1 for no address space. */
  loadCr3(cpu: number, root: number): void {
    this.cpu(cpu).loadCr3(root);
  }

  /** Root frame in CR3, -1 for none. */
  cr3(cpu: number): number {
    return this.cpu(cpu).cr3();
  }

  /** INVLPG on a CPU. */
  invlpg(cpu: number, address: number): void {
    this.cpu(cpu).invlpg(address);
  }

  /** Empties the caches of a CPU. */
  flushTlb(cpu: number): void {
    this.cpu(cpu).flush();
  }

  /** Writes a PASID table entry. Invalidates nothing. */
  setGcr3(device: number, pasid: number, root: number): void {
    this.device(device).setRoot(pasid, root);
  }

  /** Clears a PASID table entry. Invalidates nothing. */
  clearGcr3(device: number, pasid: number): void {
    this.device(device).setRoot(pasid, -1);
  }

  /** Root frame in a PASID table entry, -1 for none. */
  gcr3(device: number, pasid: number): number {
    return rootFrame(this.device(device).rootRegister(pasid));
  }

  /** Index of the IOMMU that a device is behind. */
  iommuOf(device: number): number {
    return this.device(device).iommu.index;
  }

  /** Whether a device translates through a cache of its own. */
  hasAts(device: number): boolean {
    return this.device(device).hasAts();
  }

  /** Whether page requests of a device are enabled: off without PRI, and after a FAILURE response. */
  hasPri(device: number): boolean {
    return this.device(device).hasPri();
  }

  /** Whether a device gave up after too many re-faults. */
  hasFailed(device: number): boolean {
    return this.device(device).hasFailed();
  }

  /** Queues INVALIDATE_IOMMU_PAGES; false if the queue is full. */
  queueInvalidatePages(
    iommu: number,
    device: number,
    pasid: number,
    address: number,
    all: boolean,
    pde: boolean,
    order = 0,
  ): boolean {
    return this.iommu(iommu).queueInvalidatePages(device, pasid, address, all, pde, order);
  }

  /** Queues INVALIDATE_IOTLB_PAGES; false if the queue is full. */
  queueInvalidateIotlb(device: number, pasid: number, address: number, all: boolean, order = 0): boolean {
    return this.device(device).iommu.queueInvalidateIotlb(device, pasid, address, all, order);
  }

  /** Queues COMPLETION_WAIT for a thread; false if the queue is full. */
  queueCompletionWait(iommu: number, thread: number): boolean {
    return this.iommu(iommu).queueCompletionWait(thread);
  }

  /** Whether every completion wait that a thread queued has completed. */
  completionDone(thread: number): boolean {
    return !this.iommus.some(iommu => iommu.isWaiting(thread));
  }

  /** Whether a thread gave up the last completion wait that it queued. */
  completionTimedOut(thread: number): boolean {
    return this.iommus.some(iommu => iommu.hasGivenUp(thread));
  }

  /** How many threads could give up waiting for a completion of an IOMMU now. */
  timeoutChoices(iommu: number): number {
    return this.iommu(iommu).waiting().length;
  }

  /** One of them gives up. */
  timeoutStep(iommu: number, choice: number): Outcome {
    const unit = this.iommu(iommu);
    const thread = unit.waiting()[choice];
    if (thread === undefined) return 'blocked';
    unit.giveUp(thread);
    return 'done';
  }

  /** Commands that the queue of an IOMMU has room for. */
  commandRoom(iommu: number): number {
    return this.iommu(iommu).room();
  }

  /** Queues COMPLETE_PPR; false if the queue is full. */
  queueCompletePpr(device: number, pasid: number, tag: number, status: number): boolean {
    return this.device(device).iommu.queueCompletePpr(device, pasid, tag, status);
  }

  /** Whether `commandStep` would carry out a command. */
  commandReady(iommu: number): boolean {
    return this.iommu(iommu).isReady();
  }

  /** The command processor carries out the command at the head. */
  commandStep(iommu: number): Outcome {
    return this.iommu(iommu).commandStep();
  }

  /** How many requests the page-request writer can take next. */
  pprChoices(iommu: number): number {
    return this.iommu(iommu).pprChoices();
  }

  /** The page-request writer takes one request: into the log, if there is room. */
  pprStep(iommu: number, choice = 0): Outcome {
    return this.iommu(iommu).pprStep(choice);
  }

  /** Whether a page request was lost since the log was last started. */
  pprOverflow(iommu: number): boolean {
    return this.iommu(iommu).hasPprOverflow();
  }

  /** Starts a page-request log again after an overflow. */
  pprRestart(iommu: number): void {
    this.iommu(iommu).restartPprLog();
  }

  /** Entries in a page-request log. */
  pprCount(iommu: number): number {
    return this.iommu(iommu).pprCount();
  }

  /** Slot of the oldest entry of a log, counted over the logs of all IOMMUs. */
  pprFirst(iommu: number): number {
    return this.logBases[iommu] ?? 0;
  }

  /** Drops the oldest entry of a log. */
  pprConsume(iommu: number): void {
    this.iommu(iommu).pprConsume();
  }

  /** Fields of the entry in a slot as `pprFirst` counts them. */
  pprFields(slot: number): PageRequest {
    let iommu = this.iommus.length - 1;
    while (iommu > 0 && (this.logBases[iommu] ?? 0) > slot) iommu--;
    return this.iommu(iommu).pprFields(slot - (this.logBases[iommu] ?? 0));
  }

  /** Whether `dmaStep` would not be `blocked`. */
  dmaReady(program: number): boolean {
    return this.program(program).isReady();
  }

  /** One step of the DMA of a device program. */
  dmaStep(program: number, pasid: number, address: number, write: boolean, value: number): Outcome {
    const dma = this.program(program);
    const outcome = dma.step(pasid, address, write, value);
    if (outcome === 'done' && !write) this.value = dma.value;
    return outcome;
  }

  /** One step of a device program that asks for pages in a row. The response is the `value`. */
  askStep(program: number, pasid: number, address: number, pages: number, write: boolean): Outcome {
    const dma = this.program(program);
    const outcome = dma.ask(pasid, address, pages, write);
    if (outcome === 'done') this.value = dma.value;
    return outcome;
  }

  /** One step of a stop marker of a device program. */
  stopStep(program: number, pasid: number): Outcome {
    return this.program(program).stop(pasid);
  }

  /** PRI of a device: its control and status registers. */
  pri(device: number): PriState {
    const unit = this.device(device);
    return {
      enabled: unit.isPriEnabled(),
      stopped: unit.isPriStopped(),
      responseFailure: unit.hasResponseFailure(),
      unexpectedResponse: unit.hasUnexpectedResponse(),
      allocation: unit.allocation(),
      outstanding: unit.outstanding(),
    };
  }

  /** Sets Enable of a device's PRI. */
  enablePri(device: number, requests: number): void {
    this.device(device).enablePri(requests);
  }

  /** Clears Enable of a device's PRI. */
  disablePri(device: number): void {
    this.device(device).disablePri();
  }

  /** Resets a device's PRI. */
  resetPri(device: number): void {
    this.device(device).resetPri();
  }

  /** How many actions the ATS agent of a device has. */
  atsChoices(device: number): number {
    return this.device(device).atsChoices();
  }

  /** One action of the ATS agent of a device. */
  atsStep(device: number, choice: number): Outcome {
    return this.device(device).atsStep(choice);
  }

  /** What caches can read or fill on their own now, in a fixed order, no more than `max`. */
  fills(max: number): CacheAction[] {
    return this.speculation.fills(max);
  }

  /** Every entry that a cache could drop on its own. */
  evictions(): CacheAction[] {
    return evictionsOf(this.caches);
  }

  /** A cache does something on its own, which was found possible in the present state. */
  act(action: CacheAction): void {
    if (action.kind === 'evict') this.evict(action.cache, action.owner, action.slot);
    else this.speculation.make(action);
  }

  /** From now on caches keep their entries sorted, not by age. Only before there are any. */
  sortCaches(): void {
    this.wires.sortsCaches = true;
  }

  /** Flags (register-bits.ts) of an entry of a cache. */
  flagsIn(cache: CacheKind, owner: number, slot: number): number {
    const found = this.caches.find(candidate => candidate.kind === cache && candidate.owner === owner);
    return found?.flags(slot) ?? 0;
  }

  /** A cache drops an entry on its own. */
  evict(cache: CacheKind, owner: number, slot: number): void {
    const held = this.caches.find(candidate => candidate.kind === cache && candidate.owner === owner);
    if (held !== undefined && slot < held.count()) held.remove(slot, 'eviction');
  }

  /** Accesses with the caches of a search; undefined where caches are concrete. */
  get searched(): SearchAccess | undefined {
    return this.wires.searched;
  }

  /** Every leaf for an address that a cache holds, or may hold in a search. */
  leavesAt(address: number): CachedCopy[] {
    const { searched } = this.wires;
    if (searched !== undefined) return searched.leavesAt(address);
    return this.copies().filter(
      copy => copy.leaf && !copy.absent && copy.address <= address && address < copy.address + copy.size,
    );
  }

  /** Every cached translation and pointer. */
  copies(): CachedCopy[] {
    return this.caches.flatMap(decodeCopies);
  }

  /** Every DMA that is translated and not yet done. */
  inFlight(): InFlight[] {
    return this.programs
      .filter(dma => dma.stageName() === 'in-flight')
      .map(dma => ({
        program: dma.program,
        device: dma.device.index,
        pasid: dma.pasid(),
        address: dma.address(),
        write: dma.isWrite(),
        frame: dma.frame(),
        ats: dma.device.hasAts(),
        marked: dma.isMarked(),
        mustFinish: dma.mustFinish(),
      }));
  }

  /** What the programs of a device wait for. */
  requests(device: number): DeviceRequest[] {
    return this.device(device)
      .programs.filter(dma => !['idle', 'in-flight'].includes(dma.stageName()))
      .map(dma => ({
        program: dma.program,
        pasid: dma.pasid(),
        address: dma.address(),
        write: dma.isWrite(),
        stage: dma.stageName(),
        tag: dma.hasPageRequest() ? dma.groupIndex() : -1,
        pages: dma.outstanding(),
        arrived: dma.group.arrived(),
        discard: dma.isDiscarded(),
        marked: dma.isMarked(),
        refaults: dma.refaults(),
      }));
  }

  /** Queued commands, the next one first. */
  commandQueue(iommu: number): Command[] {
    return this.iommu(iommu).queued();
  }

  /** Page requests in the log, oldest first. */
  pprLog(iommu: number): PageRequest[] {
    const unit = this.iommu(iommu);
    return Array.from({ length: unit.pprCount() }, (_, record) => unit.pprFields(record));
  }

  /** IO page faults in the event log, oldest first. */
  eventLog(iommu: number): FaultRecord[] {
    return this.iommu(iommu).faults();
  }

  /** Whether a fault was lost because the event log was full. */
  eventOverflow(iommu: number): boolean {
    return this.iommu(iommu).hasOverflow();
  }

  /** Whether no command, request, response or DMA is queued or under way anywhere. */
  quiet(): boolean {
    if (this.iommus.some(iommu => !iommu.isIdle())) return false;
    if (this.devices.some(device => device.isInvalidating())) return false;
    return this.programs.every(program => program.stageName() === 'idle');
  }

  private makeDevices(sizes: MachineSizes, layout: Layout): Device[] {
    let index = 0;
    return this.iommus.flatMap(iommu =>
      iommu.config.devices.map(config => {
        const own = index++;
        const programs = sizes.programs.flatMap((device, program) => (device === own ? [program] : []));
        return new Device(this.wires, layout, this.frames, this.walker, iommu, config, own, programs);
      }),
    );
  }

  private cpu(index: number): Cpu {
    return at(this.cpus, index);
  }

  private iommu(index: number): Iommu {
    return at(this.iommus, index);
  }

  private device(index: number): Device {
    return at(this.devices, index);
  }

  private program(index: number): Dma {
    return at(this.programs, index);
  }
}

function at<Part>(parts: readonly Part[], index: number): Part {
  const part = parts[index];
  assert(part !== undefined, 'Machine: no such part');
  return part;
}
