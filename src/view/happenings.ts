/** What happened, in a few words each: for lanes on the command line and for the debug console. */

import { entrySpan } from '../base/address';
import { cpuName } from '../machine/config';
import { pteFrame, pteHuge, ptePresent, pteWrite } from '../machine/entry-format';
import type { MachineEvent } from '../machine/observer';
import type { Recorded } from '../session/history';
import { cacheText, deviceName, rangeText, threadName } from '../session/names';
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

/** A line in the making: what several of its kind are called together. */
interface Words {
  readonly text: string;
  /** With `#` for how many; those of a kind in a row become one line. */
  readonly kind?: string;
  /** What it is about: the line of several says from the lowest to the end of the highest. */
  readonly range?: { readonly start: number; readonly end: number } | null;
  /** Of a pointer taken by a walk: its level. The line of several says from which to which. */
  readonly level?: number;
}

interface Row extends Words {
  readonly position: number;
  readonly thread: number;
  readonly count: number;
  readonly levels: readonly number[];
}

/** What of a run is worth a line, in order; several of a kind in a row are one, but not over a finding. */
export function happenings(session: Session, events: readonly Recorded[]): Happened[] {
  const judged = new Set(session.findings().map(({ position }) => position));
  const rows: Row[] = [];
  for (const recorded of events) {
    const said = words(session, recorded);
    if (said === null) continue;
    const { position, thread } = recorded;
    const levels = said.level === undefined ? [] : [said.level];
    const next: Row = { ...said, position, thread, count: 1, levels };
    const last = rows.at(-1);
    const merged = last === undefined || judged.has(position) ? null : joined(last, next, judged);
    if (merged === null) rows.push(next);
    else rows[rows.length - 1] = merged;
  }
  return rows.map(row => ({
    position: row.position,
    thread: row.thread,
    text: rowText(session, row),
    kind: row.kind ?? null,
  }));
}

/** Two lines as one; null if they are not of a kind. */
function joined(last: Row, next: Row, judged: ReadonlySet<number>): Row | null {
  if (next.kind === undefined || last.kind !== next.kind || last.thread !== next.thread) return null;
  if (judged.has(last.position)) return null;
  const [a, b] = [last.range ?? null, next.range ?? null];
  const range =
    a === null || b === null ? null : { start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
  const levels = [...last.levels, ...next.levels];
  // The deepest pointer says best where the walk went.
  return { ...last, text: next.text, range, levels, count: last.count + 1 };
}

function rowText({ vm }: Session, { text, kind, range, count, levels }: Row): string {
  if (levels.length > 0) {
    const [high, low] = [Math.max(...levels), Math.min(...levels)];
    return `${text} (${high === low ? `level ${high}` : `levels ${high}..${low}`})`;
  }
  if (count === 1 || kind === undefined) return text;
  const where = range == null ? '' : `, ${rangeText(vm, range.start, range.end)}`;
  return kind.replace('#', `${count}`) + where;
}

function words(session: Session, { event, fn, thread }: Recorded): Words | null {
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
    case 'mark':
      return { text: event.name === 'op_begin' ? 'the operation begins' : 'the operation has ended' };
    case 'sigsegv':
      return { text: `SIGSEGV at ${addressText(vm, event.address)}` };
    case 'subscribed':
    case 'unsubscribed':
      return { text: `mmu_notifier#${event.subscriber} ${event.type}` };
    case 'violation':
      return { text: `!! ${event.violation.property}` };
    case 'machine':
      return (
        (thread === vm.cachesThread ? cacheWords(session, event.event) : null) ??
        machineWords(session, event.event, event.place)
      );
    case 'lock':
    case 'unlock':
    case 'page':
    case 'return':
      return null;
  }
}

/** What caches do on their own is shown of every cache: nobody else's step says it. */
function cacheWords(session: Session, event: MachineEvent): Words | null {
  const { vm } = session;
  if (event.type !== 'fill' && event.type !== 'drop') return null;
  const cache = cacheText(vm, event.cache, event.owner);
  const isEvicted = event.type === 'drop' && event.why === 'eviction';
  if (isEvicted) return { text: `${cache} evicts ${addressText(vm, event.address)}` };
  if (event.type === 'drop' || (event.cache !== 'tlb' && event.cache !== 'psc')) return null;
  if (event.cache === 'tlb') return { text: `${cache} takes ${addressText(vm, event.address)}` };
  const from = firstMapped(session, event.address, event.level + 1);
  return { text: `${cache} takes ${addressText(vm, from)}`, kind: cache, level: event.level };
}

function machineWords(session: Session, event: MachineEvent, place: Place | null): Words | null {
  const { vm } = session;
  switch (event.type) {
    case 'store-entry':
      return storeWords(session, event, place);
    case 'free-frame':
      return event.level === 0
        ? { text: `frees frame ${event.frame}`, kind: 'frees # frames' }
        : { text: `frees page table (level ${event.level}) in frame ${event.frame}` };
    case 'flush-tlb': {
      const what = event.address === null ? 'everything' : addressText(vm, event.address);
      const name = cpuName(vm.machine.config, event.cpu);
      return { text: `${name} TLB drops ${what}`, kind: `${name} TLB: # invalidations` };
    }
    case 'fill':
      if (event.cache === 'walk-cache') {
        const cache = cacheText(vm, event.cache, event.owner);
        const from = firstMapped(session, event.address, event.level + 1);
        return { text: `${cache} takes ${addressText(vm, from)}`, kind: cache, level: event.level };
      }
      if (event.cache !== 'iotlb' && event.cache !== 'atc') return null;
      return { text: `${cacheText(vm, event.cache, event.owner)} takes ${addressText(vm, event.address)}` };
    case 'access': {
      const isDevice = event.by.kind === 'device';
      const how = event.write ? (isDevice ? 'DMA write' : 'store') : isDevice ? 'DMA read' : 'load';
      return { text: `${how} ${addressText(vm, event.address)}` };
    }
    case 'command':
      return { text: (event.phase === 'queued' ? 'queues ' : '') + commandText(session, event.text) };
    case 'page-request':
      return { text: `page request ${addressText(vm, event.address)}` };
    case 'page-response':
      return { text: `page response ${event.text}` };
    case 'io-page-fault':
      return { text: `IO page fault ${addressText(vm, event.address)}` };
    case 'device-failed':
      return { text: 'the device gives up' };
    case 'gcr3':
      return { text: rootText(session, event) };
    case 'page-request-lost':
      return { text: `the log is full: page request ${event.tag} is lost` };
    case 'stop-marker':
      return { text: `stop marker, PASID ${event.pasid}` };
    case 'pri':
      return { text: `PRI of ${deviceName(vm, event.device)}: ${event.text}` };
    case 'time-out':
      return { text: `${vm.threads[event.thread]?.shortName ?? '?'} gives up waiting for a completion` };
    case 'page-request-logged':
    case 'drop':
    case 'walk':
    case 'cr3':
    case 'alloc-frame':
      return null;
  }
}

/** What an entry is for: where its range begins, and its level. */
interface Place {
  readonly address: number;
  readonly level: number;
}

function storeWords(
  session: Session,
  { old, value }: MachineEvent & { type: 'store-entry' },
  place: Place | null,
): Words | null {
  if (!ptePresent(old)) return null;
  const { vm } = session;
  const isTable = place !== null && place.level > 1 && !pteHuge(old);
  const start = place === null ? null : firstMapped(session, place.address, place.level);
  const of = start === null ? 'an entry' : `${isTable ? 'the table of ' : ''}${addressText(vm, start)}`;
  const range =
    place === null || isTable ? null : { start: place.address, end: place.address + entrySpan(place.level) };
  const frame = pteFrame(old);
  if (!ptePresent(value)) {
    const text = `clears ${of} -> frame ${frame}`;
    // Pointers to tables are few, and each one counts.
    return isTable ? { text } : { text, kind: 'clears # entries', range };
  }
  if (frame !== pteFrame(value))
    return { text: `${of}: frame ${frame} -> ${pteFrame(value)}`, kind: 'replaces # entries', range };
  return pteWrite(old) && !pteWrite(value)
    ? { text: `write-protects ${of} -> frame ${frame}`, kind: 'write-protects # entries', range }
    : null;
}

/** Where what an entry covers begins: of a large span, at the first mapping in it. */
function firstMapped({ program }: Session, address: number, level: number): number {
  const end = address + entrySpan(level);
  const inside = program.scenario.mappings.map(each => each.address).filter(a => address <= a && a < end);
  return inside.length === 0 ? address : Math.min(...inside);
}

function rootText({ vm }: Session, { device, pasid, root }: MachineEvent & { type: 'gcr3' }): string {
  return `${deviceName(vm, device)} PASID ${pasid} -> ${root === null ? 'none' : `root in frame ${root}`}`;
}

/** A command, with names for the numbers it holds. */
function commandText({ vm }: Session, text: string): string {
  return text
    .replace(/\bdevice (\d+)/, (_, index: string) => deviceName(vm, Number(index)))
    .replace(/\bthread (\d+)/, (_, id: string) => `for ${vm.threads[Number(id)]?.shortName ?? id}`);
}

/** `t0: > amd_iommu_v2.invalidate_range A .. A + 4 pages`. */
export function happeningLine(session: Session, { thread, text }: Happened): string {
  return `${threadName(session.vm, thread)}: ${text}`;
}
