/** The subscribers under which operations were recorded, as drivers that do nothing but listen. */
import type { Callback, Type } from '../language/program';
import type { Registration } from './recording';

/** Which callbacks a subscriber has, and how often it is registered. Null: every callback of the kernel. */
const listeners: Readonly<Record<Registration, { callbacks: readonly string[] | null; times: number }>> = {
  startend: { callbacks: ['invalidate_range_start', 'invalidate_range_end'], times: 1 },
  range: { callbacks: ['invalidate_range'], times: 1 },
  all: { callbacks: null, times: 1 },
  two: { callbacks: null, times: 2 },
};

/** The drivers to bind for a registration, in the order of registering. */
export function subscribersOf(registration: Registration): string[] {
  return Array.from({ length: listeners[registration].times }, () => driverName(registration));
}

/** The driver of a registration as text; null if the kernel lacks a callback that it needs. */
export function driverText(registration: Registration, known: readonly Callback[]): string | null {
  const wanted = listeners[registration].callbacks ?? known.map(({ name }) => name);
  const found = wanted.flatMap(name => known.find(callback => callback.name === name) ?? []);
  if (found.length < wanted.length) return null;
  const name = driverName(registration);
  return `driver ${name} {
  notifier ${name} {
${found.map(callback => `    ${callbackText(callback)}`).join('\n')}
  }
  fn bind(mm: mm, device: device, pasid: int 0..31) {
    var mn = new mmu_notifier;
    mn.ops = ${name};
    mmu_notifier_register(mn, mm);
  }
}
`;
}

function driverName(registration: Registration): string {
  return `listener_${registration}`;
}

/** A callback that does nothing, and says no where it is asked something. */
function callbackText({ name, params, result }: Callback): string {
  const list = params.map(param => param.name).join(', ');
  if (result === null) return `${name}(${list}) { skip; }`;
  return `${name}(${list}) -> ${typeText(result)} { return ${result.kind === 'bool' ? 'false' : '0'}; }`;
}

function typeText(type: Type): string {
  if (type.kind === 'int') return `int ${type.min}..${type.max}`;
  return type.kind;
}
