/**
 * Why an access or a walk went through what it should not have: the fill of the copy it used, the store that
 * made it stale, the free, and the invalidation that did not come.
 */
import { alignDown, entrySpan } from '../base/address';
import { pteFrame, pteHuge, ptePresent, pteWrite } from '../machine/entry-format';
import type { CacheKind, MachineEvent } from '../machine/observer';
import { cacheText, deviceName } from '../session/names';
import { addressText } from '../vm/format';
import { type Culprit, missOf } from './invalidations';
import { type Moment, momentOf } from './moments';
import { type Seen, stepBefore } from './retrace';
import type { Case, Story } from './why';
import { callbackMoments } from './why-subscribers';

type Fill = MachineEvent & { readonly type: 'fill' };
type Store = MachineEvent & { readonly type: 'store-entry' };

/** The translation that a violation is about. */
interface Use {
  readonly isCpu: boolean;
  /** Index of the CPU or device. */
  readonly owner: number;
  readonly pasid: number | null;
  readonly address: number;
  readonly frame: number;
  readonly isPointer: boolean;
  readonly cache: Culprit['cache'];
  /** The access or walk; null where the violation is the copy's being there. */
  readonly seen: Seen | null;
}

/** Fill, clear, invalidation, free: of an access, of a walk, or of what an operation left behind. */
export function translation(about: Case): Story {
  const use = useOf(about);
  return use === null ? { moments: [] } : storyOf(about, use);
}

function storyOf(about: Case, use: Use): Story {
  const { session, seen } = about;
  const moments: Moment[] = [];
  const add = (kind: Moment['kind'], text: string, at: Seen | null): void => {
    if (at !== null) moments.push(momentOf(session, kind, text, at));
  };
  const fill = fillOf(seen, use);
  const stale = staleOf(seen, use);
  const freed = lastOf(seen, event => event.type === 'free-frame' && event.frame === use.frame);
  add('filled', fill === null ? '' : filledText(about, fill), fill);
  if (fill === null && stale !== null) moments.push(couldFill(about, use, stale));
  add('stale', staleText(about, use, stale), stale);
  add('freed', `freed: ${use.isPointer ? 'the page table in ' : ''}frame ${use.frame}`, freed);
  if (stale === null) return { moments: [...moments, ...stillThere(about, use, freed)] };
  if (!use.isCpu) moments.push(...callbackMoments(about, stale));
  const culprit = culpritOf(about, use, { fill, stale, freed });
  const miss = missOf(session, seen, culprit);
  const told = momentOf(session, 'invalidation', miss.text, miss.seen ?? stale);
  const { lookedUp, deadline } = culprit;
  if (use.seen !== null && lookedUp !== null && lookedUp < deadline.position)
    moments.push({ ...momentOf(session, 'began', flightText(about, use), use.seen), position: lookedUp });
  return { moments: [...moments, told], cause: miss.kind };
}

/** The copy that must be gone for the violation not to happen: where it came from, if it was filled late. */
function culpritOf(
  { session, seen, finding }: Case,
  use: Use,
  { fill, stale, freed }: { fill: Seen | null; stale: Seen; freed: Seen | null },
): Culprit {
  const isLate = fill !== null && fill.position > stale.position;
  const upstream = isLate && use.cache === 'atc' ? fillOf(seen, { ...use, cache: 'iotlb' }) : null;
  const cache = upstream === null ? use.cache : 'iotlb';
  const { thread } = use.seen ?? finding.violation;
  const lookedUp =
    use.isCpu || use.isPointer || use.seen === null
      ? null
      : stepBefore(session.steps, thread, use.seen.position);
  const deadline =
    freed !== null && freed.position > stale.position
      ? { position: freed.position, what: 'the free' }
      : { position: finding.position, what: use.seen === null ? 'the return' : 'the access' };
  const { owner, pasid, address } = use;
  const level = levelOf(stale);
  return { cache, owner, pasid, address, level, stale, deadline, lookedUp };
}

/** The entry still points to the frame: no invalidation could have helped. */
function stillThere({ session }: Case, use: Use, freed: Seen | null): Moment[] {
  if (freed === null) return [];
  const entry = `the entry of ${addressText(session.vm, use.address)}`;
  const text = `still mapped: ${entry} pointed to frame ${use.frame} when it was freed`;
  return [momentOf(session, 'invalidation', text, freed)];
}

/** What the violation went through, from the access or walk of its step, or from the caches. */
function useOf(about: Case): Use | null {
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
  const copies = session.vm.machine.copies().filter(copy => copy.leaf && kinds.includes(copy.cache));
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

function useOfAccess({ session }: Case, event: MachineEvent & { readonly type: 'access' }, seen: Seen): Use {
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

/** The store that took the frame out of its table, or rights from its entry. */
function staleOf(seen: readonly Seen[], use: Use): Seen | null {
  return (
    seen.findLast(({ event }) => {
      if (event.type !== 'machine' || event.event.type !== 'store-entry') return false;
      const { old, value } = event.event;
      if (!ptePresent(old) || pteFrame(old) !== use.frame || old === value) return false;
      const { place } = event;
      const isTable = place !== null && place.level > 1 && !pteHuge(old);
      if (place !== null && isTable !== use.isPointer) return false;
      if (place !== null && alignDown(use.address, entrySpan(place.level)) !== place.address) return false;
      return !ptePresent(value) || pteFrame(value) !== use.frame || (pteWrite(old) && !pteWrite(value));
    }) ?? null
  );
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
  return `filled: the ${cacheText(vm, cache, owner)} took ${addressText(vm, address)} -> frame ${frame}`;
}

/** Where caches fill on speculation there is no step that does it. */
function couldFill({ session }: Case, use: Use, stale: Seen): Moment {
  const { vm } = session;
  const what = `${addressText(vm, use.address)} -> ${use.isPointer ? 'the table in ' : ''}frame ${use.frame}`;
  const cache = use.isCpu ? `cpu${use.owner}` : deviceName(vm, use.owner);
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
  if (pteFrame(value) === use.frame) return `made stale: ${gone} lost the right to write`;
  return `made stale: ${gone} was replaced by frame ${pteFrame(value)}`;
}

/** Nothing that happens to tables and caches can call it back. */
function flightText({ session: { vm } }: Case, use: Use): string {
  return `in flight: the access of ${addressText(vm, use.address)} has its translation`;
}
