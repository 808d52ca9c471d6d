/** Every property: a program that violates it, and one beside it that does not. */
import { describe, expect, test } from 'vitest';
import { fair } from '../../src/vm/schedule';
import { compileToy, play, violated, violatedAtRandom } from './toy';

const cpu = 'machine { cpus 1  frames 32 }';
const gpu = 'machine { cpus 1  frames 32  iommu amd { device gpu { ats  pri requests 4  refaults 2 } } }';
const nic = 'machine { cpus 1  frames 32  iommu amd { device nic { } } }';
const process = 'process P { mmap A, 2 pages, rw, touched }';

/** Unmaps page A by `steps`, as an operation that revokes it. */
const unmap = (steps: string): string =>
  `syscall fn unmap(mm: mm, start: addr, len: addr) revokes start .. start + len { ${steps} }`;
const task = (body: string): string => `task t0 in P on cpu 0 { ${body} }`;

describe('use-after-free', () => {
  const touch = 'store(A, 1); unmap(P, A, 1 page); store(A, 2);';
  test('a store through a TLB entry whose page was freed', () => {
    expect(
      violated(unmap('clear(mm, start, start + len, false, true);'), `${cpu} ${process} ${task(touch)}`),
    ).toContain('use-after-free');
  });
  test('not when the entry was flushed before', () => {
    expect(
      violated(unmap('clear(mm, start, start + len, true, true);'), `${cpu} ${process} ${task(touch)}`),
    ).toEqual([]);
  });
});

describe('stale-after-return and access-after-protect', () => {
  const touch = 'store(A, 1); unmap(P, A, 1 page); store(A, 2);';
  const drop = 'for each vma v in mm.mmap { v.vm_end = start; break; }';
  test('an operation returns while a TLB still translates what it revoked', () => {
    expect(
      violated(unmap('clear(mm, start, start + len, false, false);'), `${cpu} ${process} ${task(touch)}`),
    ).toEqual(['stale-after-return']);
  });
  test('an access completes that no VMA allowed when it was issued', () => {
    const found = violated(
      unmap(`${drop} clear(mm, start, start + len, false, false);`),
      `${cpu} ${process} ${task(touch)}`,
    );
    expect(found).toEqual(['stale-after-return', 'access-after-protect']);
  });
  test('neither when the entry was flushed', () => {
    const found = violated(
      unmap(`${drop} clear(mm, start, start + len, true, false);`),
      `${cpu} ${process} ${task(touch)}`,
    );
    expect(found).toEqual([]);
  });
});

describe('walks', () => {
  const free_table = `
    var t = mm.pgd;
    var pgd = entry_at(t, start);  var p3 = pte_table(*pgd);
    var pud = entry_at(p3, start); var p2 = pte_table(*pud);
    var pmd = entry_at(p2, start); var p1 = pte_table(*pmd);
    set_entry(pmd, no_pte());`;
  const touch = 'store(A, 1); unmap(P, A, 1 page); store(A + 1 page, 2);';
  test('table-use-after-free and bad-walk: a walk goes on from a cached pointer to a freed table', () => {
    const found = violated(
      unmap(`${free_table} free_page(table_page(p1));`),
      `${cpu} ${process} ${task(touch)}`,
    );
    expect(found).toContain('table-use-after-free');
    expect(found).toContain('bad-walk');
  });
  test('neither when INVLPG dropped the pointer', () => {
    const found = violated(
      unmap(`${free_table} invlpg(start); free_page(table_page(p1));`),
      `${cpu} ${process} ${task(touch)}`,
    );
    expect(found).toEqual([]);
  });
});

describe('missed-range', () => {
  const bound = (driver: string): string =>
    `${gpu} process P { mmap A, 2 pages, rw, touched bind gpu, pasid 1, driver ${driver} }`;
  const one = 'unmap(P, A, 1 page);';
  const clear = 'clear(mm, start, start + len, true, false);';
  const free = 'free_page(page);';
  const find = `var t = mm.pgd; var pgd = entry_at(t, start); var p3 = pte_table(*pgd);
    var pud = entry_at(p3, start); var p2 = pte_table(*pud);
    var pmd = entry_at(p2, start); var p1 = pte_table(*pmd); var pte = entry_at(p1, start);
    var page = pte_page(*pte);`;
  test('a page is freed and the subscriber was not told', () => {
    expect(violated(unmap(`${find} ${clear} ${free}`), `${bound('ranged')} ${task(one)}`)).toEqual([
      'missed-range',
    ]);
  });
  test('another page is mapped there and the subscriber was not told', () => {
    const other = 'var other = alloc_page(); set_pte(pte, mk_pte(other, true));';
    expect(violated(unmap(`${find} ${clear} ${other}`), `${bound('ranged')} ${task(one)}`)).toEqual([
      'missed-range',
    ]);
  });
  test('the pointer above is cleared, and then the page is freed', () => {
    const unlink = 'set_entry(pmd, no_pte());';
    const tell = '__mmu_notifier_invalidate_range(mm, start, start + len);';
    const scenario = `${bound('ranged')} ${task(one)}`;
    expect(violated(unmap(`${find} ${unlink} ${free}`), scenario)).toEqual(['missed-range']);
    expect(violated(unmap(`${find} ${unlink} ${tell} ${free}`), scenario)).toEqual([]);
  });
  test('a page is freed that another process maps by the same table', () => {
    const share = `fn share(mm: mm, start: addr, other: mm) {
      ${find} var t4 = other.pgd; var t3 = below(t4, start, 3);
      set_entry(entry_at(t3, start), mk_table_entry(p2));
    }`;
    const processes = `${gpu} process P { mmap A, 2 pages, rw, touched }
      process Q { mmap B at 0x1000000000, 1 page, rw, touched bind gpu, pasid 1, driver ranged }`;
    const steps = task(`share(P, A, Q); ${one}`);
    expect(violated(unmap(`${find} ${clear} ${free}`) + share, `${processes} ${steps}`)).toEqual([
      'missed-range',
    ]);
  });
  test('not when invalidate_range covers it in between', () => {
    const tell = '__mmu_notifier_invalidate_range(mm, start, start + len);';
    expect(violated(unmap(`${find} ${clear} ${tell} ${free}`), `${bound('ranged')} ${task(one)}`)).toEqual(
      [],
    );
  });
  test('an invalidate_range before the clear does not count', () => {
    const tell = '__mmu_notifier_invalidate_range(mm, start, start + len);';
    expect(violated(unmap(`${find} ${tell} ${clear} ${free}`), `${bound('ranged')} ${task(one)}`)).toEqual([
      'missed-range',
    ]);
  });
  test('not for a subscriber whose bracket is open', () => {
    const tell = [
      'start_all(mm, start, start + len);',
      '__mmu_notifier_invalidate_range_end(mm, start, start + len);',
    ];
    const steps = `${find} ${tell[0]} ${clear} ${free} ${tell[1]}`;
    expect(violated(unmap(steps), `${bound('bracketed')} ${task(one)}`)).toEqual([]);
  });
});

describe('unbalanced', () => {
  const bound = `${gpu} process P { mmap A, 2 pages, rw bind gpu, pasid 1, driver bracketed }`;
  const start = 'start_all(mm, start, start + len);';
  const end = '__mmu_notifier_invalidate_range_end(mm, start, start + len);';
  test('an operation returns in its own bracket', () => {
    expect(violated(unmap(start), `${bound} ${task('unmap(P, A, 1 page);')}`)).toEqual(['unbalanced']);
  });
  test('an end without a start', () => {
    expect(violated(unmap(end), `${bound} ${task('unmap(P, A, 1 page);')}`)).toEqual(['unbalanced']);
  });
  test('not when both are there', () => {
    expect(violated(unmap(start + end), `${bound} ${task('unmap(P, A, 1 page);')}`)).toEqual([]);
  });
});

describe('context and locks', () => {
  const two = 'machine { cpus 2  frames 32 }';
  test('sleep-in-atomic: mmap_sem under a spinlock, even if it is free', () => {
    const body = 'spin_lock(P.lock); down_read(P.mmap_sem); up_read(P.mmap_sem); spin_unlock(P.lock);';
    expect(violated('', `${cpu} ${process} ${task(body)}`)).toEqual(['sleep-in-atomic']);
  });
  test('not under mmap_sem', () => {
    const body = 'down_read(P.mmap_sem); spin_lock(P.lock); spin_unlock(P.lock); up_read(P.mmap_sem);';
    expect(violated('', `${cpu} ${process} ${task(body)}`)).toEqual([]);
  });
  const orders = (a: string, b: string): string => `${two} ${process}
    task t0 in P on cpu 0 { spin_lock(${a}); spin_lock(${b}); spin_unlock(${b}); spin_unlock(${a}); }
    task t1 in P on cpu 1 { spin_lock(first); spin_lock(second); spin_unlock(second); spin_unlock(first); }`;
  const locks = 'var first: spinlock  var second: spinlock';
  test('deadlock: two locks in both orders', () => {
    expect(violatedAtRandom(locks, orders('second', 'first'), 40)).toEqual(['deadlock', 'lock-order']);
  });
  test('not in one order', () => {
    expect(violatedAtRandom(locks, orders('first', 'second'), 40)).toEqual([]);
  });
  test('deadlock: waiting for what never comes; idle is none', () => {
    expect(violated('var done: bool', `${cpu} ${process} ${task('wait until (done);')}`)).toEqual([
      'deadlock',
    ]);
    expect(violated('var done: bool', `${cpu} ${process} ${task('idle until (done);')}`)).toEqual([]);
  });
  test('data-race: a guarded variable without its lock', () => {
    expect(violated('', `${cpu} ${process} ${task('P.counter = 1;')}`)).toEqual(['data-race']);
    expect(
      violated(
        '',
        `${cpu} ${process} ${task('spin_lock(P.lock); P.counter = P.counter + 1; spin_unlock(P.lock);')}`,
      ),
    ).toEqual([]);
  });
  test('assertion: an assert, a range, a null reference', () => {
    expect(violated('var x: int 0..3', `${cpu} ${process} ${task('assert(x == 1);')}`)).toEqual([
      'assertion',
    ]);
    expect(violated('var x: int 0..3', `${cpu} ${process} ${task('x = 3; atomic_inc(x);')}`)).toEqual([
      'assertion',
    ]);
    expect(violated('var m: mm', `${cpu} ${process} ${task('var n = m; var t = n.pgd;')}`)).toEqual([
      'assertion',
    ]);
    expect(violated('var x: int 0..3', `${cpu} ${process} ${task('x = 3; assert(x == 3);')}`)).toEqual([]);
  });
});

describe('devices', () => {
  const bound = (driver: string, touched = ', touched'): string =>
    `process P { mmap A, 2 pages, rw${touched} bind gpu, pasid 1, driver ${driver} }`;
  const program = 'device gpu { dma_write(A, 7); }';
  test('walk-after-release: the device still walks once release has returned', () => {
    const stop = `var who: device
       syscall fn stop(mm: mm, off: bool) {
         if (off) { var d = who; clear_gcr3(d, 1); }
         for each mmu_notifier mn in mm.list { mn.ops.release(mn, mm); break; }
       }`;
    const body = (off: string): string =>
      `${gpu} ${bound('walker')} ${task(`who = gpu; stop(P, ${off});`)} ${program} replay { t0 until done }`;
    expect(violated(stop, body('false'))).toContain('walk-after-release');
    expect(violated(stop, body('true'))).not.toContain('walk-after-release');
  });
  test('walk-after-release: also of a subscriber that has no release to be told by', () => {
    const silent = `
      driver silent {
        notifier silent { invalidate_range(mn, mm, start, end) { skip; } }
        fn bind(mm: mm, device: device, pasid: int 0..31) {
          var mn = subscribe(mm, silent);
          binds(mn, device, pasid);
          var pgd = mm.pgd;
          set_gcr3(device, pasid, pgd);
        }
      }
      fn __mmu_notifier_release(mm: mm) { list_clear(mm.list); }
      syscall fn leave(mm: mm) { __mmu_notifier_release(mm); }`;
    const body = (call: string): string =>
      `${gpu} ${bound('silent')} ${task(call)} ${program} replay { t0 until done }`;
    expect(violated(silent, body('leave(P);'))).toContain('walk-after-release');
    expect(violated(silent, body('skip;'))).toEqual([]);
  });
  test('page-response: a request that nobody answers, and an answer to nobody', () => {
    const found = violated('', `${gpu} ${bound('walker', '')} ${task('skip;')} ${program}`);
    expect(found).toContain('page-response');
    expect(
      violated('', `${gpu} ${bound('walker')} ${task('complete_ppr(gpu, 1, 3, 0);')} ${program}`),
    ).toEqual(['page-response']);
    expect(violated('', `${gpu} ${bound('walker')} ${task('skip;')} ${program}`)).toEqual([]);
  });
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
  test('device-failure: answered again and again, and never translatable', () => {
    expect(violated(answers, `${gpu} ${bound('walker', '')} ${task('unit = amd;')} ${program}`)).toEqual([
      'device-failure',
    ]);
    expect(violated(answers, `${gpu} ${bound('walker')} ${task('unit = amd;')} ${program}`)).toEqual([]);
  });
  test('assertion: a null device or IOMMU is followed', () => {
    const declarations = 'var none: device  var nothing: iommu';
    const use = (body: string): string[] => violated(declarations, `${gpu} ${bound('walker')} ${task(body)}`);
    expect(use('var d = none; clear_gcr3(d, 1);')).toEqual(['assertion']);
    expect(use('var d = none; invalidate_iotlb_pages(d, 1, 0, true);')).toEqual(['assertion']);
    expect(use('var i = nothing; completion_wait(i);')).toEqual(['assertion']);
    expect(use('var i = nothing; var p = ppr_first(i);')).toEqual(['assertion']);
  });
  test('a device without ATS and PRI: a miss is an aborted DMA, no finding', () => {
    const process = 'process P { mmap A, 2 pages, rw bind nic, pasid 1, driver walker }';
    const body = `${nic} ${process} ${task('skip;')} device nic { dma_write(A, 7); }`;
    expect(violated('', body)).toEqual([]);
  });
});

describe('lost-write', () => {
  const move = `
    fn move(mm: mm, a: addr, flush: bool) {
      var e = slot(mm, a); var old = *e; var to = alloc_page();
      copy_page(to, pte_page(old));
      *e = mk_pte(to, true);
      if (flush) { invlpg(a); }
    }
    fn install(mm: mm, a: addr, to: page) { var e = slot(mm, a); *e = mk_pte(to, true); }
    fn page_at(mm: mm, a: addr) -> page { var e = slot(mm, a); return pte_page(*e); }`;
  const run = (body: string): string[] => violated(move, `${cpu} ${process} ${task(body)}`);
  test('a store hits the old page when the copy is mapped already', () => {
    expect(run('store(A, 1); move(P, A, false); store(A, 2);')).toEqual(['lost-write']);
  });
  test('a store hits the old page before the copy is mapped', () => {
    const body = 'store(A, 1); var to = alloc_page(); var f = page_at(P, A); copy_page(to, f);';
    expect(run(`${body} store(A, 2); install(P, A, to);`)).toEqual(['lost-write']);
    expect(run(`${body} install(P, A + 1 page, to); store(A, 2);`)).toEqual([]);
  });
  test('not when the entry was flushed, nor when it is copied again', () => {
    expect(run('store(A, 1); move(P, A, true); store(A, 2);')).toEqual([]);
    const again =
      'var to = alloc_page(); var f = page_at(P, A); copy_page(to, f); store(A, 2); copy_page(to, f);';
    expect(run(`store(A, 1); ${again} install(P, A, to);`)).toEqual([]);
  });
  test('a store hits the copy, and the old page comes back', () => {
    const migrate = `${move} var there: bool  var hit: bool
      syscall fn migrate(mm: mm, a: addr) {
        var to = alloc_page(); var old = page_at(mm, a);
        copy_page(to, old); install(mm, a, to); there = true; wait until (hit); install(mm, a, old);
      }`;
    const two = 'machine { cpus 2  frames 32 }';
    const other = 'task t1 in P on cpu 1 { wait until (there); store(A, 2); hit = true; }';
    expect(violated(migrate, `${two} ${process} ${task('migrate(P, A);')} ${other}`)).toEqual(['lost-write']);
  });
  test('not for pages with the same contents of which one is mapped twice', () => {
    const merge = `var a = page_at(P, A); var b = page_at(P, A + 1 page);
      var same = memcmp_pages(a, b); assert(same);
      install(P, A + 1 page, a); invlpg(A + 1 page);`;
    expect(run(merge)).toEqual([]);
    expect(
      run(`store(A + 1 page, 0); ${merge.replace('invlpg(A + 1 page);', '')} store(A + 1 page, 7);`),
    ).toEqual(['lost-write']);
  });
});

describe('lost-dirty', () => {
  const clean = `
    fn write_out(mm: mm, a: addr, flush: bool) -> page {
      var e = slot(mm, a); var old = *e;
      *e = pte_mkclean(old);
      if (flush) { invlpg(a); }
      var page = pte_page(old);
      page_written_out(page);
      return page;
    }
    fn drop(mm: mm, a: addr, page: page) { var e = slot(mm, a); *e = no_pte(); invlpg(a); free_page(page); }`;
  const run = (flush: boolean, rest: string): string[] =>
    violated(
      clean,
      `${cpu} ${process} ${task(`store(A, 1); var page = write_out(P, A, ${flush}); store(A, 2); ${rest}`)}`,
    );
  test('a store through an old TLB entry leaves no trace, and the page is freed', () => {
    expect(run(false, 'drop(P, A, page);')).toEqual(['lost-dirty']);
  });
  test('or nobody writes it out again', () => {
    expect(run(false, '')).toEqual(['lost-dirty']);
  });
  test('not when the entry was flushed, the page is dirty, written out again or not wanted', () => {
    expect(run(true, '')).toEqual([]);
    expect(run(false, 'page.dirty = true;')).toEqual([]);
    expect(run(false, 'page_written_out(page); drop(P, A, page);')).toEqual([]);
    expect(run(false, 'page_discarded(page); drop(P, A, page);')).toEqual([]);
  });
});

describe('cow-isolation', () => {
  const fork = `
    syscall fn share(from: mm, to: mm, a: addr, flush: bool) {
      var e = slot(from, a);
      ptep_set_wrprotect(e);
      var old = *e;
      var f = slot(to, a);
      *f = old;
      if (flush) { invlpg(a); }
    }`;
  const two = `${process} process Q { mmap A, 2 pages, rw }`;
  const run = (body: string, declarations = fork): string[] =>
    violated(declarations, `${cpu} ${two} ${task(body)}`);
  test('a store through an old TLB entry after fork has returned', () => {
    expect(run('store(A, 1); share(P, Q, A, false); store(A, 2);')).toEqual(['cow-isolation']);
  });
  test('not when fork flushed, nor through a shared mapping, nor when the other has gone', () => {
    expect(run('store(A, 1); share(P, Q, A, true); store(A, 2);')).toEqual([]);
    expect(run('store(A + 1 page, 1); share(P, Q, A, false); store(A + 1 page, 2);')).toEqual([]);
    const shared = 'for each vma v in P.mmap { v.vm_shared = true; }';
    expect(run(`store(A, 1); ${shared} share(P, Q, A, false); store(A, 2);`)).toEqual([]);
    const gone = `${fork} fn unmap(mm: mm, a: addr) { var e = slot(mm, a); *e = no_pte(); }`;
    expect(run('store(A, 1); share(P, Q, A, false); unmap(Q, A); store(A, 2);', gone)).toEqual([]);
  });
  test('not for a store that was issued before fork returned', () => {
    const bound = `${nic} process P { mmap A, 2 pages, rw, touched bind nic, pasid 1, driver walker }`;
    const body = `${bound} process Q { mmap A, 2 pages, rw } ${task('share(P, Q, A, true);')}
      device nic { dma_write(A, 1); ${'dma_write(A, 2);'} }`;
    const flight = 'replay { nic 4 steps  t0 until done  nic until done }';
    expect(violated(fork, `${body.replace('dma_write(A, 2);', '')} ${flight}`)).toEqual([]);
    expect(violated(fork, `${body} ${flight}`)).toEqual(['cow-isolation']);
  });
});

describe('lock-order', () => {
  const locks = `var first: spinlock  var second: spinlock  var sem: rwsem
    struct node pool 3 { lock: spinlock }`;
  const run = (body: string): string[] => violated(locks, `${cpu} ${process} ${task(body)}`);
  const pair = (a: string, b: string): string =>
    `spin_lock(${a}); spin_lock(${b}); spin_unlock(${b}); spin_unlock(${a});`;
  test('two locks are taken in both orders, though nobody waits', () => {
    expect(run(pair('first', 'second') + pair('second', 'first'))).toEqual(['lock-order']);
    const reading = 'down_read(sem); spin_lock(first); up_read(sem); spin_unlock(first);';
    expect(run(`spin_lock(first); spin_unlock(first); ${reading}`)).toEqual([]);
  });
  test('a second lock of a class, unless it is nested', () => {
    const nodes = 'var a = new node; var b = new node;';
    expect(run(`${nodes} ${pair('a.lock', 'b.lock')}`)).toEqual(['lock-order']);
    const nested = 'spin_lock(a.lock); spin_lock_nested(b.lock); spin_unlock(b.lock); spin_unlock(a.lock);';
    expect(run(`${nodes} ${nested}`)).toEqual([]);
  });
  test('not when one was only tried', () => {
    const tried =
      'spin_lock(second); var got = spin_trylock(first); spin_unlock(first); spin_unlock(second);';
    expect(run(pair('first', 'second') + tried)).toEqual([]);
    const one = 'spin_lock(first); spin_unlock(first); spin_lock(second); spin_unlock(second);';
    expect(run(one + pair('second', 'first'))).toEqual([]);
  });
});

describe('changes of rights are no findings', () => {
  test('a NUMA hint under a copy that is still usable', () => {
    const hint = `syscall fn hint(mm: mm, a: addr) revokes a .. a + 1 page {
      var e = slot(mm, a); var old = *e; *e = pte_mknuma(old); }`;
    const none = hint.replace('pte_mknuma(old)', 'pte_modify(old, false, false)');
    const body = `${cpu} ${process} ${task('store(A, 1); hint(P, A);')}`;
    expect(violated(hint, body)).toEqual([]);
    expect(violated(none, body)).toEqual(['stale-after-return']);
  });
  test('RO to RW', () => {
    const upgrade = `syscall fn upgrade(mm: mm, a: addr) revokes a .. a + 1 page {
      var e = slot(mm, a); var old = *e; *e = pte_wrprotect(old); invlpg(a); *e = pte_mkwrite(old); }`;
    expect(
      violated(upgrade, `${cpu} ${process} ${task('store(A, 1); upgrade(P, A); store(A, 2);')}`),
    ).toEqual([]);
  });
});

describe('refcount', () => {
  const thing = `
    struct thing pool 2 { refs: int 0..7 counts references }
    struct owner pool 2 { thing: thing counts refs }
    fn get(t: thing) { atomic_inc(t.refs); }
    fn put(t: thing) { if (atomic_dec_and_test(t.refs)) { skip; } }`;
  const run = (body: string): string[] =>
    violated(thing, `${cpu} ${process} ${task(`var t = new thing; t.refs = 1; ${body}`)}`);
  test('dropped once too often, or taken when there is none', () => {
    expect(run('put(t); put(t);')).toEqual(['refcount']);
    expect(run('put(t); get(t); put(t);')).toEqual(['refcount']);
    expect(run('put(t); var got = atomic_inc_not_zero(t.refs); assert(!got);')).toEqual([]);
  });
  test('never dropped', () => {
    expect(run('var o = new owner; o.thing = t; get(t);')).toEqual(['refcount']);
    expect(run('var o = new owner; o.thing = t;')).toEqual([]);
    expect(run('put(t);')).toEqual([]);
  });
  test('pages are counted by the entries that map them', () => {
    const { structs, ...program } = compileToy('', `${cpu} ${process} ${task('skip;')}`);
    const page = structs.page;
    if (page === undefined) throw new Error('no struct page');
    const fields = page.fields.map(field => ({ ...field, refcount: field.name === '_count' }));
    const counted = { ...program, structs: { ...structs, page: { ...page, fields } } };
    expect(play(counted, () => fair()).map(({ message }) => message)).toEqual([]);
  });
  test('a page that is mapped once and counted twice', () => {
    const body = task('var e = slot(P, A); var page = pte_page(*e); page._count = 2;');
    const { structs, ...program } = compileToy('', `${cpu} ${process} ${body}`);
    const page = structs.page;
    if (page === undefined) throw new Error('no struct page');
    const fields = page.fields.map(field => ({ ...field, refcount: field.name === '_count' }));
    const counted = { ...program, structs: { ...structs, page: { ...page, fields } } };
    const [found, ...more] = play(counted, () => fair());
    expect(more).toEqual([]);
    expect(found?.message).toMatch(/^_count of frame \d+ is 2, and 1 references to it are left$/);
  });
});
