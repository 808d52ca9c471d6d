/**
 * What of a run is worth a row in a diagram: a thing that happened, in the words of a commit message, and the
 * calls it happened in.
 */
import { alignDown, entrySpan, PAGE_SIZE } from '../base/address';
import type { FunctionCode } from '../language/program';
import { pteFrame, pteHuge, ptePresent, pteWrite } from '../machine/entry-format';
import type { CommandFields, MachineEvent } from '../machine/observer';
import { deviceName } from '../session/names';
import type { Session } from '../session/session';
import { addressText } from '../vm/format';
import { type Activation, operationOf, type Seen } from './retrace';
import type { Why } from './why';

/** A row before it is drawn. */
export interface Row {
  readonly position: number;
  readonly thread: number;
  readonly call: Activation | null;
  /** Null where the call itself is what happened. */
  readonly text: string | null;
  /** Rows of a kind that follow one another in one call are one: their ranges are joined. */
  readonly merge: { readonly verb: string; readonly start: number; readonly end: number } | null;
  /** CPU or device whose column it belongs to, where that is not the thread's own. */
  readonly owner: { readonly kind: 'cpu' | 'device'; readonly index: number } | null;
}

/** What a story is about: only what has to do with it is drawn. Null: everything is. */
export interface Subject {
  readonly told: Why;
  readonly frames: ReadonlySet<number>;
  readonly positions: ReadonlySet<number>;
  readonly isAboutTables: boolean;
  readonly isAboutRequests: boolean;
}

/** The subject of an explanation. */
export function subjectOf(told: Why, frame: number | null): Subject {
  const named = [...told.message.matchAll(/frame (\d+)/g)].map(([, number]) => Number(number));
  return {
    told,
    frames: new Set([...named, ...(frame === null ? [] : [frame])]),
    positions: new Set(told.moments.map(({ position }) => position)),
    isAboutTables: /table|walk/.test(told.property) || /table pointer/.test(told.message),
    isAboutRequests: told.property === 'page-response' || told.property === 'device-failure',
  };
}

/** The rows of a run, in order. */
export function rowsOf(session: Session, seen: readonly Seen[], subject: Subject | null): Row[] {
  const rows: Row[] = [];
  for (const each of seen) {
    const row = rowOf(session, each, subject);
    if (row === null) continue;
    const last = rows.at(-1);
    const merged = last === undefined ? null : joined(last, row);
    if (merged === null) rows.push(row);
    else rows[rows.length - 1] = merged;
  }
  return rows;
}

function joined(last: Row, next: Row): Row | null {
  const isSame = isSameCall(last, next) && last.text === next.text;
  if (isSame && next.merge === null && last.merge === null && next.text !== null) return last;
  const freed = isSameCall(last, next) ? freesText(last.text, next.text) : null;
  if (freed !== null) return { ...last, text: freed };
  const [a, b] = [last.merge, next.merge];
  if (a === null || b === null || !isSameCall(last, next)) return null;
  if (a.verb !== b.verb) return null;
  const merge = { verb: a.verb, start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
  return { ...last, merge };
}

function isSameCall(a: Row, b: Row): boolean {
  return a.thread === b.thread && a.call === b.call;
}

/** `free frame 8` and `free frame 7` as `free frames 8, 7`; null if they are not of a kind. */
function freesText(last: string | null, next: string | null): string | null {
  const [, kind, frames] = /^free (frame|table)s? (.*)$/.exec(last ?? '') ?? [];
  const [, other, frame] = /^free (frame|table) (\d+)$/.exec(next ?? '') ?? [];
  return kind === undefined || kind !== other ? null : `free ${kind}s ${frames}, ${frame}`;
}

function rowOf(session: Session, seen: Seen, subject: Subject | null): Row | null {
  const { position, thread, call, event } = seen;
  const plain = (text: string | null): Row => ({ position, thread, call, text, merge: null, owner: null });
  switch (event.type) {
    case 'callback':
      return plain(null);
    case 'call':
      return isWorthCall(event.fn, subject) ? plain(null) : null;
    case 'sigsegv':
      return plain(`SIGSEGV at ${addressText(session.vm, event.address)}`);
    case 'lock':
      return isTold(seen, subject, 'locked') ? plain(lockCall(event)) : null;
    case 'section':
      return isTold(seen, subject, 'locked') && event.why !== 'lock' ? plain(`${event.why} off`) : null;
    case 'page':
      return isTold(seen, subject, 'copied') ? plain(pageText(event)) : null;
    case 'return':
    case 'callback-return': {
      const isShown = isTold(seen, subject, 'callback') && toldTexts(seen, subject).includes('has returned');
      return isShown && call !== null ? plain(`${call.fn.name}() returns`) : null;
    }
    case 'violation': {
      const { property } = event.violation;
      if (!session.watched.has(property)) return null;
      const isOurs =
        subject === null || (subject.told.property === property && subject.positions.has(position));
      return isOurs ? { ...plain(`*** ${property} ***`) } : null;
    }
    case 'machine':
      return machineRow(session, seen, event, subject);
    default:
      return null;
  }
}

/** Operations where all is drawn, and wherever subscribers are told of a range: a bracket is open or not. */
function isWorthCall({ name, role }: FunctionCode, subject: Subject | null): boolean {
  if (/^__mmu_notifier_invalidate/.test(name)) return true;
  return subject === null && (role === 'syscall' || role === 'fault');
}

function isTold({ position }: Seen, subject: Subject | null, kind: string): boolean {
  return subject?.told.moments.some(each => each.kind === kind && each.position === position) ?? false;
}

function toldTexts({ position }: Seen, subject: Subject | null): string {
  const here = subject?.told.moments.filter(moment => moment.position === position) ?? [];
  return here.map(({ text }) => text).join(' ');
}

function lockCall({ lock, how }: { readonly lock: string; readonly how: string }): string {
  const names: Record<string, string> = {
    spin: 'spin_lock',
    mutex: 'mutex_lock',
    read: 'down_read',
    write: 'down_write',
    srcu: 'srcu_read_lock',
  };
  return `${names[how] ?? how}(${lock})`;
}

function pageText({ what, frame, other }: Seen['event'] & { readonly type: 'page' }): string {
  if (what === 'equal') return `compare frames ${frame}, ${other}`;
  return what === 'copied' ? `copy frame ${frame} -> ${other}` : `write out frame ${frame}`;
}

function machineRow(
  session: Session,
  seen: Seen,
  { event, place }: Seen['event'] & { readonly type: 'machine' },
  subject: Subject | null,
): Row | null {
  const { position, thread, call } = seen;
  const { vm } = session;
  const base = { position, thread, call, merge: null, owner: null };
  const isOurs = subject?.positions.has(position) ?? false;
  const isOurFrame = (frame: number) => subject === null || subject.frames.has(frame);
  switch (event.type) {
    case 'store-entry': {
      const text = storeRow(session, event, place) ?? (isOurs ? mapRow(session, event, place) : null);
      return text === null ? null : { ...base, text: text.text, merge: text.merge };
    }
    case 'free-frame': {
      if (!isOurFrame(event.frame) && !isOurs) return null;
      const text = `free ${event.level === 0 ? 'frame' : 'table'} ${event.frame}`;
      // Where all is drawn, a row of frees says little of how each was reached.
      return subject === null ? { ...base, call: operationOf(call), text } : { ...base, text };
    }
    case 'flush-tlb': {
      if (event.address === null) return { ...base, text: 'flush TLB' };
      const merge = { verb: 'invlpg', start: event.address, end: event.address + PAGE_SIZE };
      return { ...base, text: null, merge };
    }
    case 'fill': {
      const isFound = position === subject?.told.position;
      const isShown =
        (isOurs && !isFound) || (subject === null && (event.cache === 'iotlb' || event.cache === 'atc'));
      return isShown ? { ...base, ...fillRow(session, event) } : null;
    }
    case 'access': {
      if (subject !== null && !isOurs && !subject.frames.has(event.frame)) return null;
      const device = event.by.kind === 'device';
      const verb = device ? (event.write ? 'DMA write' : 'DMA read') : event.write ? 'store' : 'load';
      return { ...base, text: `${verb} ${addressText(vm, event.address)}` };
    }
    case 'command':
      return commandRow(session, seen, event, isOurs && subject?.told.cause === 'not awaited');
    case 'page-request':
      if (subject !== null && !subject.isAboutRequests) return null;
      return { ...base, text: `page request ${addressText(vm, event.address)}` };
    case 'page-response':
      if (subject !== null && !subject.isAboutRequests) return null;
      return { ...base, text: `response ${event.text}`, owner: { kind: 'device', index: event.device } };
    case 'gcr3': {
      const root = event.root === null ? 'none' : `frame ${event.root}`;
      return { ...base, text: `PASID ${event.pasid} root = ${root}` };
    }
    case 'device-failed':
      return { ...base, text: 'gives up', owner: { kind: 'device', index: event.device } };
    case 'io-page-fault':
      if (subject !== null && !isOurs) return null;
      return { ...base, text: `IO page fault ${addressText(vm, event.address)}` };
    case 'walk':
      return isWalkOfStory(seen, event, subject)
        ? { ...base, text: `walk ${addressText(vm, event.address)}, table ${event.frame}` }
        : null;
    default:
      return null;
  }
}

function isWalkOfStory(
  { position }: Seen,
  event: MachineEvent & { readonly type: 'walk' },
  subject: Subject | null,
): boolean {
  if (subject === null || position !== subject.told.position) return false;
  return subject.isAboutTables && subject.frames.has(event.frame);
}

/** Kernel names of the entries of each level. */
const entryNames = ['', 'pte', 'pmd', 'pud', 'pgd'];

function storeRow(
  session: Session,
  { old, value }: MachineEvent & { readonly type: 'store-entry' },
  place: { readonly address: number; readonly level: number } | null,
): Pick<Row, 'text' | 'merge'> | null {
  const { vm } = session;
  if (place === null || !ptePresent(old)) return null;
  const { level } = place;
  const name = entryNames[level] ?? 'entry';
  if (level > 1 && !pteHuge(old)) {
    if (ptePresent(value) && pteFrame(value) === pteFrame(old)) return null;
    const first = firstMapped(session, place.address, level);
    return { text: `clear ${name} of ${addressText(vm, first)} (table ${pteFrame(old)})`, merge: null };
  }
  const start = alignDown(place.address, entrySpan(level));
  const range = { start, end: start + entrySpan(level) };
  if (!ptePresent(value)) return { text: null, merge: { verb: `clear ${name}`, ...range } };
  if (pteFrame(value) !== pteFrame(old)) {
    const text = `${name} of ${addressText(vm, start)}: frame ${pteFrame(old)} -> ${pteFrame(value)}`;
    return { text, merge: null };
  }
  const isLowered = pteWrite(old) && !pteWrite(value);
  return isLowered ? { text: null, merge: { verb: `wrprotect ${name}`, ...range } } : null;
}

/** An entry that was empty gets a page: told only where the story names it. */
function mapRow(
  { vm }: Session,
  { value }: MachineEvent & { readonly type: 'store-entry' },
  place: { readonly address: number; readonly level: number } | null,
): Pick<Row, 'text' | 'merge'> | null {
  if (place === null || !ptePresent(value) || (place.level > 1 && !pteHuge(value))) return null;
  const name = entryNames[place.level] ?? 'entry';
  return { text: `set ${name} of ${addressText(vm, place.address)}: frame ${pteFrame(value)}`, merge: null };
}

/** Of a large span, the first mapping in it. */
function firstMapped({ program }: Session, address: number, level: number): number {
  const end = address + entrySpan(level);
  const inside = program.scenario.mappings.map(each => each.address).filter(a => address <= a && a < end);
  return inside.length === 0 ? address : Math.min(...inside);
}

const cacheNames = {
  tlb: 'TLB',
  psc: 'paging cache',
  iotlb: 'IOTLB',
  'walk-cache': 'walk cache',
  atc: 'ATC',
} as const;

function fillRow(
  { vm }: Session,
  event: MachineEvent & { readonly type: 'fill' },
): Pick<Row, 'text' | 'owner'> {
  const { cache, owner, address, frame } = event;
  const isPointer = cache === 'walk-cache' || cache === 'psc';
  const target = isPointer ? `table ${frame}` : `frame ${frame}`;
  const text = `${cacheNames[cache]}: ${addressText(vm, address)} -> ${target}`;
  if (cache === 'tlb' || cache === 'psc') return { text, owner: { kind: 'cpu', index: owner } };
  return { text, owner: cache === 'atc' ? { kind: 'device', index: owner } : null };
}

/** A command: as the function that queues it, and where it is carried out. */
function commandRow(
  session: Session,
  { position, thread, call }: Seen,
  { phase, command }: MachineEvent & { readonly type: 'command' },
  isShownQueued: boolean,
): Row | null {
  if (command === null || !/^INVALIDATE/.test(command.name)) return null;
  const base = { position, thread, call, merge: null, owner: null };
  if (phase === 'queued')
    return { ...base, text: isShownQueued ? `queue ${flushText(session, command)}` : null };
  return { ...base, text: flushText(session, command), owner: { kind: 'device', index: command.device } };
}

/** The PASID is told where it is not the only one that the device uses. */
function flushText(
  { vm, program }: Session,
  { name, all, address, pages, pde, device, pasid }: CommandFields,
): string {
  const cache = name === 'INVALIDATE_IOTLB_PAGES' ? 'ATC' : pde ? 'IOTLB+PDE' : 'IOTLB';
  const runs = program.scenario.devices.filter(run => run.device === deviceName(vm, device));
  const isOnly = runs.every(run => run.pasid === pasid);
  const where = `${addressText(vm, address)}${pages === 1 ? '' : ` (${pages} pages)`}`;
  return `flush ${cache}${isOnly ? '' : ` PASID ${pasid}`}${all ? '' : ` ${where}`}`;
}

/** The text of a row. */
export function rowText({ vm }: Session, { text, merge }: Row): string | null {
  if (merge === null) return text;
  const { verb, start, end } = merge;
  const pages = Math.round((end - start) / PAGE_SIZE);
  const from = addressText(vm, start);
  return pages <= 1 ? `${verb} ${from}` : `${verb} ${from} .. ${addressText(vm, end)}`;
}
