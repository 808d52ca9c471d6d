/**
 * Finds the mm, the VMA and the virtual address that something in the machine belongs to. Reads state, keeps
 * none.
 */
import { addressBelow, alignDown, canonical, entrySpan, fromWords, tableIndex } from '../../base/address';
import { FRAME_WORDS } from '../../base/words';
import type { Field } from '../../language/program';
import { pteFrame, pteHuge, ptePresent } from '../../machine/entry-format';
import { TABLE } from '../../machine/frames';
import type { Vm } from '../vm';

/** Which addresses a page-table slot translates, and whose. */
export interface SlotPlace {
  /** The `mm` object, 1 + index. */
  readonly mm: number;
  readonly address: number;
  readonly level: number;
}

/** The `mm` objects in use. */
export function allMms(vm: Vm): number[] {
  const where = vm.layout.structs.get('mm');
  if (where === undefined) return [];
  const mms: number[] = [];
  for (let mm = 1; mm <= where.count; mm++)
    if (where.inUse === null || vm.words.get(where.inUse + mm - 1) !== 0) mms.push(mm);
  return mms;
}

/** A one-word field of an object, 0 if there is no such struct or field. */
export function fieldOf(vm: Vm, struct: string, name: string, object: number): number {
  const index = fieldIndex(vm, struct, name, object);
  return index < 0 ? 0 : vm.words.get(index);
}

/** Frame of the root table of an mm, -1 if it has none. */
export function rootOf(vm: Vm, mm: number): number {
  return fieldOf(vm, 'mm', 'pgd', mm) - 1;
}

/** The mm whose root this is; 0 if none. */
export function mmOfRoot(vm: Vm, root: number): number {
  return root < 0 ? 0 : (allMms(vm).find(mm => rootOf(vm, mm) === root) ?? 0);
}

/** The mm of a software thread. */
export function mmOfThread(vm: Vm, thread: number): number {
  return fieldOf(vm, 'task', 'mm', thread + 1);
}

/** Rights the VMA at an address gives now, and whether it is shared; null if there is none. */
export function vmaRights(
  vm: Vm,
  mm: number,
  address: number,
): { readonly write: boolean; readonly shared: boolean } | null {
  for (const vma of vmasOf(vm, mm)) {
    const start = wideField(vm, 'vma', 'vm_start', vma);
    const end = wideField(vm, 'vma', 'vm_end', vma);
    if (!addressBelow(address, start) && addressBelow(address, end))
      return {
        write: fieldOf(vm, 'vma', 'vm_write', vma) !== 0,
        shared: fieldOf(vm, 'vma', 'vm_shared', vma) !== 0,
      };
  }
  return null;
}

/** The VMAs an mm has now: `mmap` is a list of them, or the first of a chain by `vm_next`. */
function vmasOf(vm: Vm, mm: number): number[] {
  const field = fieldNamed(vm, 'mm', 'mmap');
  const base = fieldIndex(vm, 'mm', 'mmap', mm);
  if (field === undefined || base < 0) return [];
  const vmas: number[] = [];
  if (field.type.kind === 'list')
    for (let index = 0; index < vm.words.get(base); index++) vmas.push(vm.words.get(base + 1 + index));
  else
    for (
      let vma = vm.words.get(base);
      vma !== 0 && !vmas.includes(vma);
      vma = fieldOf(vm, 'vma', 'vm_next', vma)
    )
      vmas.push(vma);
  return vmas;
}

/** The first of the places of a slot; null if its table is not linked. */
export function placeOfSlot(vm: Vm, frame: number, slot: number): SlotPlace | null {
  return placesOfSlot(vm, frame, slot)[0] ?? null;
}

/**
 * Mm, address and level of a page-table slot, by looking for the table from every root. A table can be linked
 * in several address spaces, where huge pages are shared: then the slot has as many places.
 */
export function placesOfSlot(vm: Vm, frame: number, slot: number): SlotPlace[] {
  const level = Math.max(1, vm.machine.tableLevel(frame));
  const search: Search = { wanted: frame, bases: [], isOver: false };
  const places: SlotPlace[] = [];
  const isLinked = vm.machine.frames.references(frame) > 0;
  for (const mm of allMms(vm)) {
    const root = rootOf(vm, mm);
    if (root < 0 || (!isLinked && root !== frame)) continue;
    findTable(vm, root, { level: vm.machine.config.levels, base: 0, isAlone: true }, search);
    for (const base of search.bases)
      places.push({ mm, address: canonical(base + slot * entrySpan(level)), level });
    search.bases.length = 0;
    if (search.isOver) break;
  }
  return places;
}

/** A present leaf: page address, level, frame and entry value. */
export interface Leaf {
  readonly address: number;
  readonly level: number;
  readonly frame: number;
  readonly value: number;
}

/** Present leaves of an mm in a range. */
export function leavesIn(vm: Vm, mm: number, from: number, to: number): Leaf[] {
  const root = rootOf(vm, mm);
  if (root < 0) return [];
  return leavesUnder(vm, { table: root, level: vm.machine.config.levels, base: 0 }, from, to);
}

/** Present leaves in a range under a table of a level, whose first entry translates `base`. */
export function leavesUnder(
  vm: Vm,
  top: { readonly table: number; readonly level: number; readonly base: number },
  from: number,
  to: number,
): Leaf[] {
  const found: Leaf[] = [];
  const visit = (table: number, level: number, base: number): void => {
    const span = entrySpan(level);
    const page = vm.words.framePage(table);
    if (page === undefined || vm.machine.frameKind(table) !== TABLE) return;
    const first = addressBelow(base, from) ? tableIndex(alignDown(from, span), level) : 0;
    for (let slot = first; slot < FRAME_WORDS && addressBelow(base + slot * span, to); slot++) {
      const value = vm.machine.readEntry(table, slot);
      if (!ptePresent(value)) continue;
      if (level > 1 && !pteHuge(value)) visit(pteFrame(value), level - 1, base + slot * span);
      else found.push({ address: base + slot * span, level, frame: pteFrame(value), value });
    }
  };
  visit(top.table, top.level, top.base);
  return found;
}

/** A search for a table: where the addresses begin that it translates, and whether there can be no more. */
interface Search {
  readonly wanted: number;
  readonly bases: number[];
  isOver: boolean;
}

/** A table that a search came to. It `isAlone` if it, and each table above it, is linked once at most. */
interface Reached {
  readonly level: number;
  readonly base: number;
  readonly isAlone: boolean;
}

function findTable(vm: Vm, table: number, { level, base, isAlone }: Reached, search: Search): void {
  if (table === search.wanted) {
    search.bases.push(base);
    search.isOver = isAlone;
    return;
  }
  if (level <= 1 || vm.machine.frameKind(table) !== TABLE) return;
  const wantedLevel = vm.machine.tableLevel(search.wanted);
  if (wantedLevel >= level && wantedLevel !== 0) return;
  const page = vm.words.framePage(table);
  if (page === undefined) return;
  for (let slot = 0; slot < FRAME_WORDS && !search.isOver; slot++) {
    const value = page[slot] ?? 0;
    if (!ptePresent(value) || pteHuge(value)) continue;
    const below = pteFrame(value);
    const isBelowAlone = isAlone && vm.machine.frames.references(below) <= 1;
    const reached = { level: level - 1, base: base + slot * entrySpan(level), isAlone: isBelowAlone };
    findTable(vm, below, reached, search);
  }
}

/** A two-word field of an object, 0 if there is no such struct or field. */
export function wideField(vm: Vm, struct: string, name: string, object: number): number {
  const index = fieldIndex(vm, struct, name, object);
  return index < 0 ? 0 : fromWords(vm.words.get(index), vm.words.get(index + 1));
}

function fieldNamed(vm: Vm, struct: string, name: string): Field | undefined {
  return vm.layout.structs.get(struct)?.struct.fields.find(field => field.name === name);
}

function fieldIndex(vm: Vm, struct: string, name: string, object: number): number {
  const where = vm.layout.structs.get(struct);
  const field = fieldNamed(vm, struct, name);
  if (where === undefined || field === undefined || object < 1 || object > where.count) return -1;
  return where.base + (object - 1) * where.struct.words + field.offset;
}

/** Name of the process whose address space an `mm` object is; null for those of no process. */
export function processOf(vm: Vm, mm: number): string | null {
  const names = vm.program.scenario.processes.map(({ name }) => name);
  const global = (name: string) => vm.layout.globals.get(`process.${name}`) ?? -1;
  const declared = names.find(name => global(name) >= 0 && vm.words.get(global(name)) === mm);
  if (declared !== undefined) return declared;
  const { tasks } = vm.program.scenario;
  const forked = tasks.findIndex((task, index) => task.parent !== null && mmOfThread(vm, index) === mm);
  return tasks[forked]?.process ?? null;
}
