/** Declarations of a module while they are collected, and the rules for their names. */
import type { Span } from '../base/span';
import type { FunctionSource } from './functions';
import type { Constant, Enumeration } from './module';
import { problems } from './problems';
import type { Callback, Daemon, Global, Notifier, Struct, Workqueue } from './program';
import type { Unit } from './unit';

/** What was found so far. Functions still lack their code. */
export interface Collected {
  readonly structs: Struct[];
  readonly enums: Enumeration[];
  readonly constants: Constant[];
  readonly globals: Global[];
  readonly functions: FunctionSource[];
  readonly callbacks: Callback[];
  readonly workqueues: Workqueue[];
  readonly daemons: Daemon[];
  readonly notifiers: Notifier[];
}

/** Refuses a name that is declared already. */
export function refuseTwice(unit: Unit, span: Span, name: string, isKnown: boolean): void {
  if (isKnown) unit.problems.push(problems.alreadyDeclared(span, name, `in ${unit.kind} ${unit.name}`));
}

/** A kernel that extends another may not silently hide what is there; a driver hides names of the kernel. */
export function refuseHiding(unit: Unit, span: Span, name: string, isThere: boolean): void {
  if (isThere && unit.kind !== 'driver') unit.problems.push(problems.existsInKernel(span, name));
}
