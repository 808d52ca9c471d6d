/**
 * Locks. A spinlock or mutex is one word: 1 + the thread that holds it. A rw_semaphore is two: 1 + the
 * writer, and a bit
 * mask of readers. An SRCU domain is eight words: four bits for each thread, how often it is inside.
 *
 * Simplified: no queue of waiters. A waiting writer does not hold up later readers, so the deadlock of a
 * nested
 * down_read() with a writer in between is not seen.
 */
import { type Type, typeWords } from '../language/program';
import { THREAD } from './layout';
import type { Ordering } from './monitors/lock-order';
import type { Vm } from './vm';

/** Whether a thread holds the lock at a word index, for write if `write`. */
export function holds(vm: Vm, type: Type, index: number, thread: number, write: boolean): boolean {
  const holder = vm.words.get(index) === thread + 1;
  if (type.kind !== 'rwsem' || write || holder) return holder;
  return ((vm.words.get(index + 1) >>> thread) & 1) === 1;
}

/** Takes a spinlock or mutex; blocks the step if it is held. */
export function lock(vm: Vm, index: number, how: 'spin' | 'mutex', ordering: Ordering = 'ordered'): void {
  const holder = vm.words.get(index);
  if (holder !== 0) {
    vm.block(`waits for ${lockName(vm, index)}, held by ${threadName(vm, holder - 1)}`, [holder - 1]);
    return;
  }
  vm.words.put(index, vm.thread + 1);
  if (how === 'spin') addTo(vm, THREAD.atomic, 1);
  vm.monitors.lockOrder.taken(index, ordering);
  tell(vm, 'lock', index, how);
}

/** Releases a spinlock or mutex; a finding if the thread does not hold it. */
export function unlock(vm: Vm, index: number, how: 'spin' | 'mutex'): void {
  if (vm.words.get(index) !== vm.thread + 1) {
    vm.violate('assertion', `${lockName(vm, index)} is released by a thread that does not hold it`);
    return;
  }
  vm.words.put(index, 0);
  if (how === 'spin') addTo(vm, THREAD.atomic, -1);
  vm.monitors.lockOrder.released(index);
  tell(vm, 'unlock', index, how);
}

/** Takes a rw_semaphore for read; false if a writer holds it. */
export function tryRead(vm: Vm, index: number, ordering: Ordering = 'try'): boolean {
  const bit = 1 << vm.thread;
  if (vm.words.get(index) !== 0) return false;
  if ((vm.words.get(index + 1) & bit) !== 0) {
    const twice = `${lockName(vm, index)} is taken for read twice by one thread`;
    vm.violate('deadlock', `${twice}: a writer in between would block it for ever`);
    return true;
  }
  vm.words.put(index + 1, vm.words.get(index + 1) | bit);
  vm.monitors.lockOrder.taken(index, ordering);
  tell(vm, 'lock', index, 'read');
  return true;
}

/** Takes a rw_semaphore for read; blocks the step while a writer holds it. */
export function downRead(vm: Vm, index: number, ordering: Ordering = 'ordered'): void {
  if (tryRead(vm, index, ordering)) return;
  const writer = vm.words.get(index) - 1;
  vm.block(`waits for ${lockName(vm, index)} for read, held for write by ${threadName(vm, writer)}`, [
    writer,
  ]);
}

/** Takes a rw_semaphore for write; blocks the step while anybody holds it. */
export function downWrite(vm: Vm, index: number, ordering: Ordering = 'ordered'): void {
  const holders = holdersOf(vm, index);
  if (holders.length > 0) {
    const names = holders.map(id => threadName(vm, id)).join(', ');
    vm.block(`waits for ${lockName(vm, index)} for write, held by ${names}`, holders);
    return;
  }
  vm.words.put(index, vm.thread + 1);
  vm.monitors.lockOrder.taken(index, ordering);
  tell(vm, 'lock', index, 'write');
}

/** Releases a rw_semaphore held for read. */
export function upRead(vm: Vm, index: number): void {
  const bit = 1 << vm.thread;
  if ((vm.words.get(index + 1) & bit) === 0) {
    vm.violate(
      'assertion',
      `${lockName(vm, index)} is released for read by a thread that does not hold it so`,
    );
    return;
  }
  vm.words.put(index + 1, vm.words.get(index + 1) & ~bit);
  vm.monitors.lockOrder.released(index);
  tell(vm, 'unlock', index, 'read');
}

/** Releases a rw_semaphore held for write; `downgrade` keeps it for read. */
export function upWrite(vm: Vm, index: number, downgrade: boolean): void {
  if (vm.words.get(index) !== vm.thread + 1) {
    vm.violate(
      'assertion',
      `${lockName(vm, index)} is released for write by a thread that does not hold it so`,
    );
    return;
  }
  vm.words.put(index, 0);
  if (downgrade) vm.words.put(index + 1, vm.words.get(index + 1) | (1 << vm.thread));
  else vm.monitors.lockOrder.released(index);
  tell(vm, 'unlock', index, 'write');
}

/** Enters or leaves (`by` is 1 or -1) an SRCU read section; leaving may end the grace periods of others. */
export function srcuRead(vm: Vm, index: number, by: 1 | -1): void {
  const word = index + (vm.thread >>> 3);
  const shift = (vm.thread & 7) * 4;
  const nested = (vm.words.get(word) >>> shift) & 15;
  if (nested + by < 0 || nested + by > 15) {
    vm.violate('assertion', `${lockName(vm, index)}: read sections of one thread nest ${nested + by} deep`);
    return;
  }
  vm.words.put(word, vm.words.get(word) + by * 2 ** shift);
  tell(vm, by > 0 ? 'lock' : 'unlock', index, 'srcu');
  if (nested + by > 0) return;
  for (const thread of vm.threads) {
    const base = vm.threadBase(thread.id);
    if (vm.words.get(base + THREAD.graceSrcu) !== index + 1) continue;
    vm.words.put(base + THREAD.grace, vm.words.get(base + THREAD.grace) & ~(1 << vm.thread));
  }
}

/**
 * One step of synchronize_srcu: notes the readers of now, then waits for them. True when the grace period is
 * over.
 */
export function synchronizeSrcu(vm: Vm, index: number): boolean {
  const base = vm.threadBase(vm.thread);
  if (vm.words.get(base + THREAD.graceSrcu) === 0) {
    const readers = srcuReaders(vm, index).reduce((mask, thread) => mask | (1 << thread), 0);
    if (readers === 0) return true;
    vm.words.put(base + THREAD.graceSrcu, index + 1);
    vm.words.put(base + THREAD.grace, readers);
    return false;
  }
  const waits = vm.words.get(base + THREAD.grace);
  if (waits !== 0) {
    const readers = vm.threads.filter(thread => ((waits >>> thread.id) & 1) === 1).map(thread => thread.id);
    const names = readers.map(id => threadName(vm, id)).join(', ');
    vm.block(`waits for the read sections of ${lockName(vm, index)} that ${names} entered before`, readers);
    return false;
  }
  vm.words.put(base + THREAD.graceSrcu, 0);
  return true;
}

/** Threads inside a read section of an SRCU domain. */
export function srcuReaders(vm: Vm, index: number): number[] {
  return vm.threads
    .map(thread => thread.id)
    .filter(thread => ((vm.words.get(index + (thread >>> 3)) >>> ((thread & 7) * 4)) & 15) !== 0);
}

/** Threads that hold the lock at a word index: a spinlock, mutex or rw_semaphore. */
export function holdersOf(vm: Vm, index: number): number[] {
  const writer = vm.words.get(index);
  if (writer !== 0) return [writer - 1];
  const readers = vm.words.get(index + 1);
  return vm.threads.map(thread => thread.id).filter(thread => ((readers >>> thread) & 1) === 1);
}

/** A point that may sleep: a finding under a spinlock or with interrupts off. */
export function mightSleep(vm: Vm, what: string): void {
  const base = vm.threadBase(vm.thread);
  const held = vm.words.get(base + THREAD.atomic);
  const off = vm.words.get(base + THREAD.irqOff);
  if (held === 0 && off === 0) return;
  const names = heldSpinlocks(vm, vm.thread).join(', ');
  const under = held > 0 ? `under ${names === '' ? 'preempt_disable' : names}` : 'with interrupts off';
  vm.violate('sleep-in-atomic', `${what} may sleep, and is reached ${under}`);
}

/** `page#12.ptl`: the object is named too, so that two locks of a class are told apart. */
export function lockName(vm: Vm, index: number): string {
  for (const { struct, base, count } of vm.layout.structs.values()) {
    if (index < base || index >= base + count * struct.words) continue;
    const object = Math.floor((index - base) / struct.words);
    const field = struct.fields.find(each => each.offset === (index - base) % struct.words);
    const number = struct.name === 'page' ? object : object + 1;
    return `${struct.name}#${number}.${field?.name ?? '?'}`;
  }
  for (const { name, type } of vm.program.globals) {
    const base = vm.globalAt(name);
    if (base <= index && index < base + typeWords(type)) return type.kind === 'array' ? `${name}[]` : name;
  }
  return '?';
}

/** Says that a lock was taken or released; it is named only if someone listens. */
function tell(
  vm: Vm,
  type: 'lock' | 'unlock',
  index: number,
  how: 'spin' | 'mutex' | 'read' | 'write' | 'srcu',
): void {
  if (vm.isHeard) vm.emit({ type, thread: vm.thread, lock: lockName(vm, index), how });
}

/** Names of the spinlocks a thread holds. */
export function heldSpinlocks(vm: Vm, thread: number): string[] {
  const held: string[] = [];
  const look = (type: Type, index: number, name: string): void => {
    if (type.kind === 'spinlock' && vm.words.get(index) === thread + 1) held.push(name);
    if (type.kind !== 'array') return;
    for (let each = 0; each < type.length; each++)
      look(type.of, index + each * typeWords(type.of), `${name}[${each}]`);
  };
  for (const global of vm.program.globals) look(global.type, vm.globalAt(global.name), global.name);
  for (const { struct, base, count } of vm.layout.structs.values()) {
    const locks = struct.fields.filter(
      field => field.type.kind === 'spinlock' || field.type.kind === 'array',
    );
    if (locks.length === 0) continue;
    // A page is named by its frame, as in the name of a lock.
    const first = struct.name === 'page' ? 0 : 1;
    for (let object = 0; object < count; object++)
      for (const field of locks)
        look(
          field.type,
          base + object * struct.words + field.offset,
          `${struct.name}#${object + first}.${field.name}`,
        );
  }
  return held;
}

/** Adds to a word of the current thread's header. */
export function addTo(vm: Vm, field: number, by: number): void {
  const index = vm.threadBase(vm.thread) + field;
  vm.words.put(index, vm.words.get(index) + by);
}

function threadName(vm: Vm, thread: number): string {
  return thread === vm.thread ? 'itself' : (vm.threads[thread]?.name ?? `thread ${thread}`);
}
