/**
 * Small programs about caches, drawn by a seed: a task changes page tables and flushes, rightly or wrongly,
 * while CPUs and devices walk them and use what they have cached.
 *
 * Each is a kernel of its own making in miniature: entries cleared, replaced, write-protected, cleaned and
 * aged; tables and roots freed; address spaces switched and released; flushes by INVLPG, interrupts and IOMMU
 * commands, whole or with one thing wrong. Page tables and programs are so small that every interleaving with
 * every fill and eviction can be searched, and caches so large that none is ever full.
 */
import { compileModels, compileScenarioFile } from '../../src/language/compile';
import type { Program } from '../../src/language/program';

/** A kernel whose page tables have so many levels. */
const kernelOf = (levels: number) => `
const FIRST = 0x10_0000
const SECOND = 0x10_1000
const FAR = 0x30_0000
struct mm pool 2 { pgd: table  mmap: list of vma [2]  subscribers: list of mmu_notifier [1] }
struct vma pool 3 { vm_mm: mm  vm_start: addr  vm_end: addr  vm_write: bool }
struct task per task { mm: mm }
struct mmu_notifier pool 1 { ops: ops  mm: mm }
callbacks { release(mn: mmu_notifier, mm: mm) }
const PAGES = 3
/** The pages of the scenario in the order of its mappings: leaf, pointer to its table, table. */
var leaves: entry [PAGES]
var pointers: entry [PAGES]
var tables: table [PAGES]
var pages: int 0..3
var where: cpu [4]
var cpus_set: int 0..4
fn setup_process() -> mm { var mm = new mm; var t = alloc_table(${levels}); mm.pgd = t; return mm; }
fn setup_mmap(mm: mm, start: addr, len: addr, write: bool) {
  var vma = new vma;
  vma.vm_mm = mm; vma.vm_start = start; vma.vm_end = start + len; vma.vm_write = write;
  list_add_tail(mm.mmap, vma);
}
fn below(t: table, a: addr, level: int 1..4) -> table {
  var e = entry_at(t, a);
  if (pte_none(*e)) { var fresh = alloc_table(level); set_entry(e, mk_table_entry(fresh)); }
  return pte_table(*e);
}
fn setup_populate(mm: mm, start: addr, len: addr) {
  var a = start;
  while (a < start + len) {
    var t = mm.pgd;
    var middle = entry_at(t, a);
    ${[3, 2, 1]
      .filter(level => level < levels)
      .map(level => `middle = entry_at(t, a); t = below(t, a, ${level});`)
      .join(' ')}
    var pte = entry_at(t, a);
    var page = alloc_page();
    set_pte(pte, mk_pte(page, true));
    var n = pages;
    leaves[n] = pte; pointers[n] = middle; tables[n] = t;
    pages = n + 1;
    a = a + PAGE_SIZE;
  }
}
fn setup_task(task: task, mm: mm, cpu: cpu) {
  task.mm = mm;
  var n = cpus_set;
  where[n] = cpu;
  cpus_set = n + 1;
  var isKernel = list_empty(mm.mmap);
  if (!isKernel) { var pgd = mm.pgd; load_cr3(cpu, pgd); }
}
fault fn do_page_fault(address: addr, write: bool) -> bool { return false; }
fn __mmu_notifier_release(mm: mm) {
  for each mmu_notifier mn in mm.subscribers { if (mn.ops.release) mn.ops.release(mn, mm); }
}
`;

const drivers = `
driver plain {
  notifier plain { release(mn, mm) { skip; } }
  fn bind(mm: mm, device: device, pasid: int 0..31) { var pgd = mm.pgd; set_gcr3(device, pasid, pgd); }
}
`;

const { models } = compileModels({
  kernels: Object.fromEntries(
    [1, 2, 3, 4].map(levels => [
      `levels-${levels}`,
      [
        { path: `levels-${levels}/kernel.mmu`, text: `kernel levels-${levels} { }` },
        { path: `levels-${levels}/caches.mmu`, text: kernelOf(levels) },
      ],
    ]),
  ),
  drivers: [],
});

/** Compiles the scenario of a cache program. */
export function compileCacheProgram(text: string): Program {
  const compiled = compileScenarioFile({ path: 'drawn.mmu', text }, { models, imports: () => undefined });
  const [scenario] = compiled.scenarios;
  if (scenario === undefined || compiled.problems.length > 0)
    throw new Error(`${JSON.stringify(compiled.problems.slice(0, 3), null, 1)}\n${text}`);
  return scenario.program();
}

/** Numbers below a bound, from a generator with 32 bits of state. */
type Draw = (below: number) => number;

/** Who has caches in a program, and for which pages. */
interface Agents {
  /** CPUs on which a task of P runs. */
  readonly users: number;
  /** Whether the task that changes the tables is one of them; else it runs on a CPU without tables. */
  readonly own: boolean;
  readonly devices: readonly { readonly name: string; readonly ats: boolean }[];
  /** Pages that are mapped, by their addresses. */
  readonly pages: readonly string[];
  /** Whether they lie in one mapping, and so under one page table. */
  readonly together: boolean;
}

/** What the tasks of a program do. */
interface Story {
  readonly declarations?: string;
  /** Statements of the task that changes the tables. */
  readonly changes: string;
  /** Statements of the user tasks on other CPUs, and of the device programs; drawn where it does not say. */
  readonly user?: string;
  readonly device?: string;
  readonly driver?: string;
  readonly claims?: string;
}

/** Text of a program: declarations and one scenario. Every seed gives one. */
export function cacheProgram(seed: number): string {
  const draw = drawer(seed);
  const agents = drawAgents(draw);
  const [leastLevels, story] = oneOf(draw, stories);
  const drawn = story(draw, agents);
  const levels = drawLevels(draw, agents, leastLevels);
  const users = otherUsers(agents).map(cpu => {
    const statements = drawn.user ?? accesses(draw, agents, agents.devices.length > 0 ? 1 : 1 + draw(2));
    return `  task t${cpu} in P on cpu ${cpu} { ${statements} }`;
  });
  const devices = agents.devices.map(
    ({ name }) => `  device ${name} { ${drawn.device ?? dmas(draw, agents)} }`,
  );
  const binds = agents.devices.map(({ name }) => `bind ${name}, pasid 1, driver ${drawn.driver ?? 'plain'}`);
  const { pages, own, together } = agents;
  const mapped = together
    ? `mmap A at 0x10_0000, ${pages.length === 1 ? '1 page' : '2 pages'}, rw, touched`
    : 'mmap A at 0x10_0000, 1 page, rw, touched  mmap B at 0x30_0000, 1 page, rw, touched';
  const lines = [
    drivers,
    `// ${story.name}`,
    drawn.declarations ?? '',
    'scenario drawn {',
    `  kernel levels-${levels}`,
    `  machine { cpus ${agents.users + (own ? 0 : 1)}  frames 10  levels ${levels}`,
    `    tlb 4  paging-structure-cache 6  ${iommu(agents, policyOf(seed))} }`,
    ...(own ? [] : ['  process K { }']),
    `  process P { ${mapped}  ${binds.join('  ')} }`,
    `  task t0 in ${own ? 'P' : 'K'} on cpu 0 { ${drawn.changes} }`,
    ...users,
    ...devices,
    `  ${drawn.claims ?? ''}`,
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

/** Few levels, so that a search is small; more where there is only one walker. */
function drawLevels(draw: Draw, { users, devices, pages, together }: Agents, least: number): number {
  const enough = together ? least : Math.max(2, least);
  if (users + devices.length > 1) return enough + (draw(8) === 0 && enough === 1 ? 1 : 0);
  return pages.length > 1 ? enough : Math.min(4, enough + Math.max(0, draw(5) - 1));
}

function drawAgents(draw: Draw): Agents {
  const gpu = { name: 'gpu', ats: false };
  const cached = { name: 'gpu', ats: true };
  const nic = { name: 'nic', ats: false };
  const [users, own, devices] = oneOf<[number, boolean, Agents['devices']]>(draw, [
    [1, true, []],
    [1, false, []],
    [1, false, []],
    [1, true, [gpu]],
    [1, true, [cached]],
    [0, false, [gpu]],
    [0, false, [cached]],
    [0, false, [cached]],
    [0, false, [gpu, nic]],
    [0, false, [cached, nic]],
    [2, true, []],
    [1, false, [gpu]],
  ]);
  const isSmall = users + devices.length === 1;
  const kind = isSmall ? draw(4) : 0;
  const pages = kind === 0 ? ['A'] : kind === 1 ? ['A', 'B'] : ['A', 'A + 1 page'];
  return { users, own, devices, pages: isSmall && kind === 3 ? ['A'] : pages, together: kind !== 1 };
}

/** CPUs of the user tasks beside the one that changes the tables. */
function otherUsers({ users, own }: Agents): number[] {
  return Array.from({ length: users - (own ? 1 : 0) }, (_, index) => index + 1);
}

function iommu({ devices }: Agents, policy: string): string {
  if (devices.length === 0) return '';
  const list = devices.map(({ name, ats }) => `device ${name} { ${ats ? 'ats 3' : ''} }`);
  return `iommu amd { iotlb 6  walk-cache 8  command-queue 6  ${policy}  ${list.join('  ')} }`;
}

/** What the IOMMU does otherwise than most: drawn for itself, so that a seed keeps its program. */
function policyOf(seed: number): string {
  const policies = ['', '', '', 'pde-always', 'pde-never', 'completion-timeouts 1'];
  return oneOf(drawer(seed + 1_000_000), policies);
}

function accesses(draw: Draw, { pages }: Agents, count: number): string {
  return Array.from({ length: count }, () => {
    const page = oneOf(draw, pages);
    return draw(2) === 0 ? `load(${page});` : `store(${page}, 5);`;
  }).join(' ');
}

function dmas(draw: Draw, { pages, devices, users }: Agents): string {
  const count = devices.length + users + pages.length === 2 && draw(2) === 0 ? 2 : 1;
  return Array.from({ length: count }, () => {
    const page = oneOf(draw, pages);
    // One write alone cannot meet a copy with W that is stale: it is made by writing.
    return draw(3) > 0 ? `dma_read(${page});` : `dma_write(${page}, 6);`;
  }).join(' ');
}

/** What a flush can do wrong. */
const faults = [
  'none',
  'none',
  'none',
  'early',
  'missing',
  'one forgotten',
  'address',
  'pasid',
  'swapped',
  'not awaited',
  'shallow',
] as const;

interface Flush {
  readonly declarations: string;
  /** What comes before the change, and after it: one of them is empty. */
  readonly before: string;
  readonly after: string;
}

/** A flush of the first page, or of everything; with `deep` that of a change of a pointer to a table. */
function flush(draw: Draw, agents: Agents, { deep, all }: { deep: boolean; all: boolean }): Flush {
  const fault = oneOf(draw, faults);
  const address = fault !== 'address' ? 'FIRST' : agents.together ? 'SECOND' : 'FAR';
  const whole = all && fault !== 'address';
  const forgotten = fault === 'one forgotten' ? draw(agents.users + agents.devices.length) : -1;
  const local = whole ? 'local_flush_tlb();' : `invlpg(${address});`;
  const handlers = otherUsers(agents).map(
    cpu => `var acked${cpu}: bool  interrupt fn flush${cpu}() { ${local} acked${cpu} = true; }`,
  );
  const onCpus = [
    ...(agents.own ? [local] : []),
    ...otherUsers(agents).map(cpu => {
      const wait = fault === 'not awaited' ? '' : ` wait until (acked${cpu});`;
      return `var c${cpu} = where[${cpu}]; send_ipi(c${cpu}, flush${cpu});${wait}`;
    }),
  ];
  const pasid = fault === 'pasid' ? 2 : 1;
  const onDevices = agents.devices.map(({ name, ats }) => {
    const pde = deep && fault !== 'shallow';
    const pages = `invalidate_iommu_pages(${name}, ${pasid}, ${address}, ${whole}, ${pde});`;
    const iotlb = ats ? `invalidate_iotlb_pages(${name}, ${pasid}, ${address}, ${whole});` : '';
    const wait = fault === 'not awaited' ? '' : ' completion_wait(amd); wait until (completion_done());';
    return `${fault === 'swapped' ? `${iotlb} ${pages}` : `${pages} ${iotlb}`}${wait}`;
  });
  const parts = [...onCpus, ...onDevices].filter((_, index) => index !== forgotten);
  const text = fault === 'missing' ? '' : parts.join(' ');
  const [before, after] = fault === 'early' ? [text, ''] : ['', text];
  return { declarations: [`// flush: ${fault}`, ...handlers].join('\n'), before, after };
}

const leaf = 'var e = leaves[0];';

/** Clears the entry of a page and frees the page; sometimes somebody takes the frame at once. */
function unmaps(draw: Draw, agents: Agents): Story {
  const { declarations, before, after } = flush(draw, agents, { deep: draw(4) === 0, all: draw(4) === 0 });
  const taken = draw(3) === 0 ? ' var q = alloc_page(); write_word(q, 0, 4);' : '';
  const changes = `${leaf} ${before} var old = get_and_clear(e); ${after} free_page(pte_page(old));${taken}`;
  return { declarations, changes };
}

/** The same as a system call, which is judged on its return; what is used later is not allowed any more. */
function unmapsInCall(draw: Draw, agents: Agents): Story {
  if (!agents.own) return unmaps(draw, agents);
  const { declarations, before, after } = flush(draw, agents, { deep: false, all: draw(3) === 0 });
  const forgets = draw(2) === 0 ? 'var m = current.mm; var v = list_first(m.mmap); list_del(m.mmap, v);' : '';
  const names = [...agents.devices.map(({ name }) => name), ...(agents.devices.length > 0 ? ['amd'] : [])];
  const params = names.map(name => `, ${name}: ${name === 'amd' ? 'iommu' : 'device'}`).join('');
  const call = `syscall fn unmap(start: addr, len: addr${params}) revokes start .. start + len {
    ${forgets} ${leaf} ${before} var old = get_and_clear(e); ${after}
  }`;
  const more = draw(2) === 0 ? ` ${accesses(draw, agents, 1)}` : '';
  return {
    declarations: `${declarations}\n${call}`,
    changes: `unmap(${['A', '1 page', ...names].join(', ')});${more}`,
  };
}

/** Takes W away, then looks twice at what nobody may write any more. */
function protects(draw: Draw, agents: Agents): Story {
  const { declarations, before, after } = flush(draw, agents, { deep: false, all: draw(3) === 0 });
  const changes = `${leaf} ${before} var old = *e; set_pte(e, pte_wrprotect(old)); ${after}
    var p = pte_page(old); var w = read_word(p, 0); var again = read_word(p, 0); assert(again == w);`;
  return { declarations, changes };
}

/** Maps another page instead and frees the old one: copy on write. */
function replaces(draw: Draw, agents: Agents): Story {
  const { declarations, before, after } = flush(draw, agents, { deep: false, all: draw(3) === 0 });
  const isProtected = draw(2) === 0;
  const first = isProtected ? 'var rw = *e; set_pte(e, pte_wrprotect(rw));' : '';
  const changes = `${leaf} ${first} var fresh = alloc_page(); ${before}
    atomic { old = *e; set_pte(e, mk_pte(fresh, true)); } ${after} free_page(pte_page(old));`;
  return { declarations, changes: `var old: pte; ${changes}` };
}

/** Cleans a dirty page: what is stored later must make it dirty again. */
function cleans(draw: Draw, agents: Agents): Story {
  const { declarations, before, after } = flush(draw, agents, { deep: false, all: draw(3) === 0 });
  const change = 'atomic { old = *e; set_pte(e, pte_mkclean(old)); }';
  const clean = `${leaf} ${before} ${change} ${after} cleaned = true;`;
  const check = 'wait until (stored); var now = *e; assert(pte_dirty(now));';
  const own = 'store(A, 3); ';
  const again = ' store(A, 4);';
  const isAlone = agents.own && otherUsers(agents).length === 0 && agents.devices.length === 0;
  return {
    declarations: `${declarations}\nvar cleaned: bool  var stored: bool`,
    changes: isAlone
      ? `var old: pte; ${own}${clean}${again} stored = true; ${check}`
      : `var old: pte; ${clean} ${check}`,
    user: 'store(A, 1); idle until (cleaned); store(A, 2); stored = true;',
    device: 'dma_write(A, 1); idle until (cleaned); dma_write(A, 2); stored = true;',
  };
}

/** Clears A and looks whether somebody sets it again: speculation may, whenever no cache holds the entry. */
function ages(draw: Draw, agents: Agents): Story {
  const { declarations, before, after } = flush(draw, agents, { deep: false, all: draw(3) === 0 });
  const isCompared = draw(2) === 0;
  const look = isCompared
    ? 'var old = *e; var same = cmpxchg_entry(e, old, pte_wrprotect(old)); if (!same) { changed = true; }'
    : 'var young = test_and_clear_young(e); if (young) { changed = true; }';
  return {
    declarations: `${declarations}\nvar changed: bool`,
    changes: `${leaf} ${before} test_and_clear_young(e); ${after} ${look}`,
    claims: ['never (changed)', 'sometimes (changed)', ''][draw(3)] ?? '',
  };
}

/** Takes a page table out and frees it; sometimes its frame becomes a page with what looks like an entry. */
function freesTable(draw: Draw, agents: Agents): Story {
  const { declarations, before, after } = flush(draw, agents, { deep: true, all: draw(2) === 0 });
  const taken = ['', '', 'var q = alloc_page();', 'var q = alloc_page(); write_word(q, 0, 20487);'][draw(4)];
  const changes = `var m = pointers[0]; ${before} var old = get_and_clear(m); ${after}
    var t = pte_table(old); free_page(table_page(t)); ${taken}`;
  return { declarations, changes };
}

/** Puts an empty page table, or one with the same entry, in the place of another, and frees the old one. */
function replacesTable(draw: Draw, agents: Agents): Story {
  const { declarations, before, after } = flush(draw, agents, { deep: true, all: draw(2) === 0 });
  const filled =
    draw(2) === 0 ? 'var to = entry_at(fresh, A); var l = leaves[0]; var v = *l; set_pte(to, v);' : '';
  const changes = `var fresh = alloc_table(1); ${filled} var m = pointers[0]; ${before}
    atomic { old = *m; set_entry(m, mk_table_entry(fresh)); } ${after}
    var t = pte_table(old); free_page(table_page(t));`;
  return { declarations, changes: `var old: pte; ${changes}` };
}

/** A CPU or device leaves the address space, which needs no flush of it; or has not left it yet. */
function switches(draw: Draw, agents: Agents): Story {
  const { declarations, after } = flush(
    draw,
    { ...agents, users: agents.own ? 1 : 0 },
    { deep: true, all: true },
  );
  const hasOthers = otherUsers(agents).length > 0;
  const waits = hasOthers && draw(3) > 0 ? 'wait until (away);' : '';
  const leaves = agents.own && draw(2) === 0 ? 'var none: table; load_cr3(this_cpu(), none);' : '';
  const cleared = agents.devices.map(({ name }) => `clear_gcr3(${name}, 1);`);
  const gone = oneOf(draw, [
    `${leaf} var old = get_and_clear(e); free_page(pte_page(old));`,
    'var m = pointers[0]; var old = get_and_clear(m); var t = pte_table(old); free_page(table_page(t));',
    'var mm = P; var pgd = mm.pgd; free_page(table_page(pgd));',
  ]);
  const back =
    draw(3) === 0 ? ' var mm = current.mm; var pgd = mm.pgd; load_cr3(this_cpu(), pgd); load(A);' : '';
  const first = draw(2) === 0 ? 'load(A);' : '';
  return {
    declarations: `${declarations}\nvar away: bool`,
    changes: `${waits} ${leaves} ${draw(4) === 0 ? '' : cleared.join(' ')} ${after} ${gone}`,
    user: `${first} var none: table; load_cr3(this_cpu(), none); away = true;${back}`,
  };
}

/** The subscriber is released: its devices may not walk any more. */
function releases(draw: Draw, agents: Agents): Story {
  if (agents.devices.length === 0) return freesTable(draw, agents);
  const none = { ...agents, users: 0, own: false };
  const { declarations, before, after } = flush(draw, none, { deep: true, all: true });
  const clears = agents.devices.map(({ name }) => `clear_gcr3(${name}, 1);`);
  const isCleared = draw(4) > 0;
  const driver = `driver bound {
    notifier bound { release(mn, mm) { skip; } }
    fn bind(mm: mm, device: device, pasid: int 0..31) {
      var mn = list_first(mm.subscribers);
      if (!mn) { mn = new mmu_notifier; mn.ops = bound; mn.mm = mm; list_add(mm.subscribers, mn); }
      binds(mn, device, pasid);
      var pgd = mm.pgd;
      set_gcr3(device, pasid, pgd);
    }
  }`;
  return {
    declarations: `${declarations}\n${driver}`,
    changes: `${before} ${isCleared ? clears.join(' ') : ''} ${after} __mmu_notifier_release(P);`,
    driver: 'bound',
  };
}

/** Stories, and how many levels of page tables each needs at least. */
const stories: readonly (readonly [number, (draw: Draw, agents: Agents) => Story])[] = [
  [1, unmaps],
  [1, unmaps],
  [1, unmapsInCall],
  [1, unmapsInCall],
  [1, unmapsInCall],
  [1, protects],
  [1, replaces],
  [1, cleans],
  [1, ages],
  [2, freesTable],
  [2, freesTable],
  [2, replacesTable],
  [2, switches],
  [2, releases],
];

function oneOf<Item>(draw: Draw, items: readonly Item[]): Item {
  const item = items[draw(items.length)];
  if (item === undefined) throw new Error('oneOf: nothing to draw from');
  return item;
}

function drawer(seed: number): Draw {
  let state = Math.imul(seed, 0x9e3779b1);
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}
