/**
 * What a step may read and write of what threads share, as bit masks over *classes* of words: a global, a
 * field of a struct (of all its objects), an element of an array, a pool, memory, hardware, the monitors.
 * Coarse on purpose: two steps whose masks do not meet commute in every state.
 */
import type { BuiltinName } from '../language/builtins';
import type { Expr, FunctionCode, Instruction, Place, Program, Type } from '../language/program';
import type { ThreadKind } from '../language/threads';
import { judgedFields, judgedFunctions } from '../vm/monitors/monitors';
import { arithmetic } from './movers';

/** What is read and what is written, as bit masks of classes. */
export interface Footprint {
  readonly reads: bigint;
  readonly writes: bigint;
}

/** Elements of a longer array are not told apart. */
const ELEMENTS_MAX = 4;

/** Touches nothing that is shared. */
export const nothing: Footprint = { reads: 0n, writes: 0n };

/** Together. */
export function both(a: Footprint, b: Footprint): Footprint {
  return { reads: a.reads | b.reads, writes: a.writes | b.writes };
}

/** Builtins over the values of their arguments, and over what only their own thread touches. */
const own: ReadonlySet<BuiltinName> = new Set<BuiltinName>([
  ...arithmetic,
  'might_sleep',
  'preempt_disable',
  'preempt_enable',
]);

/** Lock operations that commute with one another, but not with those of writers. */
const shared: ReadonlySet<BuiltinName> = new Set<BuiltinName>([
  'down_read',
  'down_read_nested',
  'down_read_trylock',
  'srcu_read_lock',
  'srcu_read_unlock',
  'up_read',
]);

/** Builtins that read a variable or a list and nothing else. */
const reading: ReadonlySet<BuiltinName> = new Set<BuiltinName>([
  'list_contains',
  'list_empty',
  'list_first',
  'list_length',
  'list_next',
]);

/** Builtins that change a variable or a lock and nothing else. */
const changing: ReadonlySet<BuiltinName> = new Set<BuiltinName>([
  'atomic_add',
  'atomic_dec',
  'atomic_dec_and_test',
  'atomic_inc',
  'atomic_inc_not_zero',
  'cmpxchg',
  'cpumask_clear_cpu',
  'cpumask_set_cpu',
  'down_write',
  'down_write_nested',
  'down_write_trylock',
  'downgrade_write',
  'is_locked',
  'list_add',
  'list_add_before',
  'list_add_tail',
  'list_clear',
  'list_del',
  'mutex_lock',
  'mutex_lock_nested',
  'mutex_trylock',
  'mutex_unlock',
  'spin_lock',
  'spin_lock_nested',
  'spin_trylock',
  'spin_unlock',
  'synchronize_srcu',
  'test_and_set',
  'up_write',
  'xchg',
]);

/** Builtins that look at entries and contents of frames. */
const fetching: ReadonlySet<BuiltinName> = new Set<BuiltinName>([
  'entry_at',
  'read_entry',
  'read_word',
  'table_level',
]);

/** Builtins that tell the hardware something, and change neither memory nor what kernels see. */
const telling: ReadonlySet<BuiltinName> = new Set<BuiltinName>([
  'complete_ppr',
  'completion_wait',
  'ext_dev_tlb_inv',
  'ext_iotlb_inv',
  'invalidate_iommu_pages',
  'invalidate_iotlb_pages',
  'invlpg',
  'local_flush_tlb',
  'ppr_consume',
  'ppr_restart',
]);

/** Builtins that look at the hardware without changing it. */
const looking: ReadonlySet<BuiltinName> = new Set<BuiltinName>([
  'command_room',
  'completion_done',
  'completion_timed_out',
  'device_iommu',
  'has_ats',
  'ppr_address',
  'ppr_device',
  'ppr_first',
  'ppr_last',
  'ppr_overflow',
  'ppr_pasid',
  'ppr_pending',
  'ppr_stop',
  'ppr_tag',
  'ppr_write',
  'pri_enabled',
  'pri_failed',
  'pri_stopped',
  'pri_unexpected',
]);

/** Whether a builtin, as a statement, does nothing but what its footprint says. The others may do more. */
export function isKnown(name: BuiltinName): boolean {
  return (
    own.has(name) ||
    shared.has(name) ||
    reading.has(name) ||
    (changing.has(name) && name !== 'synchronize_srcu') ||
    looking.has(name) ||
    fetching.has(name) ||
    name === 'free'
  );
}

/** Footprints of the instructions of a program. */
export class Footprints {
  /** Classes that were given a bit. */
  count = 0;
  private readonly bits = new Map<string, bigint>();
  /** Entries, contents and allocation of frames. */
  private readonly memory: bigint;
  /** Caches, queues and requests. */
  private readonly hardware: bigint;
  private readonly interrupts: bigint;
  private readonly work: bigint;
  private readonly monitors: bigint;
  private readonly secret: ReadonlySet<string>;

  constructor(private readonly program: Program) {
    this.memory = this.bit('memory');
    this.hardware = this.bit('hardware');
    this.interrupts = this.bit('interrupts');
    this.work = this.bit('work');
    this.monitors = this.bit('monitors');
    this.secret = secretStructs(program);
  }

  /** What a step of an agent may touch before it runs any code. */
  agent(kind: ThreadKind): Footprint {
    switch (kind) {
      case 'task':
      case 'daemon':
      case 'device':
        return nothing;
      case 'cpu':
        return { reads: 0n, writes: this.interrupts | this.hardware };
      case 'kworker':
        return { reads: this.memory | this.hardware, writes: this.work | this.monitors };
      case 'commands':
      case 'ppr':
      case 'timer':
        return { reads: 0n, writes: this.hardware | this.monitors };
      default:
        return { reads: 0n, writes: this.everything };
    }
  }

  /** Locks that code takes beside others, as if alone: it may run on the stack of one of these. */
  alone(instruction: Instruction): Footprint {
    if (instruction.op !== 'builtin' || !shared.has(instruction.name)) return nothing;
    const places = instruction.args.filter(isPlace);
    return { reads: 0n, writes: places.reduce((bits, place) => bits | this.classes(place), 0n) };
  }

  /** What one instruction may touch; for a call, without what the function does. */
  of(fn: FunctionCode, instruction: Instruction): Footprint {
    switch (instruction.op) {
      case 'set':
        return both(this.reads(instruction.value), this.write(instruction.target));
      case 'choose':
        return [instruction.from, instruction.to]
          .map(each => this.reads(each))
          .reduce(both, this.write(instruction.target));
      case 'branch':
      case 'wait':
      case 'assert':
        return this.reads(instruction.condition);
      case 'call':
        return instruction.args
          .map(each => this.reads(each))
          .reduce(both, this.opening(this.program.functions[instruction.fn]));
      case 'callback':
        return [instruction.ops, ...instruction.args].map(each => this.reads(each)).reduce(both, this.judged);
      case 'return':
        return both(
          instruction.value === null ? nothing : this.reads(instruction.value),
          isPlain(fn) ? nothing : this.judged,
        );
      case 'builtin':
        return both(this.builtin(instruction.name, instruction.args), this.result(instruction));
      case 'select':
        return instruction.arms.map(({ condition }) => this.reads(condition)).reduce(both, nothing);
      case 'each_entry':
        return [instruction.table, instruction.to]
          .map(each => this.reads(each))
          .reduce(both, { reads: this.memory, writes: 0n });
      case 'each_item':
        return both(this.reads(instruction.list), { reads: this.classes(instruction.list), writes: 0n });
      case 'each_cpu':
        return this.reads(instruction.mask);
      case 'either':
      case 'skip':
        return nothing;
    }
  }

  /** Where a call, or a builtin, stores its result. */
  result(instruction: Instruction): Footprint {
    const target = 'result' in instruction ? instruction.result : null;
    return target === null ? nothing : this.write(target);
  }

  /** Entry and return of functions that properties watch. */
  get judged(): Footprint {
    return { reads: this.memory | this.hardware, writes: this.monitors };
  }

  private get everything(): bigint {
    return this.memory | this.hardware | this.interrupts | this.work | this.monitors;
  }

  private opening(fn: FunctionCode | undefined): Footprint {
    if (fn === undefined || isPlain(fn)) return nothing;
    const { revokes } = fn;
    return revokes === null
      ? this.judged
      : [revokes.from, revokes.to].map(each => this.reads(each)).reduce(both, this.judged);
  }

  private builtin(name: BuiltinName, args: readonly Expr[]): Footprint {
    const inside = args
      .map(arg => (isPlace(arg) ? this.finding(arg) : this.reads(arg)))
      .reduce(both, nothing);
    const places = args.filter(isPlace).reduce((bits, place) => bits | this.classes(place), 0n);
    const touch = (reads: bigint, writes: bigint): Footprint => both(inside, { reads, writes });
    if (own.has(name) || shared.has(name) || reading.has(name)) return touch(places, 0n);
    if (looking.has(name)) return touch(places | this.hardware, 0n);
    if (fetching.has(name)) return touch(places | this.memory, 0n);
    if (telling.has(name)) return touch(places, this.hardware);
    if (name === 'send_ipi') return touch(places, this.interrupts);
    if (name === 'queue_work' || name === 'flush_workqueue') return touch(places, this.work);
    if (name === 'free')
      return touch(
        places,
        args.reduce((bits, arg) => bits | this.freed(arg), 0n),
      );
    if (changing.has(name)) {
      // The other arguments are read only; to count them as written does no harm.
      const isList = name.startsWith('list_');
      return touch(0n, places | this.judgedBy(args) | (isList ? this.monitors : 0n));
    }
    const pages = name === 'free_page' ? this.fields('page') : 0n;
    return touch(places, places | pages | this.everything);
  }

  /** What evaluating an expression reads, and takes from pools. */
  private reads(expr: Expr): Footprint {
    switch (expr.op) {
      case 'const':
      case 'local':
      case 'function':
        return nothing;
      case 'global':
      case 'field':
      case 'element':
        return both(this.finding(expr), { reads: this.classes(expr), writes: 0n });
      case 'not':
      case 'negate':
        return this.reads(expr.value);
      case 'binary':
      case 'and':
      case 'or':
        return both(this.reads(expr.left), this.reads(expr.right));
      case 'if':
        return [expr.condition, expr.then, expr.otherwise].map(each => this.reads(each)).reduce(both);
      case 'implements':
        return this.reads(expr.ops);
      case 'builtin':
        return this.builtin(expr.name, expr.args);
      case 'new':
        return { reads: 0n, writes: this.pool(expr.struct) | this.judgedPool(expr.struct) };
    }
  }

  private write(place: Place): Footprint {
    return both(this.finding(place), { reads: 0n, writes: this.classes(place) | this.judgedBy([place]) });
  }

  /** What is read to find out where a variable is: references, indices, whether the object is in use. */
  private finding(place: Place): Footprint {
    switch (place.op) {
      case 'local':
      case 'global':
        return nothing;
      case 'field':
        return both(this.reads(place.object), { reads: this.pool(place.struct), writes: 0n });
      case 'element':
        return both(this.finding(place.array), this.reads(place.index));
    }
  }

  /** The classes of a variable. */
  private classes(place: Place): bigint {
    switch (place.op) {
      case 'local':
        return 0n;
      case 'global':
        return place.name.startsWith('process.') ? 0n : this.variable(`global ${place.name}`, place.type);
      case 'field':
        if (this.secret.has(place.struct)) return 0n;
        return this.variable(`field ${place.struct}.${place.field}`, place.type);
      case 'element':
        return this.elements(place);
    }
  }

  /** An element of an array at a known index is a class of its own. */
  private elements({ array, index }: Place & { readonly op: 'element' }): bigint {
    const isOuter = array.op === 'global' || array.op === 'field';
    if (!isOuter || index.op !== 'const' || array.type.kind !== 'array') return this.classes(array);
    const { length } = array.type;
    if (length > ELEMENTS_MAX || index.value < 0 || index.value >= length) return this.classes(array);
    if (array.op === 'field' && this.secret.has(array.struct)) return 0n;
    const name = array.op === 'global' ? `global ${array.name}` : `field ${array.struct}.${array.field}`;
    return this.bit(`${name} ${index.value}`);
  }

  private variable(name: string, type: Type): bigint {
    if (type.kind !== 'array' || type.length > ELEMENTS_MAX) return this.bit(name);
    return Array.from({ length: type.length }, (_, index) => this.bit(`${name} ${index}`)).reduce(
      (all, each) => all | each,
      0n,
    );
  }

  private pool(struct: string): bigint {
    // Which free object one gets nobody else can tell, if nobody else ever sees it.
    if (this.secret.has(struct)) return 0n;
    return typeof this.program.structs[struct]?.count === 'number' ? this.bit(`pool ${struct}`) : 0n;
  }

  private freed(arg: Expr): bigint {
    const type = 'type' in arg ? arg.type : null;
    if (type?.kind !== 'ref') return this.everything;
    return this.pool(type.struct) | this.fields(type.struct) | this.judgedPool(type.struct);
  }

  private fields(struct: string): bigint {
    if (this.secret.has(struct)) return 0n;
    const fields = this.program.structs[struct]?.fields ?? [];
    return fields.reduce((all, { name, type }) => all | this.variable(`field ${struct}.${name}`, type), 0n);
  }

  /** Monitors look at some fields whenever the hardware does something. */
  private judgedBy(places: readonly Expr[]): bigint {
    const isJudged = (expr: Expr): boolean =>
      expr.op === 'field'
        ? judgedFields[expr.struct]?.includes(expr.field) === true
        : expr.op === 'element' && isJudged(expr.array);
    return places.some(isJudged) ? this.monitors : 0n;
  }

  private judgedPool(struct: string): bigint {
    return judgedFields[struct] === undefined ? 0n : this.monitors;
  }

  private bit(name: string): bigint {
    let bit = this.bits.get(name);
    if (bit === undefined) {
      bit = 1n << BigInt(this.count++);
      this.bits.set(name, bit);
    }
    return bit;
  }
}

/** Whether properties watch neither entry nor return of a function. */
export function isPlain(fn: FunctionCode): boolean {
  return fn.role === 'plain' && !judgedFunctions.has(fn.name);
}

/**
 * Structs whose objects are known to the thread that made them and to nobody else, because nothing could hold
 * a reference to one but locals and fields of such structs.
 */
function secretStructs(program: Program): ReadonlySet<string> {
  const structs = Object.values(program.structs);
  const known = new Set(structs.filter(({ count }) => typeof count !== 'number').map(({ name }) => name));
  const note = (type: Type): void => {
    if (type.kind === 'ref') known.add(type.struct);
    else if (type.kind === 'list' || type.kind === 'array') note(type.of);
  };
  for (const { type } of program.globals) note(type);
  for (const fn of Object.values(program.functions))
    for (const instruction of fn.code) for (const type of handedOver(instruction)) note(type);
  for (let before = -1; before !== known.size; ) {
    before = known.size;
    for (const { name, fields } of structs) if (known.has(name)) for (const { type } of fields) note(type);
  }
  return new Set(structs.map(({ name }) => name).filter(name => !known.has(name)));
}

/** Types of what a statement gives to others: the argument of a work item above all. */
function handedOver(instruction: Instruction): Type[] {
  if (instruction.op !== 'builtin' || own.has(instruction.name) || instruction.name === 'free') return [];
  return instruction.args.flatMap(typesOf);
}

function typesOf(expr: Expr): Type[] {
  if (expr.op === 'if') return [...typesOf(expr.then), ...typesOf(expr.otherwise)];
  if (expr.op === 'new') return [{ kind: 'ref', struct: expr.struct }];
  return isPlace(expr) ? [expr.type] : [];
}

function isPlace(expr: Expr): expr is Place {
  return expr.op === 'local' || expr.op === 'global' || expr.op === 'field' || expr.op === 'element';
}
