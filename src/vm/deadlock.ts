/**
 * Deadlock: a cycle of threads that wait for one another, or nobody can go on and somebody is neither done
 * nor idle.
 */
import type { Blocked, Violation } from './types';
import type { Vm } from './vm';

/** A deadlock in this state, if there is one. */
export function findDeadlock(vm: Vm): Violation | null {
  const waits = new Map<number, Blocked>();
  let running = 0;
  for (const thread of vm.threads) {
    if (thread.kind === 'caches') continue;
    const blocked = vm.blocked(thread.id);
    if (blocked !== null) waits.set(thread.id, blocked);
    else if (!vm.finished(thread.id)) running++;
  }
  const cycle = findCycle(waits);
  if (cycle?.length === 1) return violation(vm, cycle, waits, 'it waits for itself for ever');
  if (cycle !== null) return violation(vm, cycle, waits, 'they wait for one another for ever');
  const stuck = [...waits].filter(([, blocked]) => !blocked.idle).map(([id]) => id);
  if (running > 0 || stuck.length === 0) return null;
  return violation(vm, stuck, waits, 'they can not go on, and nobody else can run');
}

/** Threads each of which waits for the next and the last for the first, as a path; null if there are none. */
function findCycle(waits: ReadonlyMap<number, Blocked>): number[] | null {
  const settled = new Set<number>();
  const search = (thread: number, path: readonly number[]): number[] | null => {
    const at = path.indexOf(thread);
    if (at >= 0) return path.slice(at);
    const blocked = waits.get(thread);
    if (blocked === undefined || blocked.idle || settled.has(thread)) return null;
    for (const next of blocked.waitsFor) {
      const cycle = search(next, [...path, thread]);
      if (cycle !== null) return cycle;
    }
    settled.add(thread);
    return null;
  };
  for (const thread of waits.keys()) {
    const cycle = search(thread, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

function violation(vm: Vm, threads: number[], waits: ReadonlyMap<number, Blocked>, text: string): Violation {
  const parts = threads.map(id => `${vm.threads[id]?.name ?? '?'} ${waits.get(id)?.text ?? ''}`);
  return {
    property: 'deadlock',
    message: `${parts.join('; ')}: ${text}`,
    thread: threads[0] ?? 0,
    address: null,
    frame: null,
    fn: vm.frames(threads[0] ?? 0)[0]?.fn?.name ?? null,
    span: vm.frames(threads[0] ?? 0)[0]?.span ?? null,
  };
}
