/** Counts accesses to shared state, for the rule that a step makes at most one. */
import { builtins } from './builtins';
import type { Expr, Place } from './program';
import type { Scope } from './scope';
import { plainName } from './types';

/** Hidden globals that hold the processes of a scenario; they never change after the set-up. */
export const processPrefix = 'process.';
/** Hidden globals that hold the files of a scenario; they never change after the set-up. */
export const filePrefix = 'file:';

/** Whether a global holds what the set-up made of a name of the scenario. */
export function isSetUpOnce(name: string): boolean {
  return name.startsWith(processPrefix) || name.startsWith(filePrefix);
}

/** What the count must know besides the expression. */
export interface AccessContext {
  readonly scope: Scope;
  /** Expressions in `atomic(...)`. */
  readonly lifted: ReadonlySet<Expr>;
}

/**
 * The shared variables an expression reads, as a user would name them; those that are guarded do not count.
 */
export function accessesOf(context: AccessContext, expr: Expr): string[] {
  if (context.lifted.has(expr)) return [];
  switch (expr.op) {
    case 'const':
    case 'function':
    case 'local':
      return [];
    case 'global':
    case 'field':
    case 'element':
      return [...accessesInside(context, expr), ...ownAccess(context, expr)];
    case 'not':
    case 'negate':
      return accessesOf(context, expr.value);
    case 'binary':
    case 'and':
    case 'or':
      return [...accessesOf(context, expr.left), ...accessesOf(context, expr.right)];
    case 'if':
      return [expr.condition, expr.then, expr.otherwise].flatMap(part => accessesOf(context, part));
    case 'implements':
      return accessesOf(context, expr.ops);
    case 'new':
      return [`new ${plainName(expr.struct)}`];
    case 'builtin':
      return accessesOfBuiltin(context, expr.name, expr.args);
  }
}

/** Accesses of a builtin: of its arguments, and its own. */
export function accessesOfBuiltin(
  context: AccessContext,
  name: keyof typeof builtins,
  args: readonly Expr[],
): string[] {
  const builtin = builtins[name];
  const found: string[] = [];
  let isGuarded = false;
  args.forEach((arg, index) => {
    if (builtin.params[index]?.startsWith('place:') && isPlace(arg)) {
      found.push(...accessesInside(context, arg));
      if (ownAccess(context, arg).length === 0) isGuarded = true;
    } else found.push(...accessesOf(context, arg));
  });
  if (builtin.access !== 'pure' && !isGuarded) found.push(`${name}()`);
  return found;
}

/** Accesses needed to find a place, without the one to the place itself. */
export function accessesInside(context: AccessContext, place: Place): string[] {
  switch (place.op) {
    case 'local':
    case 'global':
      return [];
    case 'field':
      return accessesOf(context, place.object);
    case 'element':
      return [...accessesInside(context, place.array), ...accessesOf(context, place.index)];
  }
}

/** The access to the place itself: its name, unless it is a local, guarded, a ghost or a process. */
export function ownAccess(context: AccessContext, place: Place): string[] {
  switch (place.op) {
    case 'local':
      return [];
    case 'global': {
      if (isSetUpOnce(place.name)) return [];
      const meaning = context.scope.value(plainName(place.name));
      const global = meaning?.kind === 'global' ? meaning.global : undefined;
      return global?.guard || global?.ghost ? [] : [plainName(place.name)];
    }
    case 'field': {
      const field = context.scope.struct(place.struct)?.fields.find(({ name }) => name === place.field);
      return field?.guard || field?.ghost ? [] : [`${plainName(place.struct)}.${place.field}`];
    }
    case 'element':
      return ownAccess(context, place.array);
  }
}

/** Whether an expression is a place. */
export function isPlace(expr: Expr): expr is Place {
  return expr.op === 'local' || expr.op === 'global' || expr.op === 'field' || expr.op === 'element';
}
