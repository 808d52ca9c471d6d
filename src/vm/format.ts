/** Values as a person reads them: `A + 1 page`, `frame 12 P W U`, `vma#2`, a lock with its holder. */
import { formatAddress, PAGE_SIZE } from '../base/address';
import { FRAME_WORDS } from '../base/words';
import type { Type } from '../language/program';
import { formatEntry } from '../machine/entry-format';
import { holdersOf, srcuReaders } from './locks';
import type { Vm } from './vm';

/** The value stored at a word index, as text. */
export function formatStored(vm: Vm, type: Type, index: number): string {
  switch (type.kind) {
    case 'spinlock':
    case 'mutex': {
      const holder = vm.words.get(index);
      return holder === 0 ? 'free' : `held by ${vm.threads[holder - 1]?.name ?? '?'}`;
    }
    case 'rwsem': {
      const names = holdersOf(vm, index).map(id => vm.threads[id]?.name ?? '?');
      if (names.length === 0) return 'free';
      return `held for ${vm.words.get(index) !== 0 ? 'write' : 'read'} by ${names.join(', ')}`;
    }
    case 'srcu': {
      const names = srcuReaders(vm, index).map(id => vm.threads[id]?.name ?? '?');
      return names.length === 0 ? 'no reader' : `read by ${names.join(', ')}`;
    }
    case 'list':
      return `${vm.words.get(index)} of ${type.capacity}`;
    case 'array':
      return `[${type.length}]`;
    default:
      return formatValue(vm, type, vm.value(type, index));
  }
}

/** A value of a type, as text. */
export function formatValue(vm: Vm, type: Type, value: number): string {
  switch (type.kind) {
    case 'bool':
      return value === 0 ? 'false' : 'true';
    case 'addr':
      return formatMapped(vm, value);
    case 'enum':
      return vm.program.enums[type.name]?.[value] ?? `${value}`;
    case 'ref':
      return value === 0 ? 'null' : `${type.struct}#${value}`;
    case 'page':
    case 'table':
      return value === 0 ? 'null' : `${type.kind} in frame ${value - 1}`;
    case 'entry':
      return value === 0
        ? 'null'
        : `frame ${Math.floor((value - 1) / FRAME_WORDS)} [${(value - 1) % FRAME_WORDS}]`;
    case 'pte':
      return formatEntry(value);
    case 'cpu':
      return value === 0 ? 'null' : `cpu${value - 1}`;
    case 'task':
      return value === 0 ? 'null' : (vm.threads[value - 1]?.name ?? `${value}`);
    case 'device':
      return value === 0 ? 'null' : (vm.machine.devices[value - 1]?.config.name ?? `${value}`);
    case 'iommu':
      return value === 0 ? 'null' : (vm.program.scenario.machine.iommus[value - 1]?.name ?? `${value}`);
    case 'ppr':
      return value === 0 ? 'null' : `slot ${value - 1}`;
    case 'ops':
      return value === 0 ? 'null' : (vm.program.notifiers[value - 1]?.name ?? `${value}`);
    case 'cpumask':
      return cpus(value);
    default:
      return `${value}`;
  }
}

/** An address with the mapping it lies in: `A + 1 page (0x7f0000001000)`. */
export function formatMapped(vm: Vm, address: number): string {
  const text = addressText(vm, address);
  const plain = formatAddress(address);
  return text === plain ? plain : `${text} (${plain})`;
}

/** An address by the mapping it lies in, `A + 1 page`; the bare address outside of all. */
export function addressText(vm: Vm, address: number): string {
  const mapping = vm.program.scenario.mappings.find(
    each => each.address <= address && address <= each.address + each.pages * PAGE_SIZE,
  );
  if (mapping === undefined) return formatAddress(address);
  const offset = address - mapping.address;
  const pages = Math.floor(offset / PAGE_SIZE);
  const bytes = offset % PAGE_SIZE;
  const parts = [mapping.name];
  if (pages > 0) parts.push(pages === 1 ? '1 page' : `${pages} pages`);
  if (bytes > 0) parts.push(`${bytes} bytes`);
  return parts.join(' + ');
}

function cpus(mask: number): string {
  const names: string[] = [];
  for (let cpu = 0; cpu < 32; cpu++) if (((mask >>> cpu) & 1) === 1) names.push(`cpu${cpu}`);
  return names.length === 0 ? 'none' : names.join(', ');
}
