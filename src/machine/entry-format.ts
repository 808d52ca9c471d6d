/**
 * Page-table entries. The entry of the manual (Intel SDM Vol. 3A, 4.5, tables 4-15 to 4-20, 4-level paging):
 *
 *     63  62..59  58..52   51..M   M-1..12   11..9    8  7   6  5  4   3   2   1   0
 *     XD   key   ignored  reserved   frame   ignored  G  PS  D  A PCD PWT U/S R/W  P
 *
 *     P        the entry may be used; if clear, software owns all other bits
 *     R/W      stores are allowed (at every level of the walk)
 *     U/S      user mode is allowed (at every level of the walk)
 *     A        set by the walker when it used the entry
 *     D        leaf: set by the walker before a store
 *     PS       levels 2 and 3: a leaf of 2 MiB or 1 GiB (bit 7 of a 4 KiB leaf is PAT)
 *     G        leaf: kept over a CR3 load
 *     XD       no instruction fetch
 *     ignored  for software: soft-dirty, special
 *
 * Simplified: one word of 32 bits keeps the frame number in 20 bits and the flags in 12, at positions of our
 * own. P stands at a bit that `POISON` has clear, so that freed memory read as an entry is never present.
 * Lost are PWT, PCD, PAT and protection keys (no memory types), and addresses above 4 GiB.
 */
import { formatAddress } from '../base/address';

/** Bits of an entry. The only place where their positions are written. */
export const PTE = {
  W: 1 << 0,
  U: 1 << 1,
  P: 1 << 2,
  A: 1 << 3,
  /** The frame was freed while this entry referred to it. No bit of hardware, and not for software to set. */
  DANGLING: 1 << 4,
  D: 1 << 5,
  NX: 1 << 6,
  PS: 1 << 7,
  G: 1 << 8,
  /** For software. On a huge leaf: it is being split. */
  SPECIAL: 1 << 9,
  SOFT_DIRTY: 1 << 10,
  /**
   * With P clear: PROT_NONE, or with G a NUMA hint, or with U clear a huge leaf that is being replaced
   * (pmd_mknotpresent); frame and rights are kept for software.
   */
  PROTNONE: 1 << 11,
} as const;

/** Contents of freed memory: what a read gives of a word to which nothing was written since. */
export const POISON = 0x6b6b6b6b;

/** What a present or absent entry is used for by software. */
export type EntryKind =
  | 'none'
  | 'present'
  | 'protnone'
  | 'numa'
  | 'invalid'
  | 'swap'
  | 'migration'
  | 'file'
  | 'device'
  | 'hwpoison';

/**
 * A page-table format that a walker follows: what differs between formats whose entries hold the bits above.
 */
export interface TableFormat {
  readonly name: string;
  /** Level of the root. */
  readonly levels: number;
  /** Highest level at which PS makes a leaf. */
  readonly hugeLevelMax: number;
  /** Bits that every level must grant to any access. */
  readonly required: number;
}

/** x86-64 with four levels, walked for a user-mode access. */
export const X86_64: TableFormat = { name: 'x86-64', levels: 4, hugeLevelMax: 3, required: PTE.U };

const FRAME_SHIFT = 12;
/** Highest frame number an entry can hold. */
export const FRAME_MAX = 0xfffff;
/** Absent entries keep what they are in the bits of D, NX and PS, which mean nothing without P. */
const KIND_SHIFT = 5;
const KIND_MASK = 7 << KIND_SHIFT;
const absentKinds: readonly EntryKind[] = ['none', 'swap', 'migration', 'file', 'device', 'hwpoison'];

/** Whether an entry value is empty. */
export function pteNone(value: number): boolean {
  return value === 0;
}

/** Whether P is set: hardware may use the entry. Not so for PROT_NONE, which `pteProtnone` tells. */
export function ptePresent(value: number): boolean {
  return (value & PTE.P) !== 0;
}

/** Whether the entry is absent for hardware while software keeps its frame: PROT_NONE or a NUMA hint. */
export function pteProtnone(value: number): boolean {
  return (value & (PTE.P | PTE.PROTNONE)) === PTE.PROTNONE;
}

/** Whether the entry maps a page for software: present, PROT_NONE or a NUMA hint. */
export function pteMapped(value: number): boolean {
  return ptePresent(value) || pteProtnone(value);
}

/** Whether the entry is a NUMA hint: as PROT_NONE, told from it by G. */
export function pteNuma(value: number): boolean {
  return pteProtnone(value) && (value & PTE.G) !== 0;
}

/** Whether the entry is a huge leaf that is being replaced. */
export function pteInvalid(value: number): boolean {
  return pteProtnone(value) && (value & PTE.U) === 0;
}

/** A leaf with P clear and all else kept: the hardware sees nothing while it is being replaced. */
export function makeInvalid(value: number): number {
  return pteMapped(value) ? (value & ~(PTE.P | PTE.U | PTE.G)) | PTE.PROTNONE : value;
}

/** Whether the page of the entry is not counted, as the zero page is not. */
export function pteSpecial(value: number): boolean {
  return pteMapped(value) && (value & PTE.SPECIAL) !== 0;
}

/** Whether W is set. */
export function pteWrite(value: number): boolean {
  return (value & PTE.W) !== 0;
}

/** Whether D is set. */
export function pteDirty(value: number): boolean {
  return pteMapped(value) && (value & PTE.D) !== 0;
}

/** Whether A is set. */
export function pteYoung(value: number): boolean {
  return (value & PTE.A) !== 0;
}

/** Whether PS is set: a leaf above level 1. */
export function pteHuge(value: number): boolean {
  return pteMapped(value) && (value & PTE.PS) !== 0;
}

/** Whether the frame was freed while this entry referred to it. */
export function pteDangling(value: number): boolean {
  return (value & PTE.DANGLING) !== 0;
}

/** Frame number of an entry; of a swap or file entry its offset. */
export function pteFrame(value: number): number {
  return value >>> FRAME_SHIFT;
}

/** Whether two values are equal for software, which does not see the mark. */
export function pteSame(a: number, b: number): boolean {
  return ((a ^ b) & ~PTE.DANGLING) === 0;
}

/** Rights and flags of a new leaf. */
export interface LeafOptions {
  readonly write: boolean;
  readonly user?: boolean;
  readonly noExecute?: boolean;
  readonly young?: boolean;
  readonly dirty?: boolean;
  readonly huge?: boolean;
  readonly global?: boolean;
}

/** A present leaf for `frame`. User and young unless told otherwise, as the kernel makes them for a fault. */
export function makeLeaf(frame: number, options: LeafOptions): number {
  let value = (frame << FRAME_SHIFT) | PTE.P;
  if (options.write) value |= PTE.W;
  if (options.user !== false) value |= PTE.U;
  if (options.noExecute === true) value |= PTE.NX;
  if (options.young !== false) value |= PTE.A;
  if (options.dirty === true) value |= PTE.D;
  if (options.huge === true) value |= PTE.PS;
  if (options.global === true) value |= PTE.G;
  return value;
}

/**
 * A present pointer to the table in `frame`: W, U and A, as in _PAGE_TABLE. Simplified: D, which means
 * nothing here.
 */
export function makePointer(frame: number): number {
  return (frame << FRAME_SHIFT) | PTE.P | PTE.W | PTE.U | PTE.A;
}

/**
 * An absent entry of a kind that software keeps: `frame` is its offset, `write` the W of a migration entry.
 */
export function makeAbsent(kind: EntryKind, frame: number, write: boolean): number {
  const number = absentKinds.indexOf(kind);
  if (number <= 0) return 0;
  return (frame << FRAME_SHIFT) | (number << KIND_SHIFT) | (write ? PTE.W : 0);
}

/** A leaf with other rights; without `read` it is PROT_NONE. Frame, A, D and the bits of software stay. */
export function withRights(value: number, rights: { read: boolean; write: boolean }): number {
  const kept = value & ~(PTE.P | PTE.W | PTE.PROTNONE | PTE.G);
  return kept | (rights.read ? PTE.P : PTE.PROTNONE) | (rights.write ? PTE.W : 0);
}

/** A leaf as a NUMA hint. */
export function makeNuma(value: number): number {
  return (value & ~PTE.P) | PTE.PROTNONE | PTE.G;
}

/** What software uses an entry for. */
export function entryKind(value: number): EntryKind {
  if (value === 0) return 'none';
  if (ptePresent(value)) return 'present';
  if (pteProtnone(value)) return pteNuma(value) ? 'numa' : pteInvalid(value) ? 'invalid' : 'protnone';
  return absentKinds[(value & KIND_MASK) >>> KIND_SHIFT] ?? 'none';
}

/** The flags of a value with another frame. */
export function withFrame(value: number, frame: number): number {
  return (value & ((1 << FRAME_SHIFT) - 1)) | (frame << FRAME_SHIFT);
}

/** The value with `bits` set. */
export function withBits(value: number, bits: number): number {
  return value | bits;
}

/** The value with `bits` clear. */
export function withoutBits(value: number, bits: number): number {
  return value & ~bits;
}

const flagNames = [
  ['P', PTE.P],
  ['W', PTE.W],
  ['U', PTE.U],
  ['A', PTE.A],
  ['D', PTE.D],
  ['PS', PTE.PS],
  ['G', PTE.G],
  ['NX', PTE.NX],
  ['special', PTE.SPECIAL],
  ['soft-dirty', PTE.SOFT_DIRTY],
  ['dangling', PTE.DANGLING],
] as const;

/** `frame 12 P W U A D` for views; `empty`; `swap 3`. */
export function formatEntry(value: number): string {
  if (value === 0) return 'empty';
  if (value === POISON) return `freed memory (${formatAddress(POISON)})`;
  const kind = entryKind(value);
  if (pteMapped(value)) {
    const hidden = kind === 'present' ? 0 : PTE.G;
    const flags = flagNames.filter(([, bit]) => (value & bit & ~hidden) !== 0).map(([name]) => name);
    const isSplitting = (value & (PTE.PS | PTE.SPECIAL)) === (PTE.PS | PTE.SPECIAL);
    const shown = flags.map(name => (isSplitting && name === 'special' ? 'splitting' : name));
    const why = kind === 'present' ? [] : [kind.toUpperCase()];
    return [`frame ${pteFrame(value)}`, ...why, ...shown].join(' ');
  }
  if (kind === 'none') return `absent ${formatAddress(value >>> 0)}`;
  return `${kind} ${pteFrame(value)}${pteWrite(value) ? ' W' : ''}`;
}
