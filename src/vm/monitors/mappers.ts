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

/** The entry values, in tables of any address space or of none, that refer to a frame as a leaf. */
export function entriesOf(vm: Vm, frame: number): { table: number; slot: number; value: number }[] {
  const { frames } = vm.machine;
  const isSimple = !frames.anyHuge();
  let left = frames.references(frame);
  const found: { table: number; slot: number; value: number }[] = [];
  if (isSimple && left === 0) return found;
  for (let table = 0; table < frames.count && !(isSimple && left === 0); table++) {
    const level = frames.level(table);
    const page = level === 0 ? undefined : vm.words.framePage(table);
    if (page === undefined) continue;
    for (let slot = 0; slot < FRAME_WORDS; slot++) {
      const value = page[slot] ?? 0;
      if (value === 0 || !pteMapped(value)) continue;
      if (pteFrame(value) === frame) left--;
      const isLeaf = level === 1 || pteHuge(value);
      if (isLeaf && spans(pteFrame(value), level, frame)) found.push({ table, slot, value });
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
