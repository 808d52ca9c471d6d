/** Why a store is lost, or is seen by somebody who must not see it; locks in both orders; counts. */
import { describe, expect, test } from 'vitest';
import { cpu, process, task, told, two, whyOf } from './told';

describe('lost-write', () => {
  const move = `
    fn move(mm: mm, a: addr) {
      var e = slot(mm, a); var old = *e; var to = alloc_page();
      *e = pte_wrprotect(old);
      copy_page(to, pte_page(old));
      *e = mk_pte(to, true);
    }
    fn install(mm: mm, a: addr, to: page) { var e = slot(mm, a); *e = mk_pte(to, true); }
    fn page_at(mm: mm, a: addr) -> page { var e = slot(mm, a); return pte_page(*e); }`;
  const of = (body: string) => whyOf('lost-write', move, `${cpu} ${process} ${task(body)}`);
  test('nobody flushed between the write-protection and the copy', () => {
    const story = of('store(A, 1); move(P, A); store(A, 2);');
    expect(story.cause).toBe('never sent');
    expect(told(story)).toMatchInlineSnapshot(`
      "filled (t0 in t0)
        filled: the TLB of cpu0 took A -> frame 4
      stale (t0 in move)
        made stale: the entry of A -> frame 4 lost the right to write
      invalidation (t0 in move)
        never sent: no invalidation for cpu0 between the store (step N) and the copy (step N)
      copied (t0 in move)
        copied: frame 4 to frame 6
      stale (t0 in move)
        replaced: frame 6 is mapped instead of frame 4
      stored (t0 in t0)
        stored: cpu0 wrote to A in frame 4
      found (t0 in t0)
        found"
    `);
  });
  test('the copy takes the place later', () => {
    const copied = 'store(A, 1); var to = alloc_page(); var f = page_at(P, A); copy_page(to, f);';
    expect(told(of(`${copied} store(A, 2); install(P, A, to);`))).toMatchInlineSnapshot(`
      "filled (t0 in t0)
        filled: the TLB of cpu0 took A -> frame 4
      copied (t0 in t0)
        copied: frame 4 to frame 6
      invalidation (t0 in t0)
        not protected: at the copy the entry of A still gave the right to write to frame 4
      stored (t0 in t0)
        stored: cpu0 wrote to A in frame 4
      stale (t0 in install)
        replaced: frame 6 is mapped instead of frame 4
      found (t0 in install)
        found"
    `);
  });
  test('of two pages with the same contents one was kept', () => {
    const merge = `var a = page_at(P, A); var b = page_at(P, A + 1 page);
      var same = memcmp_pages(a, b); assert(same); install(P, A + 1 page, a);`;
    expect(told(of(`store(A + 1 page, 0); ${merge} store(A + 1 page, 7);`))).toMatchInlineSnapshot(`
      "filled (t0 in t0)
        filled: the TLB of cpu0 took A + 1 page -> frame 5
      copied (t0 in t0)
        compared: frames 4 and 5 had the same contents
      invalidation (t0 in t0)
        not protected: at the copy the entry of A + 1 page still gave the right to write to frame 5
      stale (t0 in install)
        replaced: frame 4 is mapped instead of frame 5
      stored (t0 in t0)
        stored: cpu0 wrote to A + 1 page in frame 5
      found (t0 in t0)
        found"
    `);
  });
});

describe('lost-dirty', () => {
  const clean = `
    fn write_out(mm: mm, a: addr) -> page {
      var e = slot(mm, a); var old = *e;
      var page = pte_page(old);
      page.dirty = true;
      *e = pte_mkclean(old);
      page.dirty = false;
      page_written_out(page);
      return page;
    }
    fn drop(mm: mm, a: addr, page: page) { var e = slot(mm, a); *e = no_pte(); invlpg(a); free_page(page); }`;
  const of = (rest: string) =>
    whyOf(
      'lost-dirty',
      clean,
      `${cpu} ${process} ${task(`store(A, 1); var page = write_out(P, A); store(A, 2); ${rest}`)}`,
    );
  test('the page is freed', () => {
    expect(told(of('drop(P, A, page);'))).toMatchInlineSnapshot(`
      "filled (t0 in t0)
        filled: the TLB of cpu0 took A -> frame 4
      stale (t0 in write_out)
        made stale: the entry of A -> frame 4 lost its dirty bit
      invalidation (t0 in write_out)
        never sent: no invalidation for cpu0 between the store (step N) and the write-out (step N)
      written (t0 in write_out)
        cleaned: dirty of frame 4 was cleared
      copied (t0 in write_out)
        written out: frame 4
      stored (t0 in t0)
        stored: cpu0 wrote to A in frame 4
      freed (t0 in drop)
        freed: frame 4
      found (t0 in drop)
        found"
    `);
  });
  test('nobody writes it out again', () => {
    expect(told(of(''))).toMatchInlineSnapshot(`
      "filled (t0 in t0)
        filled: the TLB of cpu0 took A -> frame 4
      stale (t0 in write_out)
        made stale: the entry of A -> frame 4 lost its dirty bit
      invalidation (t0 in write_out)
        never sent: no invalidation for cpu0 between the store (step N) and the write-out (step N)
      written (t0 in write_out)
        cleaned: dirty of frame 4 was cleared
      copied (t0 in write_out)
        written out: frame 4
      stored (t0 in t0)
        stored: cpu0 wrote to A in frame 4
      found (t0 in null)
        found"
    `);
  });
});

test('cow-isolation: the sharing, the end of the operation, the store through the old copy', () => {
  const fork = `
    syscall fn share(from: mm, to: mm, a: addr) {
      var e = slot(from, a);
      ptep_set_wrprotect(e);
      var old = *e;
      var f = slot(to, a);
      *f = old;
    }`;
  const body = 'store(A, 1); share(P, Q, A); store(A, 2);';
  const story = whyOf(
    'cow-isolation',
    fork,
    `${cpu} ${process} process Q { mmap A, 2 pages, rw } ${task(body)}`,
  );
  expect(story.cause).toBe('never sent');
  expect(told(story)).toMatchInlineSnapshot(`
    "filled (t0 in t0)
      filled: the TLB of cpu0 took A -> frame 4
    stale (t0 in share)
      made stale: the entry of A -> frame 4 lost the right to write
    invalidation (t0 in share)
      never sent: no invalidation for cpu0 between the store (step N) and the return (step N)
    copied (t0 in share)
      shared: frame 4 is mapped a second time
    callback (t0 in share)
      returned: share is over
    found (t0 in t0)
      found"
  `);
});

describe('lock-order', () => {
  const locks = `var first: spinlock  var second: spinlock  struct node pool 3 { lock: spinlock }`;
  const pair = (a: string, b: string): string =>
    `spin_lock(${a}); spin_lock(${b}); spin_unlock(${b}); spin_unlock(${a});`;
  test('both orders are told, each with both locks', () => {
    const declarations = `${locks}
      fn one() { ${pair('first', 'second')} }
      fn other() { ${pair('second', 'first')} }`;
    expect(
      told(whyOf('lock-order', declarations, `${cpu} ${process} ${task('one(); other();')}`)),
    ).toMatchInlineSnapshot(`
      "locked (t0 in one)
        one order: took first
      locked (t0 in one)
        one order: took second while holding it
      locked (t0 in other)
        other order: took second
      locked (t0 in other)
        other order: took first while holding it
      found (t0 in other)
        found"
    `);
  });
  test('a second lock of a class: the first one', () => {
    const body = `var a = new node; var b = new node; ${pair('a.lock', 'b.lock')}`;
    expect(told(whyOf('lock-order', locks, `${cpu} ${process} ${task(body)}`))).toMatchInlineSnapshot(`
      "locked (t0 in t0)
        took node#1.lock
      found (t0 in t0)
        found"
    `);
  });
});

describe('sleep-in-atomic', () => {
  test('a section that has ended is not blamed', () => {
    const body = `spin_lock(P.lock); preempt_disable(); preempt_enable();
      down_read(P.mmap_sem); up_read(P.mmap_sem); spin_unlock(P.lock);`;
    expect(told(whyOf('sleep-in-atomic', '', `${cpu} ${process} ${task(body)}`))).toMatchInlineSnapshot(`
      "locked (t0 in t0)
        atomic since: mm#1.lock was taken
      found (t0 in t0)
        found"
    `);
  });
  test('each section that is still open is told', () => {
    const body = `spin_lock(P.lock); local_irq_disable(); might_sleep(); local_irq_enable();
      spin_unlock(P.lock);`;
    expect(told(whyOf('sleep-in-atomic', '', `${cpu} ${process} ${task(body)}`))).toMatchInlineSnapshot(`
      "locked (t0 in t0)
        atomic since: mm#1.lock was taken
      locked (t0 in t0)
        atomic since: interrupts were turned off
      found (t0 in t0)
        found"
    `);
  });
});

describe('refcount', () => {
  const counted = `struct thing pool 2 { uses: int 0..7 counts references }
    fn take(t: thing) { atomic_inc(t.uses); }
    fn drop(t: thing) { atomic_dec(t.uses); }`;
  test('each get and put of the object', () => {
    const body = `var other = new thing; take_first(other);
      var t = new thing; t.uses = 1; take(t); drop(t); drop(t); take(t);`;
    const declarations = `${counted} fn take_first(t: thing) { t.uses = 1; }`;
    expect(told(whyOf('refcount', declarations, `${cpu} ${process} ${task(body)}`))).toMatchInlineSnapshot(`
      "written (t0 in t0)
        get: thing#2.uses is 1, was 0
      written (t0 in take)
        get: thing#2.uses is 2, was 1
      written (t0 in drop)
        put: thing#2.uses is 1, was 2
      written (t0 in drop)
        put: thing#2.uses is 0, was 1
      written (t0 in take)
        get: thing#2.uses is 1, was 0
      found (t0 in take)
        found"
    `);
  });
  test('a reference that is never dropped', () => {
    const declarations = `${counted} var kept: thing counts uses`;
    const body = 'var t = new thing; t.uses = 1; kept = t; take(t);';
    expect(told(whyOf('refcount', declarations, `${cpu} ${process} ${task(body)}`))).toMatchInlineSnapshot(`
      "written (t0 in t0)
        get: thing#1.uses is 1, was 0
      written (t0 in take)
        get: thing#1.uses is 2, was 1
      found (t0 in null)
        found"
    `);
  });
});

describe('assertion', () => {
  test('the values, the load they came from, and who stored that', () => {
    const body = `${two} ${process}
      task t0 in P on cpu 0 { var x = load(A + 8 bytes); assert(x == 0); }
      task t1 in P on cpu 1 { store(A + 8 bytes, 3); }
      replay { t1 until done  t0 until done }`;
    expect(told(whyOf('assertion', '', body))).toMatchInlineSnapshot(`
      "stored (t1 in t1)
        stored: 3 to A + 8 bytes in frame 4
      read (t0 in t0)
        read: x from A + 8 bytes in frame 4
      written (t0 in t0)
        values: x is 3
      found (t0 in t0)
        found"
    `);
  });
  test('a claim of the scenario: the variables that it names', () => {
    const body = `${cpu} ${process} ${task('x = 1; y = 2;')} never (x == 1 && y == 2)`;
    expect(told(whyOf('assertion', 'var x: int 0..3 var y: int 0..3', body))).toMatchInlineSnapshot(`
      "written (t0 in t0)
        written: x, without a lock
      written (t0 in t0)
        written: y, without a lock
      written (t0 in t0)
        values: x is 1, y is 2
      found (t0 in t0)
        found"
    `);
  });
});
