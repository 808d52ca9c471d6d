/**
 * Why an access or a walk went through what it should not have: the fill of the copy it used, the store that
 * made it stale, the free, and the invalidation that did not come.
 */

import { alignDown, entrySpan } from '../base/address';
import { cpuName } from '../machine/config';
import { pteDirty, pteFrame, pteHuge, ptePresent, pteWrite } from '../machine/entry-format';
import type { CacheKind, MachineEvent } from '../machine/observer';
import { cacheText, deviceName } from '../session/names';
import { addressText } from '../vm/format';
import { missOf } from './invalidations';
import { type Moment, momentOf } from './moments';
import { type Seen, stepBefore } from './retrace';
import type { Culprit, Deadline, Since } from './sent';
import type { Case, Story } from './why';
import { callbackMoments } from './why-subscribers';

type Fill = MachineEvent & { readonly type: 'fill' };
type Store = MachineEvent & { readonly type: 'store-entry' };

/** The translation that a violation is about. */
export interface Use {
  readonly isCpu: boolean;
  /** Index of the CPU or device. */
  readonly owner: number;
  readonly pasid: number | null;
  readonly address: number;
  readonly frame: number;
  readonly isPointer: boolean;
  readonly cache: Culprit['cache'];
  /** Whether it is about the mark of being dirty: an entry that was made clean counts as changed. */
  readonly isAboutDirt?: boolean;
  /** The access or walk; null where the violation is the copy's being there. */
  readonly seen: Seen | null;
}

/** Fill, clear, invalidation, free: of an access, of a walk, or of what an operation left behind. */
export function translation(about: Case): Story {
  const use = useOf(about);
  return use === null ? { moments: [] } : translationOf(about, use, null);
}

/** The same of one access or walk, which need not be the violation. */
export function translationOf(about: Case, use: Use, by: Deadline | null): Story {
  const { session, seen } = about;
  const moments: Moment[] = [];
  const add = (kind: Moment['kind'], text: string, at: Seen | null): void => {
    if (at !== null) moments.push(momentOf(session, kind, text, at));
  };
  const fill = fillOf(seen, use);
  const stale = staleOf(seen, use, by);
  const freed = lastOf(seen, event => event.type === 'free-frame' && event.frame === use.frame);
  const since = sinceOf(about, use, stale);
  const above = since === null ? null : upstreamOf(seen, use, fill, since);
  add('filled', above === null ? '' : filledText(about, above), above);
  add('filled', fill === null ? '' : filledText(about, fill), fill);
  if (fill === null && stale !== null) moments.push(couldFill(about, use, stale));
  if (since !== null && since.seen !== stale) add('root', takenText(about, use), since.seen);
  add('stale', staleText(about, use, stale), stale);
  add('freed', `freed: ${use.isPointer ? 'the page table in ' : ''}frame ${use.frame}`, freed);
  if (since === null) return { moments: [...moments, ...stillThere(about, use, freed, by)] };
  if (!use.isCpu) moments.push(...callbackMoments(about, since.seen, use));
  const culprit = culpritOf(about, use, { fill, above, stale, since, freed, by });
  const miss = missOf(session, seen, culprit);
  const told = momentOf(session, 'invalidation', miss.text, miss.seen ?? since.seen);
  const { lookedUp, deadline } = culprit;
  if (use.seen !== null && lookedUp !== null && lookedUp < deadline.position)
    moments.push({ ...momentOf(session, 'began', flightText(about, use), use.seen), position: lookedUp });
  return { moments: [...moments, told], cause: miss.kind };
}

/** What is known of a copy when it is asked why it was not gone. */
interface Course {
  readonly fill: Seen | null;
  /** The fill of the IOTLB from which the TLB of a device took it late. */
  readonly above: Seen | null;
  readonly stale: Seen | null;
  readonly since: Since;
  readonly freed: Seen | null;
  readonly by: Deadline | null;
}

/** The copy that must be gone for the violation not to happen. */
function culpritOf(
  { session, finding }: Case,
  use: Use,
  { fill, above, stale, since, freed, by }: Course,
): Culprit {
  const { thread } = use.seen ?? finding.violation;
  const lookedUp =
    use.isCpu || use.isPointer || use.seen === null
      ? null
      : stepBefore(session.steps, thread, use.seen.position);
  const isFreed = freed !== null && freed.position > since.seen.position;
  const last = use.seen === null ? 'the return' : use.isPointer ? 'the walk' : 'the access';
  const deadline =
    by ??
    (isFreed
      ? { position: freed.position, what: 'the free', seen: freed }
      : { position: use.seen?.position ?? finding.position, what: last, seen: use.seen });
  const { cache, owner, pasid, address } = use;
  const level = stale === null ? filledLevel(fill) : levelOf(stale);
  const refilled = above === null || fill === null ? null : fill.position;
  return { cache, owner, pasid, address, level, since, deadline, lookedUp, refilled };
}

/** From when on no walk could make the copy: its root was taken, or the entry was changed. */
function sinceOf({ seen }: Case, use: Use, stale: Seen | null): Since | null {
  const taken = use.isCpu || use.pasid === null ? null : rootTaken(seen, use);
  if (taken !== null && (stale === null || taken.position < stale.position))
    return { seen: taken, what: 'the root was taken' };
  return stale === null ? null : { seen: stale, what: lostText(use, stale) };
}

/** The step that took the root of a device, if it has got none since. */
export function rootTaken(
  seen: readonly Seen[],
  { owner, pasid }: Pick<Use, 'owner' | 'pasid'>,
): Seen | null {
  const last = lastOf(
    seen,
    event => event.type === 'gcr3' && event.device === owner && (pasid === null || event.pasid === pasid),
  );
  const isTaken =
    last?.event.type === 'machine' && last.event.event.type === 'gcr3' && last.event.event.root === null;
  return isTaken ? last : null;
}

/** A TLB of a device that took the translation late can have it from the IOTLB only. */
function upstreamOf(seen: readonly Seen[], use: Use, fill: Seen | null, since: Since): Seen | null {
  if (use.cache !== 'atc' || fill === null || fill.position < since.seen.position) return null;
  const before = seen.filter(({ position }) => position <= fill.position);
  return fillOf(before, { ...use, cache: 'iotlb' });
}

function takenText({ session: { vm } }: Case, { owner, pasid }: Use): string {
  return `root: taken from ${deviceName(vm, owner)}${pasid === null ? '' : ` PASID ${pasid}`}`;
}

/** What the store did to the entry, for a sentence about what came before it. */
function lostText(use: Use, stale: Seen): string {
  if (stale.event.type !== 'machine' || stale.event.event.type !== 'store-entry') return '';
  const { value } = stale.event.event;
  const what = use.isPointer ? 'the pointer' : 'the entry';
  if (!ptePresent(value)) return `${what} was cleared`;
  if (pteFrame(value) !== use.frame) return `${what} was replaced`;
  return isMadeClean(use, stale.event.event) ? `${what} was made clean` : `${what} was write-protected`;
}

/** The entry still points to the frame: no invalidation could have helped. */
function stillThere({ session }: Case, use: Use, freed: Seen | null, by: Deadline | null): Moment[] {
  const entry = `the entry of ${addressText(session.vm, use.address)}`;
  if (freed === null && by !== null && use.seen !== null) {
    const could = `${entry} still gave the right to write to frame ${use.frame}`;
    const at = by.seen ?? { ...use.seen, position: by.position };
    return [momentOf(session, 'invalidation', `not protected: at ${by.what} ${could}`, at)];
  }
  if (freed === null) return [];
  const text = `still mapped: ${entry} pointed to frame ${use.frame} when it was freed`;
  return [momentOf(session, 'invalidation', text, freed)];
}

/** What the violation went through, from the access or walk of its step, or from the caches. */
export function useOf(about: Case): Use | null {
  const { finding, seen, session } = about;
  const { violation, position } = finding;
  const here = seen.filter(each => each.position === position);
  const at = here.findLast(({ event }) => event.type === 'machine' && isUse(event.event, violation.frame));
  if (at?.event.type === 'machine') {
    const { event } = at.event;
    if (event.type === 'access') return useOfAccess(about, event, at);
    if (event.type === 'walk') return useOfWalk(about, event, at);
  }
  const { address, frame, message } = violation;
  if (address === null || frame === null) return null;
  const kinds: readonly CacheKind[] = ['tlb', 'iotlb', 'atc'];
  const copies = session.vm.machine
    .copies()
    .filter(copy => copy.leaf && !copy.absent && kinds.includes(copy.cache));
  const held = copies.find(
    copy =>
      message.includes(cacheText(session.vm, copy.cache, copy.owner)) && spansFrame(copy, frame, address),
  );
  if (held === undefined) return null;
  const isCpu = held.cache === 'tlb';
  const owner = isCpu ? held.owner : held.device;
  const pasid = isCpu ? null : held.pasid;
  const cache = held.cache === 'walk-cache' || held.cache === 'psc' ? 'tlb' : held.cache;
  return { isCpu, owner, pasid, address, frame, isPointer: false, cache, seen: null };
}

function isUse(event: MachineEvent, frame: number | null): boolean {
  if (event.type !== 'access' && event.type !== 'walk') return false;
  return frame === null || event.frame === frame;
}

/** What an access went through. */
export function useOfAccess(
  { session }: Case,
  event: MachineEvent & { readonly type: 'access' },
  seen: Seen,
): Use {
  const isCpu = event.by.kind === 'cpu';
  const hasAtc = !isCpu && session.vm.machine.hasAts(event.by.index);
  const { address, frame } = event;
  const cache = isCpu ? 'tlb' : hasAtc ? 'atc' : 'iotlb';
  const pasid = isCpu ? null : event.pasid;
  return { isCpu, owner: event.by.index, pasid, address, frame, isPointer: false, cache, seen };
}

function useOfWalk({ session }: Case, event: MachineEvent & { readonly type: 'walk' }, seen: Seen): Use {
  const isCpu = event.by.kind === 'cpu';
  const { address, frame } = event;
  const owner = event.by.index;
  const device = session.vm.machine.devices[owner];
  const pasids = isCpu
    ? []
    : (device?.programs ?? []).map(program => session.program.scenario.devices[program.program]?.pasid);
  const [pasid = null] = new Set(pasids).size === 1 ? pasids : [];
  return { isCpu, owner, pasid, address, frame, isPointer: true, cache: isCpu ? 'psc' : 'walk-cache', seen };
}

/** The fill of the copy; of a pointer that was in no cache, the step of the walk that read it. */
function fillOf(seen: readonly Seen[], use: Use): Seen | null {
  const before = seen.filter(each => each !== use.seen);
  const isFill = (event: MachineEvent): event is Fill =>
    event.type === 'fill' &&
    event.cache === use.cache &&
    (use.cache === 'iotlb' || use.cache === 'walk-cache' || event.owner === use.owner) &&
    spansFrame(event, use.frame, use.address);
  return lastOf(before, isFill);
}

function spansFrame(
  { address, frame, level }: { readonly address: number; readonly frame: number; readonly level: number },
  wanted: number,
  at: number,
): boolean {
  if (alignDown(at, entrySpan(level)) !== address) return false;
  return frame === wanted || (level > 1 && frame <= wanted && wanted < frame + 512 ** (level - 1));
}

/**
 * The store that took the frame out of its table, or rights from its entry: the last one, or, where the copy
 * had to be gone at some moment, the last one before.
 */
function staleOf(seen: readonly Seen[], use: Use, by: Deadline | null): Seen | null {
  const end = by?.position ?? Infinity;
  return (
    seen.findLast(({ event, position }) => {
      if (position > end || event.type !== 'machine' || event.event.type !== 'store-entry') return false;
      const { old, value } = event.event;
      if (!ptePresent(old) || pteFrame(old) !== use.frame || old === value) return false;
      const { place } = event;
      const isTable = place !== null && place.level > 1 && !pteHuge(old);
      if (place !== null && isTable !== use.isPointer) return false;
      if (place !== null && alignDown(use.address, entrySpan(place.level)) !== place.address) return false;
      if (use.isAboutDirt === true && pteDirty(old) && !pteDirty(value)) return true;
      return !ptePresent(value) || pteFrame(value) !== use.frame || (pteWrite(old) && !pteWrite(value));
    }) ?? null
  );
}

function filledLevel(fill: Seen | null): number {
  if (fill?.event.type !== 'machine' || fill.event.event.type !== 'fill') return 1;
  return fill.event.event.level;
}

function levelOf({ event }: Seen): number {
  return event.type === 'machine' ? (event.place?.level ?? 1) : 1;
}

function lastOf(seen: readonly Seen[], accepts: (event: MachineEvent) => boolean): Seen | null {
  return seen.findLast(({ event }) => event.type === 'machine' && accepts(event.event)) ?? null;
}

function filledText({ session: { vm } }: Case, { event }: Seen): string {
  if (event.type !== 'machine' || event.event.type !== 'fill') return '';
  const { cache, owner, address, frame } = event.event;
  const isPointer = cache === 'walk-cache' || cache === 'psc';
  const what = `${isPointer ? 'the table in ' : ''}frame ${frame}`;
  return `filled: the ${cacheText(vm, cache, owner)} took ${addressText(vm, address)} -> ${what}`;
}

/** Where caches fill on speculation there is no step that does it. */
function couldFill({ session }: Case, use: Use, stale: Seen): Moment {
  const { vm } = session;
  const what = `${addressText(vm, use.address)} -> ${use.isPointer ? 'the table in ' : ''}frame ${use.frame}`;
  const cache = use.isCpu ? cpuName(vm.machine.config, use.owner) : deviceName(vm, use.owner);
  const text = `could be filled until here: ${what} was in the page table, and ${cache} may cache that`;
  return momentOf(session, 'filled', text, stale);
}

function staleText({ session: { vm } }: Case, use: Use, stale: Seen | null): string {
  if (stale?.event.type !== 'machine' || stale.event.event.type !== 'store-entry') return '';
  const { value }: Store = stale.event.event;
  const what = addressText(vm, use.address);
  const gone = use.isPointer
    ? `the pointer to the table of ${what}, frame ${use.frame},`
    : `the entry of ${what} -> frame ${use.frame}`;
  if (!ptePresent(value)) return `made stale: ${gone} was cleared`;
  if (isMadeClean(use, stale.event.event)) return `made stale: ${gone} lost its dirty bit`;
  if (pteFrame(value) === use.frame) return `made stale: ${gone} lost the right to write`;
  return `made stale: ${gone} was replaced by frame ${pteFrame(value)}`;
}

/** The entry keeps the right to write, and a copy of it that is dirty does not say so again. */
function isMadeClean({ isAboutDirt }: Use, { old, value }: Pick<Store, 'old' | 'value'>): boolean {
  return isAboutDirt === true && pteWrite(old) === pteWrite(value) && pteDirty(old) && !pteDirty(value);
}

/** Nothing that happens to tables and caches can call it back. */
function flightText({ session: { vm } }: Case, use: Use): string {
  return `in flight: the access of ${addressText(vm, use.address)} has its translation`;
}
