/** What the entry values and page primitives of the language are. */
import { expect, test } from 'vitest';
import { violated } from './toy';

const machine = 'machine { cpus 1  frames 64 } process P { mmap A, 1 page, rw, touched }';
/** Asserts in a task with a page `p` and its writable leaf `v`. */
const holds = (checks: string): string[] =>
  violated(
    '',
    `${machine} task t0 in P on cpu 0 { var p = alloc_page(); var v = mk_pte(p, true); ${checks} }`,
  );

test('absent entries keep what they are for', () => {
  const checks = `
    var swap = mk_swap_pte(5);
    assert(pte_swap(swap) && swap_slot(swap) == 5 && !pte_present(swap) && !pte_none(swap));
    var moved = mk_migration_pte(p, true);
    assert(pte_migration(moved) && pte_write(moved) && pte_page(moved) == p && !pte_present(moved));
    moved = mk_migration_pte(p, false);
    assert(pte_migration(moved) && !pte_write(moved));
    var poisoned = mk_hwpoison_pte(p);
    assert(pte_hwpoison(poisoned) && pte_page(poisoned) == p);
    var nonlinear = pgoff_to_pte(7);
    assert(pte_file(nonlinear) && pte_to_pgoff(nonlinear) == 7 && !pte_swap(nonlinear));`;
  expect(holds(checks)).toEqual([]);
});

test('hardware faults on PROT_NONE and NUMA hints, software keeps page and rights', () => {
  const checks = `
    var hint = pte_mknuma(pte_mkdirty(v));
    assert(pte_numa(hint) && pte_protnone(hint) && pte_present(hint) && !pte_walkable(hint));
    assert(pte_write(hint) && pte_dirty(hint) && pte_page(hint) == p);
    assert(pte_same(pte_mknonnuma(hint), pte_mkdirty(v)));
    var none = pte_modify_prot(v, pgprot(false, false, false));
    assert(pte_protnone(none) && pte_present(none) && !pte_walkable(none) && pte_page(none) == p);
    var back = pte_modify_prot(none, pgprot(true, true, false));
    assert(pte_walkable(back) && pte_write(back) && !pte_exec(back) && pte_page(back) == p);
    assert(pte_exec(pte_modify_prot(v, pgprot(true, false, true))));
    assert(!pte_write(pte_modify_prot(v, pgprot(true, false, true))));
    var huge = pmd_mkhuge(v);
    var gone = pmd_mknotpresent(huge);
    assert(pmd_trans_huge(huge) && pmd_trans_huge(gone) && !pte_walkable(gone));
    assert(pte_invalid(gone) && pmd_trans_splitting(pmd_mksplitting(huge)));`;
  expect(holds(checks)).toEqual([]);
});

test('a store through a NUMA hint faults', () => {
  const hint = `fn hide(mm: mm, a: addr) { var e = slot(mm, a); var v = *e; *e = pte_mknuma(v); invlpg(a); }
    var faults: int 0..3
    fn show(mm: mm, a: addr) { var e = slot(mm, a); var old = *e; *e = pte_mknonnuma(old); }`;
  const override = `override fault fn do_page_fault(address: addr, write: bool) -> bool {
    faults = 1;
    show(current.mm, address);
    return true;
  }`;
  const task = 'task t0 in P on cpu 0 { store(A, 1); hide(P, A); store(A, 2); assert(faults == 1); }';
  expect(violated(`${hint} ${override}`, `${machine} ${task}`)).toEqual([]);
});

test('pages in a row, copies, comparisons', () => {
  const checks = `
    var head = alloc_pages(3);
    assert(subpage_index(subpage(head, 7), head) == 7);
    write_word(subpage(head, 2), 5, 9);
    var copy = alloc_pages(3);
    copy_pages(copy, head, 3);
    assert(read_word(subpage(copy, 2), 5) == 9);
    var same = memcmp_pages(subpage(copy, 2), subpage(head, 2));
    assert(same);
    clear_page(subpage(copy, 2));
    same = memcmp_pages(subpage(copy, 2), subpage(head, 2));
    assert(!same);
    same = memcmp_pages(subpage(copy, 2), subpage(copy, 3));
    assert(same);
    write_word(copy, 1, 7);
    recycle_pages(copy, 3);
    assert(read_word(copy, 1) == 0);
    free_pages(head, 3);
    var again = alloc_pages(3);
    assert(again == head);
    var none = alloc_pages(6);
    assert(none == null);`;
  expect(holds(checks)).toEqual([]);
});

test('what there is not is a finding', () => {
  expect(holds('var x = alloc_pages(19);')).toEqual(['assertion']);
  expect(holds('var x = subpage(p, 64);')).toEqual(['assertion']);
  expect(holds('var x = mk_swap_pte(1048576);')).toEqual(['assertion']);
  expect(holds('var i = alloc_page(); free_page(i); recycle_pages(i, 0);')).toEqual(['assertion']);
  expect(holds('copy_page(null, p);')).toEqual(['assertion']);
  expect(holds('var i = alloc_page(); free_page(i); free_pages(i, 0);')).toEqual(['assertion']);
});
