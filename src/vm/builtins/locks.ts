/** Builtins for locks and for the context a thread runs in. */
import type { Expr } from '../../language/program';
import { type Access, compilePlace, type Eval } from '../expressions';
import { STAY } from '../instructions';
import { THREAD } from '../layout';
import * as locks from '../locks';
import type { Vm } from '../vm';
import { argument, type BuiltinMaker, placeOf } from './maker';

type LockAction = (vm: Vm, index: number, name: string) => void;

/** A builtin that acts on one lock. */
function onLock(action: LockAction): BuiltinMaker {
  return (vm, args) => {
    const place = lockPlace(vm, args);
    return () => {
      const index = place.address();
      if (index >= 0) action(vm, index, lockName(vm, place, index));
      return 0;
    };
  };
}

/** A builtin that acts on one lock and says whether it did. */
function askLock(action: (vm: Vm, index: number, name: string) => boolean): BuiltinMaker {
  return (vm, args) => {
    const place = lockPlace(vm, args);
    return () => {
      const index = place.address();
      return index >= 0 && action(vm, index, lockName(vm, place, index)) ? 1 : 0;
    };
  };
}

function lockPlace(vm: Vm, args: readonly Expr[]): Access {
  return compilePlace(vm, placeOf(argument(args, 0)));
}

/** `page#12.ptl`: the object is named too, so that two locks of a class are told apart. */
function lockName(vm: Vm, place: Access, index: number): string {
  for (const { struct, base, count } of vm.layout.structs.values()) {
    if (index < base || index >= base + count * struct.words) continue;
    const object = Math.floor((index - base) / struct.words);
    const field = struct.fields.find(each => each.offset === (index - base) % struct.words);
    const number = struct.name === 'page' ? object : object + 1;
    return `${struct.name}#${number}.${field?.name ?? '?'}`;
  }
  return place.name;
}

function context(field: number, by: number): BuiltinMaker {
  return vm => () => {
    locks.addTo(vm, field, by);
    return 0;
  };
}

function trySpin(vm: Vm, index: number, name: string): boolean {
  if (vm.words.get(index) !== 0) return false;
  locks.lock(vm, index, name, 'spin');
  return true;
}

function lockIrq(vm: Vm, index: number, name: string): void {
  locks.lock(vm, index, name, 'spin');
  if (vm.why === null) locks.addTo(vm, THREAD.irqOff, 1);
}

function unlockIrq(vm: Vm, index: number, name: string): void {
  locks.unlock(vm, index, name, 'spin');
  locks.addTo(vm, THREAD.irqOff, -1);
}

/** Locks, SRCU, interrupt and preemption context. */
export const lockBuiltins = {
  spin_lock: onLock((vm, index, name) => locks.lock(vm, index, name, 'spin')),
  spin_unlock: onLock((vm, index, name) => locks.unlock(vm, index, name, 'spin')),
  spin_trylock: askLock(trySpin),
  spin_lock_irq: onLock(lockIrq),
  spin_unlock_irq: onLock(unlockIrq),
  mutex_lock: onLock((vm, index, name) => locks.lock(vm, index, name, 'mutex')),
  mutex_unlock: onLock((vm, index, name) => locks.unlock(vm, index, name, 'mutex')),
  down_read: onLock(locks.downRead),
  down_read_trylock: askLock(locks.tryRead),
  up_read: onLock(locks.upRead),
  down_write: onLock(locks.downWrite),
  up_write: onLock((vm, index, name) => locks.upWrite(vm, index, name, false)),
  downgrade_write: onLock((vm, index, name) => locks.upWrite(vm, index, name, true)),
  srcu_read_lock: onLock((vm, index, name) => locks.srcuRead(vm, index, name, 1)),
  srcu_read_unlock: onLock((vm, index, name) => locks.srcuRead(vm, index, name, -1)),
  synchronize_srcu: (vm: Vm, args: readonly Expr[]): Eval => {
    const place = lockPlace(vm, args);
    return () => {
      const index = place.address();
      return index < 0 || locks.synchronizeSrcu(vm, index, place.name) ? 0 : STAY;
    };
  },
  local_irq_disable: context(THREAD.irqOff, 1),
  local_irq_enable: context(THREAD.irqOff, -1),
  preempt_disable: context(THREAD.atomic, 1),
  preempt_enable: context(THREAD.atomic, -1),
  irqs_disabled:
    (vm: Vm): Eval =>
    () =>
      vm.words.get(vm.threadBase(vm.thread) + THREAD.irqOff) > 0 ? 1 : 0,
  might_sleep:
    (vm: Vm): Eval =>
    () => {
      locks.mightSleep(vm, 'might_sleep');
      return 0;
    },
  is_locked: (vm: Vm, args: readonly Expr[]): Eval => {
    const place = lockPlace(vm, args);
    return () => {
      const index = place.address();
      if (index < 0) return 0;
      const readers = place.type.kind === 'rwsem' ? vm.words.get(index + 1) : 0;
      return vm.words.get(index) !== 0 || readers !== 0 ? 1 : 0;
    };
  },
};
