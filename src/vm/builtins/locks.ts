/** Builtins for locks and for the context a thread runs in. */
import type { Expr } from '../../language/program';
import { type Access, compilePlace, type Eval } from '../expressions';
import { STAY } from '../instructions';
import { THREAD } from '../layout';
import * as locks from '../locks';
import type { Vm } from '../vm';
import { argument, type BuiltinMaker, placeOf } from './maker';

type LockAction = (vm: Vm, index: number) => void;

/** A builtin that acts on one lock. */
function onLock(action: LockAction): BuiltinMaker {
  return (vm, args) => {
    const place = lockPlace(vm, args);
    return () => {
      const index = place.address();
      if (index >= 0) action(vm, index);
      return 0;
    };
  };
}

/** A builtin that acts on one lock and says whether it did. */
function askLock(action: (vm: Vm, index: number) => boolean): BuiltinMaker {
  return (vm, args) => {
    const place = lockPlace(vm, args);
    return () => {
      const index = place.address();
      return index >= 0 && action(vm, index) ? 1 : 0;
    };
  };
}

function lockPlace(vm: Vm, args: readonly Expr[]): Access {
  return compilePlace(vm, placeOf(argument(args, 0)));
}

function context(field: number, by: number): BuiltinMaker {
  return vm => () => {
    locks.addTo(vm, field, by);
    return 0;
  };
}

function trySpin(vm: Vm, index: number): boolean {
  if (vm.words.get(index) !== 0) return false;
  locks.lock(vm, index, 'spin', 'try');
  return true;
}

function tryMutex(vm: Vm, index: number): boolean {
  if (vm.words.get(index) !== 0) return false;
  locks.lock(vm, index, 'mutex', 'try');
  return true;
}

function tryWrite(vm: Vm, index: number): boolean {
  if (locks.holdersOf(vm, index).length > 0) return false;
  locks.downWrite(vm, index, 'try');
  return true;
}

function lockIrq(vm: Vm, index: number): void {
  locks.lock(vm, index, 'spin');
  if (vm.why === null) locks.addTo(vm, THREAD.irqOff, 1);
}

function unlockIrq(vm: Vm, index: number): void {
  locks.unlock(vm, index, 'spin');
  locks.addTo(vm, THREAD.irqOff, -1);
}

/** Locks, SRCU, interrupt and preemption context. */
export const lockBuiltins = {
  spin_lock: onLock((vm, index) => locks.lock(vm, index, 'spin')),
  spin_unlock: onLock((vm, index) => locks.unlock(vm, index, 'spin')),
  spin_trylock: askLock(trySpin),
  spin_lock_irq: onLock(lockIrq),
  spin_unlock_irq: onLock(unlockIrq),
  mutex_lock: onLock((vm, index) => locks.lock(vm, index, 'mutex')),
  mutex_unlock: onLock((vm, index) => locks.unlock(vm, index, 'mutex')),
  spin_lock_nested: onLock((vm, index) => locks.lock(vm, index, 'spin', 'nested')),
  mutex_lock_nested: onLock((vm, index) => locks.lock(vm, index, 'mutex', 'nested')),
  down_read: onLock((vm, index) => locks.downRead(vm, index)),
  down_read_nested: onLock((vm, index) => locks.downRead(vm, index, 'nested')),
  down_read_trylock: askLock((vm, index) => locks.tryRead(vm, index)),
  down_write_nested: onLock((vm, index) => locks.downWrite(vm, index, 'nested')),
  down_write_trylock: askLock(tryWrite),
  mutex_trylock: askLock(tryMutex),
  up_read: onLock(locks.upRead),
  down_write: onLock((vm, index) => locks.downWrite(vm, index)),
  up_write: onLock((vm, index) => locks.upWrite(vm, index, false)),
  downgrade_write: onLock((vm, index) => locks.upWrite(vm, index, true)),
  srcu_read_lock: onLock((vm, index) => locks.srcuRead(vm, index, 1)),
  srcu_read_unlock: onLock((vm, index) => locks.srcuRead(vm, index, -1)),
  synchronize_srcu: (vm: Vm, args: readonly Expr[]): Eval => {
    const place = lockPlace(vm, args);
    return () => {
      const index = place.address();
      return index < 0 || locks.synchronizeSrcu(vm, index) ? 0 : STAY;
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
