/** What a run has cost, counted: nothing here is a time. */
import type { Recorded } from './history';

/** Numbers of things that happened. */
export interface Counts {
  /** Calls of callbacks, by kind. */
  readonly callbacks: Readonly<Record<string, number>>;
  /** Flushes of a CPU's TLB, of one page or of everything. */
  readonly cpuFlushes: number;
  /** Interrupts that a CPU took. */
  readonly interrupts: number;
  /** Commands that IOMMUs carried out: invalidations, completion waits, answers to page requests. */
  readonly iommuCommands: number;
  readonly pageRequests: number;
  /** Accesses of devices that an IOMMU refused. */
  readonly ioPageFaults: number;
  readonly freedFrames: number;
}

/** Counts what happened, such as `session.events()`. */
export function countEvents(events: readonly Pick<Recorded, 'event'>[]): Counts {
  const callbacks: Record<string, number> = {};
  const machine: Record<string, number> = {};
  let interrupts = 0;
  for (const { event } of events) {
    if (event.type === 'callback') callbacks[event.callback] = (callbacks[event.callback] ?? 0) + 1;
    if (event.type === 'interrupt') interrupts++;
    if (event.type !== 'machine') continue;
    const what = event.event;
    const key = what.type === 'command' ? `command ${what.phase}` : what.type;
    machine[key] = (machine[key] ?? 0) + 1;
  }
  return {
    callbacks,
    cpuFlushes: machine['flush-tlb'] ?? 0,
    interrupts,
    iommuCommands: machine['command carried-out'] ?? 0,
    pageRequests: machine['page-request'] ?? 0,
    ioPageFaults: machine['io-page-fault'] ?? 0,
    freedFrames: machine['free-frame'] ?? 0,
  };
}
