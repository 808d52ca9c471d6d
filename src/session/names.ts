/** Names for people: caches, places in the source, pages. */

import type { Span } from '../base/span';
import { cpuName } from '../machine/config';
import type { CacheKind } from '../machine/observer';
import { addressText } from '../vm/format';
import { processOf } from '../vm/monitors/address-spaces';
import type { Vm } from '../vm/vm';

/** `A + 1 page .. A + 4 pages`; the end is exclusive. */
export function rangeText(vm: Vm, start: number, end: number): string {
  return `${addressText(vm, start)} .. ${addressText(vm, end)}`;
}

/** `IOTLB of amd`. */
export function cacheText(vm: Vm, cache: CacheKind, owner: number): string {
  switch (cache) {
    case 'tlb':
      return `TLB of ${cpuName(vm.machine.config, owner)}`;
    case 'psc':
      return `paging-structure cache of ${cpuName(vm.machine.config, owner)}`;
    case 'iotlb':
      return `IOTLB of ${iommuName(vm, owner)}`;
    case 'walk-cache':
      return `walk cache of ${iommuName(vm, owner)}`;
    case 'atc':
      return `ATC of ${deviceName(vm, owner)}`;
  }
}

/** Name of an IOMMU by index. */
export function iommuName(vm: Vm, index: number): string {
  return vm.program.scenario.machine.iommus[index]?.name ?? `iommu ${index}`;
}

/** Name of a device by its index among all devices. */
export function deviceName(vm: Vm, index: number): string {
  return vm.machine.devices[index]?.config.name ?? `device ${index}`;
}

/** Name of a thread. */
export function threadName(vm: Vm, thread: number): string {
  return vm.threads[thread]?.name ?? `thread ${thread}`;
}

/** `linux-3.18/mm/memory.mmu:77`; of the user's own files only the last part. */
export function placeText({ file, line }: Pick<Span, 'file' | 'line'>): string {
  const isAbsolute = /^([a-zA-Z]:)?[\\/]|^[a-zA-Z][\w+.-]+:\/\//.test(file);
  return `${isAbsolute ? file.replace(/^.*[\\/]/, '') : file}:${line}`;
}

/** `P (mm#2)`, `init_mm (mm#1)` for the kernel's own, or `mm#3` for an address space of no process. */
export function mmText(vm: Vm, mm: number): string {
  const kernels = vm.layout.globals.get('init_mm');
  const isKernels = kernels !== undefined && mm !== 0 && vm.words.get(kernels) === mm;
  const name = isKernels ? 'init_mm' : processOf(vm, mm);
  return name === null ? `mm#${mm}` : `${name} (mm#${mm})`;
}
