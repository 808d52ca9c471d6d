/** Tasks that are forked while the scenario runs, daemons that make passes, allocations that fail. */
import { expect, test } from 'vitest';
import { threadsOf } from '../../src/language/threads';
import { fair } from '../../src/vm/schedule';
import { Vm } from '../../src/vm/vm';
import { compileToy, play, violated } from './toy';

const fork = `
  var woken: int 0..3
  fn ret_from_fork() { var cpu = this_cpu(); var mm = current.mm; var pgd = mm.pgd; load_cr3(cpu, pgd); }
  syscall fn fork(child: task) {
    var mm = new mm;
    var pgd = alloc_table(4);
    mm.pgd = pgd;
    setup_mmap(mm, 0x7f0000000000, 1 page, true);
    setup_populate(mm, 0x7f0000000000, 1 page);
    child.mm = mm;
    start_task(child);
  }`;
const two = 'machine { cpus 2  frames 32 } process P { mmap A, 1 page, rw, touched }';

test('a forked task runs in an address space of its own once it was started', () => {
  const program = compileToy(
    fork,
    `${two} task t0 in P on cpu 0 { store(A, 1); fork(c); var v = load(A); assert(v == 1); }
     task c forked by t0 on cpu 1 { store(A, 2); woken = 1; var v = load(A); assert(v == 2); }`,
  );
  expect(threadsOf(program)[1]?.name).toBe('c [P/c] cpu1');
  const vm = new Vm(program);
  expect(vm.blocked(1)?.text).toBe('is not forked yet');
  expect(vm.deadlock()).toBeNull();
  expect(play(program, () => fair())).toEqual([]);
});

test('a task is started once, and only one that is declared as forked', () => {
  const twice = `${two} task t0 in P on cpu 0 { fork(c); start_task(c); }
    task c forked by t0 on cpu 1 { skip }`;
  expect(violated(fork, twice)).toEqual(['assertion']);
  const other = `${two} task t0 in P on cpu 0 { start_task(t1); } task t1 in P on cpu 1 { skip }`;
  expect(violated(fork, other)).toEqual(['assertion']);
});

test('a child that nobody forks is no deadlock', () => {
  const nobody = `${two} task t0 in P on cpu 0 { skip } task c forked by t0 on cpu 1 { store(A, 1) }`;
  expect(violated(fork, nobody)).toEqual([]);
});

const scanner = 'var passes: int 0..15  daemon scanner pass { passes = atomic(passes + 1); }';

test('a daemon makes as many passes as the scenario says', () => {
  const program = compileToy(
    scanner,
    `${two} daemon scanner 3 passes  task t0 in P on cpu 0 { idle until (passes == 3) }`,
  );
  const vm = new Vm(program);
  const thread = vm.threads.findIndex(({ name }) => name === 'scanner');
  expect(vm.frames(thread)[0]?.note).toBe('3 passes to make');
  while (vm.step(thread, 0).status === 'stepped');
  expect(vm.finished(thread)).toBe(true);
  expect(vm.finished(0)).toBe(false);
  while (vm.step(0, 0).status === 'stepped');
  expect(vm.finished(0)).toBe(true);
});

test('a daemon that is given no pass is not there', () => {
  const program = compileToy(scanner, `${two} task t0 in P on cpu 0 { skip }`);
  expect(threadsOf(program).map(({ name }) => name)).not.toContain('scanner');
});

test('an allocation fails as often as the machine lets it', () => {
  const steps = 'var p = alloc_page(); var q = alloc_pages(1); var t = alloc_table(1);';
  const program = (count: number) =>
    compileToy(
      '',
      `machine { frames 32  failing-allocations ${count} }
       process P { } task t0 in P on cpu 0 { ${steps} skip; }`,
    );
  const offered = (count: number): number[] => {
    const vm = new Vm(program(count));
    const choices: number[] = [];
    while (!vm.finished(0)) {
      choices.push(vm.choiceCount(0).count);
      vm.step(0, 1);
    }
    return choices;
  };
  expect(offered(0).filter(count => count === 2)).toHaveLength(0);
  expect(offered(2).filter(count => count === 2)).toHaveLength(2);
});
