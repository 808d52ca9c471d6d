/**
 * What a run cost, counted and not timed: what software asked of hardware, and what hardware asked of
 * software. Counted from what happened, so a step back takes its costs back; no part of the state.
 */
import type { MachineEvent } from '../machine/observer';
import { PPR_FAILURE, PPR_SUCCESS } from '../machine/page-group';
import type { Happening } from './records';

/** Counts of one run. */
export interface Costs {
  /** Calls of callbacks, by name. */
  readonly callbacks: Readonly<Record<string, number>>;
  /** Whole TLBs of CPUs emptied, and single pages (INVLPG). */
  readonly cpuFlushes: number;
  readonly cpuPageFlushes: number;
  /** Interrupts that CPUs took: each is an IPI. */
  readonly interrupts: number;
  /** Commands carried out: of the IOMMU's caches, of the devices', and completion waits. */
  readonly iommuInvalidations: number;
  readonly deviceInvalidations: number;
  readonly completionWaits: number;
  /** Completion waits that software gave up. */
  readonly timeouts: number;
  /** Page requests that devices made, and those that the IOMMU lost because its log was full. */
  readonly pageRequests: number;
  readonly lostRequests: number;
  /** Requests that were written to an empty log: each interrupts. */
  readonly requestInterrupts: number;
  /** Responses that devices got, by kind; those that answer nothing count apart. */
  readonly responsesSuccess: number;
  readonly responsesInvalid: number;
  readonly responsesFailure: number;
  readonly responsesUnexpected: number;
  /** Page requests for an address that was answered before. */
  readonly retries: number;
  /** Steps of the run that lie between page requests and their answers. */
  readonly stalls: number;
}

type Counted = Exclude<keyof Costs, 'callbacks'>;

const labels: Readonly<Record<Counted, string>> = {
  cpuFlushes: 'CPU TLB flushes',
  cpuPageFlushes: 'CPU page flushes',
  interrupts: 'interrupts (IPIs)',
  iommuInvalidations: 'IOMMU invalidations',
  deviceInvalidations: 'device TLB invalidations',
  completionWaits: 'completion waits',
  timeouts: 'completion waits given up',
  pageRequests: 'page requests',
  lostRequests: 'page requests lost',
  requestInterrupts: 'page-request interrupts',
  responsesSuccess: 'page responses SUCCESS',
  responsesInvalid: 'page responses INVALID',
  responsesFailure: 'page responses FAILURE',
  responsesUnexpected: 'page responses unexpected',
  retries: 'retries',
  stalls: 'steps stalled by page requests',
};

const commands: Readonly<Record<string, Counted>> = {
  INVALIDATE_IOMMU_PAGES: 'iommuInvalidations',
  INVALIDATE_IOTLB_PAGES: 'deviceInvalidations',
  COMPLETION_WAIT: 'completionWaits',
};

/** Counts what happened. */
export function costsOf(happenings: readonly Pick<Happening, 'position' | 'event'>[]): Costs {
  const counts: Record<Counted, number> = {
    cpuFlushes: 0,
    cpuPageFlushes: 0,
    interrupts: 0,
    iommuInvalidations: 0,
    deviceInvalidations: 0,
    completionWaits: 0,
    timeouts: 0,
    pageRequests: 0,
    lostRequests: 0,
    requestInterrupts: 0,
    responsesSuccess: 0,
    responsesInvalid: 0,
    responsesFailure: 0,
    responsesUnexpected: 0,
    retries: 0,
    stalls: 0,
  };
  const callbacks: Record<string, number> = {};
  const answered = new Set<string>();
  /** Where each group that waits was asked for. */
  const waiting = new Map<string, { position: number; address: string }>();
  for (const { position, event } of happenings) {
    if (event.type === 'callback') callbacks[event.callback] = (callbacks[event.callback] ?? 0) + 1;
    if (event.type === 'interrupt') counts.interrupts++;
    if (event.type !== 'machine') continue;
    const machine = event.event;
    if (machine.type === 'flush-tlb') counts[machine.address === null ? 'cpuFlushes' : 'cpuPageFlushes']++;
    if (machine.type === 'command' && machine.phase === 'carried-out') {
      const counted = commands[machine.command?.name ?? ''];
      if (counted !== undefined) counts[counted]++;
    }
    const counted = countedFor(machine);
    if (counted !== null) counts[counted]++;
    if (machine.type !== 'page-request' && machine.type !== 'page-response') continue;
    const group = `${machine.device} ${machine.pasid} ${machine.tag}`;
    const address = `${machine.device} ${machine.pasid} ${machine.address}`;
    if (machine.type === 'page-request') {
      if (answered.has(address)) counts.retries++;
      waiting.set(group, { position, address });
    } else {
      const asked = waiting.get(group);
      if (asked === undefined) continue;
      counts.stalls += position - asked.position;
      answered.add(asked.address);
      waiting.delete(group);
    }
  }
  return { callbacks, ...counts };
}

/** What an event about page requests or completions counts for; null for others. */
function countedFor(event: MachineEvent): Counted | null {
  switch (event.type) {
    case 'time-out':
      return 'timeouts';
    case 'page-request':
      return 'pageRequests';
    case 'page-request-lost':
      return 'lostRequests';
    case 'page-request-logged':
      return event.interrupt ? 'requestInterrupts' : null;
    case 'page-response':
      if (event.unexpected) return 'responsesUnexpected';
      if (event.status === PPR_SUCCESS) return 'responsesSuccess';
      return event.status === PPR_FAILURE ? 'responsesFailure' : 'responsesInvalid';
    default:
      return null;
  }
}

/** The counts that are not 0, a line each. */
export function costsText(costs: Costs): string {
  const calls = Object.entries(costs.callbacks).sort(([a], [b]) => (a < b ? -1 : 1));
  const rest = Object.entries(labels).map(([name, label]) => [label, countOf(costs, name)] as const);
  const rows = [...calls, ...rest].filter(([, count]) => count > 0);
  if (rows.length === 0) return 'costs: none\n';
  const width = Math.max(...rows.map(([label]) => label.length));
  return ['costs:', ...rows.map(([label, count]) => `  ${label.padEnd(width)}  ${count}`), ''].join('\n');
}

function countOf(costs: Costs, name: string): number {
  const count = Object.entries(costs).find(([key]) => key === name)?.[1];
  return typeof count === 'number' ? count : 0;
}
