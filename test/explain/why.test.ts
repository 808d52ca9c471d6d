/** Why: the moments of every kind of violation, and each reason why an invalidation did not prevent one. */
import { describe, expect, test } from 'vitest';
import type { Why } from '../../src/explain/why';
import { cpu, process, task, told, two, whyOf } from './told';

const gpu = 'machine { cpus 1  frames 32  iommu amd { device gpu { ats  pri requests 4  refaults 2 } } }';
const bound = (driver: string, touched = ', touched'): string =>
  `process P { mmap A, 2 pages, rw${touched} bind gpu, pasid 1, driver ${driver} }`;
const unmap = (steps: string): string =>
  `syscall fn unmap(mm: mm, start: addr, len: addr) revokes start .. start + len { ${steps} }`;
const find = `var t = mm.pgd; var pgd = entry_at(t, start); var p3 = pte_table(*pgd);
  var pud = entry_at(p3, start); var p2 = pte_table(*pud);
  var pmd = entry_at(p2, start); var p1 = pte_table(*pmd); var pte = entry_at(p1, start);
  var page = pte_page(*pte);`;

describe('an invalidation that did not take the translation away', () => {
  const clear = 'clear(mm, start, start + len, false, false);';
  const free = 'free_page(page);';
  const wait = 'var amd = device_iommu(d); completion_wait(amd); spin until (completion_done());';
  const again = 'completion_wait(amd); spin until (completion_done());';
  const dma = 'device gpu { dma_write(A, 1); dma_write(A, 2); }';
  const filled = 'gpu until blocked  gpu ats until blocked  gpu 2 steps';
  const unmapping = (steps: string): string =>
    `var who: device ${unmap(`${find} var d = who; ${steps}`)}
     fn all_flushed(d: device) {
       invalidate_iommu_pages(d, 1, 0, true, true); ${wait}
       invalidate_iotlb_pages(d, 1, 0, true); ${again}
     }`;
  const body = (replay: string): string =>
    `${gpu} ${bound('walker')} ${task('who = gpu; unmap(P, A, 1 page);')} ${dma} replay { ${replay} }`;
  const cause = (steps: string, replay = `${filled} t0 until done gpu until done`): Why['cause'] => {
    const story = whyOf('use-after-free', unmapping(steps), body(replay));
    const kinds = story.moments.map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['filled', 'stale', 'invalidation', 'freed']));
    expect(kinds.at(-1)).toBe('found');
    expect(kinds.filter(kind => kind === 'invalidation').length).toBe(1);
    const positions = story.moments.map(({ position }) => position);
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    return story.cause;
  };
  const iommu = (range: string): string => `invalidate_iommu_pages(d, 1, ${range}, true); ${wait}`;

  test('never sent', () => {
    expect(cause(`${clear} ${free}`)).toBe('never sent');
  });
  test('sent before the clear, and the device took the translation again', () => {
    const replay = `t0 until return all_flushed  ${filled} t0 until done gpu until done`;
    expect(cause(`all_flushed(d); ${clear} ${free}`, replay)).toBe('before the clear');
  });
  test('sent for another page', () => {
    const other = `invalidate_iotlb_pages(d, 1, start + 1 page, false); ${again}`;
    const steps = `${clear} ${iommu('start, false')} ${other}`;
    expect(cause(`${steps} ${free}`)).toBe('wrong range');
  });
  test('sent for another PASID', () => {
    const steps = `${clear} ${iommu('start, false')} invalidate_iotlb_pages(d, 2, start, false); ${again}`;
    expect(cause(`${steps} ${free}`)).toBe('wrong target');
  });
  test('queued, and nobody waited until it was carried out', () => {
    const steps = `${clear} ${iommu('start, false')} invalidate_iotlb_pages(d, 1, start, false);`;
    expect(cause(`${steps} ${free}`)).toBe('not awaited');
  });
  test('carried out while the DMA was in flight, and nobody waited for its completion', () => {
    const steps = `${clear} invalidate_iotlb_pages(d, 1, start, false); ${free}`;
    const flight = 'gpu until blocked  gpu ats until blocked  gpu 1 steps';
    const between = 't0 until return clear  t0 1 steps  amd commands 1 steps';
    const replay = `${flight} ${between} t0 until done gpu until done`;
    const story = whyOf('use-after-free', unmapping(steps), body(replay));
    expect(story.cause).toBe('not awaited');
    expect(told(story)).toContain('began (gpu in gpu)\n  in flight: the access of A has its translation');
  });
  test('only the IOTLB was told, and the device has a TLB of its own', () => {
    expect(cause(`${clear} ${iommu('start, false')} ${free}`)).toBe('device TLB not covered');
  });
  test('pointers to page tables were left', () => {
    const steps = `set_entry(pmd, no_pte()); invalidate_iommu_pages(d, 1, start, false, false); ${wait}
      invalidate_iotlb_pages(d, 1, start, false); ${again} free_page(table_page(p1));`;
    const touch = 'device gpu { dma_write(A, 1); dma_write(A + 1 page, 2); }';
    const replay = `${filled} t0 until done gpu until blocked gpu ats until blocked`;
    const both = `${task('who = gpu; unmap(P, A, 1 page);')} ${touch}`;
    const whole = `${gpu} ${bound('walker')} ${both} replay { ${replay} }`;
    const story = whyOf('table-use-after-free', unmapping(steps), whole);
    expect(story.cause).toBe('page-table pointers not covered');
    expect(told(story)).toMatchInlineSnapshot(`
      "filled (gpu in gpu)
        filled: the walk cache of amd took A -> the table in frame 3
      stale (t0 in unmap)
        made stale: the pointer to the table of A + 1 page, frame 3, was cleared
      invalidation (t0 in unmap)
        the INVALIDATE_IOMMU_PAGES gpu PASID 1 at step N was for leaves only: it left pointers to page tables
      freed (t0 in unmap)
        freed: the page table in frame 3
      found (gpu in gpu)
        found"
    `);
    expect(whyOf('bad-walk', unmapping(steps), whole).cause).toBe('page-table pointers not covered');
  });
  test('a page that is still mapped when it is freed', () => {
    const story = whyOf('use-after-free', unmapping(free), body(`${filled} t0 until done gpu until done`));
    expect(told(story)).toMatchInlineSnapshot(`
      "filled (gpu in gpu)
        filled: the ATC of gpu took A -> frame 4
      freed (t0 in unmap)
        freed: frame 4
      invalidation (t0 in unmap)
        still mapped: the entry of A pointed to frame 4 when it was freed
      found (gpu in gpu)
        found"
    `);
  });
});

describe('CPUs', () => {
  const touch = 'store(A, 1); unmap(P, A, 1 page); store(A, 2);';
  test('use-after-free: no flush between the store and the free', () => {
    const story = whyOf(
      'use-after-free',
      unmap('clear(mm, start, start + len, false, true);'),
      `${cpu} ${process} ${task(touch)}`,
    );
    expect(story.cause).toBe('never sent');
    expect(told(story)).toMatchInlineSnapshot(`
      "filled (t0 in t0)
        filled: the TLB of cpu0 took A -> frame 4
      stale (t0 in clear)
        made stale: the entry of A -> frame 4 was cleared
      invalidation (t0 in clear)
        never sent: no invalidation for cpu0 between the store (step N) and the free (step N)
      freed (t0 in clear)
        freed: frame 4
      found (t0 in t0)
        found"
    `);
  });
  test('stale-after-return: flushed before the clear, and filled again', () => {
    const steps = 'invlpg(start); store(start, 3); clear(mm, start, start + len, false, false);';
    const body = `${cpu} ${process} ${task('unmap(P, A, 1 page);')}`;
    const story = whyOf('stale-after-return', unmap(steps), body);
    expect(story.cause).toBe('before the clear');
    expect(told(story)).toMatchInlineSnapshot(`
      "invalidation (t0 in unmap)
        too early: the INVLPG on cpu0 was carried out at step N, before the entry was cleared at step N
      filled (t0 in unmap)
        filled: the TLB of cpu0 took A -> frame 4
      stale (t0 in clear)
        made stale: the entry of A -> frame 4 was cleared
      found (t0 in unmap)
        found"
    `);
  });
  test('stale-after-return: another CPU was flushed', () => {
    const steps = 'clear(mm, start, start + len, true, false);';
    const other = 'task t1 in P on cpu 1 { store(A, 3); }';
    const replay = 'replay { t1 until done  t0 until done }';
    const body = `${two} ${process} ${task('unmap(P, A, 1 page);')} ${other} ${replay}`;
    expect(whyOf('stale-after-return', unmap(steps), body).cause).toBe('wrong target');
  });
  test('access-after-protect: the translation was left when the mapping went', () => {
    const drop = 'for each vma v in mm.mmap { v.vm_end = start; break; }';
    const story = whyOf(
      'access-after-protect',
      unmap(`${drop} clear(mm, start, start + len, false, false);`),
      `${cpu} ${process} ${task(touch)}`,
    );
    expect(told(story)).toMatchInlineSnapshot(`
      "filled (t0 in t0)
        filled: the TLB of cpu0 took A -> frame 4
      stale (t0 in clear)
        made stale: the entry of A -> frame 4 was cleared
      invalidation (t0 in clear)
        never sent: no invalidation for cpu0 between the store (step N) and the access (step N)
      found (t0 in t0)
        found"
    `);
  });
});

describe('subscribers', () => {
  const one = 'unmap(P, A, 1 page);';
  const clear = 'clear(mm, start, start + len, true, false);';
  const free = 'free_page(page);';
  const tell = '__mmu_notifier_invalidate_range(mm, start, start + len);';
  const missed = (steps: string): Why =>
    whyOf('missed-range', unmap(`${find} ${steps}`), `${gpu} ${bound('ranged')} ${task(one)}`);
  test('missed-range: told of nothing', () => {
    const story = missed(`${clear} ${free}`);
    expect(story.cause).toBe('never sent');
    expect(told(story)).toMatchInlineSnapshot(`
      "stale (t0 in clear)
        made stale: the entry of A -> frame 4 was cleared or replaced
      invalidation (t0 in clear)
        missed: no callback of ranged covered it since step N and before step N (never sent)
      freed (t0 in unmap)
        freed: frame 4
      found (t0 in unmap)
        found"
    `);
  });
  test('missed-range: told before the clear', () => {
    const story = missed(`${tell} ${clear} ${free}`);
    expect(story.cause).toBe('before the clear');
    expect(told(story)).toMatchInlineSnapshot(`
      "callback (t0 in ranged.invalidate_range)
        told: ranged.invalidate_range A .. A + 1 page came before the entry was cleared
      stale (t0 in clear)
        made stale: the entry of A -> frame 4 was cleared or replaced
      invalidation (t0 in clear)
        missed: no callback of ranged covered it since step N and before step N (before the clear)
      freed (t0 in unmap)
        freed: frame 4
      found (t0 in unmap)
        found"
    `);
  });
  test('missed-range: told of another range', () => {
    const elsewhere = '__mmu_notifier_invalidate_range(mm, start + 1 page, start + 2 pages);';
    expect(missed(`${clear} ${elsewhere} ${free}`).cause).toBe('wrong range');
  });
  test('missed-range: another page was mapped there', () => {
    const other = 'var other = alloc_page(); set_pte(pte, mk_pte(other, true));';
    expect(missed(`${clear} ${other}`).moments.map(({ kind }) => kind)).toEqual([
      'stale',
      'invalidation',
      'found',
    ]);
  });
  const start = 'start_all(mm, start, start + len);';
  const end = '__mmu_notifier_invalidate_range_end(mm, start, start + len);';
  test.each([
    [start, 'opened: bracketed.invalidate_range_start A .. A + 1 page'],
    [end, 'closed: bracketed.invalidate_range_end A .. A + 1 page'],
  ])('unbalanced: %s', (steps, expected) => {
    const story = whyOf('unbalanced', unmap(steps), `${gpu} ${bound('bracketed')} ${task(one)}`);
    expect(story.moments.map(({ text }) => text)).toEqual([expected, 'found']);
  });
  test('walk-after-release: the root was left', () => {
    const stop = `syscall fn stop(mm: mm) {
      for each mmu_notifier mn in mm.list { mn.ops.release(mn, mm); break; }
    }`;
    const both = `${task('stop(P);')} device gpu { dma_write(A, 7); }`;
    const body = `${gpu} ${bound('walker')} ${both} replay { t0 until done }`;
    expect(told(whyOf('walk-after-release', stop, body))).toMatchInlineSnapshot(`
      "callback (t0 in walker.release)
        released: walker.release has returned
      root (t0 in walker.release)
        root: nobody has taken the root from gpu, so gpu ats walks on
      found (gpu in gpu)
        found"
    `);
  });
});

describe('locks and data', () => {
  test('sleep-in-atomic: where the spinlock was taken', () => {
    const body = 'spin_lock(P.lock); down_read(P.mmap_sem); up_read(P.mmap_sem); spin_unlock(P.lock);';
    expect(told(whyOf('sleep-in-atomic', '', `${cpu} ${process} ${task(body)}`))).toMatchInlineSnapshot(`
      "locked (t0 in t0)
        atomic since: mm#1.lock was taken
      found (t0 in t0)
        found"
    `);
  });
  test('sleep-in-atomic: where preemption was turned off', () => {
    const body = 'preempt_disable(); down_read(P.mmap_sem); up_read(P.mmap_sem); preempt_enable();';
    expect(told(whyOf('sleep-in-atomic', '', `${cpu} ${process} ${task(body)}`))).toMatchInlineSnapshot(`
      "locked (t0 in t0)
        atomic since: preemption was turned off
      found (t0 in t0)
        found"
    `);
  });
  test('deadlock: who holds what since where, and who waits', () => {
    const locks = 'var first: spinlock  var second: spinlock';
    const taking = (a: string, b: string): string =>
      `spin_lock(${a}); spin_lock(${b}); spin_unlock(${b}); spin_unlock(${a});`;
    const body = `${two} ${process}
      task t0 in P on cpu 0 { ${taking('first', 'second')} }
      task t1 in P on cpu 1 { ${taking('second', 'first')} }`;
    expect(told(whyOf('deadlock', locks, body))).toMatchInlineSnapshot(`
      "locked (t0 in t0)
        took first
      locked (t1 in t1)
        took second
      waits (t0 in t0)
        waits for second, held by t1 [P] cpu1
      waits (t1 in t1)
        waits for first, held by t0 [P] cpu0"
    `);
  });
  test('deadlock: a read lock taken twice', () => {
    const body = 'down_read(P.mmap_sem); down_read(P.mmap_sem);';
    expect(told(whyOf('deadlock', '', `${cpu} ${process} ${task(body)}`))).toMatchInlineSnapshot(`
      "locked (t0 in t0)
        took mm#1.mmap_sem for read
      found (t0 in t0)
        found"
    `);
  });
  test('data-race: who wrote the variable last, and under which lock', () => {
    const body = `${two} ${process}
      task t0 in P on cpu 0 { skip; skip; skip; skip; P.counter = 1; }
      task t1 in P on cpu 1 { spin_lock(P.lock); P.counter = 5; spin_unlock(P.lock); }`;
    expect(told(whyOf('data-race', '', body))).toMatchInlineSnapshot(`
      "written (t1 in t1)
        written: mm#1.counter, under mm#1.lock
      found (t0 in t0)
        found"
    `);
  });
  test('assertion: who wrote what the condition reads', () => {
    const body = `${two} ${process}
      task t0 in P on cpu 0 { skip; skip; skip; assert(x == 1); }
      task t1 in P on cpu 1 { x = 3; }`;
    expect(told(whyOf('assertion', 'var x: int 0..3', body))).toMatchInlineSnapshot(`
      "written (t1 in t1)
        written: x, without a lock
      written (t0 in t0)
        values: x is 3
      found (t0 in t0)
        found"
    `);
  });
});

describe('page requests', () => {
  const program = 'device gpu { dma_write(A, 7); }';
  test('page-response: a request that nobody answers', () => {
    const body = `${gpu} ${bound('walker', '')} ${task('skip;')} ${program}`;
    expect(told(whyOf('page-response', '', body))).toMatchInlineSnapshot(`
      "request (gpu in gpu)
        asked: page request 0 of gpu for A
      found (gpu in null)
        found"
    `);
  });
  test('page-response: an answer to nobody', () => {
    const body = `${gpu} ${bound('walker')} ${task('complete_ppr(gpu, 1, 3, 0);')} ${program}`;
    expect(told(whyOf('page-response', '', body))).toMatchInlineSnapshot(`
      "request (amd in null)
        answered: group 3 of gpu, unexpected SUCCESS
      found (amd in null)
        found"
    `);
  });
  test('device-failure: answered again and again', () => {
    const answers = `var unit: iommu  daemon answers {
      wait until (unit != null);
      var amd = unit;
      while (true) {
        idle until (ppr_pending(amd));
        var p = ppr_first(amd);
        complete_ppr(ppr_device(p), ppr_pasid(p), ppr_tag(p), 0);
        ppr_consume(amd);
      }
    }`;
    const story = whyOf(
      'device-failure',
      answers,
      `${gpu} ${bound('walker', '')} ${task('unit = amd;')} ${program}`,
    );
    const asked = story.moments.filter(({ text }) => text.startsWith('asked'));
    const answered = story.moments.filter(({ text }) => text.startsWith('answered'));
    expect([asked.length, answered.length]).toEqual([3, 3]);
  });
});
