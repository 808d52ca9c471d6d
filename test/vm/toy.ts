/** A kernel of a page of text, and scenarios in it: what a property test needs and no more. */
import { compileModels, compileScenarioFile } from '../../src/language/compile';
import type { Program } from '../../src/language/program';
import type { PropertyId } from '../../src/language/properties';
import { fair, random, replay, type Scheduler } from '../../src/vm/schedule';
import type { Violation } from '../../src/vm/types';
import { Vm } from '../../src/vm/vm';

const STEPS_MAX = 20_000;

/** Unmaps at once, with neither flush nor notice: each test adds what it wants to show. */
const kernel = `
struct mm pool 2 {
  pgd: table
  mmap: list of vma [4]
  mmap_sem: rwsem
  lock: spinlock
  list: list of mmu_notifier [2]
  counter: int 0..100 guarded_by(lock)
}
struct vma pool 4 { vm_mm: mm  vm_start: addr  vm_end: addr  vm_write: bool  vm_shared: bool }
struct task per task { mm: mm }
struct page per frame { _count: int 0..15  dirty: bool }
struct mmu_notifier pool 2 { ops: ops  mm: mm }
callbacks {
  release(mn: mmu_notifier, mm: mm)
  invalidate_page(mn: mmu_notifier, mm: mm, address: addr)
  invalidate_range_start(mn: mmu_notifier, mm: mm, start: addr, end: addr)
  invalidate_range_end(mn: mmu_notifier, mm: mm, start: addr, end: addr)
  invalidate_range(mn: mmu_notifier, mm: mm, start: addr, end: addr)
}
var srcu: srcu
fn setup_process() -> mm { var mm = new mm; var t = alloc_table(4); mm.pgd = t; return mm; }
fn setup_mmap(mm: mm, start: addr, len: addr, write: bool) {
  var vma = new vma;
  vma.vm_mm = mm; vma.vm_start = start; vma.vm_end = start + len; vma.vm_write = write;
  list_add_tail(mm.mmap, vma);
}
fn setup_populate(mm: mm, start: addr, len: addr) {
  var a = start;
  while (a < start + len) {
    var pte = slot(mm, a);
    var page = alloc_page();
    set_pte(pte, mk_pte(page, true));
    a = a + PAGE_SIZE;
  }
}
fn setup_task(task: task, mm: mm, cpu: cpu) { task.mm = mm; var pgd = mm.pgd; load_cr3(cpu, pgd); }
fn below(t: table, a: addr, level: int 1..4) -> table {
  var e = entry_at(t, a);
  if (pte_none(*e)) { var fresh = alloc_table(level); set_entry(e, mk_table_entry(fresh)); }
  return pte_table(*e);
}
fn slot(mm: mm, a: addr) -> entry {
  var t = mm.pgd;
  t = below(t, a, 3);
  t = below(t, a, 2);
  t = below(t, a, 1);
  return entry_at(t, a);
}
fault fn do_page_fault(address: addr, write: bool) -> bool { return false; }
fn clear(mm: mm, start: addr, end: addr, flush: bool, then_free: bool) {
  var t = mm.pgd;
  var pgd = entry_at(t, start);  var p3 = pte_table(*pgd);
  var pud = entry_at(p3, start); var p2 = pte_table(*pud);
  var pmd = entry_at(p2, start); var p1 = pte_table(*pmd);
  for each present entry pte at a in p1 from start to end {
    var old = ptep_get_and_clear(pte);
    if (flush) { invlpg(a); }
    if (then_free) { free_page(pte_page(old)); }
  }
}
fn start_all(mm: mm, start: addr, end: addr) { __mmu_notifier_invalidate_range_start(mm, start, end); }
fn __mmu_notifier_invalidate_range_start(mm: mm, start: addr, end: addr) {
  for each mmu_notifier mn in mm.list {
    if (mn.ops.invalidate_range_start) mn.ops.invalidate_range_start(mn, mm, start, end);
  }
}
fn __mmu_notifier_invalidate_range_end(mm: mm, start: addr, end: addr) {
  for each mmu_notifier mn in mm.list {
    if (mn.ops.invalidate_range_end) mn.ops.invalidate_range_end(mn, mm, start, end);
  }
}
fn __mmu_notifier_invalidate_range(mm: mm, start: addr, end: addr) {
  for each mmu_notifier mn in mm.list {
    if (mn.ops.invalidate_range) mn.ops.invalidate_range(mn, mm, start, end);
  }
}
fn subscribe(mm: mm, table_of: ops) -> mmu_notifier {
  var mn = new mmu_notifier;
  mn.ops = table_of; mn.mm = mm;
  list_add(mm.list, mn);
  return mn;
}
`;

const drivers = `
driver walker {
  notifier walker { release(mn, mm) { skip; } }
  fn bind(mm: mm, device: device, pasid: int 0..31) {
    var mn = subscribe(mm, walker);
    binds(mn, device, pasid);
    var pgd = mm.pgd;
    set_gcr3(device, pasid, pgd);
  }
}
driver ranged {
  notifier ranged { release(mn, mm) { skip; } invalidate_range(mn, mm, start, end) { skip; } }
  fn bind(mm: mm, device: device, pasid: int 0..31) {
    var mn = subscribe(mm, ranged);
    binds(mn, device, pasid);
  }
}
driver bracketed {
  notifier bracketed {
    release(mn, mm) { skip; }
    invalidate_range_start(mn, mm, start, end) { skip; }
    invalidate_range_end(mn, mm, start, end) { skip; }
  }
  fn bind(mm: mm, device: device, pasid: int 0..31) { var mn = subscribe(mm, bracketed); }
}
`;

const toyModels = compileModels({
  kernels: {
    toy: [
      { path: 'toy/kernel.mmu', text: 'kernel toy { }' },
      { path: 'toy/toy.mmu', text: kernel },
    ],
  },
  drivers: [],
});

/** Compiles declarations and the body of a scenario in the toy kernel. */
export function compileToy(declarations: string, body: string): Program {
  const { models, problems } = toyModels;
  if (problems.length > 0) throw new Error(JSON.stringify(problems.slice(0, 3), null, 1));
  const text = `${drivers}\n${declarations}\nscenario test {\n  kernel toy\n${body}\n}`;
  const compiled = compileScenarioFile({ path: 'test.mmu', text }, { models, imports: () => undefined });
  const [scenario] = compiled.scenarios;
  if (scenario === undefined || compiled.problems.length > 0)
    throw new Error(JSON.stringify(compiled.problems.slice(0, 3), null, 1));
  return scenario.program();
}

/** Plays a program to its end and returns what was violated, in order. */
export function play(program: Program, scheduler: (vm: Vm) => Scheduler): Violation[] {
  const vm = new Vm(program);
  const schedule = scheduler(vm);
  let state = schedule.initial;
  const found: Violation[] = [];
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    const pick = schedule.pick(vm, state);
    if (pick === null) return [...found, ...vm.atRest()];
    if ('problem' in pick) throw new Error(pick.problem);
    const result = vm.step(pick.thread, pick.choice);
    if (result.limit !== null) throw new Error(result.limit);
    found.push(...result.violations);
    const cycle = vm.deadlock();
    if (cycle !== null) return [...found, cycle];
    state = pick.state;
  }
  throw new Error('the scenario does not end');
}

/** Ids of the properties violated, each once, by the scenario's replay block (or `fair` when it has none). */
export function violated(declarations: string, body: string): PropertyId[] {
  const program = compileToy(declarations, body);
  const found = play(program, () => replay(program.scenario.replay));
  return [...new Set(found.map(violation => violation.property))];
}

/** The same under `count` random schedules, or under `fair` where `count` is 0. */
export function violatedAtRandom(declarations: string, body: string, count: number): PropertyId[] {
  const program = compileToy(declarations, body);
  const found = new Set<PropertyId>();
  for (let seed = 1; seed <= Math.max(1, count); seed++)
    for (const violation of play(program, () => (count === 0 ? fair() : random(seed))))
      found.add(violation.property);
  return [...found];
}
