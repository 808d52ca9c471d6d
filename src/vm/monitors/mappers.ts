/** Who maps a frame: the entries of page tables that refer to it. Reads state, keeps none. */
import { PAGE_SIZE } from '../../base/address';
import { FRAME_WORDS } from '../../base/words';
import { pteFrame, pteHuge, pteMapped } from '../../machine/entry-format';
import { spans } from '../../machine/frames';
import type { Vm } from '../vm';
import { placesOfSlot } from './address-spaces';

/** An entry that maps a frame, and where. */
export interface Mapper {
  /** The `mm` object, 1 + index. */
  readonly mm: number;
  /** Address of the 4 KiB piece. */
  readonly address: number;
  readonly value: number;
}

/** An entry that maps at least one of some frames. */
export interface MappingEntry {
  readonly table: number;
  readonly slot: number;
  readonly level: number;
  readonly value: number;
}

/** The entry values, in tables of any address space or of none, that refer to a frame as a leaf. */
export function entriesOf(vm: Vm, frame: number): MappingEntry[] {
  return entriesOfRun(vm, frame, 1);
}

/** The same for frames in a row. An entry that maps several of them is there once. */
export function entriesOfRun(vm: Vm, first: number, count: number): MappingEntry[] {
  const { frames } = vm.machine;
  const anyHuge = frames.anyHuge();
  let left = 0;
  for (let piece = 0; piece < count; piece++) left += frames.references(first + piece);
  const found: MappingEntry[] = [];
  if (!anyHuge && left === 0) return found;
  for (let table = 0; table < frames.count && (anyHuge || left > 0); table++) {
    const level = frames.level(table);
    // What is mapped by an entry of its own is counted; only huge leaves map more than what they refer to.
    if (level === 0 || (level === 1 && left === 0)) continue;
    const page = vm.words.framePage(table);
    if (page === undefined) continue;
    for (let slot = 0; slot < FRAME_WORDS; slot++) {
      const value = page[slot] ?? 0;
      if (value === 0 || !pteMapped(value)) continue;
      const frame = pteFrame(value);
      if (first <= frame && frame < first + count) left--;
      const isLeaf = level === 1 || pteHuge(value);
      if (isLeaf && (spans(frame, level, first) || (first <= frame && frame < first + count)))
        found.push({ table, slot, level, value });
    }
  }
  return found;
}

/** The entries of linked tables that map a frame, with whose they are. */
export function mappersOf(vm: Vm, frame: number): Mapper[] {
  return entriesOf(vm, frame).flatMap(({ table, slot, value }) =>
    placesOfSlot(vm, table, slot).map(place => {
      const address = place.address + (frame - pteFrame(value)) * PAGE_SIZE;
      return { mm: place.mm, address, value };
    }),
  );
}
