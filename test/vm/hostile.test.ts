/** Programs that go wrong in ways no kernel does: each ends as a finding or a limit, in no exception. */
import { expect, test } from 'vitest';
import { fair } from '../../src/vm/schedule';
import { SetupError, Vm } from '../../src/vm/vm';
import { compileToy, play } from './toy';

const machine = 'machine { cpus 1  frames 32 }';
const process = 'process P { mmap A, 2 pages, rw, touched }';

/** Messages of what a task's statements violate. */
function found(statements: string, declarations = ''): string[] {
  const program = compileToy(declarations, `${machine} ${process} task t0 in P on cpu 0 { ${statements} }`);
  return play(program, fair).map(({ message }) => message);
}

test('a word that a page has not got', () => {
  const bad = 'var page = alloc_page(); write_word(page, 512, 1); write_word(page, 0 - 1, 1);';
  expect(found(bad)).toEqual(['write_word: a page has no word 512', 'write_word: a page has no word -1']);
  expect(found('var page = alloc_page(); var w = read_word(page, 600);')).toEqual([
    'read_word: a page has no word 600',
  ]);
});

test('a level that no page table has', () => {
  expect(found('var n = 9; var t = alloc_table(n);')).toEqual(['alloc_table: 9 is no level of a page table']);
  expect(found('var n = 2000; var a = addr_end(A, A + 1 page, n);')).toEqual([
    'addr_end: 2000 is no level of a page table',
  ]);
});

test('an address aligned to nothing', () => {
  expect(found('var n: addr = 0; var a = align_down(A, n); load(a);')).toEqual([
    'an address is aligned to 0 bytes',
  ]);
});

test('a number beyond 53 bits', () => {
  const beyond = 'a result is no whole number of at most 53 bits';
  expect(found('var n = 2000; assert((1 << n) == 0);')).toEqual([beyond]);
  expect(found('var n = 2000; assert((0 << n) == 0);')).toEqual([beyond]);
});

test('NULL in a list of notifiers', () => {
  const add = 'fn add(mm: mm) { var none: mmu_notifier = null; list_add(mm.list, none); }';
  expect(found('add(P); store(A, 1);', add)).toEqual(['NULL is added to mm.list']);
});

test('an atomic block that takes for ever is a limit', () => {
  const each = (names: string, body: string) =>
    `for each entry ${names} in t from 0 to 512 pages { ${body} }`;
  const loops = each('e at a', each('f at b', 'skip;'));
  const program = compileToy(
    '',
    `${machine} ${process} task t0 in P on cpu 0 { var t = alloc_table(1); atomic { ${loops} } }`,
  );
  expect(() => play(program, fair)).toThrow('an atomic block of t0 takes more than 10000 instructions');
});

test('a stack that is full is a limit', () => {
  // Functions that allocate may be recursive.
  const deep = 'fn deep(mm: mm) { var page = alloc_page(); deep(mm); }';
  const program = compileToy(deep, `${machine} ${process} task t0 in P on cpu 0 { deep(P); }`);
  expect(() => play(program, fair)).toThrow('holds 32 frames and is full');
});

test('an initial state that does not fit says so', () => {
  const tiny = compileToy('', `machine { cpus 1  frames 1 } ${process} task t0 in P on cpu 0 { load(A); }`);
  expect(() => new Vm(tiny)).toThrow("1 frames do not suffice for the initial state: raise 'frames'");
  const huge = compileToy(
    `struct big pool 4096 { ${[1, 2, 3, 4, 5].map(index => `x${index}: list of page [4096]`).join(' ')} }`,
    `${machine} ${process} task t0 in P on cpu 0 { load(A); }`,
  );
  expect(() => new Vm(huge)).toThrow(SetupError);
  const flat = compileToy('', `machine { levels 2 } ${process} task t0 in P on cpu 0 { load(A); }`);
  expect(() => new Vm(flat)).toThrow("the kernel's page tables have 4 levels, the machine walks 2 (levels)");
});

test('an expression has one value, whether it is known before the run or not', () => {
  const numbers = [0, 1, 3, -3, 7, 0x7fffff, -0x800000];
  for (const operator of ['+', '-', '*', '/', '%', '&', '|', '<<', '>>']) {
    const isShift = operator.includes('<') || operator.includes('>');
    const pairs = numbers.flatMap(a => (isShift ? [0, 1, 20] : numbers).map(b => [a, b] as const));
    const checks = pairs
      .filter(([, b]) => b !== 0 || (operator !== '/' && operator !== '%'))
      .map(([a, b]) => `m = ${a}; n = ${b}; assert((m ${operator} n) == ((${a}) ${operator} (${b})));`);
    const word = 'int -2147483648..2147483647';
    expect([operator, found(`var m: ${word} = 0; var n: ${word} = 0; ${checks.join(' ')}`)]).toEqual([
      operator,
      [],
    ]);
  }
});
