/** Locks of reverse mapping, of pages, and of what goes on beside the system calls, that are not taken. */
import type { Mutant } from './mutant';

const base = 'linux-3.18';

/** Locks of reverse mapping, of pages, and of what goes on beside the system calls, that are not taken. */
export const reverseMapping: readonly Mutant[] = [
  {
    name: 'a mapping leaves its anon_vma without the lock',
    file: `${base}/rmap.mmu`,
    fn: 'unlink_anon_vmas',
    drops: ['anon_vma_lock_write(anon_vma);', 'anon_vma_unlock_write(anon_vma);'],
    scenario: 'munmap beside compaction',
    finds: 'assertion',
  },
  {
    name: 'the mappings of a page are looked at without a reference of its anon_vma',
    file: `${base}/rmap.mmu`,
    fn: 'page_get_anon_vma',
    find: '        anon_vma.refcount = anon_vma.refcount + 1;',
    replace: '        skip;',
    scenario: 'munmap beside compaction',
    finds: 'assertion',
  },
  {
    name: 'a mapping leaves its file without i_mmap_mutex',
    file: `${base}/mmap.mmu`,
    fn: 'unlink_file_vma',
    drops: ['mutex_lock(file.i_mmap_mutex);', 'mutex_unlock(file.i_mmap_mutex);'],
    scenario: 'munmap beside fsync',
    finds: 'assertion',
  },
  {
    name: 'the mappings of a page of a file are looked at without i_mmap_mutex',
    file: `${base}/rmap.mmu`,
    fn: 'rmap_walk_file',
    drops: ['mutex_lock(file.i_mmap_mutex);', 'mutex_unlock(file.i_mmap_mutex);'],
    scenario: 'munmap beside fsync',
    finds: 'assertion',
  },
  {
    name: 'truncate does not take the page lock',
    file: `${base}/shmem.mmu`,
    fn: 'shmem_undo_range',
    drops: ['lock_page(page);', 'unlock_page(page);'],
    scenario: 'a fault beside truncate',
    finds: 'assertion',
  },
  {
    name: 'truncate does not unmap again what was mapped meanwhile',
    file: `${base}/truncate.mmu`,
    fn: 'truncate_inode_page',
    find: 'if (page._mapcount > 0) {',
    replace: 'if (false) {',
    scenario: 'a fault beside truncate',
    finds: 'assertion',
  },
  {
    name: 'a subscriber is registered without all locks',
    file: `${base}/mmu_notifier.mmu`,
    fn: 'do_mmu_notifier_register',
    drops: ['mm_take_all_locks(mm);', 'mm_drop_all_locks(mm);'],
    scenario: 'bind beside truncate',
    finds: 'unbalanced',
  },
  {
    name: 'a process leaves ksmd without ksm_thread_mutex',
    file: `${base}/ksm.mmu`,
    fn: '__ksm_exit',
    drops: ['mutex_lock(ksm_thread_mutex);', 'mutex_unlock(ksm_thread_mutex);'],
    scenario: 'exit beside ksmd',
    finds: 'assertion',
  },
  {
    name: 'a uprobe is put into the tree without the lock',
    file: `${base}/uprobes.mmu`,
    fn: 'insert_uprobe',
    drops: ['spin_lock(uprobes_treelock);', 'spin_unlock(uprobes_treelock);'],
    scenario: 'two breakpoints at one place',
    finds: 'assertion',
  },
  {
    name: 'a uprobe is registered without register_rwsem',
    file: `${base}/uprobes.mmu`,
    fn: 'uprobe_register',
    drops: ['down_write(uprobe.register_rwsem);', 'up_write(uprobe.register_rwsem);'],
    scenario: 'a breakpoint comes and goes',
    finds: 'harmless',
  },
  {
    name: 'a uprobe is taken away without a reference of who looks at it',
    file: `${base}/uprobes.mmu`,
    fn: '__find_uprobe',
    find: '      atomic_inc(uprobe.ref);',
    replace: '      skip;',
    scenario: 'a breakpoint comes and goes',
    finds: 'assertion',
  },
];
