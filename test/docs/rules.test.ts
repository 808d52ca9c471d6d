/** The rules in docs/properties.md, each broken by a small driver, and the finding that shows it. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compileScenarioFile } from '../../src/language/compile';
import { startSession } from '../../src/session/load';
import { verdict } from '../../src/session/verdict';
import { compileShipped } from '../language/models';
import { formatProblem } from '../language/small';

const { models } = compileShipped();

const driver = `
driver small {
  var bound: device
  var subscriber: mmu_notifier

  notifier small {
    release(mn, mm) { var device = bound; clear_gcr3(device, 1); flush(); }
    invalidate_range(mn, mm, start, end) { flush(); }
  }

  fn bind(mm: mm, device: device, pasid: int 0..31) {
    var mn = new mmu_notifier;
    mn.ops = small;
    bound = device;
    subscriber = mn;
    mmu_notifier_register(mn, mm);
    binds(mn, device, pasid);
    set_root(mm, device, pasid);
  }

  fn set_root(mm: mm, device: device, pasid: int 0..31) { var pgd = mm.pgd; set_gcr3(device, pasid, pgd); }

  fn unbind() { var mn = subscriber; var mm = mn.mm; mmu_notifier_unregister(mn, mm); }

  fn flush() {
    flush_iommu();
    flush_device();
  }

  fn flush_iommu() {
    var device = bound;
    var iommu = device_iommu(device);
    invalidate_iommu_pages(device, 1, 0, true, true);
    completion_wait(iommu);
    spin until (completion_done());
  }

  fn flush_device() {
    var device = bound;
    var iommu = device_iommu(device);
    invalidate_iotlb_pages(device, 1, 0, true);
    completion_wait(iommu);
    spin until (completion_done());
  }
}
`;

/** A scenario in which the device has done one DMA to A before the rest of the schedule. */
function scenario({ task = 'munmap(A, 12 pages);', bind = 'bind gpu, pasid 1, driver small', pages = 1 }) {
  return (replay: string) => `
scenario rule {
  kernel linux-3.18+invalidate_range
  machine { cpus 2  frames 40  iommu amd { device gpu { ats } } }
  process P {
    mmap A, 12 pages, rw, touched
    ${pages > 0 ? 'mmap B after A, 1 page, rw, touched' : ''}
    ${bind}
  }
  task t0 in P on cpu 0 { ${task} }
  ${bind.startsWith('bind') ? '' : 'process Q { }  task t1 in Q on cpu 1 { small.bind(P, gpu, 1); }'}
  device gpu pasid 1 { dma_write(A, 1); dma_write(A, 2); dma_write(A + 1 page, 3); dma_write(A, 4); }
  replay { ${replay} }
}
`;
}

/** A DMA from the lookup to the access, with the translation in between. */
const dma = 'gpu until blocked gpu ats until blocked gpu 2 steps';

/** What a schedule finds with the driver changed in one place. */
function findings(change: readonly [string, string], text: string): readonly string[] {
  expect(driver).toContain(change[0]);
  const file = { path: 'rule.mmu', text: driver.replaceAll(change[0], change[1]) + text };
  const { problems, scenarios } = compileScenarioFile(file, { models, imports: () => undefined });
  expect(problems.map(formatProblem)).toEqual([]);
  const program = scenarios[0]?.program();
  if (program === undefined) throw new Error('no scenario');
  const started = startSession(program, {});
  if ('problem' in started) throw new Error(started.problem.message);
  const end = started.session.playToEnd();
  expect(end.kind === 'diverged' ? end.text : '').toBe('');
  return verdict(started.session).violated;
}

const noWait = ['spin until (completion_done());', 'skip;'] as const;
const noPde = ['0, true, true)', '0, true, false)'] as const;
const otherOrder = ['flush_iommu();\n    flush_device();', 'flush_device();\n    flush_iommu();'] as const;
const late = [
  'mmu_notifier_register(mn, mm);\n    binds(mn, device, pasid);\n    set_root(mm, device, pasid);',
  'set_root(mm, device, pasid);\n    mmu_notifier_register(mn, mm);\n    binds(mn, device, pasid);',
] as const;
const noClear = ['clear_gcr3(device, 1);', ''] as const;
const sleeps = ['spin until', 'wait until'] as const;
const right = ['var bound: device', 'var bound: device'] as const;

const munmap = scenario({});
const rules = [
  {
    rule: 'wait for the completion',
    change: noWait,
    id: 'use-after-free',
    text: munmap(`${dma} t0 until return tlb_finish_mmu gpu until blocked`),
  },
  {
    rule: 'flush pointers to tables',
    change: noPde,
    id: 'table-use-after-free',
    text: scenario({ pages: 0 })(`${dma} t0 until done gpu until done`),
  },
  {
    rule: 'flush the IOMMU first',
    change: otherOrder,
    id: 'use-after-free',
    text: scenario({ task: 'madvise(A, 12 pages, MADV_DONTNEED);' })(
      `${dma} t0 choose 1 t0 until return flush_device
       ${dma} t0 until return tlb_flush_mmu_free gpu until done`,
    ),
  },
  {
    rule: 'register first',
    change: late,
    id: 'use-after-free',
    text: scenario({ bind: '' })(`t1 until return set_root ${dma} t0 until done gpu until done`),
  },
  {
    rule: 'stop the device in release',
    change: noClear,
    id: 'walk-after-release',
    text: scenario({ task: 'small.unbind();' })(`t0 until done gpu until done`),
  },
  {
    rule: 'do not sleep in invalidate_range',
    change: sleeps,
    id: 'sleep-in-atomic',
    text: scenario({ task: 'madvise(A, 12 pages, MADV_DONTNEED);' })('t0 choose 1 t0 until done'),
  },
];

test.each(rules)('$rule: the right driver shows nothing on this schedule', ({ text }) => {
  expect(findings(right, text)).toEqual([]);
});

test.each(rules)('$rule: broken, it is $id', ({ change, id, text, rule }) => {
  expect(findings(change, text)).toContain(id);
  expect(readFileSync('docs/properties.md', 'utf8').toLowerCase()).toContain(
    `| ${rule.toLowerCase()} | [\`${id}\`]`,
  );
});

test('leave out binds: the same walk is not judged', () => {
  const text = scenario({ task: 'small.unbind();' })('t0 until done gpu until done');
  const both = ['binds(mn, device, pasid);\n    set_root', 'set_root'] as const;
  expect(findings(both, text)).toEqual([]);
});
