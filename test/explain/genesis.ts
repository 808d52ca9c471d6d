/** A right driver that flushes page by page, scenarios for it, and what a search says of its mistakes. */
import { notationOf, type Shown, shownOf, whyOf } from '../../src/explain/answer';
import type { Why } from '../../src/explain/why';
import { type ExploreReport, runJob, usualSearch } from '../../src/explore/job';
import { compileScenarioFile } from '../../src/language/compile';
import type { Program } from '../../src/language/program';
import { compileShipped } from '../language/models';

const { models } = compileShipped();

/** Each of its statements that a mistake may change stands on a line of its own. */
const driver = `
driver genesis {
  struct binding pool 2 { who: device  pasid: int 0..31  mn: mmu_notifier }

  var bindings: list of binding [2]

  notifier genesis {
    release(mn, mm) { released(mn); }
    invalidate_range(mn, mm, start, end) { flush(mn, start, end); }
    invalidate_page(mn, mm, address) { flush(mn, address, address + PAGE_SIZE); }
  }

  fn bind(mm: mm, device: device, pasid: int 0..31) {
    var mn = new mmu_notifier;
    mn.ops = genesis;
    var b = new binding;
    b.who = device;
    b.pasid = pasid;
    b.mn = mn;
    list_add_tail(bindings, b);
    mmu_notifier_register(mn, mm);
    binds(mn, device, pasid);
    set_root(mm, device, pasid);
  }

  fn set_root(mm: mm, device: device, pasid: int 0..31) {
    var pgd = mm.pgd;
    set_gcr3(device, pasid, pgd);
  }

  fn released(mn: mmu_notifier) {
    for each binding b in bindings {
      if (b.mn == mn) {
        var device = b.who;
        var pasid = b.pasid;
        var bound = b.pasid;
        clear_gcr3(device, bound);
        flush_all(device, pasid);
      }
    }
  }

  fn flush(mn: mmu_notifier, start: addr, end: addr) {
    for each binding b in bindings {
      if (b.mn == mn) {
        var device = b.who;
        var pasid = b.pasid;
        var a = start;
        while (start + 4 pages >= end && a < end) {
          flush_page(device, pasid, a);
          a = a + PAGE_SIZE;
        }
        if (start + 4 pages < end) { flush_all(device, pasid); }
      }
    }
  }

  fn flush_page(device: device, pasid: int 0..31, a: addr) {
    page_of_iommu(device, pasid, a);
    page_of_device(device, pasid, a);
  }

  fn page_of_iommu(device: device, pasid: int 0..31, a: addr) {
    invalidate_iommu_pages(device, pasid, a, false, true);
    wait_for_iommu(device);
  }

  fn page_of_device(device: device, pasid: int 0..31, a: addr) {
    invalidate_iotlb_pages(device, pasid, a, false);
    wait_for_device(device);
  }

  fn flush_all(device: device, pasid: int 0..31) {
    all_of_iommu(device, pasid);
    all_of_device(device, pasid);
  }

  fn all_of_iommu(device: device, pasid: int 0..31) {
    invalidate_iommu_pages(device, pasid, 0, true, true);
    wait_for_iommu(device);
  }

  fn all_of_device(device: device, pasid: int 0..31) {
    invalidate_iotlb_pages(device, pasid, 0, true);
    wait_for_device(device);
  }

  fn wait_for_iommu(device: device) {
    var iommu = device_iommu(device);
    completion_wait(iommu);
    spin until (completion_done());
  }

  fn wait_for_device(device: device) {
    var iommu = device_iommu(device);
    completion_wait(iommu);
    spin until (completion_done());
  }
}
`;

const iommuFirst = 'page_of_iommu(device, pasid, a);\n    page_of_device(device, pasid, a);';
const allIommuFirst = 'all_of_iommu(device, pasid);\n    all_of_device(device, pasid);';
const waitForDevice =
  'fn wait_for_device(device: device) {\n    var iommu = device_iommu(device);\n    ' +
  'completion_wait(iommu);\n    spin until (completion_done());';

/** Mistakes, as what stands there and what is written instead. */
export const mistakes = {
  none: [],
  'ATC first': [
    [iommuFirst, 'page_of_device(device, pasid, a);\n    page_of_iommu(device, pasid, a);'],
    [allIommuFirst, 'all_of_device(device, pasid);\n    all_of_iommu(device, pasid);'],
  ],
  'ATC only': [
    [iommuFirst, 'page_of_device(device, pasid, a);'],
    [allIommuFirst, 'all_of_device(device, pasid);'],
  ],
  'IOTLB only': [
    [iommuFirst, 'page_of_iommu(device, pasid, a);'],
    [allIommuFirst, 'all_of_iommu(device, pasid);'],
  ],
  'leaves only': [
    ['0, true, true)', '0, true, false)'],
    ['a, false, true)', 'a, false, false)'],
  ],
  'ATC not awaited': [[waitForDevice, 'fn wait_for_device(device: device) {\n    skip;']],
  sleeps: [['spin until', 'wait until']],
  'wrong PASID': [['var pasid = b.pasid;', 'var pasid = 1 - b.pasid;']],
  'one page off': [['var a = start;', 'var a = start + PAGE_SIZE;']],
  'no flush in release': [
    ['clear_gcr3(device, bound);\n        flush_all(device, pasid);', 'clear_gcr3(device, bound);'],
  ],
  'no clear in release': [['clear_gcr3(device, bound);', '']],
  'registers late': [
    [
      'mmu_notifier_register(mn, mm);\n    binds(mn, device, pasid);\n    set_root(mm, device, pasid);',
      'set_root(mm, device, pasid);\n    mmu_notifier_register(mn, mm);\n    binds(mn, device, pasid);',
    ],
  ],
  'no invalidate_page': [
    ['invalidate_page(mn, mm, address) { flush(mn, address, address + PAGE_SIZE); }', ''],
  ],
  'flush in start': [['invalidate_range(mn', 'invalidate_range_start(mn']],
  'no binds': [['binds(mn, device, pasid);', '']],
} as const satisfies Record<string, readonly (readonly [string, string])[]>;

export type Mistake = keyof typeof mistakes;

/** A scenario of the driver with a mistake, compiled. */
export function genesis(mistake: Mistake, body: string, declarations = ''): Program {
  let text: string = driver;
  for (const [right, wrong] of mistakes[mistake]) {
    if (!text.includes(right)) throw new Error(`${mistake}: the driver has no ${right}`);
    text = text.replaceAll(right, wrong);
  }
  return compileWith(`${text}\n${declarations}`, body);
}

/** A scenario on the kernel after the series, compiled. */
export function compileWith(declarations: string, body: string): Program {
  const text = `${declarations}\nscenario s {\n  kernel linux-3.18+invalidate_range\n${body}\n}\n`;
  const { problems, scenarios } = compileScenarioFile(
    { path: 'genesis.mmu', text },
    { models, imports: () => undefined },
  );
  if (problems.length > 0) throw new Error(JSON.stringify(problems.slice(0, 3), null, 1));
  const program = scenarios[0]?.program();
  if (program === undefined) throw new Error('no scenario');
  return program;
}

const limits = { statesMax: 3_000_000, depthMax: 1_000_000, memoryMax: 2 ** 30, secondsMax: 100 };

/** What a search says of a program. */
export async function exploreProgram(program: Program, options = {}): Promise<ExploreReport> {
  const job = { program, options: { ...usualSearch, limits, ...options }, workers: 1 };
  return runJob(job, { clock: () => performance.now() / 1000 });
}

/** An answer: the report, the violation that is shown, why it is one, and its notation. */
export interface Answer {
  readonly report: ExploreReport;
  readonly shown: Shown;
  readonly why: Why;
  readonly notation: string;
}

/** Searches a program that violates something, and explains it. */
export async function answerOf(program: Program, options = {}): Promise<Answer> {
  const report = await exploreProgram(program, options);
  const shown = shownOf(program, report, 'search');
  if (shown === null) throw new Error(`nothing is shown: ${report.text}`);
  return { report, shown, why: whyOf(shown), notation: notationOf(shown.session, shown.found) };
}

const machine = 'machine { cpus 1  frames 24  iommu amd { device gpu { ats } } }';
const bound = 'bind gpu, pasid 1, driver genesis';

/** Scenarios that hold with the right driver. */
export const scenes = {
  'one page': `${machine}
    process P { mmap A, 1 page, rw, touched  mmap B after A, 1 page, rw, touched  ${bound} }
    task t0 in P on cpu 0 { munmap(A, 1 page); }
    device gpu { dma_write(A, 1); }`,
  'two binds': `machine { cpus 2  frames 24  iommu amd { device gpu { ats }  device nic { ats } } }
    process P { mmap A, 1 page, rw, touched  bind nic, pasid 1, driver genesis }
    process Q { }
    task t0 in P on cpu 0 { madvise(A, 1 page, MADV_DONTNEED); }
    task t1 in Q on cpu 1 { genesis.bind(P, gpu, 1); }
    device gpu pasid 1 { dma_write(A, 1); }`,
  reclaim: `${machine}
    swap 2 pages
    process P { mmap A, 1 page, rw, touched  ${bound} }
    task t0 in P on cpu 0 { mem_cgroup_move_charge(A, 1 page); mem_cgroup_limit(); }
    device gpu { dma_write(A, 1); }`,
  fork: `machine { cpus 2  frames 64  iommu amd { device gpu { ats } } }
    process P { mmap A, 1 page, rw, touched  ${bound} }
    task t0 in P on cpu 0 { fork(c); }
    task c forked by t0 on cpu 1 { var x = load(A); x = load(A); }
    device gpu { dma_write(A, 1); dma_write(A, 2); }`,
  'fork and store': `machine { cpus 2  frames 64  iommu amd { device gpu { ats } } }
    process P { mmap A, 1 page, rw, touched  ${bound} }
    task t0 in P on cpu 0 { fork(c); store(A, 7); }
    task c forked by t0 on cpu 1 { var x = load(A); assert(x == 0); }
    device gpu { dma_write(A, 1); }`,
  merge: `machine { cpus 2  frames 24  iommu amd { device gpu { ats } } }
    process P { mmap A, 2 pages, rw, touched  ${bound} }
    task t0 in P on cpu 0 { madvise(A, 2 pages, MADV_MERGEABLE); }
    daemon ksmd 2 passes
    unwatched stale-after-return "ksmd may clear an entry while madvise returns"
    device gpu { dma_write(A, 1); }`,
  tables: `${machine}
    process P { mmap A, 1 page, rw, touched  ${bound} }
    task t0 in P on cpu 0 { munmap(A, 1 page); }
    device gpu { dma_write(A, 1); }`,
  batch: `machine { cpus 1  frames 40  iommu amd { device gpu { ats } } }
    process P { mmap A, 10 pages, rw, touched  mmap B after A, 1 page, rw, touched  ${bound} }
    task t0 in P on cpu 0 { madvise(A, 10 pages, MADV_DONTNEED); }
    device gpu { dma_write(A, 1); }`,
  exits: `${machine}
    process P { mmap A, 1 page, rw, touched  ${bound} }
    task t0 in P on cpu 0 { exit_group(); }
    device gpu { dma_write(A, 1); }`,
} as const;
