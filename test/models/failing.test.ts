/** Allocations fail half-way: every path takes back what it did, in every interleaving and at every place. */
import { describe, expect, test } from 'vitest';
import { explore, type Ground, programOf } from '../mutants/mutate';
import { models } from './play';

const kernels = ['linux-3.18', 'linux-3.18+invalidate_range'];

/** What a search of a scenario in which so many allocations may fail comes to. */
function found(kernel: string, body: string): object {
  const ground: Ground = { kernel, body };
  const { verdict, properties, incomplete } = explore(programOf(ground, null, models));
  return { verdict, properties, incomplete };
}

const holds = { verdict: 'holds', properties: [], incomplete: null };

describe.each(kernels)('%s', kernel => {
  test.each<[string, string]>([
    [
      'a first touch is tried again',
      `machine { cpus 1  frames 12  failing-allocations 2 }
      process P { mmap A, 1 page, rw }
      task t0 in P on cpu 0 { store(A, 1); var value = load(A); assert(value == 1); }`,
    ],
    [
      'fork takes back what it copied, and the parent goes on',
      `machine { cpus 2  frames 32  failing-allocations 1 }
      file f, 1 page, ext4
      process P {
        mmap A, 1 page, rw, touched
        mmap B, 1 page, rw, touched
        mmap C, 1 page, rw, private, file f, touched
      }
      task t0 in P on cpu 0 { fork(c); }
      task c forked by t0 on cpu 1 { skip; }`,
    ],
    [
      'a child of a child has its anon_vmas, or none',
      `machine { cpus 3  frames 32  failing-allocations 1 }
      process P { mmap A, 1 page, rw, touched }
      task t0 in P on cpu 0 { fork(c); }
      task c forked by t0 on cpu 1 { fork(d); exit_group(); }
      task d forked by c on cpu 2 { skip; }`,
    ],
    [
      'mremap moves everything back',
      `machine { cpus 1  frames 32  failing-allocations 1 }
      process P { mmap A at 0x40_0000_0000, 2 pages, rw, touched }
      task t0 in P on cpu 0 {
        store(A, 5);
        mremap(A, 2 pages, 2 pages, MREMAP_MAYMOVE | MREMAP_FIXED, 0x60_0000_0000);
        var vma = find_vma(P, A);
        if (vma.vm_start == A) {
          var value = load(A);
          assert(value == 5);
        }
        exit_group();
      }`,
    ],
    [
      'munmap leaves a mapping whole that it cannot split',
      `machine { cpus 1  frames 24  failing-allocations 2 }
      process P { mmap A, 3 pages, rw, touched }
      task t0 in P on cpu 0 { munmap(A + 1 page, 1 page); store(A, 1); exit_group(); }`,
    ],
    [
      'mprotect and madvise leave a mapping whole that they cannot split',
      `machine { cpus 1  frames 24  failing-allocations 2 }
      process P { mmap A, 2 pages, rw, touched }
      task t0 in P on cpu 0 {
        mprotect(A, 1 page, PROT_READ);
        madvise(A + 1 page, 1 page, MADV_MERGEABLE);
        store(A + 1 page, 1);
        exit_group();
      }`,
    ],
    [
      'a page of a file is read later',
      `machine { cpus 1  frames 16  failing-allocations 2 }
      file f, 1 page, ext4
      file g, 1 page, tmpfs
      process P {
        mmap A, 1 page, rw, shared, file f
        mmap B, 1 page, rw, private, file g
      }
      task t0 in P on cpu 0 { store(A, 1); store(B, 2); fsync(f); assert(f.blocks[0] == 1); exit_group(); }`,
    ],
    [
      'a copy is made later, and nobody sees the store before',
      `machine { cpus 2  frames 24  failing-allocations 1 }
      process P { mmap A, 1 page, rw, touched }
      task t0 in P on cpu 0 { fork(c); store(A, 1); }
      task c forked by t0 on cpu 1 { var value = load(A); assert(value == 0); }`,
    ],
    [
      'remap_file_pages stops',
      `machine { cpus 1  frames 24  failing-allocations 1 }
      file f, 2 pages, tmpfs
      process P { mmap A, 2 pages, rw, shared, file f }
      task t0 in P on cpu 0 { remap_file_pages(A, 1 page, 1, MAP_NONBLOCK); load(A); exit_group(); }`,
    ],
    [
      'execve stays in the old address space',
      `machine { cpus 1  frames 16  failing-allocations 1 }
      process P { mmap A, 1 page, rw, touched }
      task t0 in P on cpu 0 { execve(); exit_group(); }`,
    ],
    [
      'a breakpoint is not set',
      `machine { cpus 1  frames 24  failing-allocations 1 }
      file f, 1 page, ext4
      process P { mmap A, 1 page, rx, private, file f, read }
      task t0 in P on cpu 0 { uprobe_enable(f, 16 bytes); uprobe_disable(f, 16 bytes); exit_group(); }`,
    ],
    [
      'pages are swapped in later, and moved not at all',
      `machine { cpus 1  frames 24  failing-allocations 2 }
      swap 1 page
      process P { mmap A, 1 page, rw, touched }
      task t0 in P on cpu 0 {
        mem_cgroup_move_charge(A, 1 page);
        mem_cgroup_limit();
        load(A);
        move_pages(A, 1 page);
        exit_group();
      }`,
    ],
  ])('%s', { timeout: 60_000 }, (_, body) => {
    expect(found(kernel, body)).toEqual(holds);
  });
});
