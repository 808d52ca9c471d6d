/** Deadlock: a cycle of threads that wait for one another, or nobody can go on and somebody is neither done nor idle. */
import type { Blocked, Violation } from './types';
import type { Vm } from './vm';

/** A deadlock in this state, if there is one. */
export function findDeadlock(vm: Vm): Violation | null {
  const waits = new Map<number, Blocked>();
  let running = 0;
  for (const thread of vm.threads) {
    const blocked = vm.blocked(thread.id);
    if (blocked !== null) waits.set(thread.id, blocked);
    else if (!vm.finished(thread.id)) running++;
  }
  const cycle = findCycle(waits);
  if (cycle !== null) return violation(vm, cycle, waits, 'wait for one another for ever');
  const stuck = [...waits].filter(([, blocked]) => !blocked.idle).map(([id]) => id);
  if (running > 0 || stuck.length === 0) return null;
  return violation(vm, stuck, waits, 'can not go on, and nobody else can run');
}

/** Threads each of which waits only for threads in the set: the first found, as a cycle. */
function findCycle(waits: ReadonlyMap<number, Blocked>): number[] | null {
  for (const start of waits.keys()) {
    const path: number[] = [];
    let current: number | undefined = start;
    while (current !== undefined && !path.includes(current)) {
      path.push(current);
      const blocked = waits.get(current);
      const onlyLocks: readonly number[] = blocked === undefined || blocked.idle ? [] : blocked.waitsFor;
      current = onlyLocks.find(thread => waits.get(thread)?.idle === false);
    }
    if (current === start && path.length > 0) return path;
  }
  return null;
}

function violation(vm: Vm, threads: number[], waits: ReadonlyMap<number, Blocked>, text: string): Violation {
  const parts = threads.map(id => `${vm.threads[id]?.name ?? '?'} ${waits.get(id)?.text ?? ''}`);
  return {
    property: 'deadlock',
    message: `${parts.join('; ')}: they ${text}`,
    thread: threads[0] ?? 0,
    address: null,
    frame: null,
    span: vm.frames(threads[0] ?? 0)[0]?.span ?? null,
  };
}
