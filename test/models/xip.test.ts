/** Files that are executed in place: blocks, holes, and the sparse page, on both kernels. */
import { describe, expect, test } from 'vitest';
import { playOut as play } from './play';

describe.each(['linux-3.18', 'linux-3.18+invalidate_range'])('%s', kernel => {
  const scenario = (body: string): string =>
    `scenario xip { kernel ${kernel} machine { cpus 2 frames 64 } file f, 2 pages, ext2
      process P {
        mmap R at 0x1000000000, 2 pages, r, shared, file f, read
        mmap W at 0x1000200000, 2 pages, rw, shared, file f
        mmap C at 0x1000400000, 2 pages, rw, private, file f
      }
      ${body} }`;
  const run = (body: string) => play(scenario(`task t0 in P on cpu 0 { ${body} }`));

  test('who maps a hole for reading sees what is stored there by others', () => {
    const { violated, called } = run(
      'store(W, 7); var v = load(R); assert(v == 7); v = load(R + 1 page); assert(v == 0);',
    );
    expect(violated).toEqual([]);
    expect(called.filter(name => name === '__mmu_notifier_invalidate_page')).toEqual([]);
    expect(called.filter(name => name === 'mmu_notifier_invalidate_page')).toHaveLength(1);
  });

  test('a private mapping copies blocks and holes, and the file does not change', () => {
    const { violated } = run(`store(W, 7); var v = load(C); assert(v == 7); store(C, 8); store(C + 1 page, 9);
      v = load(W); assert(v == 7); v = load(C); assert(v == 8); v = load(R + 1 page); assert(v == 0);`);
    expect(violated).toEqual([]);
  });

  test('the file gets shorter, and its blocks are freed', () => {
    const { violated } = run(`store(W + 1 page, 7); store(C + 1 page, 8); ftruncate(f, 1 page);
      assert(f.page_tree[1] == null); store(W + 1 page, 1); exit_group();`);
    expect(violated).toEqual([]);
  });

  test('a child has what its parent had', () => {
    const { violated, called } = play(
      scenario(`task t0 in P on cpu 0 { store(W, 7); var v = load(C); fork(c); exit_group(); }
        task c forked by t0 on cpu 1 {
          var w = load(C); assert(w == 7); w = load(W); assert(w == 7); exit_group();
        }`),
    );
    expect(violated).toEqual([]);
    expect(called.filter(name => name === 'xip_file_fault')).toHaveLength(2);
  });

  test('holes are filled while others map them', () => {
    const text = scenario(`task t0 in P on cpu 0 { store(W, 7); store(W + 1 page, 8); }
      task t1 in P on cpu 1 { var v = load(C); v = load(C + 1 page); v = load(R); }`);
    for (let seed = 0; seed < 12; seed++) expect(play(text, seed).violated).toEqual([]);
  });
});
