/** Small scenarios that hold with the models as they are, each for the mutants of some part of them. */
import type { Ground } from './mutate';

const before = 'linux-3.18';
const after = 'linux-3.18+invalidate_range';
const old = 'amd_iommu_v2';
const fresh = 'amd_iommu_v2+invalidate_range';
const device = (cpus: number, frames: number, more = '') =>
  `machine { cpus ${cpus}  frames ${frames}  iommu amd { device gpu { ats ${more} } } }`;

/** One call of invalidate_range for each munmap, the one that comes with the last flush. */
const lastFlushOnly = {
  file: 'linux-3.18+invalidate_range/mmu_notifier.mmu',
  fn: '__mmu_notifier_invalidate_range_end',
  find: '    if (mn.ops.invalidate_range) mn.ops.invalidate_range(mn, mm, start, end);\n',
  replace: '',
};

/** Looks a page up for somebody else, and lets go of it: what a driver does with a page request. */
const pin = `
fn pin(address: addr) {
  var mm = current.mm;
  down_read(mm.mmap_sem);
  var page = get_user_pages(mm, address, true);
  up_read(mm.mmap_sem);
  if (page != null) {
    put_page(page);
  }
}
`;

/** By name. */
export const grounds = {
  'munmap beside a store': {
    kernel: before,
    body: `machine { cpus 2  frames 12 }
    process P { mmap A, 2 pages, rw, touched  mmap B after A, 1 page, rw }
    task t0 in P on cpu 0 { munmap(A, 2 pages); }
    task t1 in P on cpu 1 { store(A + 1 page, 1); }`,
  },
  'munmap of page tables beside a store': {
    kernel: before,
    body: `machine { cpus 2  frames 12 }
    process P { mmap A, 1 page, rw, touched }
    task t0 in P on cpu 0 { munmap(A, 1 page); }
    task t1 in P on cpu 1 { store(A, 1); }`,
  },
  'munmap of one page table beside a store': {
    kernel: before,
    body: `machine { cpus 2  frames 12 }
    process P { mmap A, 1 page, rw, touched  mmap B, 1 page, rw, touched }
    task t0 in P on cpu 0 { munmap(A, 1 page); }
    task t1 in P on cpu 1 { store(A, 1); }`,
  },
  'munmap beside compaction': {
    kernel: before,
    body: `machine { cpus 2  frames 16 }
    process P { mmap A, 1 page, rw, touched }
    task t0 in P on cpu 0 { munmap(A, 1 page); }
    task t1 in P on cpu 1 { compact_memory(); }`,
  },
  'munmap beside fsync': {
    kernel: before,
    body: `machine { cpus 2  frames 16 }
    file f, 1 page, ext4
    process P { mmap A, 1 page, rw, shared, file f, touched }
    process Q { mmap B, 1 page, rw }
    task t0 in P on cpu 0 { munmap(A, 1 page); }
    task t1 in Q on cpu 1 { fsync(f); }`,
  },
  'a fault beside truncate': {
    kernel: before,
    body: `machine { cpus 2  frames 16 }
    file f, 1 page, tmpfs
    process P { mmap A, 1 page, rw, shared, file f, touched  mmap B after A, 1 page, rw, shared, file f }
    task t0 in P on cpu 0 { store(B, 1); }
    task t1 in P on cpu 1 { ftruncate(f, 0 pages); }`,
  },
  'bind beside truncate': {
    kernel: before,
    driver: old,
    body: `${device(2, 24)}
    file f, 1 page, tmpfs
    process P { mmap A, 1 page, rw, shared, file f, touched }
    task t0 in P on cpu 0 { ${old}.bind(P, gpu, 1); }
    task t1 in P on cpu 1 { ftruncate(f, 0 pages); }`,
  },
  'exit beside ksmd': {
    kernel: before,
    body: `machine { cpus 1  frames 16 }
    process P { mmap A, 1 page, rw, mergeable, touched }
    task t0 in P on cpu 0 { exit_group(); }
    daemon ksmd 1 pass`,
  },
  'two breakpoints at one place': {
    kernel: before,
    body: `machine { cpus 2  frames 24 }
    file f, 1 page, ext4
    process P { mmap A, 1 page, rx, private, file f, read }
    task t0 in P on cpu 0 { uprobe_enable(f, 16 bytes); assert(list_length(uprobes_tree) == 1); }
    task t1 in P on cpu 1 { uprobe_enable(f, 16 bytes); }`,
  },
  'a breakpoint comes and goes': {
    kernel: before,
    body: `machine { cpus 2  frames 24 }
    file f, 1 page, ext4
    process P { mmap A, 1 page, rx, private, file f, read }
    task t0 in P on cpu 0 { uprobe_enable(f, 16 bytes); }
    task t1 in P on cpu 1 { uprobe_disable(f, 16 bytes); }`,
  },
  'munmap beside a first touch': {
    kernel: before,
    body: `machine { cpus 2  frames 12 }
    process P { mmap A, 1 page, rw  mmap B after A, 1 page, rw, touched }
    task t0 in P on cpu 0 { munmap(A, 1 page); }
    task t1 in P on cpu 1 { store(A, 1); }`,
  },
  'two first touches': {
    kernel: before,
    body: `machine { cpus 2  frames 16 }
    process P { mmap A, 1 page, rw }
    task t0 in P on cpu 0 { store(A, 1); }
    task t1 in P on cpu 1 { store(A + 8 bytes, 2); }`,
  },
  'dontneed beside a pin': {
    kernel: before,
    declarations: pin,
    body: `machine { cpus 2  frames 12 }
    process P { mmap A, 1 page, rw, touched }
    task t0 in P on cpu 0 { madvise(A, 1 page, MADV_DONTNEED); }
    task t1 in P on cpu 1 { pin(A); }`,
  },
  'mprotect beside a store': {
    kernel: before,
    body: `machine { cpus 2  frames 12 }
    process P { mmap A, 1 page, rw, touched }
    task t0 in P on cpu 0 { mprotect(A, 1 page, PROT_READ); }
    task t1 in P on cpu 1 { store(A, 1); store(A, 2); }`,
  },
  'copy on write': {
    kernel: before,
    declarations: 'var stored: bool',
    body: `machine { cpus 2  frames 16 }
    file f, 1 page, tmpfs
    process P { mmap A, 1 page, rw, private, file f, read }
    task t0 in P on cpu 0 { store(A, 1); stored = true; }
    task t1 in P on cpu 1 {
      store(A + 8 bytes, 2);
      if (stored) { var word = load(A); assert(word == 1); }
    }`,
  },
  'move beside a store': {
    kernel: before,
    body: `machine { cpus 2  frames 16 }
    process P { mmap A, 1 page, rw, touched }
    task t0 in P on cpu 0 { move_pages(A, 1 page); }
    task t1 in P on cpu 1 { store(A, 5); var word = load(A); assert(word == 5); }`,
  },
  exit: {
    kernel: before,
    body: `machine { cpus 1  frames 12 }
    process P { mmap A, 1 page, rw, touched }
    task t0 in P on cpu 0 { exit_group(); }`,
  },
  'munmap beside a device': {
    kernel: after,
    body: `${device(1, 16)}
    process P {
      mmap A, 2 pages, rw, touched  mmap B after A, 1 page, rw
      bind gpu, pasid 1, driver ${fresh}
    }
    task t0 in P on cpu 0 { munmap(A, 2 pages); }
    device gpu { dma_write(A + 1 page, 1); }`,
  },
  'munmap of page tables beside a device': {
    kernel: after,
    body: `${device(1, 16)}
    process P { mmap A, 1 page, rw, touched  bind gpu, pasid 1, driver ${fresh} }
    task t0 in P on cpu 0 { munmap(A, 1 page); }
    device gpu { dma_write(A, 1); }`,
  },
  'munmap with one flush beside a device': {
    kernel: after,
    changes: [lastFlushOnly],
    body: `${device(1, 16)}
    process P {
      mmap A, 2 pages, rw, touched  mmap B after A, 1 page, rw
      bind gpu, pasid 1, driver ${fresh}
    }
    task t0 in P on cpu 0 { munmap(A, 2 pages); }
    device gpu { dma_write(A + 1 page, 1); }`,
  },
  'munmap of page tables with one flush beside a device': {
    kernel: after,
    changes: [lastFlushOnly],
    body: `${device(1, 16)}
    process P { mmap A, 1 page, rw, touched  bind gpu, pasid 1, driver ${fresh} }
    task t0 in P on cpu 0 { munmap(A, 1 page); }
    device gpu { dma_write(A, 1); }`,
  },
  'exit beside a device': {
    kernel: after,
    body: `${device(1, 16)}
    process P { mmap A, 1 page, rw, touched  bind gpu, pasid 1, driver ${fresh} }
    task t0 in P on cpu 0 { exit_group(); }
    device gpu { dma_write(A, 1); }`,
  },
  'unbind beside munmap': {
    kernel: after,
    body: `${device(2, 16)}
    process P {
      mmap A, 1 page, rw, touched  mmap B after A, 1 page, rw
      bind gpu, pasid 1, driver ${fresh}
    }
    task t0 in P on cpu 0 { munmap(A, 1 page); }
    task t1 in P on cpu 1 { amd_iommu_v2.unbind(gpu, 1); }`,
  },
  'unbind beside a device': {
    kernel: after,
    body: `${device(1, 16)}
    process P { mmap A, 1 page, rw, touched  bind gpu, pasid 1, driver ${fresh} }
    task t0 in P on cpu 0 { amd_iommu_v2.unbind(gpu, 1); }
    device gpu { dma_write(A, 1); }`,
  },
  'exit beside a device with the empty page table': {
    kernel: before,
    body: `${device(1, 16)}
    process P { mmap A, 1 page, rw, touched  bind gpu, pasid 1, driver ${old} }
    task t0 in P on cpu 0 { exit_group(); }
    device gpu { dma_write(A, 1); }`,
  },
  'bind, unbind, exit': {
    kernel: before,
    driver: old,
    body: `${device(1, 16)}
    process P { mmap A, 1 page, rw, touched }
    task t0 in P on cpu 0 {
      amd_iommu_v2.bind(P, gpu, 1);
      amd_iommu_v2.unbind(gpu, 1);
      exit_group();
    }
    device gpu pasid 1 { dma_write(A, 1); }`,
  },
  'a full batch with the empty page table': {
    kernel: before,
    body: `${device(1, 24)}
    process P {
      mmap A, 8 pages, rw, touched  mmap B after A, 1 page, rw
      bind gpu, pasid 1, driver ${old}
    }
    task t0 in P on cpu 0 { munmap(A, 8 pages); }
    device gpu { dma_write(A, 1); }`,
  },
  'the empty page table': {
    kernel: before,
    body: `${device(1, 16)}
    process P {
      mmap A, 1 page, rw, touched  mmap B after A, 1 page, rw
      bind gpu, pasid 1, driver ${old}
    }
    task t0 in P on cpu 0 { munmap(A, 1 page); }
    device gpu { dma_write(A, 1); }`,
  },
  'move beside a device': {
    kernel: after,
    body: `${device(1, 16)}
    process P { mmap A, 1 page, rw, touched  bind gpu, pasid 1, driver ${fresh} }
    task t0 in P on cpu 0 { move_pages(A, 1 page); }
    device gpu { dma_write(A, 1); }`,
  },
  'mprotect beside a device': {
    kernel: after,
    body: `${device(1, 16)}
    process P { mmap A, 1 page, rw, touched  bind gpu, pasid 1, driver ${fresh} }
    task t0 in P on cpu 0 { mprotect(A, 1 page, PROT_READ); }
    device gpu { dma_write(A, 1); }`,
  },
  'a page request': {
    kernel: after,
    body: `${device(1, 16, 'pri requests 1')}
    process P { mmap A, 1 page, rw  bind gpu, pasid 1, driver ${fresh} }
    task t0 in P on cpu 0 { skip; }
    device gpu { dma_write(A, 1); }`,
  },
  'a page request beside munmap': {
    kernel: after,
    body: `${device(1, 20, 'pri requests 1')}
    process P {
      mmap A, 1 page, rw  mmap B after A, 1 page, rw, touched
      bind gpu, pasid 1, driver ${fresh}
    }
    task t0 in P on cpu 0 { munmap(A, 1 page); }
    device gpu { dma_write(A, 1); }`,
  },
  'a guest beside munmap': {
    kernel: before,
    body: `machine { cpus 2  vcpus 1  frames 20 }
    process P { mmap A, 1 page, rw, touched  mmap B after A, 1 page, rw  bind driver kvm }
    task t0 in P on cpu 0 { munmap(A, 1 page); }
    task v0 in P on cpu 1 { kvm.guest_write(0, A, 5); }`,
  },
  'a guest that writes twice beside munmap': {
    kernel: before,
    body: `machine { cpus 2  vcpus 1  frames 20 }
    process P { mmap A, 1 page, rw, touched  mmap B after A, 1 page, rw  bind driver kvm }
    task t0 in P on cpu 0 { munmap(A, 1 page); }
    task v0 in P on cpu 1 { kvm.guest_write(0, A, 5); kvm.guest_write(0, A, 6); }`,
  },
  'a guest beside dontneed': {
    kernel: before,
    body: `machine { cpus 2  vcpus 1  frames 20 }
    process P { mmap A, 1 page, rw, touched  bind driver kvm }
    task t0 in P on cpu 0 { madvise(A, 1 page, MADV_DONTNEED); }
    task v0 in P on cpu 1 { kvm.guest_write(0, A, 5); }`,
  },
  'a guest beside msync': {
    kernel: before,
    body: `machine { cpus 2  vcpus 1  frames 20 }
    file f, 1 page, ext4
    process P { mmap A, 1 page, rw, shared, file f, touched  bind driver kvm }
    task t0 in P on cpu 0 { msync(A, 1 page, MS_SYNC); }
    task v0 in P on cpu 1 { kvm.guest_write(0, A, 5); }`,
  },
  'a guest beside copy on write': {
    kernel: before,
    body: `machine { cpus 2  vcpus 1  frames 20 }
    process P { mmap A, 1 page, rw, read  bind driver kvm }
    task t0 in P on cpu 0 { store(A, 7); }
    task v0 in P on cpu 1 { kvm.guest_read(0, A); }`,
  },
  'a guest beside its memory going': {
    kernel: before,
    body: `machine { cpus 2  vcpus 1  frames 20 }
    process P { mmap A, 1 page, rw, touched  bind driver kvm }
    task t0 in P on cpu 0 { kvm.set_memory_region(P, 0, A, 0, A); munmap(A, 1 page); }
    task v0 in P on cpu 1 { kvm.guest_write(0, A, 5); }`,
  },
  "munmap beside a device of Intel's": {
    kernel: after,
    body: `machine { cpus 1  frames 16  iommu dmar { device gpu { ats } } }
    process P {
      mmap A, 2 pages, rw, touched  mmap B after A, 1 page, rw
      bind gpu, pasid 1, driver intel_svm
    }
    task t0 in P on cpu 0 { munmap(A, 2 pages); }
    device gpu { dma_write(A + 1 page, 1); }`,
    changes: [lastFlushOnly],
  },
  "munmap of page tables beside a device of Intel's": {
    kernel: after,
    body: `machine { cpus 1  frames 16  iommu dmar { device gpu { ats } } }
    process P { mmap A, 1 page, rw, touched  bind gpu, pasid 1, driver intel_svm }
    task t0 in P on cpu 0 { munmap(A, 1 page); }
    device gpu { dma_write(A, 1); }`,
  },
  "msync beside a device of Intel's": {
    kernel: after,
    body: `machine { cpus 1  frames 16  iommu dmar { device gpu { ats } } }
    file f, 1 page, ext4
    process P { mmap A, 1 page, rw, shared, file f, touched  bind gpu, pasid 1, driver intel_svm }
    task t0 in P on cpu 0 { msync(A, 1 page, MS_SYNC); }
    device gpu { dma_write(A, 1); }`,
  },
  "exit beside a device of Intel's": {
    kernel: after,
    body: `machine { cpus 1  frames 16  iommu dmar { device gpu { ats } } }
    process P { mmap A, 1 page, rw, touched  bind gpu, pasid 1, driver intel_svm }
    task t0 in P on cpu 0 { exit_group(); }
    device gpu { dma_write(A, 1); }`,
  },
} as const satisfies Readonly<Record<string, Ground>>;
