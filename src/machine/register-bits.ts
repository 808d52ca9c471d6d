/**
 * Bits of the words in which caches and walkers keep what they know of an address. Walk registers and cache
 * entries share them, so that what a walk has gathered becomes a cache entry as it is.
 */

/** The entry or register is in use; set in every cache entry. */
export const VALID = 1 << 0;
/** Cache entry: a translation, not a pointer to a table. */
export const LEAF = 1 << 1;
/** Cache entry, with LEAF: there was no entry. It leads nowhere, and grants nothing. */
export const ABSENT = 1 << 2;
/** Registers: the access asks for writing. */
export const WRITE_REQUEST = 1 << 3;
/**
 * Cache entry: level of the entry it copies. Registers: level of the table to read next, 0 when not walking.
 */
export const LEVEL_SHIFT = 4;
export const LEVEL_MASK = 7 << LEVEL_SHIFT;
/** Rights, as all levels so far grant them. */
export const W = 1 << 7;
export const U = 1 << 8;
export const NX = 1 << 9;
/** Dangling: what this is a copy of referred to a frame that was freed meanwhile. */
export const MARK = 1 << 10;
/** Leaf only: D and G of the entry when it was copied. */
export const D = 1 << 11;
export const G = 1 << 12;

/** What a walk gathers on its way. */
export const GATHERED = W | U | NX | MARK;

/** Level in a flags word. */
export function levelOf(flags: number): number {
  return (flags & LEVEL_MASK) >> LEVEL_SHIFT;
}

/** PASIDs that a tag can tell apart: 12 bits of it, below the domain. */
const TAG_PASIDS = 4096;

/** Tag under which copies of a device's address space are kept. */
export function spaceTag(domain: number, pasid: number): number {
  return domain * TAG_PASIDS + pasid;
}

/** Domain of a tag. */
export function domainOf(tag: number): number {
  return Math.floor(tag / TAG_PASIDS);
}

/** PASID of a tag. */
export function pasidOf(tag: number): number {
  return tag % TAG_PASIDS;
}

/** A register word for a pointer to a root table: 0 for none. The lowest bit is its mark. */
export function rootWord(root: number, marked: boolean): number {
  return root < 0 ? 0 : ((root + 1) << 1) | (marked ? 1 : 0);
}

/** Root frame in a register word, -1 for none. */
export function rootFrame(word: number): number {
  return (word >> 1) - 1;
}
