/** Transparent huge pages on both kernels: what becomes of counts, entries and contents. */
import { describe, expect, test } from 'vitest';
import { play } from './play';

const kernels = ['linux-3.18', 'linux-3.18+invalidate_range'];

/** What a scenario can ask. */
const helpers = `
var turn: int 0..3

/// The entry of the PMD table for an address of the calling task.
fn pmd_of(address: addr) -> pte {
  var mm = current.mm;
  var pmd = find_pmd(mm, address);
  return *pmd;
}
`;

function played(kernel: string, body: string): { violated: string[]; called: string[] } {
  return play(`${helpers}scenario huge_pages {\n  kernel ${kernel}\n${body}\n}\n`);
}

const oneHugePage = `machine { cpus 2  frames 1100 }
      process P { mmap A, 2 MiB, rw, hugepage, touched }`;

const cases: readonly (readonly [string, string, string])[] = [
  [
    'a part that is unmapped is freed alone, and the others keep their contents',
    '__split_huge_page_map',
    `${oneHugePage}
      task t0 in P on cpu 0 {
        store(A + 2 pages, 7);
        munmap(A + 1 page, 1 page);
        var pmd = pmd_of(A);
        assert(!pmd_trans_huge(pmd));
        var value = load(A + 2 pages);
        assert(value == 7);
      }`,
  ],
  [
    'a reference of a part outlives the huge page',
    'put_refcounted_compound_page',
    `${oneHugePage}
      task t0 in P on cpu 0 {
        var mm = current.mm;
        var page = get_user_pages(mm, A + 5 pages, true);
        assert(page._count == 0 && page._mapcount == 1);
        munmap(A, 2 MiB);
        assert(page.first_page != null);
        put_page(page);
      }`,
  ],
  [
    'a reference of a part becomes its own when the page is split',
    '__split_huge_page_refcount',
    `${oneHugePage}
      task t0 in P on cpu 0 {
        var mm = current.mm;
        var page = get_user_pages(mm, A + 5 pages, true);
        munmap(A + 1 page, 1 page);
        assert(page._count == 2 && page._mapcount == 1);
        put_page(page);
      }`,
  ],
  [
    'what was only read is the huge page of zeroes, counted by its entries',
    'set_huge_zero_page',
    `machine { cpus 1  frames 1600 }
      process P { mmap A, 4 MiB, rw, hugepage }
      task t0 in P on cpu 0 {
        load(A);
        load(A + 2 MiB);
        assert(huge_zero_refcount == 3);
        store(A, 1);
        assert(huge_zero_refcount == 2);
        munmap(A, 4 MiB);
        assert(huge_zero_refcount == 1);
      }`,
  ],
  [
    'reclaim frees the huge page of zeroes when nobody has it',
    'free_compound_page',
    `machine { cpus 1  frames 1100 }
      process P { mmap A, 2 MiB, rw, hugepage }
      task t0 in P on cpu 0 {
        load(A);
        shrink_huge_zero_page_scan();
        assert(huge_zero_refcount == 2);
        munmap(A, 2 MiB);
        shrink_huge_zero_page_scan();
        assert(huge_zero_page == null && huge_zero_refcount == 0);
      }`,
  ],
  [
    'the child of a fork shares a huge page until one of them writes',
    'copy_user_huge_page',
    `machine { cpus 2  frames 1700 }
      process P { mmap A, 2 MiB, rw, hugepage, touched }
      task t0 in P on cpu 0 {
        store(A + 3 pages, 5);
        fork(c);
        store(A + 3 pages, 6);
        turn = 1;
      }
      task c forked by t0 on cpu 1 {
        wait until (turn == 1);
        var value = load(A + 3 pages);
        assert(value == 5);
      }`,
  ],
  [
    'MADV_NOHUGEPAGE keeps huge pages away',
    'do_anonymous_page',
    `machine { cpus 1  frames 1100 }
      process P { mmap A, 2 MiB, rw, nohugepage }
      task t0 in P on cpu 0 {
        set_transparent_hugepage(THP_ALWAYS);
        store(A, 1);
        var pmd = pmd_of(A);
        assert(!pmd_trans_huge(pmd));
      }`,
  ],
  [
    'direct I/O takes part of a huge page without a lock',
    'gup_huge_pmd',
    `${oneHugePage}
      task t0 in P on cpu 0 {
        read_direct(A + 9 pages, 4);
        var value = load(A + 9 pages);
        assert(value == 4);
      }`,
  ],
  [
    'khugepaged makes one page of what was written, and keeps it',
    '__collapse_huge_page_copy',
    `machine { cpus 1  frames 1100 }
      process P { mmap A, 2 MiB, rw, touched pages 0..2 }
      task t0 in P on cpu 0 {
        store(A + 1 page, 8);
        madvise(A, 2 MiB, MADV_HUGEPAGE);
        turn = 1;
        var pmd = find_pmd(P, A);
        wait until (pmd_trans_huge(*pmd));
        var value = load(A + 1 page);
        assert(value == 8);
      }
      daemon khugepaged 1 pass`,
  ],
];

describe.each(kernels)('%s', kernel => {
  test.each(cases)('%s', (_, reached, body) => {
    const { violated, called } = played(kernel, body);
    expect(violated).toEqual([]);
    expect(called).toContain(reached);
  });
});
