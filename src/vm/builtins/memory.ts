/**
 * Builtins for frames, page tables and their entries. References: page and table 1 + frame, entry 1 + frame *
 * 512 + slot.
 */
import { tableIndex } from '../../base/address';
import { FRAME_WORDS } from '../../base/words';
import * as format from '../../machine/entry-format';
import { DATA, FREE } from '../../machine/frames';
import { NOTED } from '../happened';
import type { Vm } from '../vm';
import { type Action, type BuiltinMaker, isLevel, values } from './maker';

/** A builtin whose first argument must not be null. */
function checked(name: string, action: Action): BuiltinMaker {
  return values((vm, first = 0, ...rest) => {
    if (first > 0) return action(vm, first, ...rest);
    vm.violate('assertion', `${name}: NULL is followed`);
    return 0;
  });
}

function entry(name: string, action: (vm: Vm, frame: number, slot: number, ...rest: number[]) => number) {
  return checked(name, (vm, reference = 0, ...rest) => {
    const at = reference - 1;
    return action(vm, Math.floor(at / FRAME_WORDS), at % FRAME_WORDS, ...rest);
  });
}

/** Whether a page has a word of this number; a finding if not. */
function isWord(vm: Vm, name: string, word: number): boolean {
  if (0 <= word && word < FRAME_WORDS) return true;
  vm.violate('assertion', `${name}: a page has no word ${word}`);
  return false;
}

/** Whether a second argument is a page; a finding if not. */
function isPage(vm: Vm, name: string, page: number): boolean {
  if (page > 0) return true;
  vm.violate('assertion', `${name}: NULL is followed`);
  return false;
}

function freePage(vm: Vm, page: number): number {
  const frame = page - 1;
  if (vm.machine.frameKind(frame) === FREE) {
    vm.violate('assertion', `free_page: page ${frame} is free already`, { frame });
    return 0;
  }
  vm.machine.freeFrame(frame);
  const fields = vm.layout.structs.get('page');
  if (fields === undefined) return 0;
  const base = fields.base + frame * fields.struct.words;
  for (let index = 0; index < fields.struct.words; index++) vm.words.put(base + index, 0);
  return 0;
}

function recyclePage(vm: Vm, page: number): void {
  const frame = page - 1;
  if (vm.machine.frameKind(frame) === DATA) vm.machine.recycleFrame(frame);
  else vm.violate('assertion', `recycle_pages: page ${frame} is no data page in use`, { frame });
}

function entryAt(vm: Vm, table: number, address: number): number {
  const level = Math.max(1, vm.machine.tableLevel(table - 1));
  return 1 + (table - 1) * FRAME_WORDS + tableIndex(address, level);
}

/** Highest order of pages in a row: 1 GiB. */
const ORDER_MAX = 18;

function isOrder(vm: Vm, name: string, order: number): boolean {
  if (0 <= order && order <= ORDER_MAX) return true;
  vm.violate('assertion', `${name}: there is no order ${order}`);
  return false;
}

/**
 * Whether an allocation fails although there is memory: a choice, as often as the machine of the scenario
 * lets allocations fail.
 */
function fails(vm: Vm): boolean {
  const left = vm.words.get(vm.layout.failures);
  if (left === 0 || vm.choose(2, ['ok', 'fails']) === 0) return false;
  vm.words.put(vm.layout.failures, left - 1);
  return true;
}

/** A reference to the frame that was allocated; null, and noted, where none was left. */
function allocated(vm: Vm, frame: number): number {
  if (frame < 0) vm.note(NOTED.noFrame);
  return frame + 1;
}

/** Does something with each page of 2^order in a row. */
function eachPage(vm: Vm, name: string, order: number, action: (index: number) => void): number {
  if (isOrder(vm, name, order)) for (let index = 0; index < 2 ** order; index++) action(index);
  return 0;
}

function copyPage(vm: Vm, to: number, from: number): void {
  vm.machine.copyFrame(to - 1, from - 1);
  vm.monitors.copied(from - 1, to - 1);
}

function protection(read: number, write: number, exec: number): number {
  const leaf = format.makeLeaf(0, { write: write !== 0, noExecute: exec === 0 });
  return format.withRights(leaf, { read: read + write + exec > 0, write: write !== 0 });
}

/** What a change of rights does not touch. */
const KEPT = format.PTE.A | format.PTE.D | format.PTE.PS | format.PTE.SPECIAL | format.PTE.SOFT_DIRTY;

function modify(pte: number, prot: number): number {
  if (!format.pteMapped(pte)) return pte;
  const mark = pte & format.PTE.DANGLING;
  return format.withFrame((pte & KEPT) | mark | (prot & ~KEPT), format.pteFrame(pte));
}

function is(kind: format.EntryKind): BuiltinMaker {
  return values((_, pte = 0) => (format.entryKind(pte) === kind ? 1 : 0));
}

function bits(set: number, clear: number): BuiltinMaker {
  return values((_, pte = 0) => format.withoutBits(format.withBits(pte, set), clear));
}

/** An absent entry with a number in it; a finding if the number is too large. */
function absent(name: string, kind: format.EntryKind): BuiltinMaker {
  return values((vm, number = 0) => {
    if (0 <= number && number <= format.FRAME_MAX) return format.makeAbsent(kind, number, false);
    vm.violate('assertion', `${name}: an entry cannot hold ${number}`);
    return 0;
  });
}

/** Frames, contents, entries and entry values. */
export const memoryBuiltins = {
  alloc_page: values(vm => (fails(vm) ? 0 : allocated(vm, vm.machine.allocData()))),
  alloc_page_nowait: values(vm => (vm.choose(2, ['ok', 'fails']) === 1 ? 0 : vm.machine.allocData() + 1)),
  alloc_pages: values((vm, order = 0) => {
    if (!isOrder(vm, 'alloc_pages', order) || fails(vm)) return 0;
    return allocated(vm, order === 0 ? vm.machine.allocData() : vm.machine.allocRun(2 ** order));
  }),
  allocation_fails: values(vm => (fails(vm) ? 1 : 0)),
  alloc_table: values((vm, level = 0) => {
    if (!isLevel(vm, 'alloc_table', level) || fails(vm)) return 0;
    return allocated(vm, vm.machine.allocTable(level));
  }),
  free_page: checked('free_page', freePage),
  free_pages: checked('free_pages', (vm, page = 0, order = 0) =>
    eachPage(vm, 'free_pages', order, index => freePage(vm, page + index)),
  ),
  recycle_pages: checked('recycle_pages', (vm, page = 0, order = 0) =>
    eachPage(vm, 'recycle_pages', order, index => recyclePage(vm, page + index)),
  ),
  subpage: checked('subpage', (vm, page = 0, index = 0) => {
    const found = page + index;
    if (1 <= found && found <= vm.program.scenario.machine.frames) return found;
    vm.violate('assertion', `subpage: there is no frame ${found - 1}`);
    return 0;
  }),
  subpage_index: values((_, page = 0, head = 0) => page - head),
  copy_pages: checked('copy_pages', (vm, to = 0, from = 0, order = 0) => {
    if (!isPage(vm, 'copy_pages', from)) return 0;
    return eachPage(vm, 'copy_pages', order, index => copyPage(vm, to + index, from + index));
  }),
  clear_page: checked('clear_page', (vm, page = 0) => {
    for (let word = 0; word < FRAME_WORDS; word++) vm.machine.writeWord(page - 1, word, 0);
    vm.monitors.overwritten(page - 1);
    return 0;
  }),
  page_written_out: checked('page_written_out', (vm, page = 0) => {
    vm.monitors.writtenOut(page - 1);
    return 0;
  }),
  page_discarded: checked('page_discarded', (vm, page = 0) => {
    vm.monitors.discarded(page - 1);
    return 0;
  }),
  table_page: values((_, table = 0) => table),
  null_page: values(() => 0),
  copy_page_word: checked('copy_page_word', (vm, to = 0, from = 0, word = 0) => {
    if (isWord(vm, 'copy_page_word', word))
      vm.machine.writeWord(to - 1, word, vm.machine.readWord(from - 1, word));
    return 0;
  }),
  copy_page: checked('copy_page', (vm, to = 0, from = 0) => {
    if (isPage(vm, 'copy_page', from)) copyPage(vm, to, from);
    return 0;
  }),
  memcmp_pages: checked('memcmp_pages', (vm, a = 0, b = 0) => {
    if (!isPage(vm, 'memcmp_pages', b)) return 0;
    if (!vm.machine.framesEqual(a - 1, b - 1)) return 0;
    vm.monitors.foundEqual(a - 1, b - 1);
    return 1;
  }),
  read_word: checked('read_word', (vm, page = 0, word = 0) =>
    isWord(vm, 'read_word', word) ? vm.machine.readWord(page - 1, word) : 0,
  ),
  write_word: checked('write_word', (vm, page = 0, word = 0, value = 0) => {
    if (isWord(vm, 'write_word', word)) vm.machine.writeWord(page - 1, word, value);
    return 0;
  }),
  entry_at: checked('entry_at', entryAt),
  table_level: checked('table_level', (vm, table = 0) => vm.machine.tableLevel(table - 1)),
  entry_table: checked('entry_table', (_, reference = 0) => 1 + Math.floor((reference - 1) / FRAME_WORDS)),
  read_entry: entry('read_entry', (vm, frame, slot) => vm.machine.readEntry(frame, slot)),
  set_entry: entry('set_entry', (vm, frame, slot, value = 0) => {
    vm.machine.storeEntry(frame, slot, value);
    return 0;
  }),
  get_and_clear: entry('get_and_clear', (vm, frame, slot) => {
    const old = vm.machine.readEntry(frame, slot);
    vm.machine.storeEntry(frame, slot, 0);
    return old;
  }),
  cmpxchg_entry: entry('cmpxchg_entry', (vm, frame, slot, expected = 0, value = 0) => {
    // A frame freed meanwhile marks the entry; the mark is ours, the hardware compares without it.
    if (!format.pteSame(vm.machine.readEntry(frame, slot), expected)) return 0;
    vm.machine.storeEntry(frame, slot, value);
    return 1;
  }),
  test_and_clear_young: entry('test_and_clear_young', (vm, frame, slot) => {
    const old = vm.machine.readEntry(frame, slot);
    if (!format.pteYoung(old)) return 0;
    vm.machine.storeEntry(frame, slot, format.withoutBits(old, format.PTE.A));
    return 1;
  }),
  pte_none: values((_, pte = 0) => (format.pteNone(pte) ? 1 : 0)),
  entry_wrprotect: entry('entry_wrprotect', (vm, frame, slot) => {
    vm.machine.storeEntry(frame, slot, format.withoutBits(vm.machine.readEntry(frame, slot), format.PTE.W));
    return 0;
  }),
  set_splitting: entry('set_splitting', (vm, frame, slot) => {
    const old = vm.machine.readEntry(frame, slot);
    vm.machine.storeEntry(frame, slot, format.withBits(old, format.PTE.SPECIAL));
    return 0;
  }),
  pte_walkable: values((_, pte = 0) => (format.ptePresent(pte) ? 1 : 0)),
  pte_exec: values((_, pte = 0) => ((pte & format.PTE.NX) === 0 ? 1 : 0)),
  pte_soft_dirty: values((_, pte = 0) => ((pte & format.PTE.SOFT_DIRTY) !== 0 ? 1 : 0)),
  pte_invalid: is('invalid'),
  pte_swap: is('swap'),
  pte_migration: is('migration'),
  pte_hwpoison: is('hwpoison'),
  pte_file: is('file'),
  pte_mkexec: bits(0, format.PTE.NX),
  pte_mknoexec: bits(format.PTE.NX, 0),
  pte_mksoft_dirty: bits(format.PTE.SOFT_DIRTY, 0),
  pte_clear_soft_dirty: bits(0, format.PTE.SOFT_DIRTY),
  pte_mkhuge: bits(format.PTE.PS, 0),
  pte_mkinvalid: values((_, pte = 0) => format.makeInvalid(pte)),
  pgprot: values((_, read = 0, write = 0, exec = 0) => protection(read, write, exec)),
  pte_modify_prot: values((_, pte = 0, prot = 0) => modify(pte, prot)),
  pfn_pte: checked('pfn_pte', (_, page = 0, prot = 0) => format.withFrame(prot, page - 1)),
  mk_swap_pte: absent('mk_swap_pte', 'swap'),
  swap_slot: values((_, pte = 0) => format.pteFrame(pte)),
  mk_migration_pte: checked('mk_migration_pte', (_, page = 0, write = 0) =>
    format.makeAbsent('migration', page - 1, write !== 0),
  ),
  mk_hwpoison_pte: checked('mk_hwpoison_pte', (_, page = 0) =>
    format.makeAbsent('hwpoison', page - 1, false),
  ),
  mk_file_pte: absent('mk_file_pte', 'file'),
  pte_to_pgoff: values((_, pte = 0) => format.pteFrame(pte)),
  pte_present: values((_, pte = 0) => (format.pteMapped(pte) ? 1 : 0)),
  pte_write: values((_, pte = 0) => (format.pteWrite(pte) ? 1 : 0)),
  pte_dirty: values((_, pte = 0) => (format.pteDirty(pte) ? 1 : 0)),
  pte_young: values((_, pte = 0) => (format.pteYoung(pte) ? 1 : 0)),
  pte_huge: values((_, pte = 0) => (format.pteHuge(pte) ? 1 : 0)),
  pte_same: values((_, a = 0, b = 0) => (format.pteSame(a, b) ? 1 : 0)),
  pte_page: values((_, pte = 0) => format.pteFrame(pte) + 1),
  pte_table: values((_, pte = 0) => (format.ptePresent(pte) ? format.pteFrame(pte) + 1 : 0)),
  mk_pte: checked('mk_pte', (_, page = 0, write = 0) =>
    format.makeLeaf(page - 1, { write: write !== 0, young: true }),
  ),
  mk_table_entry: checked('mk_table_entry', (_, table = 0) => format.makePointer(table - 1)),
  pte_wrprotect: values((_, pte = 0) => format.withoutBits(pte, format.PTE.W)),
  pte_mkwrite: values((_, pte = 0) => format.withBits(pte, format.PTE.W)),
  pte_mkdirty: values((_, pte = 0) => format.withBits(pte, format.PTE.D)),
  pte_mkclean: values((_, pte = 0) => format.withoutBits(pte, format.PTE.D)),
  pte_mkyoung: values((_, pte = 0) => format.withBits(pte, format.PTE.A)),
  pte_mkold: values((_, pte = 0) => format.withoutBits(pte, format.PTE.A)),
  pte_special: values((_, pte = 0) => (format.pteSpecial(pte) ? 1 : 0)),
  pte_protnone: values((_, pte = 0) => (format.pteProtnone(pte) ? 1 : 0)),
  pte_mkspecial: values((_, pte = 0) => format.withBits(pte, format.PTE.SPECIAL)),
  pte_modify: values((_, pte = 0, read = 0, write = 0) =>
    format.withRights(pte, { read: read !== 0, write: write !== 0 }),
  ),
  pte_numa: values((_, pte = 0) => (format.pteNuma(pte) ? 1 : 0)),
  pte_mknuma: values((_, pte = 0) => format.makeNuma(pte)),
  pte_mknonnuma: values((_, pte = 0) =>
    format.withBits(format.withoutBits(pte, format.PTE.PROTNONE | format.PTE.G), format.PTE.P | format.PTE.A),
  ),
  no_pte: values(() => 0),
};
