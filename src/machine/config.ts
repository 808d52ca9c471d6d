/** The hardware of a scenario. Capacities are in entries. */
export interface MachineConfig {
  readonly cpus: number;
  /** Virtual CPUs of guests, each with a root and caches of its own beside those of the CPU it runs on. */
  readonly vcpus: number;
  readonly frames: number;
  /**
   * Levels of the page tables that hardware walks: 4, or fewer for programs whose searches are to be small.
   * With fewer, addresses reach no further than the root spans: 1 GiB with two, 2 MiB with one.
   */
  readonly levels: number;
  /** Entries of each CPU's TLB and paging-structure cache. */
  readonly tlb: number;
  readonly pagingStructureCache: number;
  /** How many allocations of frames may fail although there is memory, each a choice. */
  readonly failingAllocations: number;
  readonly iommus: readonly IommuConfig[];
}

/** Devices of a machine: commands and log entries name one in eight bits. */
export const DEVICES_MAX = 256;

/** The devices behind all IOMMUs; the number of a device is its index here. */
export function devicesOf({ iommus }: Pick<MachineConfig, 'iommus'>): DeviceConfig[] {
  return iommus.flatMap(({ devices }) => devices);
}

/** `cpu1`, or `vcpu0` for the units after the CPUs. */
export function cpuName({ cpus }: Pick<MachineConfig, 'cpus'>, index: number): string {
  return index < cpus ? `cpu${index}` : `vcpu${index - cpus}`;
}

/** One IOMMU and the devices behind it. */
export interface IommuConfig {
  readonly name: string;
  readonly iotlb: number;
  readonly walkCache: number;
  readonly commandQueue: number;
  readonly pprLog: number;
  /** When INVALIDATE_IOMMU_PAGES drops pointers to tables: as its PDE bit says, or always, or never. */
  readonly pointerFlush: 'pde' | 'always' | 'never';
  /** Whether the IOTLB also keeps that a walk found nothing. */
  readonly cachesAbsent: boolean;
  /** What the IOMMU answers by itself to a group whose last request found the log full; -1 for nothing. */
  readonly autoResponse: number;
  /** How many completion waits software may give up on, each a choice. */
  readonly completionTimeouts: number;
  readonly devices: readonly DeviceConfig[];
}

/** One device. `atc` is 0 without ATS. */
export interface DeviceConfig {
  readonly name: string;
  readonly atc: number;
  /** Outstanding Page Request Capacity: page requests that may wait for an answer; 0 without PRI. */
  readonly requests: number;
  /** Re-faults on one address after which the device has failed; 0 for never. */
  readonly refaults: number;
  /** Keeps a huge translation as the 4 KiB pieces it used, so that invalidating one leaves the others. */
  readonly splits: boolean;
}
