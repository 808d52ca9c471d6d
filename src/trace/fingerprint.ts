/**
 * Fingerprints of what a schedule was played on: the functions it ran, and the machine. They tell a program
 * that has changed where it matters to a schedule from one that has changed elsewhere. Comments, places in
 * files and all that was not run do not count.
 */
import type { FunctionCode, Program } from '../language/program';

/** Fingerprint of the code of a function, in six digits. */
export function fingerprintOf({ code, params, frameWords, role }: FunctionCode): string {
  const slots = params.map(({ slot, type }) => ({ slot, type }));
  return digits({ code, slots, frameWords, role });
}

/** Fingerprint of the machine, the processes and who runs where. */
export function machineFingerprint({ scenario }: Program): string {
  const { machine, mappings, tasks, devices } = scenario;
  return digits({
    cpus: machine.cpus,
    ...(machine.vcpus > 0 ? { vcpus: machine.vcpus } : {}),
    frames: machine.frames,
    mappings: mappings.map(({ name, process, pages }) => ({ name, process, pages })),
    tasks: tasks.map(({ name, process, cpu }) => ({ name, process, cpu })),
    devices: devices.map(({ device, pasid }) => ({ device, pasid })),
  });
}

function digits(value: unknown): string {
  let hash = 0x811c9dc5;
  for (const char of canonical(value)) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return ((hash ^ (hash >>> 15)) & 0xff_ffff).toString(16).padStart(6, '0');
}

/** JSON with the fields in order and without places in files: two builds of one source are equal. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  const fields = Object.entries(value)
    .filter(([key]) => key !== 'span')
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, of]) => `${key}:${canonical(of)}`).join(',')}}`;
}
