/** The scenario a user begins with; it runs as it is. */

/** Text of a new scenario file. */
export function scenarioTemplate(name: string): string {
  return `/// A device writes to a page while the process unmaps it.
/// invalidate_range comes between the clear of the entry and the free of the page: in time.
/// With the kernel linux-3.18 and the driver flush_in_start, nobody is told: missed-range.
scenario ${name} {
  kernel linux-3.18+invalidate_range
  machine {
    cpus 1
    frames 64
    iommu amd { device gpu { ats  pri requests 4 } }
  }
  process P {
    mmap A, 4 pages, rw, touched
    bind gpu, pasid 1, driver amd_iommu_v2+invalidate_range
  }
  task t0 in P on cpu 0 {
    munmap(A, 4 pages);
  }
  device gpu {
    dma_write(A + 1 page, 0xbeef);
  }
  expect holds
}
`;
}

/** A file name as a name of the language: `my-scenario` becomes `my_scenario`. */
export function scenarioName(fileName: string): string {
  const name = fileName.replace(/\.mmu$/, '').replace(/\W+/g, '_');
  return /^[A-Za-z_]/.test(name) ? name : `scenario_${name}`;
}
