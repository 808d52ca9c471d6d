/**
 * A violation as the kernel's sanitizers report one: what, where and by whom, then the call traces of the
 * access, of the fill, of the store and of the free, and what the caches and the page table say now.
 */
import { formatAddress, PAGE_SIZE } from '../base/address';
import type { Finding } from '../session/history';
import { cacheText, deviceName, placeText } from '../session/names';
import { instructionOf, placeOf } from '../session/place';
import type { Session } from '../session/session';
import { addressText } from '../vm/format';
import { rootOf } from '../vm/monitors/address-spaces';
import type { MissKind } from './invalidations';
import type { Moment, MomentKind } from './moments';
import type { CallSite } from './retrace';
import { TEXT_COLUMNS, wrap } from './text';
import { type Why, why } from './why';

/** Frames of a call trace that are shown. */
const FRAMES_MAX = 12;

const rule = '='.repeat(TEXT_COLUMNS - 6);

/** The report of a finding, in lines of at most 72 columns. */
export function report(session: Session, finding: Finding): string[] {
  const told = why(session, finding);
  const now = session.position;
  session.goTo(finding.position);
  const lines = [
    rule,
    ...headOf(session, finding, told),
    '',
    ...[...told.moments].sort(foundFirst).flatMap(moment => sectionOf(moment)),
    ...translationsOf(session, finding),
    rule,
  ];
  session.goTo(now);
  return lines.flatMap(line =>
    wrap(line.trimStart(), TEXT_COLUMNS, line.length - line.trimStart().length, 4),
  );
}

function headOf(session: Session, finding: Finding, told: Why): string[] {
  const { violation, position } = finding;
  const { scenario, kernel } = session.program;
  const place = violation.span === null ? '' : ` at ${shortPlace(placeText(violation.span))}`;
  const name = statementName(session, finding) ?? violation.fn;
  const where = name === null ? '' : ` in ${name}`;
  const thread = session.vm.threads[violation.thread]?.name ?? '?';
  const cause = told.cause === null ? [] : [`Cause: ${causeTexts[told.cause]}`];
  return [
    `BUG: shootdown: ${told.property}${where}${place}`,
    told.message,
    `Found by ${thread}, step ${position}; scenario ${scenario.name} on ${kernel}`,
    ...cause,
  ];
}

const causeTexts: Readonly<Record<MissKind, string>> = {
  'wrong range': 'the invalidation was for other addresses',
  'wrong target': 'the invalidation was for another PASID, device or CPU',
  'before the clear': 'the invalidation came before the entry was changed',
  'not awaited': 'the invalidation was not waited for',
  'wrong order': 'the TLB of the device was invalidated before that of the IOMMU',
  'device TLB not covered': 'the TLB of the device was not invalidated',
  'IOTLB not covered': 'the caches of the IOMMU were not invalidated',
  'page-table pointers not covered': 'the invalidation did not cover pointers to page tables',
  'nobody registered': 'no subscriber was registered to be told',
  'never sent': 'no invalidation was sent',
};

/** The call trace of the violation comes first, then the story in its order. */
function foundFirst(a: Moment, b: Moment): number {
  return Number(b.kind === 'found') - Number(a.kind === 'found');
}

/** `dma_write`: the builtin of the statement that violated it; null if it is none. */
function statementName(session: Session, { violation, position }: Finding): string | null {
  if (position === 0 || violation.span === null) return null;
  session.goTo(position - 1);
  const { vm } = session;
  const threads = [violation.thread, ...vm.threads.map(({ id }) => id)];
  const place = threads.map(id => placeOf(vm, id)).find(each => each?.span === violation.span);
  session.goTo(position);
  const instruction = place == null ? undefined : instructionOf(place);
  return instruction?.op === 'builtin' ? instruction.name : null;
}

const titles: Readonly<Partial<Record<MomentKind, string>>> = {
  found: 'Call trace',
  freed: 'Freed',
};

function sectionOf({ kind, text, thread, position, trace }: Moment): string[] {
  // Where the access began and what subscribers were told is in the diagram.
  if (kind === 'began' || kind === 'callback') return [];
  const title = titles[kind] ?? text.charAt(0).toUpperCase() + text.slice(1);
  const by = position === 0 ? 'at the start' : `by ${thread}, step ${position}`;
  const isNothing = text.startsWith('never sent') || text.startsWith('missed');
  if (isNothing) return [title, ''];
  return [`${title}, ${by}:`, ...traceLines(trace), ''];
}

function traceLines(trace: readonly CallSite[]): string[] {
  const shown = trace.slice(0, FRAMES_MAX).map(({ name, span }) => {
    return span === null ? ` ${name}` : ` ${name} (${shortPlace(placeText(span))})`;
  });
  const left = trace.length - FRAMES_MAX;
  return [
    ...shown,
    ...(left > 0 ? [` ... ${left} more`] : []),
    ...(trace.length === 0 ? [' (hardware)'] : []),
  ];
}

/** Without the folder of a scenario: a name of a kernel's file says enough. */
function shortPlace(place: string): string {
  return place.replace(/^scenarios\//, '');
}

/** What is cached of the address, and what the page table says. */
function translationsOf(session: Session, { violation }: Finding): string[] {
  const { address } = violation;
  if (address === null) return [];
  const { vm } = session;
  const { machine } = vm;
  const page = address - (address % PAGE_SIZE);
  const copies = machine.copies().filter(copy => copy.address <= page && page < copy.address + copy.size);
  const leaves = copies.filter(({ leaf, absent }) => leaf && !absent);
  const rows = leaves.map(copy => {
    const space = copy.pasid < 0 ? '' : `, ${deviceName(vm, copy.device)} PASID ${copy.pasid}`;
    const rights = `${copy.write ? ' W' : ''}${copy.marked ? ', freed' : ''}`;
    return ` ${cacheText(vm, copy.cache, copy.owner)}: frame ${copy.frame}${rights}${space}`;
  });
  const tables = vm.program.scenario.processes.map(({ name }) => {
    const mm = vm.words.get(vm.layout.globals.get(`process.${name}`) ?? 0);
    const backing = machine.backing(rootOf(vm, mm), page);
    return ` page table of ${name}: ${backing === undefined ? 'not present' : `frame ${backing.frame}`}`;
  });
  return [`Translations of ${addressText(vm, page)} (${formatAddress(page)}):`, ...tables, ...rows];
}
