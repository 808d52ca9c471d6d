/**
 * The compiled program: plain data (JSON), no AST nodes, no closures. The language makes it, the vm runs it.
 *
 * Two stages. A *module* is one compiled kernel, driver or scenario file set, still by name. A *program* is
 * the modules
 * of one scenario linked: overrides applied, function parameters specialised, offsets assigned.
 */
import type { ArithmeticOperator } from '../base/arithmetic';
import type { Span } from '../base/span';
import type { MachineConfig } from '../machine/config';
import type { BuiltinName } from './builtins';

/**
 * Types of values. All take one word but `addr` (two) and the containers. `null` is 0 for every reference.
 */
export type Type =
  | { readonly kind: 'int'; readonly min: number; readonly max: number }
  | { readonly kind: 'bool' }
  | { readonly kind: 'addr' }
  | { readonly kind: 'enum'; readonly name: string }
  /** Reference to an object of a struct pool, 1 + index. */
  | { readonly kind: 'ref'; readonly struct: string }
  /**
   * Machine objects, 1 + index: page and table are frames, entry is 1 + frame * 512 + slot, ppr a slot of a
   * log.
   */
  | { readonly kind: 'page' | 'table' | 'entry' | 'cpu' | 'task' | 'device' | 'iommu' | 'ppr' }
  /** The value of a page-table entry, a bit set of CPUs, a notifier's table of callbacks (1 + index). */
  | { readonly kind: 'pte' | 'cpumask' | 'ops' }
  | { readonly kind: 'spinlock' | 'rwsem' | 'mutex' | 'srcu' }
  | { readonly kind: 'list'; readonly of: Type; readonly capacity: number }
  | { readonly kind: 'array'; readonly of: Type; readonly length: number }
  /** Only for parameters: a function name, gone after specialisation. */
  | { readonly kind: 'function'; readonly params: readonly Type[]; readonly result: Type | null };

/** Words a value of this type takes in state. */
export function typeWords(type: Type): number {
  switch (type.kind) {
    case 'addr':
      return 2;
    case 'list':
      return 1 + type.capacity * typeWords(type.of);
    case 'array':
      return type.length * typeWords(type.of);
    // Holder (1 + thread); for rwsem: writer, then a bit mask of readers; for srcu: 8 words of 4-bit nesting
    // counts.
    case 'rwsem':
      return 2;
    case 'srcu':
      return 8;
    case 'function':
      return 0;
    default:
      return 1;
  }
}

/** An expression. Evaluation has no effect but for builtins marked as atomic in the builtin table. */
export type Expr =
  | { readonly op: 'const'; readonly value: number }
  | Place
  | { readonly op: 'not' | 'negate'; readonly value: Expr }
  | {
      readonly op: 'binary';
      readonly fn: ArithmeticOperator | '==' | '!=' | '<' | '<=' | '>' | '>=';
      /** Set when both sides are addresses: order is then unsigned. */
      readonly address: boolean;
      readonly left: Expr;
      readonly right: Expr;
    }
  | { readonly op: 'and' | 'or'; readonly left: Expr; readonly right: Expr }
  | { readonly op: 'if'; readonly condition: Expr; readonly then: Expr; readonly otherwise: Expr }
  | { readonly op: 'builtin'; readonly name: BuiltinName; readonly args: readonly Expr[] }
  /** Whether a notifier's table of callbacks (an `ops` value) has this callback. */
  | { readonly op: 'implements'; readonly ops: Expr; readonly callback: string }
  /** A free object of a pool, cleared; null when none is left. */
  | { readonly op: 'new'; readonly struct: string }
  /** `1 + index` of a function in the program, for work items and interrupts. */
  | { readonly op: 'function'; readonly name: string };

/** Something that can be assigned to, locked, or counted atomically. */
export type Place =
  /** `slot` is the word offset of the local in its frame. */
  | { readonly op: 'local'; readonly slot: number; readonly type: Type }
  | { readonly op: 'global'; readonly name: string; readonly type: Type }
  /**
   * A field of a pool object, or of a per-cpu, per-frame (page), per-device, per-iommu or per-task struct.
   */
  | {
      readonly op: 'field';
      readonly struct: string;
      readonly field: string;
      readonly object: Expr;
      readonly type: Type;
    }
  | { readonly op: 'element'; readonly array: Place; readonly index: Expr; readonly type: Type };

/**
 * One instruction. It is one step, unless `joined`: then the step goes on with the next instruction (atomic
 * blocks).
 * `next`, `then` ... are indices into the function's code. A branch back never needs a step of its own.
 */
export type Instruction = { readonly span: Span; readonly joined: boolean } & (
  | { readonly op: 'set'; readonly target: Place; readonly value: Expr; readonly next: number }
  | { readonly op: 'branch'; readonly condition: Expr; readonly then: number; readonly otherwise: number }
  | {
      readonly op: 'call';
      readonly fn: string;
      readonly args: readonly Expr[];
      readonly result: Place | null;
      readonly next: number;
    }
  /** Calls a callback of a notifier: `ops` is its table of callbacks. */
  | {
      readonly op: 'callback';
      readonly callback: string;
      readonly ops: Expr;
      readonly args: readonly Expr[];
      readonly result: Place | null;
      readonly next: number;
    }
  | { readonly op: 'return'; readonly value: Expr | null }
  /** A builtin with an effect; may block or offer choices as the builtin table says. */
  | {
      readonly op: 'builtin';
      readonly name: BuiltinName;
      readonly args: readonly Expr[];
      readonly result: Place | null;
      readonly next: number;
    }
  /** Blocks until the condition holds. `spin` does not sleep; blocked in `idle` is no deadlock. */
  | {
      readonly op: 'wait';
      readonly how: 'sleep' | 'spin' | 'idle';
      readonly condition: Expr;
      readonly next: number;
    }
  /**
   * One step: goes to the first... any arm whose guard holds (a choice when several do); blocks if none and
   * no else.
   */
  | {
      readonly op: 'select';
      readonly arms: readonly { readonly condition: Expr; readonly next: number }[];
      readonly otherwise: number | null;
    }
  /** A choice of a value from `from` to `to`, both included. */
  | {
      readonly op: 'choose';
      readonly target: Place;
      readonly from: Expr;
      readonly to: Expr;
      readonly next: number;
    }
  /** A choice among places to go on. */
  | { readonly op: 'either'; readonly arms: readonly number[] }
  /**
   * Finds the next slot of `table` at or after the address in local `cursor` and below `to`: the next
   * populated one
   * (`present`, in one step) or the next at all. Sets `entry`, `address` and advances `cursor`; goes to
   * `body` or `exit`.
   */
  | {
      readonly op: 'each_entry';
      readonly present: boolean;
      readonly table: Expr;
      readonly to: Expr;
      readonly entry: number;
      readonly address: number;
      readonly cursor: number;
      readonly body: number;
      readonly exit: number;
    }
  /**
   * Next item of a list after the one in local `item` (0 to begin); an item that left the list is a
   * violation.
   */
  | {
      readonly op: 'each_item';
      readonly list: Place;
      readonly item: number;
      readonly body: number;
      readonly exit: number;
    }
  /** Next CPU of a cpumask after the one in local `item` (0 to begin). */
  | {
      readonly op: 'each_cpu';
      readonly mask: Expr;
      readonly item: number;
      readonly body: number;
      readonly exit: number;
    }
  | { readonly op: 'assert'; readonly condition: Expr; readonly text: string; readonly next: number }
  | { readonly op: 'skip'; readonly next: number }
);

/** A parameter or local variable. Hidden ones, made by the compiler, begin with `$`. */
export interface Local {
  readonly name: string;
  readonly type: Type;
  /** Word offset in the frame's locals; parameters come first. */
  readonly slot: number;
  readonly span: Span;
}

/**
 * What a function is for; a frame of a syscall, fault, daemon or callback opens and closes what properties
 * watch.
 */
export type FunctionRole =
  | 'plain'
  | 'syscall'
  | 'fault'
  | 'interrupt'
  | 'daemon'
  | 'callback'
  | 'task'
  | 'device'
  | 'setup';

/**
 * A compiled function. Its key in the program is unique: `munmap`, `amd_iommu_v2.do_fault`, `walk<zap_one>`.
 */
export interface FunctionCode {
  /** Key in `Program.functions`. */
  readonly key: string;
  /** Name shown in a call stack: `munmap`, `do_fault`, `amd_iommu_v2.invalidate_range`. */
  readonly name: string;
  /** The kernel, driver or scenario it belongs to. */
  readonly module: string;
  readonly role: FunctionRole;
  readonly span: Span;
  readonly doc: string;
  readonly params: readonly Local[];
  readonly locals: readonly Local[];
  /** Words of locals in a frame. */
  readonly frameWords: number;
  readonly result: Type | null;
  readonly code: readonly Instruction[];
  /** Driver and callback, for functions of a `notifier` block. */
  readonly driver: string | null;
  readonly callback: string | null;
  /**
   * The range of user addresses whose translations this operation takes away or lowers, over the parameters.
   */
  readonly revokes: { readonly from: Expr; readonly to: Expr } | null;
}

/** A field of a struct. */
export interface Field {
  readonly name: string;
  readonly type: Type;
  /** Word offset in the object. */
  readonly offset: number;
  /** Expression over the object (`op: 'local'` slot 0) or null. Access without this lock is a data race. */
  readonly guard: Guard | null;
  readonly ghost: boolean;
  /** Counts references to the object. */
  readonly refcount: boolean;
  /** A reference, or a list or array of them, that is counted in this field of what it refers to. */
  readonly counts: string | null;
  readonly span: Span;
}

/** The lock that guards a variable: a global lock, or a lock field of the same object. */
export type Guard = { readonly global: string } | { readonly field: string };

/** A struct: a pool of objects, or one object per machine object. */
export interface Struct {
  readonly name: string;
  /** Objects: a number, or one per cpu, frame (for `page`), device, iommu, task (every software thread). */
  readonly count: number | 'cpu' | 'page' | 'device' | 'iommu' | 'task';
  readonly fields: readonly Field[];
  /** Words of one object. */
  readonly words: number;
  readonly module: string;
  readonly span: Span;
}

/** A global variable. */
export interface Global {
  readonly name: string;
  readonly type: Type;
  readonly initial: number;
  readonly guard: Guard | null;
  readonly ghost: boolean;
  /** As of a field. */
  readonly counts: string | null;
  readonly module: string;
  readonly span: Span;
}

/** A callback that the kernel's notifier core knows. */
export interface Callback {
  readonly name: string;
  readonly params: readonly { readonly name: string; readonly type: Type }[];
  readonly result: Type | null;
  readonly span: Span;
}

/**
 * A driver's table of callbacks: callback name to function key. Its `ops` value is 1 + index in
 * `Program.notifiers`.
 */
export interface Notifier {
  readonly name: string;
  readonly driver: string;
  readonly callbacks: Readonly<Record<string, string>>;
  readonly span: Span;
}

/** A work queue with a kworker thread of its own. Items are (function, one argument word). */
export interface Workqueue {
  readonly name: string;
  readonly capacity: number;
  readonly module: string;
  readonly span: Span;
}

/**
 * A kernel thread that runs `fn`: once from the start (`passes` null), or so many times. A module says 0 of a
 * daemon that makes passes, and the scenario how many.
 */
export interface Daemon {
  readonly name: string;
  readonly fn: string;
  readonly passes: number | null;
  readonly module: string;
  readonly span: Span;
}

/** A task of the scenario: a user thread of a process on a CPU. */
export interface TaskConfig {
  readonly name: string;
  /** Its process; of a task that is forked a name made from its parent's: `P/c`. */
  readonly process: string;
  /** The task that must start it, for one that is forked. */
  readonly parent: string | null;
  readonly cpu: number;
  /** Function (role `task`) with the task's statements. */
  readonly fn: string;
  readonly span: Span;
}

/** A program that a device runs; its accesses carry this PASID. */
export interface DeviceProgram {
  readonly device: string;
  readonly pasid: number;
  /** Function (role `device`). */
  readonly fn: string;
  readonly span: Span;
}

/** One mapping of a process, so that addresses can be shown as `A + 1 page`. */
export interface Mapping {
  readonly name: string;
  readonly process: string;
  readonly address: number;
  readonly pages: number;
}

/** One line of a replay block. */
export type ReplayStep =
  /**
   * Runs one thread until: it has made so many steps; enters or returns from a function; can not go on; has
   * ended.
   */
  | { readonly kind: 'steps'; readonly thread: string; readonly count: number; readonly span: Span }
  | { readonly kind: 'call' | 'return'; readonly thread: string; readonly fn: string; readonly span: Span }
  | { readonly kind: 'blocked' | 'done'; readonly thread: string; readonly span: Span }
  /** Runs until the next step of the thread offers a choice, then takes this one, by number or by name. */
  | {
      readonly kind: 'choose';
      readonly thread: string;
      readonly choice: number | string;
      readonly span: Span;
    };

/** The verdict a scenario expects. */
export type Expectation =
  | { readonly verdict: 'holds'; readonly span: Span }
  | { readonly verdict: 'violated'; readonly properties: readonly string[]; readonly span: Span };

/** A scenario, compiled. Its code is in `Program.functions`. */
export interface ScenarioCode {
  readonly name: string;
  readonly doc: string;
  readonly kernel: string;
  /** The driver that is bound in the place of each that the scenario names; null where those are. */
  readonly driver: string | null;
  readonly span: Span;
  readonly machine: MachineConfig;
  readonly processes: readonly { readonly name: string; readonly span: Span }[];
  readonly mappings: readonly Mapping[];
  readonly files: readonly { readonly name: string; readonly span: Span }[];
  readonly tasks: readonly TaskConfig[];
  /** Daemons that make passes here, and how many. */
  readonly passes: readonly { readonly daemon: string; readonly count: number; readonly span: Span }[];
  readonly devices: readonly DeviceProgram[];
  /** Function (role `setup`) that builds the initial state by calling the kernel's `setup_*` functions. */
  readonly setup: string;
  readonly expect: Expectation | null;
  readonly unwatched: readonly { readonly property: string; readonly reason: string }[];
  readonly replay: readonly ReplayStep[];
  /**
   * Conditions that must never, always, or at some time hold; functions of no parameter, role `plain`, one
   * return.
   */
  readonly claims: readonly {
    readonly kind: 'never' | 'always' | 'sometimes';
    readonly condition: Expr;
    readonly text: string;
    readonly span: Span;
  }[];
}

/** Everything one scenario needs, linked. */
export interface Program {
  readonly kernel: string;
  readonly structs: Readonly<Record<string, Struct>>;
  readonly globals: readonly Global[];
  readonly functions: Readonly<Record<string, FunctionCode>>;
  readonly callbacks: readonly Callback[];
  readonly notifiers: readonly Notifier[];
  readonly workqueues: readonly Workqueue[];
  readonly daemons: readonly Daemon[];
  /** Constants and enum members by name, for `evaluate`. */
  readonly constants: Readonly<Record<string, number>>;
  readonly enums: Readonly<Record<string, readonly string[]>>;
  readonly scenario: ScenarioCode;
  /** Functions that an override replaced: key, and the span of the definition that does not run. */
  readonly overridden: readonly { readonly key: string; readonly span: Span; readonly by: string }[];
}
