/**
 * The builtins: what a statement can do besides plain assignments and calls. One table; the checker, the vm,
 * completion and docs/builtins.md (node scripts/document-builtins.mjs) are read from it.
 */

/** Access of a builtin to shared state, for the rule of one access a step. */
export type Access = 'pure' | 'read' | 'write' | 'atomic';

/**
 * Kinds of parameters. `place:*` takes a variable, not its value; `any` any one-word value; `size` is an
 * address.
 */
export type ParamKind =
  | 'bool'
  | 'int'
  | 'addr'
  | 'page'
  | 'table'
  | 'entry'
  | 'pte'
  | 'cpu'
  | 'task'
  | 'device'
  | 'iommu'
  | 'ppr'
  | 'cpumask'
  | 'any'
  | 'object'
  | 'notifier'
  | 'function'
  | 'workqueue'
  | 'place:int'
  | 'place:any'
  | 'place:cpumask'
  | 'place:spinlock'
  | 'place:mutex'
  | 'place:rwsem'
  | 'place:srcu'
  | 'place:list';

/** One builtin. `result` `same` is the type of the first argument (or of what its list holds). */
export interface Builtin {
  readonly params: readonly ParamKind[];
  /** Names of the parameters, where a kind does not say enough. */
  readonly names?: readonly string[];
  readonly result: ParamKind | 'same' | null;
  readonly access: Access;
  /** May block; `sleep` is also a point that may sleep, forbidden in atomic context. */
  readonly blocks?: 'spin' | 'sleep';
  /** Number of choices the step offers; the first is what `fair` takes. */
  readonly choices?: readonly string[];
  readonly doc: string;
}

/** All builtins by name. */
export const builtins = {
  // Locks and context.
  spin_lock: {
    params: ['place:spinlock'],
    names: ['lock'],
    result: null,
    access: 'atomic',
    blocks: 'spin',
    doc: 'Takes a spinlock; preemption is off while it is held.',
  },
  spin_unlock: {
    params: ['place:spinlock'],
    names: ['lock'],
    result: null,
    access: 'atomic',
    doc: 'Releases a spinlock.',
  },
  spin_trylock: {
    params: ['place:spinlock'],
    names: ['lock'],
    result: 'bool',
    access: 'atomic',
    doc: 'Takes a spinlock if it is free.',
  },
  spin_lock_irq: {
    params: ['place:spinlock'],
    names: ['lock'],
    result: null,
    access: 'atomic',
    blocks: 'spin',
    doc: 'Turns interrupts off, then takes a spinlock. Nests, as spin_lock_irqsave does.',
  },
  spin_unlock_irq: {
    params: ['place:spinlock'],
    names: ['lock'],
    result: null,
    access: 'atomic',
    doc: 'Releases a spinlock, then turns interrupts on if that was the outermost.',
  },
  mutex_lock: {
    params: ['place:mutex'],
    names: ['lock'],
    result: null,
    access: 'atomic',
    blocks: 'sleep',
    doc: 'Takes a mutex; may sleep.',
  },
  mutex_trylock: {
    params: ['place:mutex'],
    names: ['lock'],
    result: 'bool',
    access: 'atomic',
    doc: 'Takes a mutex if it is free; does not sleep.',
  },
  mutex_unlock: {
    params: ['place:mutex'],
    names: ['lock'],
    result: null,
    access: 'atomic',
    doc: 'Releases a mutex.',
  },
  down_read: {
    params: ['place:rwsem'],
    names: ['lock'],
    result: null,
    access: 'atomic',
    blocks: 'sleep',
    doc: 'Takes a rw_semaphore for read; may sleep.',
  },
  down_read_trylock: {
    params: ['place:rwsem'],
    names: ['lock'],
    result: 'bool',
    access: 'atomic',
    doc: 'Takes a rw_semaphore for read if no writer holds it.',
  },
  up_read: {
    params: ['place:rwsem'],
    names: ['lock'],
    result: null,
    access: 'atomic',
    doc: 'Releases a rw_semaphore held for read.',
  },
  down_write: {
    params: ['place:rwsem'],
    names: ['lock'],
    result: null,
    access: 'atomic',
    blocks: 'sleep',
    doc: 'Takes a rw_semaphore for write; may sleep.',
  },
  up_write: {
    params: ['place:rwsem'],
    names: ['lock'],
    result: null,
    access: 'atomic',
    doc: 'Releases a rw_semaphore held for write.',
  },
  downgrade_write: {
    params: ['place:rwsem'],
    names: ['lock'],
    result: null,
    access: 'atomic',
    doc: 'Turns a write hold into a read hold.',
  },
  spin_lock_nested: {
    params: ['place:spinlock'],
    names: ['lock'],
    result: null,
    access: 'atomic',
    blocks: 'spin',
    doc: 'Takes a spinlock of a class of which one may be held: not judged by lock-order.',
  },
  mutex_lock_nested: {
    params: ['place:mutex'],
    names: ['lock'],
    result: null,
    access: 'atomic',
    blocks: 'sleep',
    doc: 'Takes a mutex of a class of which one may be held: not judged by lock-order.',
  },
  down_read_nested: {
    params: ['place:rwsem'],
    names: ['lock'],
    result: null,
    access: 'atomic',
    blocks: 'sleep',
    doc: 'As down_read, of a class of which one may be held: not judged by lock-order.',
  },
  down_write_nested: {
    params: ['place:rwsem'],
    names: ['lock'],
    result: null,
    access: 'atomic',
    blocks: 'sleep',
    doc: 'As down_write, of a class of which one may be held: not judged by lock-order.',
  },
  down_write_trylock: {
    params: ['place:rwsem'],
    names: ['lock'],
    result: 'bool',
    access: 'atomic',
    doc: 'Takes a rw_semaphore for write if nobody holds it.',
  },
  srcu_read_lock: {
    params: ['place:srcu'],
    names: ['srcu'],
    result: null,
    access: 'atomic',
    doc: 'Enters an SRCU read section; may nest.',
  },
  srcu_read_unlock: {
    params: ['place:srcu'],
    names: ['srcu'],
    result: null,
    access: 'atomic',
    doc: 'Leaves an SRCU read section.',
  },
  synchronize_srcu: {
    params: ['place:srcu'],
    names: ['srcu'],
    result: null,
    access: 'atomic',
    blocks: 'sleep',
    doc: 'Waits until every read section entered before has been left.',
  },
  local_irq_disable: { params: [], result: null, access: 'pure', doc: 'Turns interrupts off on this CPU.' },
  local_irq_enable: { params: [], result: null, access: 'pure', doc: 'Turns interrupts on on this CPU.' },
  irqs_disabled: {
    params: [],
    result: 'bool',
    access: 'pure',
    doc: 'Whether interrupts are off for the calling thread.',
  },
  preempt_disable: { params: [], result: null, access: 'pure', doc: 'Forbids preemption, and so sleeping.' },
  preempt_enable: { params: [], result: null, access: 'pure', doc: 'Allows preemption again.' },
  might_sleep: {
    params: [],
    result: null,
    access: 'pure',
    doc: 'A point that may sleep; a finding in atomic context.',
  },
  is_locked: {
    params: ['place:any'],
    names: ['lock'],
    result: 'bool',
    access: 'read',
    doc: 'Whether a lock is held, by whomever.',
  },
  // Atomic operations on a variable.
  atomic_inc: {
    params: ['place:int'],
    names: ['variable'],
    result: null,
    access: 'atomic',
    doc: 'Adds one.',
  },
  atomic_dec: {
    params: ['place:int'],
    names: ['variable'],
    result: null,
    access: 'atomic',
    doc: 'Takes one away.',
  },
  atomic_add: {
    params: ['place:int', 'int'],
    names: ['variable', 'by'],
    result: null,
    access: 'atomic',
    doc: 'Adds a number.',
  },
  atomic_dec_and_test: {
    params: ['place:int'],
    names: ['variable'],
    result: 'bool',
    access: 'atomic',
    doc: 'Takes one away; true if that made it zero.',
  },
  atomic_inc_not_zero: {
    params: ['place:int'],
    names: ['variable'],
    result: 'bool',
    access: 'atomic',
    doc: 'Adds one unless it is zero; true if it did.',
  },
  xchg: {
    params: ['place:any', 'any'],
    names: ['variable', 'value'],
    result: 'same',
    access: 'atomic',
    doc: 'Stores a value and returns the old one.',
  },
  cmpxchg: {
    params: ['place:any', 'any', 'any'],
    names: ['variable', 'expected', 'value'],
    result: 'same',
    access: 'atomic',
    doc: 'Stores the value if the variable is what is expected; returns what it was.',
  },
  test_and_set: {
    params: ['place:any'],
    names: ['variable'],
    result: 'bool',
    access: 'atomic',
    doc: 'Sets a bool; returns what it was.',
  },
  cpumask_set_cpu: {
    params: ['cpu', 'place:cpumask'],
    names: ['cpu', 'mask'],
    result: null,
    access: 'atomic',
    doc: 'Adds a CPU to a mask.',
  },
  cpumask_clear_cpu: {
    params: ['cpu', 'place:cpumask'],
    names: ['cpu', 'mask'],
    result: null,
    access: 'atomic',
    doc: 'Takes a CPU out of a mask.',
  },
  cpumask_test_cpu: {
    params: ['cpu', 'cpumask'],
    names: ['cpu', 'mask'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether a CPU is in a mask.',
  },
  cpumask_without: {
    params: ['cpumask', 'cpu'],
    names: ['mask', 'cpu'],
    result: 'cpumask',
    access: 'pure',
    doc: 'The mask less one CPU.',
  },
  cpumask_empty: {
    params: ['cpumask'],
    names: ['mask'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether no CPU is in a mask.',
  },
  // Lists and objects.
  list_add: {
    params: ['place:list', 'any'],
    names: ['list', 'item'],
    result: null,
    access: 'atomic',
    doc: 'Inserts at the head of a list; a full list is a limit.',
  },
  list_add_tail: {
    params: ['place:list', 'any'],
    names: ['list', 'item'],
    result: null,
    access: 'atomic',
    doc: 'Appends to a list; a full list is a limit.',
  },
  list_add_before: {
    params: ['place:list', 'any', 'any'],
    names: ['list', 'item', 'next'],
    result: null,
    access: 'atomic',
    doc: 'Inserts an item before another; at the tail if that is null.',
  },
  list_del: {
    params: ['place:list', 'any'],
    names: ['list', 'item'],
    result: null,
    access: 'atomic',
    doc: 'Takes an item out of a list.',
  },
  list_empty: {
    params: ['place:list'],
    names: ['list'],
    result: 'bool',
    access: 'read',
    doc: 'Whether a list is empty.',
  },
  list_first: {
    params: ['place:list'],
    names: ['list'],
    result: 'same',
    access: 'read',
    doc: 'First item of a list, or null.',
  },
  list_next: {
    params: ['place:list', 'any'],
    names: ['list', 'item'],
    result: 'same',
    access: 'read',
    doc: 'The item after this one, or null.',
  },
  list_contains: {
    params: ['place:list', 'any'],
    names: ['list', 'item'],
    result: 'bool',
    access: 'read',
    doc: 'Whether an item is in a list.',
  },
  list_length: {
    params: ['place:list'],
    names: ['list'],
    result: 'int',
    access: 'read',
    doc: 'Number of items in a list.',
  },
  list_clear: {
    params: ['place:list'],
    names: ['list'],
    result: null,
    access: 'atomic',
    doc: 'Empties a list.',
  },
  free: {
    params: ['object'],
    names: ['object'],
    result: null,
    access: 'atomic',
    doc: 'Returns an object to its pool; it is cleared.',
  },
  // Frames. A frame is in use or free; only freeing one marks what still refers to it as dangling.
  alloc_page: {
    params: [],
    result: 'page',
    access: 'atomic',
    doc: 'Lowest free frame, zeroed, as a data page; null when none is free.',
  },
  alloc_page_nowait: {
    params: [],
    result: 'page',
    access: 'atomic',
    choices: ['ok', 'fails'],
    doc: 'As alloc_page, but may fail: a choice.',
  },
  alloc_table: {
    params: ['int'],
    names: ['level'],
    result: 'table',
    access: 'atomic',
    doc: 'Lowest free frame as an empty page table of this level (1 PTE .. 4 PGD); null when none.',
  },
  free_page: {
    params: ['page'],
    result: null,
    access: 'atomic',
    doc: 'Returns a frame to the allocator; every copy of a translation to it is dangling from now on.',
  },
  table_page: { params: ['table'], result: 'page', access: 'pure', doc: 'The page a table lies in.' },
  alloc_pages: {
    params: ['int'],
    names: ['order'],
    result: 'page',
    access: 'atomic',
    doc: 'First of 2^order free frames in a row, zeroed, as data pages; null when there are none.',
  },
  free_pages: {
    params: ['page', 'int'],
    names: ['page', 'order'],
    result: null,
    access: 'atomic',
    doc: 'Returns 2^order frames in a row to the allocator, as free_page does with one.',
  },
  recycle_pages: {
    params: ['page', 'int'],
    names: ['page', 'order'],
    result: null,
    access: 'atomic',
    doc: 'Ends the life of 2^order pages in a row as free_pages does, but the kernel keeps them, zeroed.',
  },
  subpage: {
    params: ['page', 'int'],
    names: ['page', 'index'],
    result: 'page',
    access: 'pure',
    doc: 'The page so many frames after this one: a part of a compound page.',
  },
  subpage_index: {
    params: ['page', 'page'],
    names: ['page', 'head'],
    result: 'int',
    access: 'pure',
    doc: 'How many frames a page lies after another.',
  },
  copy_pages: {
    params: ['page', 'page', 'int'],
    names: ['to', 'from', 'order'],
    result: null,
    access: 'atomic',
    doc: 'Copies the contents of 2^order pages in a row, as copy_page does with one.',
  },
  clear_page: { params: ['page'], result: null, access: 'atomic', doc: 'Fills a page with zeros.' },
  page_written_out: {
    params: ['page'],
    result: null,
    access: 'atomic',
    doc: 'The contents are read for the file or swap slot: stores before this are kept (lost-dirty).',
  },
  page_discarded: {
    params: ['page'],
    result: null,
    access: 'atomic',
    doc: 'Nobody wants the contents any more: truncated, or the swap slot was freed (lost-dirty).',
  },
  copy_page_word: {
    params: ['page', 'page', 'int'],
    names: ['to', 'from', 'word'],
    result: null,
    access: 'atomic',
    doc: 'Copies one word of the contents of a page to another. No copy for lost-write: copy_page is.',
  },
  copy_page: {
    params: ['page', 'page'],
    names: ['to', 'from'],
    result: null,
    access: 'atomic',
    doc: 'Copies a page, all words at once. Later stores to the old one are not in it (lost-write).',
  },
  memcmp_pages: {
    params: ['page', 'page'],
    result: 'bool',
    access: 'read',
    doc: 'Whether two pages have the same contents. If so each counts as a copy of the other (lost-write).',
  },
  read_word: {
    params: ['page', 'int'],
    names: ['page', 'word'],
    result: 'int',
    access: 'read',
    doc: 'A word of the contents through the kernel mapping.',
  },
  write_word: {
    params: ['page', 'int', 'int'],
    names: ['page', 'word', 'value'],
    result: null,
    access: 'write',
    doc: 'Stores a word of the contents through the kernel mapping.',
  },
  // Page-table entries: places.
  entry_at: {
    params: ['table', 'addr'],
    names: ['table', 'address'],
    result: 'entry',
    access: 'pure',
    doc: 'The entry of a table for an address (pgd_offset, pte_offset_map).',
  },
  table_level: {
    params: ['table'],
    result: 'int',
    access: 'pure',
    doc: 'Level of a table: 1 PTE, 2 PMD, 3 PUD, 4 PGD.',
  },
  entry_table: { params: ['entry'], result: 'table', access: 'pure', doc: 'The table an entry lies in.' },
  read_entry: {
    params: ['entry'],
    result: 'pte',
    access: 'read',
    doc: 'The value of an entry; written `*pte`.',
  },
  set_entry: {
    params: ['entry', 'pte'],
    names: ['entry', 'value'],
    result: null,
    access: 'write',
    doc: 'Stores an entry (set_pte, pmd_populate, pmd_clear).',
  },
  get_and_clear: {
    params: ['entry'],
    result: 'pte',
    access: 'atomic',
    doc: 'Clears an entry and returns what it was (ptep_get_and_clear).',
  },
  cmpxchg_entry: {
    params: ['entry', 'pte', 'pte'],
    names: ['entry', 'expected', 'value'],
    result: 'bool',
    access: 'atomic',
    doc: 'Stores the value if the entry is what is expected; whether it did.',
  },
  test_and_clear_young: {
    params: ['entry'],
    result: 'bool',
    access: 'atomic',
    doc: 'Clears A; returns what it was.',
  },
  entry_wrprotect: {
    params: ['entry'],
    result: null,
    access: 'atomic',
    doc: 'Clears W of an entry (ptep_set_wrprotect).',
  },
  set_splitting: {
    params: ['entry'],
    result: null,
    access: 'atomic',
    doc: 'Says of a huge leaf that it is being split (the bit of pmdp_splitting_flush).',
  },
  // Page-table entries: values.
  pte_none: {
    params: ['pte'],
    names: ['value'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether an entry value is empty. Also pmd_none, pud_none, pgd_none.',
  },
  pte_present: {
    params: ['pte'],
    names: ['value'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether the entry maps a page: P is set, or it is PROT_NONE or a NUMA hint.',
  },
  pte_write: { params: ['pte'], names: ['value'], result: 'bool', access: 'pure', doc: 'Whether W is set.' },
  pte_dirty: { params: ['pte'], names: ['value'], result: 'bool', access: 'pure', doc: 'Whether D is set.' },
  pte_young: { params: ['pte'], names: ['value'], result: 'bool', access: 'pure', doc: 'Whether A is set.' },
  pte_huge: { params: ['pte'], names: ['value'], result: 'bool', access: 'pure', doc: 'Whether PS is set.' },
  pte_same: {
    params: ['pte', 'pte'],
    names: ['a', 'b'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether two values are equal.',
  },
  pte_page: {
    params: ['pte'],
    names: ['value'],
    result: 'page',
    access: 'pure',
    doc: 'The page a leaf maps.',
  },
  pte_table: {
    params: ['pte'],
    names: ['value'],
    result: 'table',
    access: 'pure',
    doc: 'The table a pointer entry points to.',
  },
  mk_pte: {
    params: ['page', 'bool'],
    names: ['page', 'write'],
    result: 'pte',
    access: 'pure',
    doc: 'Present user leaf with A set, and W as asked (mk_pte, maybe_mkwrite).',
  },
  mk_table_entry: {
    params: ['table'],
    result: 'pte',
    access: 'pure',
    doc: 'Present pointer to a table with W and U (_PAGE_TABLE).',
  },
  pte_wrprotect: {
    params: ['pte'],
    names: ['value'],
    result: 'pte',
    access: 'pure',
    doc: 'The value with W clear.',
  },
  pte_mkwrite: {
    params: ['pte'],
    names: ['value'],
    result: 'pte',
    access: 'pure',
    doc: 'The value with W set.',
  },
  pte_mkdirty: {
    params: ['pte'],
    names: ['value'],
    result: 'pte',
    access: 'pure',
    doc: 'The value with D set.',
  },
  pte_mkclean: {
    params: ['pte'],
    names: ['value'],
    result: 'pte',
    access: 'pure',
    doc: 'The value with D clear.',
  },
  pte_mkyoung: {
    params: ['pte'],
    names: ['value'],
    result: 'pte',
    access: 'pure',
    doc: 'The value with A set.',
  },
  pte_mkold: {
    params: ['pte'],
    names: ['value'],
    result: 'pte',
    access: 'pure',
    doc: 'The value with A clear.',
  },
  pte_special: {
    params: ['pte'],
    names: ['value'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether the page is not counted, as the zero page is not.',
  },
  pte_protnone: {
    params: ['pte'],
    names: ['value'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether the entry maps a page and hardware refuses it: PROT_NONE or a NUMA hint.',
  },
  pte_mkspecial: {
    params: ['pte'],
    names: ['value'],
    result: 'pte',
    access: 'pure',
    doc: 'The value marked as one whose page is not counted.',
  },
  pte_modify: {
    params: ['pte', 'bool', 'bool'],
    names: ['value', 'read', 'write'],
    result: 'pte',
    access: 'pure',
    doc: 'The value with other rights: W as asked; without read it is PROT_NONE, which keeps frame, A and D.',
  },
  pte_numa: {
    params: ['pte'],
    names: ['value'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether it is a NUMA hint: the next access faults, and tells which node it came from.',
  },
  pte_mknuma: {
    params: ['pte'],
    names: ['value'],
    result: 'pte',
    access: 'pure',
    doc: 'The value as a NUMA hint; frame, W, A and D are kept.',
  },
  pte_mknonnuma: {
    params: ['pte'],
    names: ['value'],
    result: 'pte',
    access: 'pure',
    doc: 'The value of a NUMA hint made present again, with A set.',
  },
  pte_walkable: {
    params: ['pte'],
    names: ['value'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether P is set, so that hardware may use the entry.',
  },
  pte_exec: {
    params: ['pte'],
    names: ['value'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether instructions may be fetched (NX is clear).',
  },
  pte_soft_dirty: {
    params: ['pte'],
    names: ['value'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether the soft-dirty bit is set.',
  },
  pte_invalid: {
    params: ['pte'],
    names: ['value'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether the entry is a huge leaf that is being replaced (pte_mkinvalid).',
  },
  pte_swap: {
    params: ['pte'],
    names: ['value'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether the entry is a swap entry.',
  },
  pte_migration: {
    params: ['pte'],
    names: ['value'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether the entry is a migration entry; pte_page is its page, pte_write whether it was writable.',
  },
  pte_hwpoison: {
    params: ['pte'],
    names: ['value'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether the entry is a hwpoison entry.',
  },
  pte_file: {
    params: ['pte'],
    names: ['value'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether the entry holds a page number of a nonlinear file mapping.',
  },
  pte_mkexec: {
    params: ['pte'],
    names: ['value'],
    result: 'pte',
    access: 'pure',
    doc: 'The value with NX clear.',
  },
  pte_mknoexec: {
    params: ['pte'],
    names: ['value'],
    result: 'pte',
    access: 'pure',
    doc: 'The value with NX set.',
  },
  pte_mksoft_dirty: {
    params: ['pte'],
    names: ['value'],
    result: 'pte',
    access: 'pure',
    doc: 'The value with the soft-dirty bit set.',
  },
  pte_clear_soft_dirty: {
    params: ['pte'],
    names: ['value'],
    result: 'pte',
    access: 'pure',
    doc: 'The value with the soft-dirty bit clear.',
  },
  pte_mkhuge: {
    params: ['pte'],
    names: ['value'],
    result: 'pte',
    access: 'pure',
    doc: 'The value with PS set: a leaf of 2 MiB or 1 GiB, by its level.',
  },
  pte_mkinvalid: {
    params: ['pte'],
    names: ['value'],
    result: 'pte',
    access: 'pure',
    doc: 'The leaf with P clear and all else kept (pmd_mknotpresent).',
  },
  pgprot: {
    params: ['bool', 'bool', 'bool'],
    names: ['read', 'write', 'exec'],
    result: 'pte',
    access: 'pure',
    doc: 'Rights as in a vm_page_prot, for pte_modify_prot and pfn_pte; none of the three is PROT_NONE.',
  },
  pte_modify_prot: {
    params: ['pte', 'pte'],
    names: ['value', 'prot'],
    result: 'pte',
    access: 'pure',
    doc: 'The value with the rights of a pgprot; page, A, D, special, soft-dirty and PS stay.',
  },
  pfn_pte: {
    params: ['page', 'pte'],
    names: ['page', 'prot'],
    result: 'pte',
    access: 'pure',
    doc: 'A leaf for a page with the rights of a pgprot (mk_pte with a vm_page_prot).',
  },
  mk_swap_pte: {
    params: ['int'],
    names: ['slot'],
    result: 'pte',
    access: 'pure',
    doc: 'The swap entry of a slot.',
  },
  swap_slot: {
    params: ['pte'],
    names: ['value'],
    result: 'int',
    access: 'pure',
    doc: 'The slot of a swap entry.',
  },
  mk_migration_pte: {
    params: ['page', 'bool'],
    names: ['page', 'write'],
    result: 'pte',
    access: 'pure',
    doc: 'A migration entry for a page, writable or not.',
  },
  mk_hwpoison_pte: {
    params: ['page'],
    result: 'pte',
    access: 'pure',
    doc: 'The hwpoison entry of a page.',
  },
  mk_file_pte: {
    params: ['int'],
    names: ['pgoff'],
    result: 'pte',
    access: 'pure',
    doc: 'An entry with a page number of a nonlinear file mapping (pgoff_to_pte).',
  },
  pte_to_pgoff: {
    params: ['pte'],
    names: ['value'],
    result: 'int',
    access: 'pure',
    doc: 'The page number in such an entry.',
  },
  no_pte: { params: [], result: 'pte', access: 'pure', doc: 'The empty entry value.' },
  // Addresses.
  align_down: {
    params: ['addr', 'addr'],
    names: ['address', 'size'],
    result: 'addr',
    access: 'pure',
    doc: 'Rounds down to a multiple of a size.',
  },
  align_up: {
    params: ['addr', 'addr'],
    names: ['address', 'size'],
    result: 'addr',
    access: 'pure',
    doc: 'Rounds up to a multiple of a size.',
  },
  min: {
    params: ['any', 'any'],
    names: ['a', 'b'],
    result: 'same',
    access: 'pure',
    doc: 'The smaller; addresses compare unsigned.',
  },
  max: {
    params: ['any', 'any'],
    names: ['a', 'b'],
    result: 'same',
    access: 'pure',
    doc: 'The larger; addresses compare unsigned.',
  },
  addr_end: {
    params: ['addr', 'addr', 'int'],
    names: ['address', 'end', 'level'],
    result: 'addr',
    access: 'pure',
    doc: 'End of the part of [address, end) under one entry at a level (pmd_addr_end and its like).',
  },
  // CPUs.
  load_cr3: {
    params: ['cpu', 'table'],
    names: ['cpu', 'root'],
    result: null,
    access: 'atomic',
    doc: 'Loads CR3 of a CPU; without PCID this empties its TLB and paging-structure cache.',
  },
  invlpg: {
    params: ['addr'],
    names: ['address'],
    result: null,
    access: 'atomic',
    doc: 'INVLPG on this CPU: the page, and every paging-structure entry.',
  },
  local_flush_tlb: {
    params: [],
    result: null,
    access: 'atomic',
    doc: 'Empties the TLB and paging-structure cache of this CPU (CR3 written back).',
  },
  send_ipi: {
    params: ['cpu', 'function'],
    names: ['cpu', 'handler'],
    result: null,
    access: 'atomic',
    doc: 'Marks an interrupt handler as pending on a CPU; it runs there when interrupts are on.',
  },
  load: {
    params: ['addr'],
    names: ['address'],
    result: 'int',
    access: 'atomic',
    doc: 'User load of a word. Several steps: lookup, walk, access; faults call the fault entry. Tasks only.',
  },
  store: {
    params: ['addr', 'int'],
    names: ['address', 'value'],
    result: null,
    access: 'atomic',
    doc: 'User store of a word. Tasks only.',
  },
  // Devices (device programs only).
  dma_read: {
    params: ['addr'],
    names: ['address'],
    result: 'int',
    access: 'atomic',
    doc: 'DMA read of a word, with the PASID of the program: translation steps, then the access.',
  },
  dma_write: {
    params: ['addr', 'int'],
    names: ['address', 'value'],
    result: null,
    access: 'atomic',
    doc: 'DMA write of a word.',
  },
  // IOMMU.
  device_iommu: { params: ['device'], result: 'iommu', access: 'pure', doc: 'The IOMMU a device is behind.' },
  set_gcr3: {
    params: ['device', 'int', 'table'],
    names: ['device', 'pasid', 'root'],
    result: null,
    access: 'write',
    doc: 'Writes the PASID table entry: valid, with this root.',
  },
  clear_gcr3: {
    params: ['device', 'int'],
    names: ['device', 'pasid'],
    result: null,
    access: 'write',
    doc: 'Clears the PASID table entry.',
  },
  invalidate_iommu_pages: {
    params: ['device', 'int', 'addr', 'bool', 'bool'],
    names: ['device', 'pasid', 'address', 'all', 'pde'],
    result: null,
    access: 'atomic',
    blocks: 'spin',
    doc: 'Queues INVALIDATE_IOMMU_PAGES: the page, or all of the PASID; with pde pointers to tables too.',
  },
  invalidate_iotlb_pages: {
    params: ['device', 'int', 'addr', 'bool'],
    names: ['device', 'pasid', 'address', 'all'],
    result: null,
    access: 'atomic',
    blocks: 'spin',
    doc: 'Queues INVALIDATE_IOTLB_PAGES, which flushes the device TLB: the page, or all of the PASID.',
  },
  completion_wait: {
    params: ['iommu'],
    result: null,
    access: 'atomic',
    blocks: 'spin',
    doc: 'Queues COMPLETION_WAIT for the calling thread.',
  },
  completion_done: {
    params: [],
    result: 'bool',
    access: 'read',
    doc: 'Whether every COMPLETION_WAIT of the calling thread has completed.',
  },
  complete_ppr: {
    params: ['device', 'int', 'int', 'int'],
    names: ['device', 'pasid', 'tag', 'status'],
    result: null,
    access: 'atomic',
    blocks: 'spin',
    doc: 'Queues COMPLETE_PPR_REQUEST; the status is 0 success, 1 invalid, 15 failure.',
  },
  has_ats: { params: ['device'], result: 'bool', access: 'pure', doc: 'Whether a device has ATS enabled.' },
  ppr_pending: {
    params: ['iommu'],
    result: 'bool',
    access: 'read',
    doc: 'Whether the page-request log holds an entry.',
  },
  ppr_first: {
    params: ['iommu'],
    result: 'ppr',
    access: 'read',
    doc: 'Oldest entry of the page-request log.',
  },
  ppr_device: {
    params: ['ppr'],
    names: ['request'],
    result: 'device',
    access: 'pure',
    doc: 'Device of a page request.',
  },
  ppr_pasid: {
    params: ['ppr'],
    names: ['request'],
    result: 'int',
    access: 'pure',
    doc: 'PASID of a page request.',
  },
  ppr_address: {
    params: ['ppr'],
    names: ['request'],
    result: 'addr',
    access: 'pure',
    doc: 'Page address of a page request.',
  },
  ppr_tag: {
    params: ['ppr'],
    names: ['request'],
    result: 'int',
    access: 'pure',
    doc: 'Tag (PRG index) of a page request.',
  },
  ppr_write: {
    params: ['ppr'],
    names: ['request'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether write access is requested.',
  },
  ppr_last: {
    params: ['ppr'],
    names: ['request'],
    result: 'bool',
    access: 'pure',
    doc: 'Whether it is the last request of its group.',
  },
  ppr_consume: {
    params: ['iommu'],
    result: null,
    access: 'atomic',
    doc: 'Drops the oldest entry of the page-request log (head is advanced).',
  },
  // Work and threads.
  queue_work: {
    params: ['workqueue', 'function', 'any'],
    names: ['queue', 'work', 'argument'],
    result: 'bool',
    access: 'atomic',
    doc: 'Queues a work item; false if the queue is full.',
  },
  flush_workqueue: {
    params: ['workqueue'],
    names: ['queue'],
    result: null,
    access: 'read',
    blocks: 'sleep',
    doc: 'Waits until every item is done. Simplified: also items queued meanwhile.',
  },
  current: {
    params: [],
    result: 'task',
    access: 'pure',
    doc: 'The calling software thread; written `current`.',
  },
  this_cpu: {
    params: [],
    result: 'cpu',
    access: 'pure',
    doc: 'The CPU of the calling thread; null for a kworker or daemon, which is bound to none.',
  },
  start_task: {
    params: ['task'],
    result: null,
    access: 'atomic',
    blocks: 'spin',
    doc: 'Starts a task that the scenario declares as forked: its first step is a call of ret_from_fork.',
  },
  task_cpu: {
    params: ['task'],
    result: 'cpu',
    access: 'pure',
    doc: 'The CPU a task is pinned to; null for others.',
  },
  null_page: { params: [], result: 'page', access: 'pure', doc: 'No page.' },
  // What is watched.
  binds: {
    params: ['notifier', 'device', 'int'],
    names: ['subscriber', 'device', 'pasid'],
    result: null,
    access: 'pure',
    doc: 'Says that this subscriber answers for the binding (device, pasid).',
  },
  op_begin: {
    params: [],
    result: null,
    access: 'pure',
    doc: 'Marks where the operation begins that is held against a recording; what came before is its set-up.',
  },
  op_end: {
    params: [],
    result: null,
    access: 'pure',
    doc: 'Marks where that operation has ended.',
  },
} as const satisfies Readonly<Record<string, Builtin>>;

/** Name of a builtin. */
export type BuiltinName = keyof typeof builtins;

/** Other spellings, as the kernel uses them per level. */
export const aliases: Readonly<Record<string, BuiltinName>> = {
  pgd_none: 'pte_none',
  pud_none: 'pte_none',
  pmd_none: 'pte_none',
  pmd_present: 'pte_present',
  pmd_huge: 'pte_huge',
  pmd_page: 'pte_page',
  pgd_present: 'pte_present',
  pud_present: 'pte_present',
  pmd_write: 'pte_write',
  pmd_dirty: 'pte_dirty',
  pmd_young: 'pte_young',
  pmd_same: 'pte_same',
  pmd_numa: 'pte_numa',
  pmd_trans_huge: 'pte_huge',
  pmd_trans_splitting: 'pte_special',
  pmd_mksplitting: 'pte_mkspecial',
  pmd_mkwrite: 'pte_mkwrite',
  pmd_mkdirty: 'pte_mkdirty',
  pmd_mkyoung: 'pte_mkyoung',
  pmd_mkold: 'pte_mkold',
  pmd_mkhuge: 'pte_mkhuge',
  pmd_mknuma: 'pte_mknuma',
  pmd_mknonnuma: 'pte_mknonnuma',
  pmd_mknotpresent: 'pte_mkinvalid',
  pmd_mkinvalid: 'pte_mkinvalid',
  pmd_wrprotect: 'pte_wrprotect',
  pmd_modify: 'pte_modify',
  pfn_pmd: 'pfn_pte',
  pmd_pgtable: 'pte_table',
  huge_pte_none: 'pte_none',
  huge_pte_write: 'pte_write',
  huge_pte_dirty: 'pte_dirty',
  huge_pte_wrprotect: 'pte_wrprotect',
  huge_pte_mkwrite: 'pte_mkwrite',
  huge_pte_mkdirty: 'pte_mkdirty',
  huge_pte_modify: 'pte_modify',
  pgoff_to_pte: 'mk_file_pte',
  set_pud: 'set_entry',
  set_pgd: 'set_entry',
  ptep_set_wrprotect: 'entry_wrprotect',
  pmdp_set_wrprotect: 'entry_wrprotect',
  huge_ptep_set_wrprotect: 'entry_wrprotect',
  huge_ptep_get_and_clear: 'get_and_clear',
  ptep_test_and_clear_young: 'test_and_clear_young',
  pmdp_test_and_clear_young: 'test_and_clear_young',
  down_write_nest_lock: 'down_write_nested',
  mutex_lock_nest_lock: 'mutex_lock_nested',
  pgd_offset: 'entry_at',
  pud_offset: 'entry_at',
  pmd_offset: 'entry_at',
  pte_offset_map: 'entry_at',
  set_pte: 'set_entry',
  set_pmd: 'set_entry',
  ptep_get_and_clear: 'get_and_clear',
  pmdp_get_and_clear: 'get_and_clear',
};

/** The parameters as people read them: `pasid: int`, `lock: place of spinlock`. */
export function parameterTexts({ params, names }: Builtin): string[] {
  return params.map((kind, index) => {
    const type = kind.replace('place:', 'place of ');
    const name = names?.[index];
    return name === undefined || name === type ? type : `${name}: ${type}`;
  });
}

/** The builtin of this name or of this other spelling. */
export function builtinNamed(name: string): BuiltinName | undefined {
  if (Object.hasOwn(aliases, name)) return aliases[name];
  return isBuiltin(name) ? name : undefined;
}

function isBuiltin(name: string): name is BuiltinName {
  return Object.hasOwn(builtins, name);
}
