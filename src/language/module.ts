/**
 * Compiled modules: one kernel, driver or scenario file, still by name. Plain data, kept in
 * dist/models.json.
 */
import type { Span } from '../base/span';
import type { Problem } from './problems';
import type {
  Callback,
  Daemon,
  Expr,
  FunctionCode,
  FunctionRole,
  Global,
  Notifier,
  Struct,
  Type,
  Workqueue,
} from './program';

/** A file as the host read it. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A bare number stands for an integer or an address, whichever is wanted. */
export type ConstantType = Type | { readonly kind: 'number' };

/** A constant with its value. */
export interface Constant {
  readonly name: string;
  readonly value: number;
  readonly type: ConstantType;
  readonly span: Span;
}

/** An enumeration; a member's value is its index. */
export interface Enumeration {
  readonly name: string;
  readonly members: readonly { readonly name: string; readonly span: Span }[];
  readonly span: Span;
}

/** What a caller must know of a function. */
export interface FunctionHeader {
  readonly key: string;
  readonly name: string;
  readonly role: FunctionRole;
  /** All parameters, functions among them. */
  readonly signature: readonly { readonly name: string; readonly type: Type }[];
  readonly result: Type | null;
  readonly span: Span;
}

/** A function that a body calls, queues or sends, by key. */
export interface CallSite {
  readonly key: string;
  readonly span: Span;
  /** A call pushes a frame now; work items and interrupts run later, elsewhere. */
  readonly isCall: boolean;
}

/**
 * A compiled function. One with function parameters is a template: in its code `$name` stands for the
 * argument, and
 * linking makes a copy for each use.
 */
export interface ModuleFunction {
  readonly header: FunctionHeader;
  readonly code: FunctionCode;
  readonly functionParams: readonly string[];
  readonly calls: readonly CallSite[];
  /** Contains constants known only when a scenario is linked (`SymbolicConst`). */
  readonly isSymbolic: boolean;
  /**
   * Allocates a frame itself. Calls of such a function may be recursive: reclaim runs inside an allocation.
   */
  readonly allocates: boolean;
  readonly isOverride: boolean;
}

/**
 * A constant whose value is an index that linking gives: of a work queue or of a notifier's table of
 * callbacks.
 */
export interface SymbolicConst {
  readonly op: 'const';
  readonly value: number;
  readonly symbol: { readonly kind: 'workqueue' | 'ops'; readonly key: string };
}

/** Whether a constant is still symbolic. */
export function isSymbolic(expr: Expr): expr is SymbolicConst {
  return 'symbol' in expr;
}

/**
 * Everything a kernel, driver or scenario file declares. Names are final: those of a driver begin with
 * `driver.`.
 */
export interface Declarations {
  readonly structs: readonly Struct[];
  readonly enums: readonly Enumeration[];
  readonly constants: readonly Constant[];
  readonly globals: readonly Global[];
  readonly functions: readonly ModuleFunction[];
  readonly callbacks: readonly Callback[];
  readonly workqueues: readonly Workqueue[];
  readonly daemons: readonly Daemon[];
  readonly notifiers: readonly Notifier[];
}

/** What a name means at a place: go to definition, references and hover read it. */
export interface Use {
  readonly span: Span;
  readonly definition: Span;
  readonly name: string;
  readonly kind: string;
}

/** A compiled kernel: only what its own folder declares. The rest is in the kernels it extends. */
export interface KernelModule {
  readonly name: string;
  readonly base: string | null;
  readonly aliases: readonly { readonly name: string; readonly note: string }[];
  readonly span: Span;
  readonly declarations: Declarations;
  readonly problems: readonly Problem[];
  readonly uses: readonly Use[];
  /** Kept so that the kernel can be compiled again on top of a base the user replaced. */
  readonly files: readonly SourceFile[];
}

/** A driver compiled against one kernel. */
export interface DriverModule {
  readonly name: string;
  readonly kernel: string;
  readonly span: Span;
  readonly doc: string;
  readonly declarations: Declarations;
  readonly problems: readonly Problem[];
  readonly uses: readonly Use[];
  /** Kept so that the driver can be compiled for a kernel of the user. */
  readonly file: SourceFile;
  /** Files it takes in with `import`. */
  readonly imports: readonly SourceFile[];
}

/** All compiled models. */
export interface ModelSet {
  readonly kernels: Readonly<Record<string, KernelModule>>;
  /** By `kernel/driver`. */
  readonly drivers: Readonly<Record<string, DriverModule>>;
}
