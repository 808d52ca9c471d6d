/** Which locks a program has, and whether a schedule of it makes a thread wait for one of them. */
import type { Program, Type } from '../../src/language/program';
import { Vm } from '../../src/vm/vm';

const kinds: readonly string[] = ['spinlock', 'mutex', 'rwsem', 'srcu'];

/**
 * The locks of a program by name: of a global variable, or of a struct and its field. That of a driver is
 * without its name, as several share one text.
 */
export function locksOf(program: Program): string[] {
  const isLock = (type: Type) => kinds.includes(type.kind === 'array' ? type.of.kind : type.kind);
  const globals = program.globals.filter(({ type }) => isLock(type));
  const fields = Object.values(program.structs).flatMap(({ name, fields }) =>
    fields.filter(({ type }) => isLock(type)).map(field => `${lastOf(name)}.${field.name}`),
  );
  return [...globals.map(({ name }) => lastOf(name)), ...fields];
}

/** How far a schedule goes while the holder of a lock does not, and in all. */
const limits = { held: 4_000, all: 60_000 };

/**
 * Looks for a schedule in which a thread waits for a lock that another one holds: every thread has its turn,
 * until one has taken the lock; that one stands still, and the others go on. If nobody comes, the same again
 * with the next time that the lock is taken. Null if nobody ever waits; else who waits for what.
 */
export function contended(program: Program, lock: string): string | null {
  for (let skipped = 0; ; skipped++) {
    const held = heldOnce(program, lock, skipped);
    if (held === 'never taken') return null;
    if (held !== null) return held;
  }
}

function heldOnce(program: Program, lock: string, skipped: number): string | 'never taken' | null {
  const vm = new Vm(program);
  let taken = 0;
  let holder: number | null = null;
  vm.sink = event => {
    if (event.type !== 'lock' || classOf(event.lock) !== lock || holder !== null) return;
    taken += 1;
    if (taken > skipped) holder = event.thread;
  };
  const threads = vm.threads.filter(({ kind }) => kind !== 'caches');
  const turn = (except: number | null): boolean => {
    let isAlive = false;
    for (const { id } of threads) {
      if (id === except) continue;
      isAlive = vm.step(id, 0).status === 'stepped' || isAlive;
      if (except === null && holder !== null) return true;
    }
    return isAlive;
  };
  for (let turns = 0; holder === null && turns < limits.all; turns++) {
    if (!turn(null)) return 'never taken';
  }
  for (let turns = 0; turns < limits.held; turns++) {
    const isAlive = turn(holder);
    const waits = threads
      .map(({ id }) => (id === holder ? null : vm.blocked(id)))
      .find(why => why?.waitsFor.includes(holder ?? -1) && waitsForLock(why.text, lock));
    if (waits) return waits.text;
    if (!isAlive) return null;
  }
  return null;
}

/** Every lock of a kind is one: `mm#2.mmap_sem` is `mm.mmap_sem`. */
function classOf(name: string): string {
  const [object = '', field] = name.split(/#\d+\./);
  return field === undefined ? lastOf(object) : `${lastOf(object)}.${field}`;
}

function lastOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1).replace('[]', '');
}

function waitsForLock(text: string, lock: string): boolean {
  const [, name = ''] = /^waits for (?:the read sections of )?([^\s,]+)/.exec(text) ?? [];
  return classOf(name) === lock;
}
