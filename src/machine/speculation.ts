/**
 * What caches do on their own: walkers read entries that nobody asked for, devices ask for translations that
 * no DMA needs yet.
 *
 * One fill is one read of one entry, from a root that is loaded or from any pointer that the cache holds,
 * however old: hardware may go on from either at any time, and what it has read so far is in the pointer
 * cache. It is made by the code that walks on demand, so that A bits are set and properties are judged alike.
 * A translation that a device gets before it needs one is in its ATC at once: while it is on its way, the
 * same invalidations discard it that would drop it there.
 *
 * Fills never ask for writing, so they set no D, and give an IOTLB no copy with W. They change no access:
 * what is not granted is walked for as ever.
 * Simplified: an access that a copy can answer is answered by it. To have it walk, the copy is evicted first.
 */
import { canonical, entrySpan, highWord, lowWord } from '../base/address';
import { FRAME_WORDS } from '../base/words';
import type { EntryCache } from './cache';
import type { Cpu } from './cpu';
import { type Device, PASIDS } from './device';
import { PTE, type TableFormat } from './entry-format';
import { type Frames, TABLE } from './frames';
import type { Agent, CacheKind } from './observer';
import { ABSENT, D, domainOf, GATHERED, LEAF, levelOf, MARK, pasidOf, rootFrame } from './register-bits';
import { type Reach, rootRights, type Walker, type WalkPort } from './walk';

/** Something a cache can do on its own now. */
export interface CacheAction {
  /** `read` fills nothing: a walk of a table in which there is nothing to copy. It may be one too many. */
  readonly kind: 'fill' | 'evict' | 'read';
  readonly cache: CacheKind;
  readonly owner: number;
  /** Device and PASID whose translation it is; -1 for CPUs. */
  readonly device: number;
  readonly pasid: number;
  readonly address: number;
  /** Level of the entry that is copied. */
  readonly level: number;
  readonly leaf: boolean;
  /** What the copy leads to; -1 for `read`. */
  readonly frame: number;
  /** Who reads, and the table, level and rights so far; null where no table is read. */
  readonly walk: { readonly agent: Agent; readonly from: Reach } | null;
  /** Slot of the entry that is evicted; of the IOTLB entry that an ATC takes over. */
  readonly slot: number;
}

/** Who can speculate: a walker with its caches, and the context that is loaded. */
interface Context {
  readonly port: WalkPort;
  readonly cache: CacheKind;
  readonly owner: number;
  readonly device: number;
  readonly pasid: number;
  readonly tag: number;
  readonly root: number;
  /** A guest that does not run: what it reads, nobody must notice. */
  readonly isSilent: boolean;
}

/** Finds and makes the fills of a machine. */
export class Speculation {
  constructor(
    private readonly frames: Frames,
    private readonly walker: Walker,
    private readonly format: TableFormat,
    private readonly cpus: readonly Cpu[],
    private readonly devices: readonly Device[],
  ) {}

  /**
   * Every fill that would change something, and per pointer without one a `read`, in a fixed order; no more
   * than `max`.
   */
  fills(max: number): CacheAction[] {
    const found: CacheAction[] = [];
    for (const context of this.contexts()) this.addFills(found, context, max);
    for (const device of this.devices) this.addRequests(found, device, max);
    return found;
  }

  /** Makes a fill or a read that was found in the present state. */
  make(action: CacheAction): void {
    const device = this.devices[action.device];
    if (action.walk === null) {
      if (device !== undefined) this.fillAtc(device, action);
      return;
    }
    const port = device?.port ?? this.cpus[action.owner]?.port;
    const tag = device?.tag(action.pasid) ?? this.cpus[action.owner]?.rootTag();
    if (port === undefined || tag === undefined) return;
    const [low, high] = [lowWord(action.address), highWord(action.address)];
    this.walker.read(port, Math.max(0, action.pasid), tag, low, high, action.walk.from, false);
  }

  private contexts(): Context[] {
    const contexts: Context[] = this.cpus.map((cpu, owner) => {
      const { port } = cpu;
      const tag = cpu.rootTag();
      const [root, isSilent] = [cpu.rootRegister(), !cpu.isRunning()];
      return { port, cache: 'tlb', owner, device: -1, pasid: -1, tag, root, isSilent };
    });
    for (const device of this.devices) {
      const { port, iommu, index } = device;
      const hasPointers = port.pointers.flags(0) !== 0;
      for (let pasid = 0; pasid < PASIDS; pasid++) {
        const root = device.rootRegister(pasid);
        if (root === 0 && !hasPointers) continue;
        const tag = device.tag(pasid);
        if (root !== 0 || port.pointers.hasPointer(tag))
          contexts.push({
            port,
            cache: 'iotlb',
            owner: iommu.index,
            device: index,
            pasid,
            tag,
            root,
            isSilent: false,
          });
      }
    }
    return contexts;
  }

  private addFills(found: CacheAction[], context: Context, max: number): void {
    const { port, tag, root } = context;
    const { pointers } = port;
    if (root !== 0) {
      const from = { table: rootFrame(root), level: this.format.levels, gathered: rootRights(root) };
      this.addReads(found, context, from, 0, max);
    }
    for (let slot = 0; slot < pointers.capacity; slot++) {
      const flags = pointers.flags(slot);
      if (flags === 0) break;
      if (pointers.tag(slot) !== tag) continue;
      const from = { table: pointers.frame(slot), level: levelOf(flags) - 1, gathered: flags & GATHERED };
      this.addReads(found, context, from, pointers.address(slot), max);
    }
  }

  /** The reads of one table, which translates addresses from `base` on. */
  private addReads(found: CacheAction[], context: Context, from: Reach, base: number, max: number): void {
    const { port, tag, cache, owner, device, pasid, isSilent } = context;
    const { table, level } = from;
    if (level < 1 || (isSilent && !this.isQuiet(from))) return;
    const walk = { agent: port.agent, from };
    const before = found.length;
    let slot = this.frames.nextPopulated(table, 0, FRAME_WORDS);
    for (; slot >= 0; slot = this.frames.nextPopulated(table, slot + 1, FRAME_WORDS)) {
      if (found.length >= max) return;
      const address = canonical(base + slot * entrySpan(level));
      const result = this.walker.wouldFill(port, tag, lowWord(address), highWord(address), from);
      if (result !== 'leaf' && result !== 'more') continue;
      if (isSilent && (this.frames.read(table, slot) & PTE.A) === 0) continue;
      const leaf = result === 'leaf';
      const kind = leaf ? cache : cache === 'tlb' ? 'psc' : 'walk-cache';
      const { frame } = this.walker;
      found.push({
        kind: 'fill',
        cache: kind,
        owner,
        device,
        pasid,
        address,
        level,
        leaf,
        frame,
        walk,
        slot,
      });
    }
    if (found.length > before || isSilent) return;
    const what = { owner, device, pasid, address: base, level, leaf: false, frame: -1, walk, slot: 0 };
    found.push({ kind: 'read', cache, ...what });
  }

  /** Whether a read goes unnoticed: no dangling pointer leads there, and it is a page table. */
  private isQuiet({ table, gathered }: Reach): boolean {
    return (gathered & MARK) === 0 && this.frames.kind(table) === TABLE;
  }

  /** What a device can take over from the IOTLB. */
  private addRequests(found: CacheAction[], device: Device, max: number): void {
    if (!device.hasAts() || device.hasFailed()) return;
    const { iotlb } = device.iommu;
    for (let slot = 0; slot < iotlb.capacity && found.length < max; slot++) {
      const flags = iotlb.flags(slot);
      if (flags === 0) break;
      const tag = iotlb.tag(slot);
      const pasid = pasidOf(tag);
      if ((flags & (LEAF | ABSENT)) !== LEAF || tag !== device.tag(pasid)) continue;
      const [address, level, frame] = [iotlb.address(slot), levelOf(flags), iotlb.frame(slot)];
      const kept = answered(flags);
      if (device.atc.hasLatest(tag, level, lowWord(address), highWord(address), kept, frame)) continue;
      const what = { owner: device.index, device: device.index, pasid, address, level, leaf: true, frame };
      found.push({ kind: 'fill', cache: 'atc', ...what, walk: null, slot });
    }
  }

  private fillAtc(device: Device, { slot, address, pasid, level, frame }: CacheAction): void {
    const flags = answered(device.iommu.iotlb.flags(slot));
    device.atc.fill(device.tag(pasid), level, lowWord(address), highWord(address), flags, frame);
  }
}

/** Every entry of some caches, as evictions. */
export function evictionsOf(caches: readonly EntryCache[]): CacheAction[] {
  const found: CacheAction[] = [];
  for (const cache of caches) {
    const isCpu = cache.kind === 'tlb' || cache.kind === 'psc';
    for (let slot = 0; slot < cache.capacity; slot++) {
      const flags = cache.flags(slot);
      if (flags === 0) break;
      const tag = cache.tag(slot);
      found.push({
        kind: 'evict',
        cache: cache.kind,
        owner: cache.owner,
        device: isCpu ? -1 : domainOf(tag) - 1,
        pasid: isCpu ? -1 : pasidOf(tag),
        address: cache.address(slot),
        level: levelOf(flags),
        leaf: (flags & LEAF) !== 0,
        frame: cache.frame(slot),
        walk: null,
        slot,
      });
    }
  }
  return found;
}

/** Flags of an ATC entry that is made from an IOTLB entry. */
function answered(flags: number): number {
  return LEAF | (flags & (GATHERED | D));
}
