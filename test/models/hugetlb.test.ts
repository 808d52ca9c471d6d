/** Huge pages of hugetlb: what is reserved, copied, shared, refused and given back, on both kernels. */
import { describe, expect, test } from 'vitest';
import { playOut as play } from './play';

const pool = (text: string): string => `spin_lock(hugetlb_lock); assert(${text}); spin_unlock(hugetlb_lock);`;

describe.each(['linux-3.18', 'linux-3.18+invalidate_range'])('%s', kernel => {
  const scenario = (body: string, frames = 2560): string =>
    `scenario hugetlb { kernel ${kernel} machine { cpus 2 frames ${frames} } ${body} }`;
  const anonymous = 'process P { mmap X at 0x400000, 1 page, rw mmap A, 4 MiB, rw, hugetlb, touched }';

  test('what a private mapping reserved and used goes back to the pool', () => {
    const { violated } = play(
      scenario(`${anonymous} task t0 in P on cpu 0 {
        ${pool('nr_huge_pages == 2 && free_huge_pages == 0 && resv_huge_pages == 0')}
        munmap(A, 2 MiB);
        ${pool('free_huge_pages == 1 && resv_huge_pages == 0')}
        munmap(A + 2 MiB, 2 MiB);
        ${pool('free_huge_pages == 2 && resv_huge_pages == 0')}
        nr_hugepages(0);
        ${pool('nr_huge_pages == 0 && list_empty(hugepage_freelists)')}
      }`),
    );
    expect(violated).toEqual([]);
  });

  test('what was reserved and never used is not reserved any more', () => {
    const { violated } = play(
      scenario(`process P { mmap A, 4 MiB, rw, hugetlb } task t0 in P on cpu 0 {
        ${pool('nr_huge_pages == 2 && free_huge_pages == 2 && resv_huge_pages == 2')}
        mmap_hugetlb(A + 8 MiB, 2 MiB, PROT_READ | PROT_WRITE, false);
        store(A + 8 MiB, 1);
        ${pool('free_huge_pages == 2 && resv_huge_pages == 2')}
        store(A + 2 MiB, 1);
        ${pool('free_huge_pages == 1 && resv_huge_pages == 1')}
        munmap(A, 4 MiB);
        ${pool('free_huge_pages == 2 && resv_huge_pages == 0')}
      }`),
    );
    expect(violated).toEqual([]);
  });

  test('a huge page is never cut, moved by mremap or given up by DONTNEED', () => {
    const { violated, called } = play(
      scenario(`${anonymous} task t0 in P on cpu 0 {
        munmap(A, 1 page);
        mprotect(A + 1 page, 1 page, PROT_READ);
        madvise(A, 2 MiB, MADV_DONTNEED);
        mremap(A, 4 MiB, 4 MiB, MREMAP_MAYMOVE | MREMAP_FIXED, A + 1 GiB);
        store(A + 5 pages, 1);
      }`),
    );
    expect(violated).toEqual([]);
    expect(called).not.toContain('__mmu_notifier_invalidate_range_start');
    expect(called).not.toContain('do_page_fault');
  });

  const fork = (parent: string, child: string, pages = 2): string =>
    scenario(
      `${anonymous} task t0 in P on cpu 0 { nr_hugepages(${pages}); fork(c); ${parent} }
       task c forked by t0 on cpu 1 { ${child} }`,
    );

  test('a child reads what the parent wrote before, and each keeps what it writes', () => {
    const text = fork(
      'store(A + 1 page, 2); var v = load(A + 1 page); assert(v == 2); exit_group();',
      `store(A + 2 MiB, 3); var w = load(A + 2 MiB); assert(w == 3);
       w = load(A + 1 page); assert(w == 0); exit_group();`,
      4,
    );
    for (let seed = 0; seed < 4; seed++) expect(play(text, seed).violated).toEqual([]);
  });

  test('without a page for the copy the owner of the reserve takes it from the child', () => {
    const parent = `store(A, 2); assert(list_length(P.mmap.vm_next.vm_file.i_mmap) == 2);
      var v = load(A); assert(v == 2);`;
    const { violated, called } = play(fork(parent, 'skip;'));
    expect(violated).toEqual([]);
    expect(called).toContain('unmap_ref_private');
    expect(called).not.toContain('copy_user_huge_page');
  });

  test('a child without a page for the copy is refused', () => {
    const { called, violated } = play(fork('skip;', 'store(A, 2);'));
    expect(violated).toEqual([]);
    expect(called).toContain('alloc_huge_page');
    expect(called).not.toContain('unmap_ref_private');
  });

  test('both may end in any order, and nothing is left', () => {
    const text = fork('store(A, 2); exit_group();', 'store(A + 2 MiB, 3); exit_group();', 4);
    for (let seed = 1; seed < 8; seed++) expect(play(text, seed).violated).toEqual([]);
  });

  const shared = (p: string, q: string): string =>
    scenario(`file f, 1 GiB, hugetlbfs
      process P { mmap X at 0x400000, 1 page, rw
        mmap A at 0x4000000000, 1 GiB, rw, shared, noreserve, file f, touched pages 0, 512 }
      process Q { mmap X at 0x400000, 1 page, rw
        mmap B at 0x8000000000, 1 GiB, rw, shared, noreserve, file f, touched pages 0 }
      task t0 in P on cpu 0 { ${p} }
      task t1 in Q on cpu 1 { ${q} }`);

  test('two processes share a PMD table, and what one stores the other loads', () => {
    const { violated, called } = play(
      shared(
        'store(A + 512 pages, 7);',
        'var v = load(B + 512 pages); while (v != 7) v = load(B + 512 pages);',
      ),
    );
    expect(violated).toEqual([]);
    expect(called).not.toContain('do_page_fault');
  });

  test('a process that changes rights gets a table of its own', () => {
    const { violated, called } = play(
      shared('mprotect(A, 1 GiB, PROT_READ); var v = load(A);', 'store(B, 1); exit_group();'),
    );
    expect(violated).toEqual([]);
    expect(called.filter(name => name === 'hugetlb_no_page')).toHaveLength(1);
  });

  test('whoever unmaps last frees the table', () => {
    const text = shared('munmap(A, 1 GiB);', 'store(B, 3); munmap(B, 1 GiB);');
    for (let seed = 0; seed < 6; seed++) expect(play(text, seed).violated).toEqual([]);
  });

  test('truncate unmaps a shared file everywhere', () => {
    const { violated } = play(
      scenario(`file f, 4 MiB, hugetlbfs
        process P { mmap A, 4 MiB, rw, shared, file f, touched }
        process Q { mmap B, 4 MiB, rw, private, noreserve, file f, read pages 512 }
        task t0 in P on cpu 0 {
          ftruncate(f, 2 MiB);
          ${pool('free_huge_pages == nr_huge_pages - 1 && resv_huge_pages == 0')}
          store(A, 1);
          store(A + 2 MiB, 1);
        }
        task t1 in Q on cpu 1 { skip; }`),
    );
    expect(violated).toEqual([]);
  });

  test('a device faults in a part of a huge page', () => {
    const driver = kernel === 'linux-3.18' ? 'amd_iommu_v2' : 'amd_iommu_v2+invalidate_range';
    const { violated, called } = play(`scenario device { kernel ${kernel}
      machine { cpus 1 frames 1536 iommu amd { device gpu { ats pri requests 4 } } }
      process P { mmap A, 2 MiB, rw, hugetlb  mmap X at 0x400000, 1 page, rw
        bind gpu, pasid 1, driver ${driver} }
      task t0 in P on cpu 0 { skip; }
      device gpu { dma_write(A + 9 pages, 5); var v = dma_read(A + 9 pages); assert(v == 5); } }`);
    expect(violated).toEqual([]);
    expect(called).toContain('follow_hugetlb_page');
    expect(called).toContain('put_unrefcounted_compound_page');
  });
});
