/** Builtins for atomic variables, cpumasks, lists, objects, addresses, work queues and threads. */
import { addressBelow, alignDown, alignUp, entrySpan } from '../../base/address';
import type { Expr } from '../../language/program';
import { flushWorkqueue, queueWork, startTask } from '../agents';
import { type Access, compileExpr, compilePlace, type Eval } from '../expressions';
import type { Vm } from '../vm';
import { argument, type BuiltinMaker, isLevel, placeOf, values } from './maker';

/** A builtin that reads and writes one variable in one go; `rest` are the values of the other arguments. */
function update(place: number, action: (vm: Vm, variable: Access, rest: number[]) => number): BuiltinMaker {
  return (vm, args) => {
    const variable = compilePlace(vm, placeOf(argument(args, place)));
    const others = args.filter((_, index) => index !== place).map(arg => compileExpr(vm, arg));
    return () =>
      action(
        vm,
        variable,
        others.map(each => each()),
      );
  };
}

function add(by: number): (vm: Vm, variable: Access) => number {
  return (vm, variable) => {
    const before = variable.read();
    if (variable.isRefcount && before === 0 && by > 0)
      vm.violate(
        'refcount',
        `a reference is added to ${variable.name}, which is 0: what it counts for is gone`,
      );
    variable.write(before + by);
    return before + by;
  };
}

/** Tells who listens that the program is here; the state does not change. */
function mark(name: 'op_begin' | 'op_end'): BuiltinMaker {
  return values(vm => {
    vm.emit({ type: 'mark', thread: vm.thread, name });
    return 0;
  });
}

type ListAction = (vm: Vm, base: number, list: Access, items: number[]) => number;

/** A builtin over a list, whose word 0 is the count and whose items follow. */
function onList(action: ListAction, writes = true): BuiltinMaker {
  return update(0, (vm, list, items) => {
    const base = list.address();
    if (base < 0) return 0;
    list.judge(writes);
    return action(vm, base, list, items);
  });
}

/** A builtin that only looks at a list. */
function ofList(action: ListAction): BuiltinMaker {
  return onList(action, false);
}

function insertAt(vm: Vm, base: number, list: Access, item: number, position: number): number {
  if (item === 0) {
    vm.violate('assertion', `NULL is added to ${list.name}`);
    return 0;
  }
  const capacity = list.type.kind === 'list' ? list.type.capacity : 0;
  const count = vm.words.get(base);
  if (count >= capacity) {
    vm.limit = `list ${list.name} holds ${capacity} items and is full: raise its capacity`;
    return 0;
  }
  for (let index = count; index > position; index--)
    vm.words.put(base + 1 + index, vm.words.get(base + index));
  vm.words.put(base + 1 + position, item);
  vm.words.put(base, count + 1);
  if (isNotifierList(list)) vm.monitors.subscribed(item);
  return 0;
}

function removeItem(vm: Vm, base: number, list: Access, item: number): number {
  const count = vm.words.get(base);
  const position = positionOf(vm, base, item);
  if (position < 0) {
    vm.violate('assertion', `list_del: the item is not in ${list.name}`);
    return 0;
  }
  for (let index = position; index < count - 1; index++)
    vm.words.put(base + 1 + index, vm.words.get(base + 2 + index));
  vm.words.put(base + count, 0);
  vm.words.put(base, count - 1);
  if (isNotifierList(list)) vm.monitors.unsubscribed(item);
  return 0;
}

function clearList(vm: Vm, base: number, list: Access): number {
  const count = vm.words.get(base);
  for (let index = 0; index < count; index++) {
    if (isNotifierList(list)) vm.monitors.unsubscribed(vm.words.get(base + 1 + index));
    vm.words.put(base + 1 + index, 0);
  }
  vm.words.put(base, 0);
  return 0;
}

function isNotifierList(list: Access): boolean {
  return list.type.kind === 'list' && list.type.of.kind === 'ref' && list.type.of.struct === 'mmu_notifier';
}

function positionOf(vm: Vm, base: number, item: number): number {
  const count = vm.words.get(base);
  for (let index = 0; index < count; index++) if (vm.words.get(base + 1 + index) === item) return index;
  return -1;
}

function freeObject(vm: Vm, args: readonly Expr[]): Eval {
  const what = argument(args, 0);
  const object = compileExpr(vm, what);
  const struct = structOf(what);
  return () => {
    const where = vm.layout.structs.get(struct);
    const value = object();
    if (where?.inUse === undefined || where.inUse === null) return 0;
    if (value < 1 || value > where.count || vm.words.get(where.inUse + value - 1) === 0) {
      vm.violate('assertion', `free: ${value === 0 ? 'NULL' : `${struct}#${value} is free already`}`);
      return 0;
    }
    const base = where.base + (value - 1) * where.struct.words;
    for (let index = 0; index < where.struct.words; index++) vm.words.put(base + index, 0);
    vm.words.put(where.inUse + value - 1, 0);
    return 0;
  };
}

function structOf(expr: Expr): string {
  const type = 'type' in expr ? expr.type : null;
  if (type?.kind === 'ref') return type.struct;
  throw new Error('free: the argument is not an object of a struct');
}

function aligns(action: (address: number, size: number) => number): BuiltinMaker {
  return values((vm, address = 0, size = 0) => {
    if (size > 0) return action(address, size);
    vm.violate('assertion', `an address is aligned to ${size} bytes`);
    return address;
  });
}

const bit = (cpu: number): number => (cpu > 0 ? 1 << (cpu - 1) : 0);

/** Variables, sets, lists, objects, addresses, work. */
export const dataBuiltins = {
  atomic_inc: update(0, (vm, variable) => add(1)(vm, variable)),
  atomic_dec: update(0, (vm, variable) => add(-1)(vm, variable)),
  atomic_add: update(0, (vm, variable, [by = 0]) => add(by)(vm, variable)),
  atomic_dec_and_test: update(0, (vm, variable) => (add(-1)(vm, variable) === 0 ? 1 : 0)),
  atomic_inc_not_zero: update(0, (vm, variable) => (variable.read() === 0 ? 0 : add(1)(vm, variable) && 1)),
  xchg: update(0, (_, variable, [value = 0]) => {
    const old = variable.read();
    variable.write(value);
    return old;
  }),
  cmpxchg: update(0, (_, variable, [expected = 0, value = 0]) => {
    const old = variable.read();
    if (old === expected) variable.write(value);
    return old;
  }),
  test_and_set: update(0, (_, variable) => {
    const old = variable.read();
    variable.write(1);
    return old;
  }),
  cpumask_set_cpu: update(1, (_, mask, [cpu = 0]) => {
    mask.write(mask.read() | bit(cpu));
    return 0;
  }),
  cpumask_clear_cpu: update(1, (_, mask, [cpu = 0]) => {
    mask.write(mask.read() & ~bit(cpu));
    return 0;
  }),
  cpumask_test_cpu: values((_, cpu = 0, mask = 0) => ((mask & bit(cpu)) !== 0 ? 1 : 0)),
  cpumask_without: values((_, mask = 0, cpu = 0) => mask & ~bit(cpu)),
  cpumask_empty: values((_, mask = 0) => (mask === 0 ? 1 : 0)),
  list_add: onList((vm, base, list, [item = 0]) => insertAt(vm, base, list, item, 0)),
  list_add_tail: onList((vm, base, list, [item = 0]) => insertAt(vm, base, list, item, vm.words.get(base))),
  list_add_before: onList((vm, base, list, [item = 0, next = 0]) => {
    const position = next === 0 ? vm.words.get(base) : positionOf(vm, base, next);
    return insertAt(vm, base, list, item, Math.max(0, position));
  }),
  list_del: onList((vm, base, list, [item = 0]) => removeItem(vm, base, list, item)),
  list_empty: ofList((vm, base) => (vm.words.get(base) === 0 ? 1 : 0)),
  list_first: ofList((vm, base) => vm.words.get(base + 1)),
  list_next: ofList((vm, base, list, [item = 0]) => {
    const position = positionOf(vm, base, item);
    if (position < 0) vm.violate('assertion', `list_next: the item is not in ${list.name}`);
    return position < 0 || position + 1 >= vm.words.get(base) ? 0 : vm.words.get(base + 2 + position);
  }),
  list_contains: ofList((vm, base, _, [item = 0]) => (positionOf(vm, base, item) >= 0 ? 1 : 0)),
  list_length: ofList((vm, base) => vm.words.get(base)),
  list_clear: onList(clearList),
  free: freeObject,
  align_down: aligns(alignDown),
  align_up: aligns(alignUp),
  min: values((_, a = 0, b = 0) => (addressBelow(b, a) ? b : a)),
  max: values((_, a = 0, b = 0) => (addressBelow(a, b) ? b : a)),
  addr_end: values((vm, address = 0, end = 0, level = 1) => {
    if (!isLevel(vm, 'addr_end', level)) return end;
    const boundary = alignDown(address, entrySpan(level)) + entrySpan(level);
    return addressBelow(boundary - 1, end - 1) ? boundary : end;
  }),
  queue_work: values((vm, queue = 0, fn = 0, argument = 0) => queueWork(vm, queue - 1, fn, argument)),
  flush_workqueue: values((vm, queue = 0) => flushWorkqueue(vm, queue - 1)),
  current: values(vm => vm.thread + 1),
  this_cpu: values(vm => (vm.threads[vm.thread]?.cpu ?? -1) + 1),
  start_task: values((vm, task = 0) => {
    startTask(vm, task);
    return 0;
  }),
  task_cpu: values((vm, task = 0) => (vm.threads[task - 1]?.cpu ?? -1) + 1),
  binds: values((vm, subscriber = 0, device = 0, pasid = 0) => {
    vm.monitors.binds(subscriber, device - 1, pasid);
    return 0;
  }),
  op_begin: mark('op_begin'),
  op_end: mark('op_end'),
};
