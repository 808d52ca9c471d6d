import { tableIndex } from '../../src/base/address';
import { Layout } from '../../src/base/layout';
import { Words } from '../../src/base/words';
import type { MachineConfig } from '../../src/machine/config';
import type { Outcome } from '../../src/machine/cpu';
import {
  type LeafOptions,
  makeLeaf,
  makePointer,
  pteFrame,
  ptePresent,
} from '../../src/machine/entry-format';
import { Machine } from '../../src/machine/machine';
import type { MachineEvent, MachineHooks } from '../../src/machine/observer';

/** A page in the first 2 MiB, its neighbour, and pages in other 2 MiB and 1 GiB prefixes. */
export const PAGE = 0x7f0000001000;
export const NEXT = PAGE + 0x1000;
export const FAR = PAGE + 0x200000;
export const FARTHER = PAGE + 0x40000000;

export interface RigOptions {
  cpus?: number;
  frames?: number;
  tlb?: number;
  psc?: number;
  /** Whether devices keep huge translations in pieces. */
  splits?: boolean;
  /** Per IOMMU, per device: [atc, requests, refaults]. */
  iommus?: readonly (readonly (readonly [number, number, number])[])[];
  /** Device of each program; by default one program a device. */
  programs?: readonly number[];
  commandQueue?: number;
  pprLog?: number;
  iotlb?: number;
  walkCache?: number;
  pointerFlush?: 'pde' | 'always' | 'never';
  cachesAbsent?: boolean;
  autoResponse?: number;
  completionTimeouts?: number;
}

/** A machine on words of its own, with its hooks and events on record as lines of text. */
export interface Rig {
  machine: Machine;
  words: Words;
  config: MachineConfig;
  /** Hooks called: `issued cpu 0 ...`, `walked ...`, `accessed ...`. */
  told: string[];
  events: MachineEvent[];
}

export function rig(options: RigOptions = {}): Rig {
  const iommus = (options.iommus ?? []).map((devices, index) => ({
    name: `iommu${index}`,
    iotlb: options.iotlb ?? 8,
    walkCache: options.walkCache ?? 8,
    commandQueue: options.commandQueue ?? 8,
    pprLog: options.pprLog ?? 4,
    pointerFlush: options.pointerFlush ?? ('pde' as const),
    cachesAbsent: options.cachesAbsent ?? false,
    autoResponse: options.autoResponse ?? -1,
    completionTimeouts: options.completionTimeouts ?? 0,
    devices: devices.map(([atc, requests, refaults], at) => ({
      name: `dev${index}.${at}`,
      atc,
      requests,
      refaults,
      splits: options.splits ?? false,
    })),
  }));
  const config: MachineConfig = {
    cpus: options.cpus ?? 1,
    frames: options.frames ?? 32,
    levels: 4,
    tlb: options.tlb ?? 8,
    pagingStructureCache: options.psc ?? 8,
    failingAllocations: 0,
    vcpus: 0,
    iommus,
  };
  const count = iommus.reduce((sum, iommu) => sum + iommu.devices.length, 0);
  const programs = options.programs ?? Array.from({ length: count }, (_, index) => index);
  const layout = new Layout();
  const machine = new Machine(config, { threads: 4, programs }, layout);
  const words = new Words(layout.size, config.frames);
  const told: string[] = [];
  machine.attach(words, recordingHooks(told));
  const events: MachineEvent[] = [];
  machine.sink = event => events.push(event);
  return { machine, words, config, told, events };
}

function recordingHooks(told: string[]): MachineHooks {
  const hex = (address: number) => address.toString(16);
  return {
    issued: (by, pasid, address, write) =>
      told.push(`issued ${by.kind} ${by.index} ${pasid} ${hex(address)} ${write ? 'write' : 'read'}`),
    accessed: (by, pasid, address, write, frame, marked) =>
      told.push(
        `accessed ${by.kind} ${by.index} ${pasid} ${hex(address)} ${write ? 'write' : 'read'} ` +
          `frame ${frame}${marked ? ' marked' : ''}`,
      ),
    walked: (by, _pasid, address, frame, slot, marked) =>
      told.push(`walked ${by.kind} ${by.index} ${hex(address)} ${frame}[${slot}]${marked ? ' marked' : ''}`),
    entryStoring: (frame, slot, old, value) =>
      told.push(`storing ${frame}[${slot}] ${old >>> 0} -> ${value >>> 0}`),
    frameFreeing: frame => told.push(`freeing ${frame}`),
    pageResponse: (device, pasid, tag, outstanding) =>
      told.push(`response ${device} ${pasid} ${tag} ${outstanding ? 'outstanding' : 'unexpected'}`),
    deviceFailed: device => told.push(`failed ${device}`),
  };
}

/** Stores a leaf at `level` for an address, making the tables above it. Returns the table it is in. */
export function map(
  machine: Machine,
  root: number,
  address: number,
  frame: number,
  options: LeafOptions = { write: true },
  level = 1,
): number {
  let table = root;
  for (let at = 4; at > level; at--) {
    const slot = tableIndex(address, at);
    const entry = machine.readEntry(table, slot);
    const below = ptePresent(entry) ? pteFrame(entry) : machine.allocTable(at - 1);
    if (!ptePresent(entry)) machine.storeEntry(table, slot, makePointer(below));
    table = below;
  }
  machine.storeEntry(table, tableIndex(address, level), makeLeaf(frame, { ...options, huge: level > 1 }));
  return table;
}

/** Stores an entry of the table that holds the leaf of an address. */
export function setLeaf(machine: Machine, table: number, address: number, value: number): void {
  machine.storeEntry(table, tableIndex(address, 1), value);
}

/** Runs an access of a CPU to its end. */
export function access(machine: Machine, cpu: number, address: number, write: boolean, value = 0): Outcome {
  for (let steps = 0; steps < 20; steps++) {
    const outcome = machine.cpuAccess(cpu, address, write, value);
    if (outcome !== 'more') return outcome;
  }
  throw new Error('an access did not end');
}

/** Steps a DMA, and its ATS agent, until it is done, aborted, or waits for a page response. */
export function dma(
  machine: Machine,
  program: number,
  device: number,
  pasid: number,
  address: number,
  write: boolean,
  value = 0,
): Outcome {
  for (let steps = 0; steps < 60; steps++) {
    const outcome = machine.dmaStep(program, pasid, address, write, value);
    if (outcome === 'done' || outcome === 'aborted') return outcome;
    if (outcome === 'blocked' && !stepRequest(machine, program, device)) return 'blocked';
  }
  throw new Error('a DMA did not end');
}

/** Advances the translation request of a program; false if it has none. */
export function stepRequest(machine: Machine, program: number, device: number): boolean {
  const waiting = machine
    .requests(device)
    .filter(request => request.stage === 'request' || request.stage === 'answer');
  const choice = waiting.findIndex(request => request.program === program);
  if (choice < 0) return false;
  machine.atsStep(device, choice);
  return true;
}

/** Steps a DMA and its ATS agent until it is in flight. */
export function takeOff(
  machine: Machine,
  program: number,
  device: number,
  pasid: number,
  address: number,
  write: boolean,
): void {
  for (let steps = 0; steps < 60; steps++) {
    if (machine.inFlight().some(flight => flight.program === program)) return;
    if (machine.dmaStep(program, pasid, address, write, 0) === 'blocked')
      stepRequest(machine, program, device);
  }
  throw new Error('a DMA did not take off');
}

/** Carries out commands until the processor is blocked. */
export function drainCommands(machine: Machine, iommu = 0): number {
  let carriedOut = 0;
  while (machine.commandStep(iommu) === 'done') carriedOut++;
  return carriedOut;
}

/** Cached copies as short lines: `tlb0 7f0000001000 -> 5 WUD`. */
export function held(machine: Machine): string[] {
  return machine.copies().map(copy => {
    const rights = [
      ...(copy.write ? ['W'] : []),
      ...(copy.user ? ['U'] : []),
      ...(copy.dirty ? ['D'] : []),
      ...(copy.marked ? ['!'] : []),
    ].join('');
    const size = copy.leaf ? (copy.level === 1 ? '' : ` ${copy.size / 1024}K`) : ` L${copy.level}`;
    const pasid = copy.pasid < 0 ? '' : ` dev${copy.device}/${copy.pasid}`;
    const from = `${copy.cache}${copy.owner}${pasid} ${copy.address.toString(16)}${size}`;
    return `${from} -> ${copy.frame} ${rights}`;
  });
}

/** All words, for comparison. */
export function contents(words: Words): number[] {
  return Array.from({ length: words.fixed + words.frames * 512 }, (_, index) => words.get(index));
}
