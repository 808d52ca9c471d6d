/** What happened, in a few words each: for lanes on the command line and for the debug console. */
import { pteFrame, ptePresent, pteWrite } from '../machine/entry-format';
import type { MachineEvent } from '../machine/observer';
import type { Recorded } from '../session/history';
import { cacheText, rangeText, threadName } from '../session/names';
import type { Session } from '../session/session';
import { addressText } from '../vm/format';

/** Something worth a line. `again` is the same with a number, for several of a kind in a row. */
export interface Happened {
  readonly position: number;
  readonly thread: number;
  readonly text: string;
  /** Those of the same kind follow one another as one line; null stands alone. */
  readonly kind: string | null;
}

/** What of a run is worth a line, in order; several of a kind in a row are one. */
export function happenings(session: Session, events: readonly Recorded[]): Happened[] {
  const found: Happened[] = [];
  let count = 1;
  for (const recorded of events) {
    const next = happened(session, recorded);
    if (next === null) continue;
    const last = found.at(-1);
    if (last !== undefined && next.kind !== null && last.kind === next.kind && last.thread === next.thread) {
      count++;
      found[found.length - 1] = { ...last, text: severalText(next.kind, count) };
    } else {
      count = 1;
      found.push(next);
    }
  }
  return found;
}

function severalText(kind: string, count: number): string {
  return kind.replace('#', `${count}`);
}

function happened(session: Session, recorded: Recorded): Happened | null {
  const said = words(session, recorded);
  if (said === null) return null;
  const { position, thread } = recorded;
  return { position, thread, text: said.text, kind: said.kind ?? null };
}

interface Words {
  readonly text: string;
  readonly kind?: string;
}

function words(session: Session, { event, fn }: Recorded): Words | null {
  const { vm } = session;
  switch (event.type) {
    case 'call':
      return event.fn.role === 'syscall' || event.fn.role === 'fault' ? { text: `${event.fn.name}()` } : null;
    case 'callback':
    case 'callback-return': {
      const range = event.start === null ? '' : ` ${rangeText(vm, event.start, event.end ?? event.start)}`;
      const arrow = event.type === 'callback' ? '>' : '<';
      const name = fn ?? `${event.driver}.${event.callback}`;
      return { text: `${arrow} ${name}${event.type === 'callback' ? range : ''}` };
    }
    case 'interrupt':
      return { text: `interrupt ${event.fn.name}` };
    case 'sigsegv':
      return { text: `SIGSEGV at ${addressText(vm, event.address)}` };
    case 'subscribed':
    case 'unsubscribed':
      return { text: `mmu_notifier#${event.subscriber} ${event.type}` };
    case 'violation':
      return { text: `!! ${event.violation.property}` };
    case 'machine':
      return machineWords(session, event.event);
    case 'lock':
    case 'unlock':
    case 'return':
      return null;
  }
}

function machineWords(session: Session, event: MachineEvent): Words | null {
  const { vm } = session;
  switch (event.type) {
    case 'store-entry':
      return storeWords(event.old, event.value);
    case 'free-frame':
      return { text: `frees frame ${event.frame}`, kind: 'frees # frames' };
    case 'flush-tlb': {
      const what = event.address === null ? 'everything' : addressText(vm, event.address);
      return { text: `cpu${event.cpu} TLB drops ${what}`, kind: `cpu${event.cpu} TLB: # invalidations` };
    }
    case 'fill':
      if (event.cache !== 'iotlb' && event.cache !== 'atc') return null;
      return { text: `${cacheText(vm, event.cache, event.owner)} takes ${addressText(vm, event.address)}` };
    case 'access': {
      const isDevice = event.by.kind === 'device';
      const how = event.write ? (isDevice ? 'DMA write' : 'store') : isDevice ? 'DMA read' : 'load';
      return { text: `${how} ${addressText(vm, event.address)}` };
    }
    case 'command':
      return event.phase === 'queued'
        ? { text: `queues ${event.text}`, kind: 'queues # commands' }
        : { text: event.text, kind: 'carries out # commands' };
    case 'page-request':
      return { text: `page request ${addressText(vm, event.address)}` };
    case 'page-response':
      return { text: `page response ${event.text}` };
    case 'io-page-fault':
      return { text: `IO page fault ${addressText(vm, event.address)}` };
    case 'device-failed':
      return { text: 'the device gives up' };
    case 'gcr3':
      return { text: `PASID ${event.pasid} -> ${event.root === null ? 'none' : `frame ${event.root}`}` };
    case 'drop':
    case 'walk':
    case 'cr3':
    case 'alloc-frame':
      return null;
  }
}

function storeWords(old: number, value: number): Words | null {
  if (!ptePresent(old)) return null;
  if (!ptePresent(value))
    return { text: `clears an entry -> frame ${pteFrame(old)}`, kind: 'clears # entries' };
  if (pteFrame(old) !== pteFrame(value))
    return { text: `entry: frame ${pteFrame(old)} -> ${pteFrame(value)}`, kind: 'replaces # entries' };
  return pteWrite(old) && !pteWrite(value)
    ? { text: `write-protects frame ${pteFrame(old)}`, kind: 'write-protects # entries' }
    : null;
}

/** `t0: > amd_iommu_v2.invalidate_range A .. A + 4 pages`. */
export function happeningLine(session: Session, { thread, text }: Happened): string {
  return `${threadName(session.vm, thread)}: ${text}`;
}
