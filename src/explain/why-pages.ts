/**
 * Why what was stored to a page is lost, or seen by somebody who must not see it: the copy, the write-out or
 * the sharing, the store, and why the translation that the store went through was still there.
 */
import { alignDown, PAGE_SIZE } from '../base/address';
import { cpuName } from '../machine/config';
import { pteFrame, ptePresent } from '../machine/entry-format';
import type { MachineEvent } from '../machine/observer';
import { deviceName } from '../session/names';
import { addressText } from '../vm/format';
import { type Moment, momentOf } from './moments';
import { operationOf, type Seen } from './retrace';
import type { Deadline } from './sent';
import { changesOf, fieldVariable } from './variables';
import type { Case, Story } from './why';
import { translationOf, useOfAccess } from './why-translation';

type Access = MachineEvent & { readonly type: 'access' };

/** lost-write: the copy, the store that it missed, and the entry that has the copy now. */
export function lostWrite(about: Case): Story {
  const { session, seen, finding } = about;
  const { frame, address } = finding.violation;
  if (frame === null) return { moments: [] };
  const store = storeTo(seen, frame, address);
  const copy = pageEvent(seen, ['copied', 'equal'], frame, store?.position ?? finding.position);
  const moments: Moment[] = [];
  if (copy !== null) moments.push(momentOf(session, 'copied', copyText(copy), copy));
  if (store === null) return { moments };
  moments.push(momentOf(session, 'stored', storeText(about, store), store));
  const by = copy === null ? null : { position: copy.position, what: 'the copy', seen: copy };
  const { moments: way, cause = null } = wayOf(about, store, by);
  return { moments: [...moments, ...way, ...replacedBy(about, frame, store)], cause };
}

/** lost-dirty: the write-out, what took the mark of being dirty away, the store that left none. */
export function lostDirty(about: Case): Story {
  const { session, seen, finding } = about;
  const { frame } = finding.violation;
  if (frame === null) return { moments: [] };
  const written = pageEvent(seen, ['written-out'], frame, finding.position);
  const store = storeTo(seen, frame, null);
  const moments: Moment[] = [];
  if (written !== null) moments.push(momentOf(session, 'copied', `written out: frame ${frame}`, written));
  moments.push(...cleaned(about, frame, store?.position ?? finding.position));
  const freed = seen.findLast(
    ({ event }) =>
      event.type === 'machine' && event.event.type === 'free-frame' && event.event.frame === frame,
  );
  if (store !== null) {
    moments.push(momentOf(session, 'stored', storeText(about, store), store));
    const by = written === null ? null : { position: written.position, what: 'the write-out', seen: written };
    const { moments: way, cause = null } = wayOf(about, store, by, true);
    const freeing = freed === undefined ? [] : [momentOf(session, 'freed', `freed: frame ${frame}`, freed)];
    return { moments: [...moments, ...way, ...freeing], cause };
  }
  return { moments };
}

/** cow-isolation: the mapping that shared the page, the return of its operation, and the store. */
export function cowIsolation(about: Case): Story {
  const { session, seen, finding } = about;
  const { frame } = finding.violation;
  if (frame === null) return { moments: [] };
  const shared = seen.findLast(({ event }) => {
    if (event.type !== 'machine' || event.event.type !== 'store-entry') return false;
    const { old, value } = event.event;
    const isMapped = ptePresent(value) && pteFrame(value) === frame;
    return isMapped && !(ptePresent(old) && pteFrame(old) === frame);
  });
  const store = storeTo(seen, frame, finding.violation.address);
  const moments: Moment[] = [];
  if (shared !== undefined)
    moments.push(momentOf(session, 'copied', `shared: frame ${frame} is mapped a second time`, shared));
  const operation = shared === undefined ? null : operationOf(shared.call);
  const over = seen.find(({ event, call }) => event.type === 'return' && call !== null && call === operation);
  if (over !== undefined && operation !== null)
    moments.push(momentOf(session, 'callback', `returned: ${operation.fn.name} is over`, over));
  if (store === null) return { moments };
  const by = over === undefined ? null : { position: over.position, what: 'the return', seen: over };
  const { moments: way, cause = null } = wayOf(about, store, by);
  return { moments: [...moments, ...way], cause };
}

/** How the store came to the page: the story of its translation, without a free that came later. */
function wayOf(about: Case, store: Seen, by: Deadline | null, isAboutDirt = false): Story {
  const access = accessOf(store);
  if (access === null) return { moments: [] };
  const upTo = { ...about, seen: about.seen.filter(({ position }) => position <= store.position) };
  const { moments, cause = null } = translationOf(
    upTo,
    { ...useOfAccess(about, access, store), isAboutDirt },
    by,
  );
  return { moments: moments.filter(({ kind }) => kind !== 'freed'), cause };
}

/** The last store that hit a frame, at an address if that is known. */
function storeTo(seen: readonly Seen[], frame: number, address: number | null): Seen | null {
  const page = address === null ? null : alignDown(address, PAGE_SIZE);
  const isIt = (each: Seen) => {
    const access = accessOf(each);
    if (access === null || !access.write || access.frame !== frame) return false;
    return page === null || alignDown(access.address, PAGE_SIZE) === page;
  };
  return seen.findLast(isIt) ?? null;
}

function accessOf({ event }: Seen): Access | null {
  return event.type === 'machine' && event.event.type === 'access' ? event.event : null;
}

function pageEvent(seen: readonly Seen[], kinds: readonly string[], frame: number, end: number): Seen | null {
  const isIt = ({ event, position }: Seen) =>
    event.type === 'page' &&
    position <= end &&
    kinds.includes(event.what) &&
    (event.frame === frame || (event.other === frame && kinds.includes('copied')));
  return seen.findLast(isIt) ?? null;
}

function copyText({ event }: Seen): string {
  if (event.type !== 'page') return '';
  const { what, frame, other } = event;
  return what === 'equal'
    ? `compared: frames ${frame} and ${other} had the same contents`
    : `copied: frame ${frame} to frame ${other}`;
}

function storeText({ session: { vm } }: Case, store: Seen): string {
  const access = accessOf(store);
  if (access === null) return '';
  const who =
    access.by.kind === 'cpu' ? cpuName(vm.machine.config, access.by.index) : deviceName(vm, access.by.index);
  return `stored: ${who} wrote to ${addressText(vm, access.address)} in frame ${access.frame}`;
}

/** The entry that got the other page. */
function replacedBy({ session, seen, finding }: Case, frame: number, store: Seen): Moment[] {
  const [, other] = /and frame (\d+), which/.exec(finding.violation.message) ?? [];
  const mapped = seen.findLast(({ event, position }) => {
    if (event.type !== 'machine' || event.event.type !== 'store-entry') return false;
    const { value, old } = event.event;
    const isOther = ptePresent(value) && pteFrame(value) === Number(other);
    return isOther && position !== store.position && !(ptePresent(old) && pteFrame(old) === Number(other));
  });
  if (mapped === undefined) return [];
  return [momentOf(session, 'stale', `replaced: frame ${other} is mapped instead of frame ${frame}`, mapped)];
}

/** Where the page was last marked clean; that of an entry is told with the store's translation. */
function cleaned({ session, seen }: Case, frame: number, end: number): Moment[] {
  const mark = fieldVariable(session, 'page', 'dirty', frame + 1);
  const page = (mark === null ? [] : changesOf(session, seen, [mark])).findLast(
    ({ after, seen: at }) => after === 0 && at.position <= end,
  );
  if (page === undefined) return [];
  return [momentOf(session, 'written', `cleaned: dirty of frame ${frame} was cleared`, page.seen)];
}
