/**
 * What `step` promises: undo is exact, equal runs are equal states, blocked steps write nothing, agents are
 * threads.
 */
import { expect, test } from 'vitest';
import { fair, random } from '../../src/vm/schedule';
import { Vm } from '../../src/vm/vm';
import { compileToy, violated, violatedAtRandom } from './toy';

const busy = compileToy(
  `syscall fn unmap(mm: mm, start: addr, len: addr) revokes start .. start + len {
     down_write(mm.mmap_sem);
     clear(mm, start, start + len, true, false);
     up_write(mm.mmap_sem);
   }
   workqueue events capacity 4
   fn work(mm: mm) { down_read(mm.mmap_sem); up_read(mm.mmap_sem); }`,
  `machine { cpus 2  frames 32  iommu amd { device gpu { ats  pri requests 4 } } }
   process P { mmap A, 4 pages, rw, touched bind gpu, pasid 1, driver walker }
   task t0 in P on cpu 0 { store(A, 1); unmap(P, A + 1 page, 2 pages); var v = load(A + 3 pages); }
   task t1 in P on cpu 1 { queue_work(events, work, P); flush_workqueue(events); store(A + 3 pages, 5); }
   device gpu { dma_write(A, 7); dma_write(A + 1 page, 8); var w = dma_read(A + 3 pages); }`,
);

/**
 * Plays a random schedule and returns the hash of every state on the way, with the marks to get back to them.
 */
function record(vm: Vm, seed: number): { hashes: string[]; marks: number[] } {
  const schedule = random(seed);
  let { initial: state } = schedule;
  const hashes = [vm.words.hash()];
  const marks = [vm.words.mark()];
  for (;;) {
    const pick = schedule.pick(vm, state);
    if (pick === null || 'problem' in pick) return { hashes, marks };
    expect(vm.step(pick.thread, pick.choice).status).toBe('stepped');
    state = pick.state;
    hashes.push(vm.words.hash());
    marks.push(vm.words.mark());
  }
}

test('undo goes back through exactly the states of the way there, for 20 random schedules', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const vm = new Vm(busy);
    const { hashes, marks } = record(vm, seed);
    expect(hashes.length).toBeGreaterThan(60);
    for (let position = hashes.length - 1; position >= 0; position--) {
      vm.words.undo(marks[position] as number);
      expect(vm.words.hash()).toBe(hashes[position]);
    }
    expect(record(vm, seed).hashes).toEqual(hashes);
  }
});

test('asking what a thread could do changes nothing', () => {
  const vm = new Vm(busy);
  const before = vm.words.hash();
  vm.runnable();
  vm.deadlock();
  for (const thread of vm.threads) {
    vm.frames(thread.id);
    vm.blocked(thread.id);
  }
  expect(vm.words.hash()).toBe(before);
});

test('fair takes one step of each agent that can go on, in the order of the thread list', () => {
  const vm = new Vm(busy);
  const schedule = fair();
  let { initial: state } = schedule;
  const names: string[] = [];
  for (let turn = 0; turn < 4; turn++) {
    const pick = schedule.pick(vm, state);
    if (pick === null || 'problem' in pick) throw new Error('fair is at rest');
    names.push(vm.threads[pick.thread]?.shortName ?? '');
    vm.step(pick.thread, pick.choice);
    state = pick.state;
  }
  expect(names).toEqual(['t0', 't1', 'kworker/events', 'gpu']);
});

test('threads carry the fixed names, hardware agents too', () => {
  expect(new Vm(busy).threads.map(thread => thread.name)).toEqual([
    't0 [P] cpu0',
    't1 [P] cpu1',
    'cpu0 irq',
    'cpu1 irq',
    'kworker/events',
    'gpu',
    'gpu ats',
    'amd commands',
    'amd ppr',
    'caches',
  ]);
});

const shootdown = `
  var other: cpu
  var acknowledged: bool
  interrupt fn flush_tlb_func() { local_flush_tlb(); acknowledged = true; }
  syscall fn unmap(mm: mm, start: addr, len: addr) revokes start .. start + len {
    var target = other;
    clear(mm, start, start + len, true, false);
    send_ipi(target, flush_tlb_func);
    spin until (acknowledged);
  }`;
const twoCpus = `machine { cpus 2  frames 32 } process P { mmap A, 2 pages, rw, touched }
  task t0 in P on cpu 0 { wait until (other != null); unmap(P, A, 1 page); }`;

test('a TLB shootdown runs as an interrupt frame on the other CPU, between its accesses', () => {
  const body = `${twoCpus} task t1 in P on cpu 1 { other = this_cpu(); store(A, 1); store(A, 2); }`;
  expect(violatedAtRandom(shootdown, body, 60)).toEqual([]);
});

test('waiting for an IPI while the target has interrupts off for ever is a deadlock', () => {
  const deaf = 'other = this_cpu(); local_irq_disable(); spin until (acknowledged);';
  const body = `${twoCpus} task t1 in P on cpu 1 { ${deaf} }`;
  expect(violatedAtRandom(shootdown, body, 5)).toEqual(['deadlock']);
});

test('synchronize_srcu waits for the readers of before, not for later ones', () => {
  const declarations = 'var seen: int 0..3';
  const body = `machine { cpus 2  frames 16 } process P { mmap A, 1 page, rw }
    task t0 in P on cpu 0 {
      srcu_read_lock(srcu); seen = 1; srcu_read_unlock(srcu);
      srcu_read_lock(srcu); srcu_read_unlock(srcu);
    }
    task t1 in P on cpu 1 { synchronize_srcu(srcu); assert(seen == 1); }
    replay { t0 1 steps t1 until blocked t0 2 steps t0 1 steps t1 until done }`;
  expect(violated(declarations, body)).toEqual([]);
});

test('a work item runs on the kworker, and flush_workqueue waits for it', () => {
  const declarations = 'workqueue events capacity 2  var done: bool  fn work(mm: mm) { done = true; }';
  const body = `machine { cpus 1  frames 16 } process P { mmap A, 1 page, rw }
    task t0 in P on cpu 0 { queue_work(events, work, P); flush_workqueue(events); assert(done); }`;
  expect(violated(declarations, body)).toEqual([]);
});
