/** Orders, rights and references of the 4 KiB world that a reader of Linux looks for, on both kernels. */
import { describe, expect, test } from 'vitest';
import { explore, type Ground, programOf } from '../mutants/mutate';
import { models, play } from './play';

/** What a scenario can ask of a page or an entry. */
const helpers = `
var turn: int 0..15

/// The entry of an address of the calling task.
fn entry_of(address: addr) -> pte {
  var mm = current.mm;
  var pmd = mm_find_pmd(mm, address);
  var table = pte_table(*pmd);
  return *pte_offset_map(table, address);
}
`;

const kernels = ['linux-3.18', 'linux-3.18+invalidate_range'];

function played(kernel: string, body: string): { violated: string[]; called: string[] } {
  return play(`${helpers}scenario small_pages {\n  kernel ${kernel}\n${body}\n}\n`);
}

describe.each(kernels)('%s', kernel => {
  test.each<[string, string]>([
    [
      'a page swapped in while it is shared is found by the oldest anon_vma',
      `machine { cpus 2  frames 64 }
      swap 4 pages
      process P { mmap A, 1 page, rw, touched }
      task t0 in P on cpu 0 {
        fork(c);
        mem_cgroup_move_charge(A, 1 page);
        mem_cgroup_limit();
        turn = 1;
        wait until (turn == 2);
        load(A);
        turn = 3;
        wait until (turn == 4);
        mem_cgroup_move_charge(A, 1 page);
        mem_cgroup_limit();
        mem_cgroup_limit();
        var pte = entry_of(A);
        assert(!pte_present(pte));
      }
      task c forked by t0 on cpu 1 {
        wait until (turn == 1);
        load(A);
        turn = 2;
        wait until (turn == 3);
        exit_group();
        turn = 4;
      }`,
    ],
    [
      'a page that was moved has the rights of its mapping',
      `machine { cpus 1  frames 48 }
      process P { mmap A, 2 pages, rw, touched }
      task t0 in P on cpu 0 {
        mprotect(A, 2 pages, PROT_NONE);
        move_pages(A, 1 page);
        var pte = entry_of(A);
        assert(pte_protnone(pte));
      }`,
    ],
    [
      'a page that was merged has the rights of its mapping',
      `machine { cpus 1  frames 48 }
      process P { mmap A, 2 pages, rw, mergeable, touched }
      task t0 in P on cpu 0 {
        mprotect(A, 2 pages, PROT_NONE);
        wait until (list_length(stable_tree) == 1);
        var first = entry_of(A);
        var second = entry_of(A + 1 page);
        assert(pte_page(first) == pte_page(second) && pte_protnone(first) && pte_protnone(second));
      }
      daemon ksmd 4 passes`,
    ],
    [
      'giving up a page of a nonlinear mapping keeps its number',
      `machine { cpus 1  frames 64 }
      file f, 4 pages, tmpfs
      process P { mmap A, 4 pages, rw, shared, file f, touched }
      task t0 in P on cpu 0 {
        store(A + 3 pages, 33);
        remap_file_pages(A, 1 page, 3, 0);
        madvise(A, 1 page, MADV_DONTNEED);
        var pte = entry_of(A);
        assert(pte_file(pte));
        var value = load(A);
        assert(value == 33);
      }`,
    ],
    [
      'a page that was moved can be taken out of use next',
      `machine { cpus 1  frames 64 }
      process P { mmap A, 1 page, rw, touched }
      task t0 in P on cpu 0 {
        move_pages(A, 1 page);
        madvise(A, 1 page, MADV_SOFT_OFFLINE);
        assert(list_length(poisoned_pages) == 1);
      }`,
    ],
    [
      'a page that cannot be taken out of use stays in use',
      `machine { cpus 1  frames 64 }
      process P { mmap A, 1 page, rw, touched }
      task t0 in P on cpu 0 {
        var mm = current.mm;
        down_read(mm.mmap_sem);
        var page = get_user_pages(mm, A, true);
        up_read(mm.mmap_sem);
        madvise(A, 1 page, MADV_SOFT_OFFLINE);
        assert(!page.hwpoison);
        put_page(page);
      }`,
    ],
    [
      'a clean page of a file that breaks is read again',
      `machine { cpus 1  frames 64 }
      file f, 1 page, ext4
      process P {
        mmap A, 1 page, rw, shared, file f, read
        mmap B, 1 page, rw, shared, file f
      }
      task t0 in P on cpu 0 {
        madvise(A, 1 page, MADV_HWPOISON);
        var gone = entry_of(A);
        assert(pte_none(gone));
        load(B);
        var pte = entry_of(B);
        var page = pte_page(pte);
        assert(!page.hwpoison);
      }`,
    ],
    [
      'reclaim comes to every cluster of a nonlinear mapping',
      `machine { cpus 1  frames 96 }
      swap 8 pages
      file f, 4 pages, tmpfs
      process P { mmap A at 0x1000000000, 48 pages, rw, shared, file f, read pages 0..3 }
      task t0 in P on cpu 0 {
        remap_file_pages(A + 40 pages, 1 page, 3, 0);
        mem_cgroup_move_charge(A, 4 pages);
        mem_cgroup_limit();
        mem_cgroup_limit();
        var pte = entry_of(A + 40 pages);
        assert(!pte_present(pte));
      }`,
    ],
    [
      'written pages of tmpfs go to swap and come back',
      `machine { cpus 1  frames 64 }
      swap 4 pages
      file f, 2 pages, tmpfs
      process P { mmap A, 2 pages, rw, shared, file f, touched }
      task t0 in P on cpu 0 {
        store(A, 5);
        store(A + 1 page, 6);
        mem_cgroup_move_charge(A, 2 pages);
        mem_cgroup_limit();
        assert(f.swap_entries[0] != 0 && f.swap_entries[1] != 0 && f.page_tree[0] == null);
        var first = load(A);
        assert(first == 5 && f.swap_entries[0] == 0);
        ftruncate(f, 0 pages);
        assert(f.swap_entries[1] == 0 && swap_map[0] == 0 && swap_map[1] == 0);
      }`,
    ],
    [
      'a mapping without rights gets no hints',
      `machine { cpus 1  frames 64 }
      process P { mmap A, 2 pages, rw, mergeable, touched }
      task t0 in P on cpu 0 {
        wait until (list_length(stable_tree) == 1);
        numa_tick();
        var merged = entry_of(A);
        assert(!pte_numa(merged));
        mprotect(A, 2 pages, PROT_NONE);
        numa_tick();
        var pte = entry_of(A);
        assert(!pte_numa(pte));
      }
      daemon ksmd 4 passes`,
    ],
    [
      'a store to a shared page waits for the page lock before it makes it dirty',
      `machine { cpus 2  frames 64 }
      file f, 1 page, tmpfs
      process P { mmap A, 1 page, rw, shared, file f, read }
      task t0 in P on cpu 0 {
        clear_refs_soft_dirty();
        turn = 1;
        wait until (turn == 2);
        store(A, 1);
      }
      task t1 in P on cpu 1 {
        wait until (turn == 1);
        var page = f.page_tree[0];
        page.dirty = false;
        lock_page(page);
        turn = 2;
        var waited = 0;
        while (waited < 200) {
          waited = waited + 1;
        }
        assert(!page.dirty);
        unlock_page(page);
      }`,
    ],
  ])('%s', (_, body) => {
    expect(played(kernel, body).violated).toEqual([]);
  });

  test('a page that two processes have is moved at a hint, in both', () => {
    const { violated, called } = played(
      kernel,
      `machine { cpus 2  frames 64 }
      process P { mmap A, 1 page, rw, touched }
      task t0 in P on cpu 0 { fork(c); numa_tick(); load(A); }
      task c forked by t0 on cpu 1 { skip; }`,
    );
    expect(violated).toEqual([]);
    expect(called).toContain('migrate_page_copy');
    expect(called.filter(name => name === 'try_to_unmap_one')).toHaveLength(2);
  });

  test('merged pages are copied before their mapping moves', () => {
    const { violated, called } = played(
      kernel,
      `machine { cpus 1  frames 64 }
      process P { mmap A, 2 pages, rw, mergeable, touched }
      task t0 in P on cpu 0 {
        wait until (list_length(stable_tree) == 1);
        mremap(A, 2 pages, 2 pages, MREMAP_MAYMOVE | MREMAP_FIXED, 0x7000_0000);
      }
      daemon ksmd 4 passes`,
    );
    expect(violated).toEqual([]);
    expect(called).toContain('unmerge_ksm_pages');
    expect(called).toContain('cow_user_page');
  });

  test('a mapping that grows gets the breakpoints of its new part', () => {
    const { violated, called } = played(
      kernel,
      `machine { cpus 1  frames 64 }
      file f, 2 pages, ext4
      process P { mmap A, 1 page, rx, private, file f, read }
      task t0 in P on cpu 0 {
        uprobe_enable(f, 1 page + 16 bytes);
        mmap_private(A + 1 page, 1 page, PROT_READ | PROT_EXEC, f, 1);
      }`,
    );
    expect(violated).toEqual([]);
    expect(called).toContain('__replace_page');
  });

  test.each<[string, string]>([
    [
      'what is stored before an fsync is in the file, whatever mprotect does',
      `machine { cpus 2  frames 12 }
      file f, 1 page, ext4
      process P { mmap A, 1 page, rw, shared, file f, touched }
      task t0 in P on cpu 0 {
        mprotect(A, 1 page, PROT_READ | PROT_WRITE | PROT_EXEC);
        turn = 1;
        store(A, 5);
        fsync(f);
        assert(f.blocks[0] == 5);
      }
      task t1 in P on cpu 1 { fsync(f); }
      unwatched stale-after-return "fsync has not flushed yet when mprotect returns"`,
    ],
    [
      'no breakpoint is put into an address space that goes away',
      `machine { cpus 2  frames 24 }
      file f, 1 page, ext4
      process P { mmap A, 1 page, rx, private, file f, read }
      process Q { mmap B, 1 page, rw }
      task t0 in P on cpu 0 { exit_group(); }
      task t1 in Q on cpu 1 { uprobe_enable(f, 16 bytes); }`,
    ],
    [
      'mappings may go while pages are compacted',
      `machine { cpus 2  frames 16 }
      process P { mmap A, 1 page, rw, touched }
      task t0 in P on cpu 0 { compact_memory(); }
      task t1 in P on cpu 1 { munmap(A, 1 page); }`,
    ],
    [
      'what is stored into a page of tmpfs while it goes to swap is kept',
      `machine { cpus 2  frames 14 }
      swap 1 page
      file f, 1 page, tmpfs
      process P { mmap A, 1 page, rw, shared, file f, touched }
      task t0 in P on cpu 0 {
        mem_cgroup_move_charge(A, 1 page);
        mem_cgroup_limit();
      }
      task t1 in P on cpu 1 {
        store(A, 5);
        var value = load(A);
        assert(value == 5);
      }`,
    ],
    [
      'two threads give the same advice on a part of a mapping',
      `machine { cpus 2  frames 12 }
      process P { mmap A, 2 pages, rw, touched pages 0..0 }
      task t0 in P on cpu 0 { madvise(A + 1 page, 1 page, MADV_MERGEABLE); }
      task t1 in P on cpu 1 { madvise(A + 1 page, 1 page, MADV_MERGEABLE); }`,
    ],
  ])('in every interleaving: %s', { timeout: 60_000 }, (_, body) => {
    const ground: Ground = { kernel, body, declarations: helpers };
    const { verdict, properties, incomplete } = explore(programOf(ground, null, models));
    expect({ verdict, properties, incomplete }).toEqual({
      verdict: 'holds',
      properties: [],
      incomplete: null,
    });
  });
});
