import { entrySpan } from '../base/address';
import type { EntryCache } from './cache';
import type { CacheKind } from './observer';
import { ABSENT, D, domainOf, G, LEAF, levelOf, MARK, NX, pasidOf, U, W } from './register-bits';

/** One cached translation (leaf) or pointer to a table, decoded. */
export interface CachedCopy {
  readonly cache: CacheKind;
  /** CPU, IOMMU or device index. */
  readonly owner: number;
  readonly slot: number;
  /** Address space: the root frame for a CPU, the domain number for IOMMU and device. */
  readonly tag: number;
  /** -1 for CPUs. */
  readonly pasid: number;
  /** Device whose translations these are, -1 for CPUs. */
  readonly device: number;
  /** First address, rounded to `size`. */
  readonly address: number;
  /** Bytes of address space the copy is for: a page, a huge page, or the prefix of a pointer. */
  readonly size: number;
  /** First frame of the leaf, or the table pointed to. */
  readonly frame: number;
  /** Level of the entry that was copied. */
  readonly level: number;
  readonly leaf: boolean;
  readonly write: boolean;
  readonly user: boolean;
  readonly noExecute: boolean;
  readonly dirty: boolean;
  readonly global: boolean;
  /** A leaf that says that there was no entry: it leads nowhere. */
  readonly absent: boolean;
  /** Dangling: the frame was freed since the copied entry was stored. */
  readonly marked: boolean;
}

/** The entry in `slot` of a cache. */
export function decodeCopy(cache: EntryCache, slot: number): CachedCopy {
  const flags = cache.flags(slot);
  const level = levelOf(flags);
  const isCpu = cache.kind === 'tlb' || cache.kind === 'psc';
  const tag = cache.tag(slot);
  return {
    cache: cache.kind,
    owner: cache.owner,
    slot,
    tag: isCpu ? tag - 1 : domainOf(tag),
    pasid: isCpu ? -1 : pasidOf(tag),
    device: isCpu ? -1 : domainOf(tag) - 1,
    address: cache.address(slot),
    size: entrySpan(level),
    frame: cache.frame(slot),
    level,
    leaf: (flags & LEAF) !== 0,
    write: (flags & W) !== 0,
    user: (flags & U) !== 0,
    noExecute: (flags & NX) !== 0,
    dirty: (flags & D) !== 0,
    global: (flags & G) !== 0,
    absent: (flags & ABSENT) !== 0,
    marked: (flags & MARK) !== 0,
  };
}

/** All entries of a cache, oldest first. */
export function decodeCopies(cache: EntryCache): CachedCopy[] {
  return Array.from({ length: cache.count() }, (_, slot) => decodeCopy(cache, slot));
}
