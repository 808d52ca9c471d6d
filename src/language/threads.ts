/** The threads of a program: whatever can make a step, software and hardware. */
import { devicesOf } from '../machine/config';
import type { Program } from './program';

/** Sets of threads are bit masks of one word. */
export const THREADS_MAX = 32;

/** Kinds of threads. Hardware agents are threads too: one can see, step and freeze them. */
export type ThreadKind =
  | 'task'
  | 'kworker'
  | 'daemon'
  | 'cpu'
  | 'device'
  | 'ats'
  | 'commands'
  | 'ppr'
  | 'timer'
  | 'caches';

/** A thread. Ids are indices into the list of threads, fixed for a program. */
export interface Thread {
  readonly id: number;
  /** `t0 [P] cpu0`, `kworker/amd_iommu_v2`, `amd commands`, `gpu`, `gpu ats`, `cpu0 irq`, `caches`. */
  readonly name: string;
  /** The name in replay blocks: `t0`, else the same. */
  readonly shortName: string;
  readonly kind: ThreadKind;
  /** CPU a task is pinned to, or whose interrupts this is; null otherwise. */
  readonly cpu: number | null;
  /** Index among the machine objects or the configuration of its kind. */
  readonly index: number;
}

/** Whether a thread is an agent of an IOMMU or device: it goes on by itself, and runs no code. */
export function isHardware({ kind }: Thread): boolean {
  return kind === 'ats' || kind === 'commands' || kind === 'ppr';
}

/**
 * All threads, in the order of the thread list. Tasks come first: `task` values are 1 + thread id. Last come
 * the caches, which may act on their own but never must: what is said of all threads does not count them.
 */
export function threadsOf({
  scenario,
  workqueues,
  daemons,
}: Pick<Program, 'scenario' | 'workqueues' | 'daemons'>): Thread[] {
  const threads: Thread[] = [];
  const add = (
    kind: ThreadKind,
    index: number,
    name: string,
    shortName = name,
    cpu: number | null = null,
  ): void => {
    threads.push({ id: threads.length, name, shortName, kind, cpu, index });
  };
  for (const [index, task] of scenario.tasks.entries())
    add('task', index, `${task.name} [${task.process}] cpu${task.cpu}`, task.name, task.cpu);
  for (let cpu = 0; cpu < scenario.machine.cpus; cpu++)
    add('cpu', cpu, `cpu${cpu} irq`, `cpu${cpu} irq`, cpu);
  for (const [index, queue] of workqueues.entries()) add('kworker', index, `kworker/${queue.name}`);
  for (const [index, daemon] of daemons.entries()) add('daemon', index, daemon.name);
  const seen = new Map<string, number>();
  for (const [index, run] of scenario.devices.entries()) {
    const count = (seen.get(run.device) ?? 0) + 1;
    seen.set(run.device, count);
    add('device', index, count === 1 ? run.device : `${run.device}#${count}`);
  }
  for (const [index, device] of devicesOf(scenario.machine).entries())
    if (device.atc > 0) add('ats', index, `${device.name} ats`);
  for (const [index, iommu] of scenario.machine.iommus.entries()) {
    add('commands', index, `${iommu.name} commands`);
    add('ppr', index, `${iommu.name} ppr`);
    if (iommu.completionTimeouts > 0) add('timer', index, `${iommu.name} timeouts`);
  }
  add('caches', 0, 'caches');
  return threads;
}
