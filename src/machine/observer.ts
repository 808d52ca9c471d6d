/**
 * What the machine tells whoever watches it. `MachineHooks` are the moments at which properties are judged:
 * they are always called, with plain numbers, and may write state. `MachineEvent`s are for people: they go
 * to a sink that may be absent, and cost nothing then.
 */

/** A cache that can hold translations (leaves) or pointers to tables. */
export type CacheKind = 'tlb' | 'psc' | 'iotlb' | 'walk-cache' | 'atc';

/** Who walks or accesses: a CPU or a device, by index. */
export interface Agent {
  readonly kind: 'cpu' | 'device';
  readonly index: number;
}

/** Moments at which properties are judged. `address` is the virtual address, frames are frame numbers. */
export interface MachineHooks {
  /** An access was issued: lookup begins. Devices: `pasid` is set, CPUs: 0. */
  issued(agent: Agent, pasid: number, address: number, write: boolean): void;
  /** A data access completes through a translation to `frame`; `marked` if that copy is dangling. */
  accessed(
    agent: Agent,
    pasid: number,
    address: number,
    write: boolean,
    frame: number,
    marked: boolean,
  ): void;
  /** A walk reads (or sets A/D in) slot `slot` of `frame`; `marked` if the pointer used is dangling. */
  walked(agent: Agent, pasid: number, address: number, frame: number, slot: number, marked: boolean): void;
  /** An entry is about to be stored by software (not A/D updates). The old value is still there. */
  entryStoring(frame: number, slot: number, old: number, value: number): void;
  /** A frame is about to be returned to the allocator. */
  frameFreeing(frame: number): void;
  /** A page request was answered by COMPLETE_PPR: `outstanding` false if no such group was waiting. */
  pageResponse(device: number, pasid: number, tag: number, outstanding: boolean): void;
  /** A device gave up after too many answered but untranslatable requests for one address. */
  deviceFailed(device: number, pasid: number, address: number): void;
}

/** What a command of an IOMMU's queue says. */
export interface CommandFields {
  /** As the manual has it: `INVALIDATE_IOMMU_PAGES`. */
  readonly name: string;
  /** Device index, -1 for a completion wait. */
  readonly device: number;
  readonly pasid: number;
  readonly address: number;
  /** Pages of the block around the address; of another command 1. */
  readonly pages: number;
  readonly all: boolean;
  readonly pde: boolean;
  /** Thread that waits, -1 for other commands. */
  readonly thread: number;
}

/** What the machine asks whoever searches it. */
export interface SearchHooks {
  /** The number of one of `count` choices. */
  choose(count: number): number;
  /** Whether the access issued in this step is judged by what was allowed when it was issued. */
  isIssueJudged(): boolean;
  /** Whether any walk of a device for this PASID is a finding. */
  isReleased(device: number, pasid: number): boolean;
  /** Says that something could not be taken into account. */
  limit(text: string): void;
}

/** What happened in the machine, for traces, explanations and the timeline. */
export type MachineEvent =
  | {
      readonly type: 'fill';
      readonly cache: CacheKind;
      /** CPU, IOMMU or device index. */
      readonly owner: number;
      readonly slot: number;
      readonly address: number;
      readonly frame: number;
      readonly level: number;
    }
  | {
      readonly type: 'drop';
      readonly cache: CacheKind;
      readonly owner: number;
      readonly slot: number;
      readonly address: number;
      readonly frame: number;
      readonly why: 'invlpg' | 'flush' | 'fault' | 'command' | 'capacity' | 'eviction' | 'discard';
    }
  | {
      readonly type: 'store-entry';
      readonly frame: number;
      readonly slot: number;
      readonly old: number;
      readonly value: number;
    }
  | {
      readonly type: 'walk';
      readonly by: Agent;
      readonly address: number;
      readonly frame: number;
      readonly slot: number;
      readonly level: number;
    }
  | {
      readonly type: 'access';
      readonly by: Agent;
      readonly pasid: number;
      readonly address: number;
      readonly write: boolean;
      readonly frame: number;
      readonly value: number;
    }
  /** `level` of a page-table page, 0 for a data page. */
  | {
      readonly type: 'alloc-frame' | 'free-frame';
      readonly frame: number;
      readonly level: number;
      /** The frame stays with who had it, a pool of the kernel's: only its life is over. */
      readonly isKept?: true;
    }
  | { readonly type: 'cr3'; readonly cpu: number; readonly root: number }
  | { readonly type: 'flush-tlb'; readonly cpu: number; readonly address: number | null }
  | { readonly type: 'gcr3'; readonly device: number; readonly pasid: number; readonly root: number | null }
  | {
      readonly type: 'command';
      readonly iommu: number;
      readonly phase: 'queued' | 'carried-out';
      readonly text: string;
      /** Null for what is no command: the completion of an ATS invalidation. */
      readonly command: CommandFields | null;
    }
  | {
      readonly type: 'page-request';
      readonly device: number;
      readonly pasid: number;
      readonly address: number;
      readonly tag: number;
      readonly text: string;
    }
  | {
      readonly type: 'page-response';
      readonly device: number;
      readonly pasid: number;
      readonly address: number;
      readonly tag: number;
      readonly text: string;
      readonly status: number;
      /** No group waited for it. */
      readonly unexpected: boolean;
    }
  | {
      readonly type: 'page-request-logged';
      readonly iommu: number;
      readonly device: number;
      readonly pasid: number;
      readonly address: number;
      readonly tag: number;
      /** Whether the log was empty, so that an interrupt tells of it. */
      readonly interrupt: boolean;
    }
  | {
      readonly type: 'page-request-lost';
      readonly iommu: number;
      readonly device: number;
      readonly pasid: number;
      readonly address: number;
      readonly tag: number;
    }
  | { readonly type: 'stop-marker'; readonly device: number; readonly pasid: number }
  /** PRI of a device was enabled, disabled or reset. */
  | { readonly type: 'pri'; readonly device: number; readonly text: string }
  /** A thread gave up waiting for a completion. */
  | { readonly type: 'time-out'; readonly iommu: number; readonly thread: number }
  | {
      readonly type: 'io-page-fault';
      readonly device: number;
      readonly pasid: number;
      readonly address: number;
      readonly write: boolean;
    }
  | {
      readonly type: 'device-failed';
      readonly device: number;
      readonly pasid: number;
      readonly address: number;
    };
