/**
 * Events as records, one a line of `run --json`. Callbacks, CPU TLB flushes and frees use the fields of
 * recorded Linux traces (`cb`, `probe`, `free`, `mark`), so that a run can be held against what a kernel did;
 * the rest says what it is.
 */

import { entrySpan, PAGE_SIZE } from '../base/address';
import { cpuName } from '../machine/config';
import { pteFrame, pteHuge, ptePresent } from '../machine/entry-format';
import type { MachineEvent } from '../machine/observer';
import { formatMapped } from '../vm/format';
import type { VmEvent } from '../vm/types';
import type { Vm } from '../vm/vm';
import { entryText } from './entry-text';

/** Something that happened in a run; a session keeps these. */
export interface Happening {
  readonly position: number;
  readonly thread: number;
  readonly event: VmEvent;
  readonly fn: string | null;
  readonly span: { readonly file: string; readonly line: number } | null;
  readonly stack: readonly string[];
  readonly range: { readonly start: number; readonly end: number } | null;
}

/** A range of addresses: `A+1`, end exclusive, and its length in pages; `ALL` and null for everything. */
export interface RecordRange {
  readonly start: string;
  readonly end: string;
  readonly pages: number | null;
}

/** What a freed page was used for. */
export type PageKind = 'page' | 'pte_table' | 'pmd_table' | 'pud_table' | 'pgd_table';

const kindOfLevel: readonly PageKind[] = ['page', 'pte_table', 'pmd_table', 'pud_table', 'pgd_table'];

/** One line. Fields that do not apply are absent. */
export interface TraceRecord {
  readonly type: 'cb' | 'cb-return' | 'probe' | 'free' | 'mark' | 'machine' | 'violation';
  readonly name: string;
  /** Steps made when it had happened. */
  readonly position: number;
  readonly thread: string;
  readonly cpu?: number;
  /** Number of the subscriber, by the order in which they subscribed. */
  readonly sub?: number;
  readonly driver?: string;
  readonly range?: RecordRange;
  readonly page?: string;
  readonly page_kind?: PageKind;
  readonly text?: string;
  readonly at?: string;
  readonly stack?: readonly string[];
  /** Entries of mappings, by page, that software changed before the first record, and after this one. */
  readonly pte_changed?: EntryStates;
  readonly pte_after?: EntryStates;
}

/** States of entries by the pages they map: `A+0` to `p[A+0] RWAD`; not the A and D that hardware sets. */
type EntryStates = Readonly<Record<string, string>>;

/** Functions whose entry recorded traces show. */
const probes = new Set([
  'flush_tlb_mm_range',
  'flush_tlb_page',
  'flush_tlb_range',
  'flush_tlb_mm',
  'native_flush_tlb_others',
  'flush_tlb_func',
  'arch_tlbbatch_flush',
  'tlb_remove_table_sync_one',
]);

/** The records of what happened in a run, in order. */
export function traceRecords(run: { readonly vm: Vm; events(): readonly Happening[] }): TraceRecord[] {
  const { vm } = run;
  const subscribers: number[] = [];
  const pages: PageNames = new Map();
  const found: TraceRecord[] = [];
  let changed: EntryStates = {};
  for (const happening of run.events()) {
    changed = { ...changed, ...changeBy(vm, happening.event, pages) };
    namePage(vm, happening.event, pages);
    const record = recordOf(vm, happening, subscribers, pages);
    if (record === null) continue;
    if (recorded.has(record.type)) {
      found.push(
        tellChanges(found, changed) ? record : { ...record, ...changesField('pte_changed', changed) },
      );
      changed = {};
    } else found.push(record);
  }
  tellChanges(found, changed);
  return found;
}

/** The records that recorded traces have too: these tell of the entries. */
const recorded: ReadonlySet<TraceRecord['type']> = new Set(['cb', 'probe', 'free', 'mark']);

/** Adds changes to the last record that tells of entries; false if there is none yet. */
function tellChanges(found: TraceRecord[], changed: EntryStates): boolean {
  const last = found.findLastIndex(({ type }) => recorded.has(type));
  const record = found[last];
  if (record === undefined) return false;
  found[last] = { ...record, ...changesField('pte_after', changed) };
  return true;
}

function changesField(name: 'pte_changed' | 'pte_after', changed: EntryStates): Partial<TraceRecord> {
  return Object.keys(changed).length === 0 ? {} : { [name]: changed };
}

/** The new state of a leaf that an event has stored in a mapping. */
function changeBy(vm: Vm, event: VmEvent, pages: PageNames): EntryStates {
  if (event.type !== 'machine' || event.event.type !== 'store-entry' || event.place === null) return {};
  const { old, value } = event.event;
  const { address, level } = event.place;
  if (level > 1 && !pteHuge(old) && !pteHuge(value)) return {};
  const name = pageName(vm, address);
  if (!name.includes('+')) return {};
  const isSame = ptePresent(old) && pteFrame(old) === pteFrame(value);
  const page = pages.get(pteFrame(value)) ?? `p[${name}]${isSame ? '' : '#new'}`;
  return { [name]: entryText(value, level, page) };
}

/** Names of frames, by the mapping they were taken out of: `p[A+3]`; tables by the first page they served. */
type PageNames = Map<number, string>;

/** Notes the name of a page, or of a page-table page, whose entry is cleared or replaced. */
function namePage(vm: Vm, event: VmEvent, pages: PageNames): void {
  if (event.type !== 'machine' || event.event.type !== 'store-entry' || event.place === null) return;
  const { old, value } = event.event;
  if (!ptePresent(old) || (ptePresent(value) && pteFrame(value) === pteFrame(old))) return;
  const { address, level } = event.place;
  if (level <= 1 || pteHuge(old)) pages.set(pteFrame(old), `p[${pageName(vm, address)}]`);
  else pages.set(pteFrame(old), pageName(vm, firstMapped(vm, address, address + entrySpan(level))));
}

/** Lowest address of a mapping in [start, end), or `start`. */
function firstMapped(vm: Vm, start: number, end: number): number {
  const inside = vm.program.scenario.mappings
    .map(({ address }) => address)
    .filter(a => start <= a && a < end);
  return inside.length === 0 ? start : Math.min(...inside);
}

function recordOf(vm: Vm, happening: Happening, subscribers: number[], pages: PageNames): TraceRecord | null {
  const { event } = happening;
  const head = headOf(vm, happening);
  switch (event.type) {
    case 'callback':
    case 'callback-return': {
      const sub = numberOf(subscribers, event.subscriber);
      const range = rangeOf(vm, event.start, event.end);
      const type = event.type === 'callback' ? 'cb' : 'cb-return';
      const stack = event.type === 'callback' ? { stack: happening.stack } : {};
      return { type, name: event.callback, ...head, sub, driver: event.driver, ...range, ...stack };
    }
    case 'call': {
      const { range, stack } = happening;
      const shown = range === null ? {} : rangeOf(vm, range.start, range.end);
      const { name, role } = event.fn;
      if (probes.has(name)) return { type: 'probe', name, ...head, ...shown, stack };
      return role === 'syscall' ? { type: 'mark', name: 'op_begin', ...head, text: name } : null;
    }
    case 'subscribed':
    case 'unsubscribed':
      return { type: 'mark', name: event.type, ...head, sub: numberOf(subscribers, event.subscriber) };
    case 'mark':
      return { type: 'mark', name: event.name, ...head };
    case 'sigsegv':
      return { type: 'mark', name: 'SIGSEGV', ...head, page: pageName(vm, event.address) };
    case 'interrupt':
      return { type: 'mark', name: 'interrupt', ...head, cpu: event.cpu, text: event.fn.name };
    case 'violation': {
      const { property, message } = event.violation;
      return { type: 'violation', name: property, ...head, text: message };
    }
    case 'machine':
      return machineRecord(vm, event.event, happening, head, pages);
    case 'lock':
    case 'unlock':
    case 'page':
    case 'return':
      return null;
  }
}

type Head = Pick<TraceRecord, 'position' | 'thread' | 'cpu' | 'at'>;

function headOf(vm: Vm, { position, thread, span }: Happening): Head {
  const unit = vm.threads[thread];
  const cpu = unit?.cpu ?? null;
  const at = span === null ? {} : { at: `${span.file}:${span.line}` };
  return { position, thread: unit?.name ?? '', ...(cpu === null ? {} : { cpu }), ...at };
}

function machineRecord(
  vm: Vm,
  event: MachineEvent,
  { stack }: Happening,
  head: Head,
  pages: PageNames,
): TraceRecord | null {
  const record = (name: string, text: string, page?: string): TraceRecord => ({
    type: 'machine',
    name,
    ...head,
    ...(page === undefined ? {} : { page }),
    text,
  });
  switch (event.type) {
    case 'free-frame':
      return {
        type: 'free',
        name: 'mm_page_free',
        ...head,
        page: pages.get(event.frame) ?? `frame ${event.frame}`,
        page_kind: kindOfLevel[event.level] ?? 'page',
        stack,
      };
    case 'flush-tlb': {
      const page = event.address === null ? undefined : pageName(vm, event.address);
      return record(
        'flush-tlb',
        `${cpuName(vm.machine.config, event.cpu)}: ${event.address === null ? 'everything' : 'one page'}`,
        page,
      );
    }
    case 'fill':
    case 'drop': {
      const why = event.type === 'drop' ? `, ${event.why}` : '';
      const text = `${event.cache} ${event.owner}: frame ${event.frame}${why}`;
      return record(event.type, text, pageName(vm, event.address));
    }
    case 'access': {
      const text = `${event.write ? 'write' : 'read'} frame ${event.frame}: ${event.value}`;
      return record('access', text, pageName(vm, event.address));
    }
    case 'command':
      return record('command', `${event.phase}: ${event.text}`);
    case 'page-request':
    case 'page-response':
      return record(event.type, `tag ${event.tag}, ${event.text}`, pageName(vm, event.address));
    case 'io-page-fault':
    case 'device-failed':
      return record(event.type, `PASID ${event.pasid}`, pageName(vm, event.address));
    case 'gcr3':
      return record('gcr3', `PASID ${event.pasid}: ${event.root === null ? 'none' : `frame ${event.root}`}`);
    case 'cr3':
      return record('cr3', `${cpuName(vm.machine.config, event.cpu)}: frame ${event.root}`);
    case 'store-entry':
      return record('store-entry', `frame ${event.frame}, entry ${event.slot}`);
    case 'alloc-frame':
      return record('alloc-frame', `frame ${event.frame}, ${kindOfLevel[event.level] ?? 'page'}`);
    case 'page-request-lost':
      return record(event.type, `tag ${event.tag}: the log is full`, pageName(vm, event.address));
    case 'pri':
    case 'stop-marker':
      return record(event.type, event.type === 'pri' ? event.text : `PASID ${event.pasid}`);
    case 'time-out':
      return record(event.type, `${vm.threads[event.thread]?.shortName ?? '?'} gives up a COMPLETION_WAIT`);
    case 'page-request-logged':
    case 'walk':
      return null;
  }
}

function numberOf(subscribers: number[], subscriber: number): number {
  const known = subscribers.indexOf(subscriber);
  return known >= 0 ? known : subscribers.push(subscriber) - 1;
}

function rangeOf(vm: Vm, start: number | null, end: number | null): { range?: RecordRange } {
  if (start === null) return {};
  if (start === 0 && end === -1) return { range: { start: 'ALL', end: 'ALL', pages: null } };
  const last = end ?? start + PAGE_SIZE;
  const pages = Math.ceil((last - start) / PAGE_SIZE);
  return { range: { start: pageName(vm, start), end: pageName(vm, last, start), pages } };
}

/** `A+1` as recorded traces write it. */
function pageName(vm: Vm, address: number, near = address): string {
  const mapping = vm.program.scenario.mappings.find(
    each => each.address <= near && near < each.address + each.pages * PAGE_SIZE,
  );
  if (mapping === undefined) return formatMapped(vm, address);
  const offset = address - mapping.address;
  const bytes = offset % PAGE_SIZE;
  return `${mapping.name}+${Math.floor(offset / PAGE_SIZE)}${bytes === 0 ? '' : `+0x${bytes.toString(16)}`}`;
}
