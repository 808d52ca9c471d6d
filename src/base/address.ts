/**
 * Addresses are JavaScript numbers: canonical x86-64 addresses as signed integers of 48 (57) bits, which are
 * exact. The kernel half is negative, so `~0` is -1. In state an address takes two words: low 32 bits, then
 * the rest.
 */

/** Bytes in a base page. */
export const PAGE_SIZE = 4096;

/** Address bits translated by one level of page table: 512 entries. */
const LEVEL_BITS = 9;

/**
 * Bytes mapped by one entry at `level`: 1 is a PTE (4 KiB), 2 a PMD (2 MiB), 3 a PUD (1 GiB), 4 a PGD (512
 * GiB).
 */
export function entrySpan(level: number): number {
  return PAGE_SIZE * 2 ** (LEVEL_BITS * (level - 1));
}

/** Index into a page table at `level` for a virtual address. */
export function tableIndex(address: number, level: number): number {
  return slotOf(lowWord(address), highWord(address), level);
}

/** Rounds down to a multiple of `size`. */
export function alignDown(address: number, size: number): number {
  return Math.floor(address / size) * size;
}

/** Rounds up to a multiple of `size`. */
export function alignUp(address: number, size: number): number {
  return Math.ceil(address / size) * size;
}

/** The address that a sum of table indices stands for: the upper half of the 48 bits is the kernel's. */
export function canonical(address: number): number {
  return address >= 2 ** 47 ? address - 2 ** 48 : address;
}

/** Unsigned order of addresses: the kernel half lies above the user half. */
export function addressBelow(a: number, b: number): boolean {
  return a >= 0 === b >= 0 ? a < b : a >= 0;
}

/** Low word of an address in state. */
export function lowWord(address: number): number {
  return address | 0;
}

/** High word of an address in state. */
export function highWord(address: number): number {
  return Math.floor(address / 2 ** 32);
}

/** The address whose low and high words these are. */
export function fromWords(low: number, high: number): number {
  return high * 2 ** 32 + (low >>> 0);
}

/** `0x7f0000001000`; the kernel half as 64-bit two's complement. */
export function formatAddress(address: number): string {
  return `0x${(address < 0 ? BigInt.asUintN(64, BigInt(address)) : BigInt(address)).toString(16)}`;
}

/** `tableIndex` of the address with these two words, without leaving 32-bit arithmetic. */
export function slotOf(low: number, high: number, level: number): number {
  if (level < 3) return level === 1 ? (low >>> 12) & 511 : (low >>> 21) & 511;
  if (level === 3) return ((low >>> 30) | (high << 2)) & 511;
  return level === 4 ? (high >>> 7) & 511 : (high >>> 16) & 511;
}

/** Low word of the address rounded down to what one entry at `level` spans. */
export function prefixLow(low: number, level: number): number {
  if (level === 1) return low & ~0xfff;
  if (level === 2) return low & ~0x1fffff;
  return level === 3 ? low & ~0x3fffffff : 0;
}

/** High word of the address rounded down to what one entry at `level` spans. */
export function prefixHigh(high: number, level: number): number {
  if (level < 4) return high;
  return level === 4 ? high & ~0x7f : high & ~0xffff;
}

/** Word of its page that an address falls into; a word stands for eight bytes. */
export function wordOf(low: number): number {
  return (low & (PAGE_SIZE - 1)) >>> 3;
}

/** Number of the 4 KiB piece that an address falls into, counted from the start of a leaf at `level`. */
export function pieceOf(low: number, high: number, level: number): number {
  if (level === 1) return 0;
  const piece = slotOf(low, high, 1);
  return level === 2 ? piece : slotOf(low, high, 2) * 512 + piece;
}
