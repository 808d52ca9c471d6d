/**
 * The yardstick: the small mmu_notifier protocol of a Promela model, in our language, statement for
 * statement. `pages`, `cpus`, `devices` and `unmappers` are its NP, NCPU, NDEV and NUNMAP. Of `bug`, 1 is an
 * end() that forgets to bump the sequence, 2 a page freed before the CPUs are flushed. Without reductions a
 * search of it visits the states that Spin visits, less the one before `init`.
 */

/** Sizes of the protocol. */
export interface Sizes {
  readonly pages: number;
  readonly cpus: number;
  readonly devices: number;
  readonly unmappers: number;
}

/** A kernel with what the language asks for and nothing else: the protocol brings its own page table. */
export const bareKernel = `kernel bare { }
struct mm pool 1 { pgd: table }
struct vma pool 1 { vm_mm: mm  vm_start: addr  vm_end: addr  vm_write: bool }
struct task per task { mm: mm }
struct mmu_notifier pool 1 { ops: ops  mm: mm }
callbacks { release(mn: mmu_notifier, mm: mm) }
fault fn do_page_fault(address: addr, write: bool) -> bool { return false; }
fn setup_process() -> mm { var mm = new mm; return mm; }
fn setup_mmap(mm: mm, start: addr, len: addr, write: bool) { skip; }
fn setup_populate(mm: mm, start: addr, len: addr) { skip; }
fn setup_task(task: task, mm: mm, cpu: cpu) { skip; }
`;

/** The scenario's file. */
export function mmun(sizes: Sizes, bug: 0 | 1 | 2): string {
  const { pages, cpus, devices, unmappers } = sizes;
  const count = (length: number, make: (id: number) => string) => Array.from({ length }, (_, id) => make(id));
  const tlbs = count(cpus, id => `var tlb${id}: bool [${pages}]\n`);
  const iotlbs = count(devices, id => `var iotlb${id}: bool [${pages}]\n`);
  const programs = [
    ...count(cpus, id => cpu(id, pages)),
    ...count(devices, id => device(id, pages)),
    ...count(unmappers, () => unmapper(sizes, bug)),
  ];
  const tasks = programs.map((program, id) => `  task p${id} in P on cpu ${id} {${program}  }\n`);
  return `
var pte: bool [${pages}]
var freed: bool [${pages}]
${tlbs.join('')}${iotlbs.join('')}var seq: int 0..255
var nact: int 0..255
var mlock: bool
var ipi: bool [${cpus}]
var ipip: int 0..255 [${cpus}]
var mmaplock: bool

override fn setup_process() -> mm {
  ${count(pages, page => `pte[${page}] = true;`).join(' ')}
  var mm = new mm;
  return mm;
}

scenario mmun {
  kernel bare
  machine { cpus ${programs.length}  frames 1 }
  process P { }
${tasks.join('')}}
`;
}

/** `if :: p = 0 :: (NP > 1) -> p = 1 ... fi`: an assignment is a statement of its own, and so is a guard. */
function pickPage(pages: number): string {
  const arms = Array.from({ length: pages - 1 }, (_, page) => ` when (true) { p = ${page + 1}; }`);
  return `select { atomic when (true) { p = 0; }${arms.join('')} }`;
}

function cpu(id: number, pages: number): string {
  const answer = `atomic { tlb${id}[ipip[${id}]] = false; } ipi[${id}] = false;`;
  return `
    var p: int 0..255; var n: int 0..255;
    while (true) {
      select {
        when (n < 3) {
          n = n + 1;
          ${pickPage(pages)}
          select {
            atomic when (tlb${id}[p]) { assert(!freed[p]); }
            when (atomic(!tlb${id}[p] && pte[p])) { tlb${id}[p] = true; }
            when (atomic(!tlb${id}[p] && !pte[p])) { skip; }
          }
        }
        when (ipi[${id}]) { ${answer} }
        when (n >= 3 && !ipi[${id}]) { break; }
      }
    }
    while (true) { idle until (ipi[${id}]); ${answer} }
`;
}

function device(id: number, pages: number): string {
  return `
    var p: int 0..255; var n: int 0..255; var s: int 0..255; var v: bool;
    while (true) {
      select {
        when (n < 3) {
          n = n + 1;
          ${pickPage(pages)}
          select {
            atomic when (iotlb${id}[p]) { assert(!freed[p]); }
            else {
              s = seq;
              v = pte[p];
              atomic when (!mlock) { mlock = true; }
              if (atomic(seq != s || nact > 0)) { mlock = false; }
              else {
                if (v) { iotlb${id}[p] = true; } else { skip; }
                mlock = false;
              }
            }
          }
        }
        when (n >= 3) { break; }
      }
    }
    idle until (false);
`;
}

function unmapper({ pages, cpus, devices }: Sizes, bug: 0 | 1 | 2): string {
  const flush = Array.from({ length: Math.min(2, devices) }, (_, id) => `iotlb${id}[p] = false;`);
  return `
    var p: int 0..255; var c: int 0..255;
    ${pickPage(pages)}
    atomic when (!mmaplock) { mmaplock = true; }
    if (pte[p]) {
      atomic when (!mlock) { mlock = true; }
      atomic_inc(nact);
      ${flush.join(' ')}
      mlock = false;
      pte[p] = false;
      ${bug === 2 ? 'freed[p] = true;' : ''}
      c = 0;
      while (c < ${cpus}) { ipip[c] = p; ipi[c] = true; wait until (!ipi[c]); c = c + 1; }
      atomic when (!mlock) { mlock = true; }
      atomic_dec(nact);
      ${bug === 1 ? '' : 'atomic_inc(seq);'}
      mlock = false;
      freed[p] = true;
    } else { skip; }
    mmaplock = false;
    idle until (false);
`;
}
