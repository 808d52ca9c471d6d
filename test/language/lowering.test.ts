import { expect, test } from 'vitest';
import { listingOf, programOf, small } from './small';

test('the small kernel has no problems', () => {
  expect(small.problems).toEqual([]);
});

test('a statement is one instruction, and so is a guard', () => {
  expect(
    listingOf('var x: int 0..7 = 3; if (x == 3) { x = 4; } else x = 5; while (x < 7) x = x + 1;'),
  ).toMatchInlineSnapshot(`
    "0 x = 3 -> 1
    1 if (x == 3) -> 2 else 3
    2 x = 4 -> 4
    3 x = 5 -> 4
    4 if (x < 7) -> 5 else 6
    5 x = (x + 1) -> 4
    6 return 0"
  `);
});

test('break, continue and else need no step of their own', () => {
  expect(
    listingOf('var i = 0; while (true) { if (i == 1) continue; if (i == 2) break; i = i + 1; } n = 1;'),
  ).toMatchInlineSnapshot(`
    "0 i = 0 -> 1
    1 if 1 -> 2 else 6
    2 if (i == 1) -> 1 else 3
    3 if (i == 2) -> 5 else 4
    4 i = (i + 1) -> 1
    5 n = 1 -> 6
    6 return 0"
  `);
});

test('calls stand alone, on the right side or as a condition; hidden locals take their results', () => {
  const text =
    'zap(a); var b = answer(1); shared = 3; vma.vm_write = answer(2);' +
    'if (!answer(n)) n = 1; while (answer(n)) skip; return n;';
  expect(listingOf(text)).toMatchInlineSnapshot(`
    "0 call zap(a) -> 1
    1 b = call answer(1) -> 2
    2 shared = 3 -> 3
    3 $1 = call answer(2) -> 4
    4 vma.vm_write = $1 -> 5
    5 $2 = call answer(n) -> 6
    6 if !$2 -> 7 else 8
    7 n = 1 -> 8
    8 $3 = call answer(n) -> 9
    9 if $3 -> 10 else 11
    10 skip -> 8
    11 return n
    12 return 0"
  `);
});

test('atomic builtins in conditions are instructions', () => {
  expect(
    listingOf('if (spin_trylock(mm.lock)) spin_unlock(mm.lock); if (!atomic_dec_and_test(mm.count)) n = 2;'),
  ).toMatchInlineSnapshot(`
    "0 $1 = spin_trylock(mm.lock) -> 1
    1 if $1 -> 2 else 3
    2 spin_unlock(mm.lock) -> 3
    3 $2 = atomic_dec_and_test(mm.count) -> 4
    4 if !$2 -> 5 else 6
    5 n = 2 -> 6
    6 return 0"
  `);
});

test('loops over lists, masks and tables', () => {
  const text =
    'for each vma v in mm.vmas { if (v.vm_write) break; } for each cpu c in mm.mask { skip; }' +
    'for each present entry e at x in table from a to a + 2 pages { var old = *e; *e = pte_wrprotect(old); }';
  expect(listingOf(text)).toMatchInlineSnapshot(`
    "0 v = 0 -> 1
    1 each v in mm.vmas -> 2 else 3
    2 if v.vm_write -> 3 else 1
    3 c = 0 -> 4
    4 each cpu c in mm.mask -> 5 else 6
    5 skip -> 4
    6 $1 = a -> 7
    7 each present entry e at x from $1 in table to (a +a 8192) -> 8 else 10
    8 old = read_entry(e) -> 9
    9 set_entry(e, pte_wrprotect(old)) -> 7
    10 return 0"
  `);
});

test('atomic blocks are joined, and have one end', () => {
  expect(listingOf('atomic { mm.count = 1; shared = 2; } n = 1;')).toMatchInlineSnapshot(`
    "0+ mm.count = 1 -> 1
    1 shared = 2 -> 2
    2 n = 1 -> 3
    3 return 0"
  `);
  expect(
    listingOf('atomic when (shared == 0) { if (mm.count == 1) { shared = 2; } } n = 1;'),
  ).toMatchInlineSnapshot(`
    "0+ sleep until (shared == 0) -> 1
    1+ if (mm.count == 1) -> 2 else 3
    2+ shared = 2 -> 3
    3 skip -> 4
    4 n = 1 -> 5
    5 return 0"
  `);
  expect(listingOf('n = atomic(mm.count + shared);')).toMatchInlineSnapshot(`
    "0 n = (mm.count + shared) -> 1
    1 return 0"
  `);
});

test('select, either and choose', () => {
  expect(
    listingOf('select { when (shared == 1) { n = 1; } when (shared == 2) { n = 2; } else { n = 3; } } skip;'),
  ).toMatchInlineSnapshot(`
    "0 select (shared == 1) -> 1 | (shared == 2) -> 2 else 3
    1 n = 1 -> 4
    2 n = 2 -> 4
    3 n = 3 -> 4
    4 skip -> 5
    5 return 0"
  `);
  expect(
    listingOf('either { n = 1; } or { n = 2; } or { skip; } choose n from 0 to LIMIT;'),
  ).toMatchInlineSnapshot(`
    "0 either 1 | 2 | 3
    1 n = 1 -> 4
    2 n = 2 -> 4
    3 skip -> 4
    4 choose n 0..4 -> 5
    5 return 0"
  `);
  expect(
    listingOf('wait until (shared == 1); spin until (completion_done()); idle until (mm);'),
  ).toMatchInlineSnapshot(`
    "0 sleep until (shared == 1) -> 1
    1 spin until completion_done() -> 2
    2 idle until (mm != 0) -> 3
    3 return 0"
  `);
});

test('addresses, sizes and short circuits', () => {
  expect(
    listingOf(
      'var b = a + 4 pages; var k = (b - a) / PAGE_SIZE;' +
        'if (a < b && (mm.count == 1 || k > 2)) n = a == 0 ? 1 : 2;',
    ),
  ).toMatchInlineSnapshot(`
    "0 b = (a +a 16384) -> 1
    1 k = ((b -a a) /a 4096) -> 2
    2 if ((a <a b) and ((mm.count == 1) or (k > 2))) -> 3 else 4
    3 n = ((a ==a 0) ? 1 : 2) -> 4
    4 return 0"
  `);
  expect(
    listingOf(
      'var x = 2 * 3 pages + 1 byte; var y = 0x7f00_0000_0000; var z = ~0; var top = 0xffff_8000_0000_0000;',
    ),
  ).toMatchInlineSnapshot(`
    "0 x = 24577 -> 1
    1 y = 139637976727552 -> 2
    2 z = -1 -> 3
    3 top = -140737488355328 -> 4
    4 return 0"
  `);
});

test('callbacks are asked for and called', () => {
  const text =
    'var mn = new mmu_notifier; ' +
    'if (mn.ops.invalidate_range) mn.ops.invalidate_range(mn, mm, a, a + 1 page);' +
    'var young = mn.ops.test_young(mn, a);';
  expect(listingOf(text)).toMatchInlineSnapshot(`
    "0 mn = new mmu_notifier -> 1
    1 if mn.ops has invalidate_range -> 2 else 3
    2 callback invalidate_range by mn.ops (mn, mm, a, (a +a 4096)) -> 3
    3 young = callback test_young by mn.ops (mn, a) -> 4
    4 return 0"
  `);
});

test('work items and interrupts name functions', () => {
  expect(
    listingOf('queue_work(events, work, mm); send_ipi(this_cpu(), ipi); flush_workqueue(events);'),
  ).toMatchInlineSnapshot(`
    "0 queue_work(1, &work, mm) -> 1
    1 send_ipi(this_cpu(), &ipi) -> 2
    2 flush_workqueue(1) -> 3
    3 return 0"
  `);
});

test('a function parameter makes a copy for each use', () => {
  const program = programOf(`
    fn other(address: addr) { skip; }
    fn outer(address: addr, visit: fn(addr)) { walk(address, visit); }
    fn f() { outer(0, other); outer(0, zap); }
    scenario s { kernel small process P { } task t in P on cpu 0 { f() } }`);
  expect(
    Object.keys(program.functions)
      .filter(key => key.includes('<'))
      .sort(),
  ).toEqual(['outer<other>', 'outer<zap>', 'walk<other>', 'walk<zap>']);
  expect(program.functions['walk<other>']?.code[0]).toMatchObject({ op: 'call', fn: 'other' });
  expect(program.functions['walk<other>']).toMatchObject({
    name: 'walk',
    params: [{ name: 'address', slot: 0 }],
  });
  expect(Object.keys(program.functions)).not.toContain('walk');
});

test('what says nothing is no step: a first declaration without a value, a loop around a wait', () => {
  expect(
    listingOf('var i: int 0..7; while (true) { wait until (n == 1); i = 2; var k: int 0..7; }'),
  ).toMatchInlineSnapshot(`
    "0 sleep until (n == 1) -> 1
    1 i = 2 -> 2
    2 k = 0 -> 0
    3 return 0"
  `);
});

test('an atomic arm of a select goes on in its step, the others do not', () => {
  expect(
    listingOf('select { atomic when (n == 1) { n = 2; n = 3; } when (n == 2) { n = 4; } else { n = 5; } }'),
  ).toMatchInlineSnapshot(`
    "0+ select (n == 1) -> 1 | (n == 2) -> 3 else 5
    1+ n = 2 -> 2
    2 n = 3 -> 7
    3 skip -> 4
    4 n = 4 -> 7
    5 skip -> 6
    6 n = 5 -> 7
    7 return 0"
  `);
  expect(listingOf('select { atomic when (n == 1) { } when (n == 2) { n = 4; } }')).toMatchInlineSnapshot(`
    "0+ select (n == 1) -> 1 | (n == 2) -> 2 else null
    1 skip -> 4
    2 skip -> 3
    3 n = 4 -> 4
    4 return 0"
  `);
});
