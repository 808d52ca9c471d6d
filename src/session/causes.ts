/**
 * Why something is as it is: which step made a cache entry, a table entry, or freed a frame. Found by looking
 * back through the recorded events from a position, so the answer is right after a step back too.
 */
import { alignDown, entrySpan } from '../base/address';
import type { Span } from '../base/span';
import { FRAME_WORDS } from '../base/words';
import { pteFrame, pteHuge, ptePresent } from '../machine/entry-format';
import type { CacheKind, MachineEvent } from '../machine/observer';
import { addressText } from '../vm/format';
import type { Finding, Recorded } from './history';
import { cacheText, placeText, threadName } from './names';
import type { Session } from './session';

/** The newest machine event of a run up to now that a test accepts. */
function lastMachine(
  events: readonly Recorded[],
  accepts: (event: MachineEvent) => boolean,
): Recorded | null {
  for (let index = events.length - 1; index >= 0; index--) {
    const recorded = events[index];
    if (recorded?.event.type === 'machine' && accepts(recorded.event.event)) return recorded;
  }
  return null;
}

/** What identifies a copy in a cache. */
export interface CopyKey {
  readonly cache: CacheKind;
  readonly owner: number;
  readonly address: number;
  readonly frame: number;
  readonly level: number;
}

/**
 * The newest step of each kind, for all entries and frames of a run up to a position. Made by one look at its
 * events.
 */
export class Causes {
  private readonly fills = new Map<string, Recorded>();
  private readonly stores = new Map<number, Recorded>();
  private readonly frees = new Map<number, Recorded>();
  private readonly unmakes = new Map<number, Recorded>();

  constructor(events: readonly Recorded[]) {
    for (const recorded of events) {
      if (recorded.event.type !== 'machine') continue;
      const { event } = recorded.event;
      if (event.type === 'fill') this.fills.set(keyOf(event), recorded);
      if (event.type === 'free-frame') this.frees.set(event.frame, recorded);
      if (event.type !== 'store-entry') continue;
      this.stores.set(event.frame * FRAME_WORDS + event.slot, recorded);
      if (unmakes(event.old, event.value)) this.unmakes.set(pteFrame(event.old), recorded);
    }
  }

  /** The step that filled a copy. */
  fill(copy: CopyKey): Recorded | null {
    return this.fills.get(keyOf(copy)) ?? null;
  }

  /** The step that last stored an entry of a table. */
  store(frame: number, slot: number): Recorded | null {
    return this.stores.get(frame * FRAME_WORDS + slot) ?? null;
  }

  /** The step that last freed a frame. */
  free(frame: number): Recorded | null {
    return this.frees.get(frame) ?? null;
  }

  /** The step that last took a frame out of a table, or lowered the rights of the entry it is in. */
  unmake(frame: number): Recorded | null {
    return this.unmakes.get(frame) ?? null;
  }
}

function keyOf({ cache, owner, level, frame, address }: CopyKey): string {
  return `${cache} ${owner} ${level} ${frame} ${address}`;
}

/** Whether a store takes the old entry's frame away, or rights on it. */
function unmakes(old: number, value: number): boolean {
  if (!ptePresent(old) || old === value) return false;
  return !(ptePresent(value) && pteFrame(value) === pteFrame(old) && (old & ~value) === 0);
}

/** `by gpu in dma_write (first.mmu:12), step 41`. */
export function whereText(session: Session, recorded: Recorded): string {
  const fn = recorded.fn === null ? '' : ` in ${recorded.fn}`;
  const place = recorded.span === null ? '' : ` (${placeText(recorded.span)})`;
  return `by ${threadName(session.vm, recorded.thread)}${fn}${place}, step ${recorded.position}`;
}

/** One line of why a violation is one, and the place it speaks of. */
export interface Reason {
  readonly text: string;
  readonly span: Span | null;
}

/** The lines of an explanation, without their places. */
export function explain(session: Session, finding: Finding): string[] {
  return reasonsOf(session, finding).map(({ text }) => text);
}

/**
 * Why a violation is one, in a few lines: what it is, and the steps that led to it, each with its place and
 * position.
 */
export function reasonsOf(session: Session, finding: Finding): Reason[] {
  const { violation, position } = finding;
  const { vm } = session;
  const fn = violation.fn === null ? '' : ` in ${violation.fn}`;
  const place = violation.span === null ? '' : ` (${placeText(violation.span)})`;
  const used = `found: by ${threadName(vm, violation.thread)}${fn}${place}, step ${position}`;
  const { span } = violation;
  const headline = { text: `${violation.property}: ${violation.message}`, span };
  if (violation.property === 'deadlock') return [headline, ...waits(session, finding)];
  return [headline, ...history(session, finding), { text: used, span }];
}

/** What happened to the translation a violation is about, oldest first. */
function history(session: Session, { violation, position }: Finding): Reason[] {
  const { vm } = session;
  const events = session.events().filter(each => each.position <= position);
  const isFill = (event: MachineEvent) => event.type === 'fill' && isAbout(event, violation);
  // Several caches may hold the copy: the one the finding speaks of is meant.
  const isNamed = (event: MachineEvent) =>
    event.type === 'fill' && violation.message.includes(cacheText(vm, event.cache, event.owner));
  const fill = lastMachine(events, event => isFill(event) && isNamed(event)) ?? lastMachine(events, isFill);
  const filled = fill?.event.type === 'machine' && fill.event.event.type === 'fill' ? fill.event.event : null;
  const frame = violation.frame ?? filled?.frame ?? null;
  const causes: (Reason & { readonly position: number })[] = [];
  const add = (recorded: Recorded | null, text: string): void => {
    if (recorded === null) return;
    const { position, span } = recorded;
    causes.push({ position, span, text: `${text}, ${whereText(session, recorded)}` });
  };
  // missed-range is about being told: a copy that is gone again would lead astray. All else was used.
  if (filled !== null && (violation.property !== 'missed-range' || isLive(events, filled))) {
    const where = cacheText(vm, filled.cache, filled.owner);
    add(fill, `filled: the ${where} took ${addressText(vm, filled.address)} -> frame ${filled.frame}`);
  }
  if (frame !== null) {
    const known = new Causes(events);
    const unmake = known.unmake(frame);
    const store =
      unmake?.event.type === 'machine' && unmake.event.event.type === 'store-entry'
        ? unmake.event.event
        : null;
    const kept = store !== null && ptePresent(store.value) && pteFrame(store.value) === frame;
    add(
      unmake,
      kept
        ? `made stale: the entry of frame ${frame} lost rights`
        : `made stale: frame ${frame} left its entry`,
    );
    if (unmake !== null && violation.property === 'missed-range') {
      const since = `missed: no callback covered it since it left its entry (step ${unmake.position})`;
      causes.push({ position: unmake.position, span: null, text: since + hint(session, unmake) });
    }
    add(known.free(frame), `freed: frame ${frame}`);
  }
  return causes.sort((a, b) => a.position - b.position).map(({ text, span }) => ({ text, span }));
}

/** Whether a copy is still in its cache at the end of the events. */
function isLive(events: readonly Recorded[], { cache, owner, address, frame }: CopyKey): boolean {
  const last = lastMachine(events, event => {
    // A discarded answer never was in the cache; it has no slot.
    if (event.type !== 'fill' && (event.type !== 'drop' || event.slot < 0)) return false;
    return (
      event.cache === cache && event.owner === owner && event.address === address && event.frame === frame
    );
  });
  return last?.event.type === 'machine' && last.event.event.type === 'fill';
}

/** Of a table, on a kernel that tells nobody of tables: that the driver is not to blame. */
function hint({ program }: Session, { event }: Recorded): string {
  if (event.type !== 'machine' || event.event.type !== 'store-entry') return '';
  const isTable = event.place !== null && event.place.level > 1 && !pteHuge(event.event.old);
  if (!isTable || program.callbacks.some(({ name }) => name === 'invalidate_range')) return '';
  return `; ${program.kernel} has no callback for page tables: no driver is told`;
}

function isAbout(
  event: MachineEvent & { type: 'fill' },
  { address, frame }: { address: number | null; frame: number | null },
): boolean {
  if (frame !== null && event.frame !== frame) return false;
  if (address === null) return frame !== null;
  return alignDown(address, entrySpan(event.level)) === event.address;
}

/**
 * What every thread of a deadlock waits for. The state is that of the finding, so the session goes there and
 * back.
 */
function waits(session: Session, { position }: Finding): Reason[] {
  const now = session.position;
  session.goTo(position);
  const reasons: Reason[] = [];
  for (const { id, name } of session.vm.threads) {
    const blocked = session.vm.blocked(id);
    if (blocked === null || blocked.idle) continue;
    const frame = session.vm.frames(id)[0];
    const span = frame?.span ?? null;
    const place = frame === undefined || span === null ? '' : ` in ${frame.name} (${placeText(span)})`;
    reasons.push({ text: `${name} ${blocked.text}${place}, step ${position}`, span });
  }
  session.goTo(now);
  return reasons;
}
