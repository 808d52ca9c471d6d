/**
 * Why something is as it is: which step made a cache entry, a table entry, or freed a frame. Found by looking
 * back through the recorded events from a position, so the answer is right after a step back too.
 */
import { FRAME_WORDS } from '../base/words';
import { pteFrame, ptePresent } from '../machine/entry-format';
import type { CacheKind } from '../machine/observer';
import type { Recorded } from './history';
import { placeText, threadName } from './names';
import type { Session } from './session';

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
