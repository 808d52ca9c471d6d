/** What Linux refuses, and what its drivers' bookkeeping allows, as short scenarios of their own. */
import { expect, test } from 'vitest';
import { readText } from '../language/small';
import { play } from './play';

const gpu = 'machine { cpus 3  frames 64  iommu amd { device gpu { ats  pri requests 4 } } }';

function scenario(kernel: string, bind: string, body: string): string {
  return `scenario rules {
    kernel ${kernel}
    ${gpu}
    process P { mmap A, 4 pages, rw, touched  mmap B after A, 1 page, rw, touched  ${bind} }
    ${body}
  }`;
}

const driverOf = {
  'linux-3.18': 'amd_iommu_v2',
  'linux-3.18+invalidate_range': 'amd_iommu_v2+invalidate_range',
};

for (const [kernel, driver] of Object.entries(driverOf)) {
  const bind = `bind gpu, pasid 1, driver ${driver}`;

  test.each([
    ['munmap of an unaligned address', 'munmap(A + 16 bytes, 1 page);'],
    ['munmap of nothing', 'munmap(A + 1 page, 0 pages);'],
    ['madvise of an unaligned address', 'madvise(A + 16 bytes, 1 page, MADV_DONTNEED);'],
    ['madvise of nothing', 'madvise(A + 1 page, 0 pages, MADV_DONTNEED);'],
    ['mmap of nothing', 'mmap(A + 1 page, 0 pages, true);'],
    ['mmap at an unaligned address', 'mmap(A + 16 bytes, 1 page, true);'],
  ])(`${kernel} does nothing on %s`, (_, call) => {
    const { violated, called } = play(scenario(kernel, bind, `task t0 in P on cpu 0 { ${call} }`));
    expect(violated).toEqual([]);
    expect(called).not.toContain('__mmu_notifier_invalidate_range_start');
    expect(called).not.toContain('__split_vma');
  });

  test(`${kernel}: a PASID is bound and taken back again and again`, () => {
    const again = 'amd_iommu_v2.unbind(gpu, 1); amd_iommu_v2.bind(P, gpu, 1);';
    const body = `task t0 in P on cpu 0 { ${again.repeat(6)} munmap(A, 2 pages); }
      device gpu { dma_write(B, 1); }`;
    expect(play(scenario(kernel, bind, body)).violated).toEqual([]);
  });

  test(`${kernel}: binding a PASID that is taken is undone`, () => {
    const body = `task t0 in P on cpu 0 {
      amd_iommu_v2.bind(P, gpu, 1);
      assert(list_length(P.mmu_notifier_list) == 1 && P.mm_users == 1 && P.mm_count == 2);
      amd_iommu_v2.unbind(gpu, 1);
      assert(list_empty(P.mmu_notifier_list) && P.mm_count == 1);
    }`;
    expect(play(scenario(kernel, bind, body)).violated).toEqual([]);
  });
}

test('one other CPU is called by itself, several by one interrupt each', () => {
  const flush = 'task t0 in P on cpu 0 { madvise(A, 4 pages, MADV_DONTNEED); }';
  const one = play(scenario('linux-3.18', '', `${flush} task t1 in P on cpu 1 { store(A, 1); }`));
  expect(one.violated).toEqual([]);
  expect(one.called).toContain('smp_call_function_single');
  expect(one.called).toContain('call_function_single_interrupt');
  expect(one.called).not.toContain('call_function_interrupt');
  const two = `${flush} task t1 in P on cpu 1 { store(A, 1); } task t2 in P on cpu 2 { store(B, 1); }`;
  const several = play(scenario('linux-3.18', '', two));
  expect(several.violated).toEqual([]);
  expect(several.called).not.toContain('smp_call_function_single');
  expect(several.called.filter(name => name === 'call_function_interrupt')).toHaveLength(2);
});

test('to wait for an interrupt of other CPUs with interrupts off is a finding', () => {
  const body = `task t0 in P on cpu 0 {
      local_irq_disable();
      flush_tlb_mm_range(P, A, A + 1 page);
      local_irq_enable();
    }
    task t1 in P on cpu 1 { store(A, 1); }`;
  const { violated } = play(scenario('linux-3.18', '', body));
  expect(violated.join()).toContain('irqs_disabled');
});

test('a device without ATS is refused by the drivers for AMD', () => {
  const task = 'task t0 in P on cpu 0 { store(A, 1); }';
  const text = scenario('linux-3.18', 'bind gpu, pasid 1, driver amd_iommu_v2', task);
  expect(() => play(text.replace('ats  pri requests 4', ''))).toThrow('has_ats');
});

test('the driver of docs/models.md does what the text says, and can be unbound and bound again', () => {
  const [, text = ''] = /^```mmu\n([\s\S]*?)^```$/m.exec(readText('docs/models.md')) ?? [];
  expect(text).toContain('driver small_iommu');
  expect(play(text).violated).toEqual([]);
  const again = 'small_iommu.unbind(gpu, 1); small_iommu.unbind(gpu, 1); small_iommu.bind(P, gpu, 1);';
  const often = text.replace('{ munmap(A, 4 pages); }', `{ ${again.repeat(6)} munmap(A, 4 pages); }`);
  expect(play(often).violated).toEqual([]);
});
