/**
 * What a name may mean, and where it is looked up: local, driver, scenario, kernel (and those it extends),
 * builtins.
 */
import type { Span } from '../base/span';
import type {
  ConstantType,
  Declarations,
  DriverModule,
  FunctionHeader,
  KernelModule,
  ModelSet,
} from './module';
import type { Callback, Global, Local, Struct, Type } from './program';
import { plainName } from './types';

/** What the name of a value means. */
export type Meaning =
  | {
      readonly kind: 'constant';
      readonly span: Span;
      /** Evaluated on first use, so that constants may stand in any order. */
      readonly value: () => { readonly value: number; readonly type: ConstantType };
    }
  | { readonly kind: 'global'; readonly span: Span; readonly global: Global }
  | { readonly kind: 'function'; readonly span: Span; readonly header: FunctionHeader }
  | { readonly kind: 'notifier'; readonly span: Span; readonly key: string }
  | { readonly kind: 'local'; readonly span: Span; readonly local: Local }
  /** Declared with a mistake that was reported. */
  | { readonly kind: 'wrong'; readonly span: Span }
  /** A parameter that is a function. */
  | { readonly kind: 'parameter'; readonly span: Span; readonly name: string; readonly type: Type };

/** What the name of a type means, besides the built-in ones. */
export type TypeMeaning =
  | { readonly kind: 'struct'; readonly span: Span; readonly key: string }
  | { readonly kind: 'enum'; readonly span: Span; readonly key: string };

/** One layer of names on top of another. */
export class Scope {
  readonly values = new Map<string, Meaning>();
  readonly types = new Map<string, TypeMeaning>();
  readonly workqueues = new Map<string, { readonly key: string; readonly span: Span }>();
  readonly callbacks = new Map<string, Callback>();
  /** Names of the members of enumerations, by key. */
  readonly members = new Map<string, readonly string[]>();
  /** By key. */
  readonly structs = new Map<string, Struct>();
  /** Drivers that can be named from here, as `driver.function`. */
  driverNamed: ((name: string) => Scope | undefined) | undefined;
  private readonly parent: Scope | null;

  constructor(parent: Scope | null) {
    this.parent = parent;
  }

  /** Meaning of a value's name. */
  value(name: string): Meaning | undefined {
    return this.values.get(name) ?? this.parent?.value(name);
  }

  /** Meaning of a type's name. */
  type(name: string): TypeMeaning | undefined {
    return this.types.get(name) ?? this.parent?.type(name);
  }

  /** A work queue by its name. */
  workqueue(name: string): { readonly key: string; readonly span: Span } | undefined {
    return this.workqueues.get(name) ?? this.parent?.workqueue(name);
  }

  /** A callback that the kernel knows. */
  callback(name: string): Callback | undefined {
    return this.callbacks.get(name) ?? this.parent?.callback(name);
  }

  /** A struct by its key. */
  struct(key: string): Struct | undefined {
    return this.structs.get(key) ?? this.parent?.struct(key);
  }

  /** Names of the members of an enumeration, in order. */
  membersOf(key: string): readonly string[] {
    return this.members.get(key) ?? this.parent?.membersOf(key) ?? [];
  }

  /** Structs with one object per CPU, frame, device ... that can be seen from here. */
  structsPer(count: Struct['count']): Struct[] {
    const own = [...this.structs.values()].filter(struct => struct.count === count);
    return this.parent ? [...own, ...this.parent.structsPer(count)] : own;
  }

  /** The names in a driver, for `driver.function`. */
  driver(name: string): Scope | undefined {
    return this.driverNamed?.(name) ?? this.parent?.driver(name);
  }

  /** All names of one kind that can be seen from here, for hints. */
  names(kind: 'values' | 'types' | 'workqueues' | 'callbacks'): string[] {
    return [...this[kind].keys(), ...(this.parent?.names(kind) ?? [])];
  }

  /** Adds all declarations of a compiled module. */
  add(declarations: Declarations): void {
    for (const constant of declarations.constants) {
      this.values.set(plainName(constant.name), {
        kind: 'constant',
        span: constant.span,
        value: () => constant,
      });
    }
    for (const enumeration of declarations.enums) {
      this.types.set(plainName(enumeration.name), {
        kind: 'enum',
        span: enumeration.span,
        key: enumeration.name,
      });
      addMembers(this, enumeration.name, enumeration.members);
    }
    for (const struct of declarations.structs) {
      this.structs.set(struct.name, struct);
      this.types.set(plainName(struct.name), { kind: 'struct', span: struct.span, key: struct.name });
    }
    for (const global of declarations.globals) {
      this.values.set(plainName(global.name), { kind: 'global', span: global.span, global });
    }
    for (const { header } of declarations.functions) {
      if (header.role === 'callback') continue;
      this.values.set(plainName(header.key), { kind: 'function', span: header.span, header });
    }
    for (const { name, span } of declarations.workqueues) {
      this.workqueues.set(plainName(name), { key: name, span });
    }
    for (const callback of declarations.callbacks) this.callbacks.set(callback.name, callback);
  }
}

/** Adds the members of an enumeration as constants. */
export function addMembers(
  scope: Scope,
  name: string,
  members: readonly { readonly name: string; readonly span: Span }[],
): void {
  scope.members.set(
    name,
    members.map(member => member.name),
  );
  members.forEach((member, value) => {
    const constant = { value, type: { kind: 'enum', name } } as const;
    scope.values.set(member.name, { kind: 'constant', span: member.span, value: () => constant });
  });
}

/** A kernel by its name. */
export function kernelNamed({ kernels }: ModelSet, name: string): KernelModule | undefined {
  return Object.hasOwn(kernels, name) ? kernels[name] : undefined;
}

/** The kernel and those it extends, the root first. Stops at a kernel that is missing or met twice. */
export function kernelChain(models: ModelSet, name: string): KernelModule[] {
  const chain: KernelModule[] = [];
  for (let next: string | null = name; next !== null; ) {
    const kernel: KernelModule | undefined = kernelNamed(models, next);
    if (!kernel || chain.includes(kernel)) break;
    chain.unshift(kernel);
    next = kernel.base;
  }
  return chain;
}

const kernelScopes = new WeakMap<ModelSet, Map<string, Scope>>();

/** All names of a kernel. Kept per set of models: every scenario asks for it. */
export function kernelScope(models: ModelSet, name: string): Scope {
  const known = kernelScopes.get(models) ?? new Map<string, Scope>();
  kernelScopes.set(models, known);
  let scope = known.get(name);
  if (!scope) {
    scope = new Scope(null);
    for (const kernel of kernelChain(models, name)) scope.add(kernel.declarations);
    known.set(name, scope);
  }
  return scope;
}

/** The names of a driver, seen from outside. */
export function driverScope(driver: DriverModule): Scope {
  const scope = new Scope(null);
  scope.add(driver.declarations);
  return scope;
}
