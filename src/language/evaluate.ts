/** Compiles one expression in the scope of a stopped function: for watches, hovers and conditions. */
import { devicesOf } from '../machine/config';
import { filePrefix, processPrefix } from './accesses';
import { Body } from './body';
import { lowerExpression } from './expressions';
import { parseExpression, point } from './parse';
import type { Problem } from './problems';
import type { Expr, Program, Type } from './program';
import { addMembers, Scope } from './scope';
import { addrType, plainName, type StaticType, wordType } from './types';
import type { Unit } from './unit';

/** What problems of an expression name as their file. */
const PATH = 'expression';

/** An expression and its type, or what is wrong with it. */
export type CompiledExpression =
  | { readonly expr: Expr; readonly type: Type }
  | { readonly problems: readonly Problem[] };

/** Compiles an expression that may use the locals of a function, and all names of the scenario. */
export function compileExpression(
  text: string,
  program: Program,
  functionKey: string | null,
): CompiledExpression {
  const { tree, problems: syntax } = parseExpression(text, PATH);
  if (!tree?.expression || syntax.length > 0) return { problems: syntax };
  const fn = functionKey === null ? undefined : program.functions[functionKey];
  const scope = programScope(program, fn?.driver ?? null);
  const unit: Unit = { name: PATH, kind: 'scenario', prefix: '', scope, problems: [], uses: [] };
  const body = new Body(unit, 'plain', null);
  body.readsGhosts = true;
  for (const local of [...(fn?.params ?? []), ...(fn?.locals ?? [])]) {
    if (!local.name.startsWith('$')) body.declare(local.name, { kind: 'local', span: local.span, local });
  }
  const { expr, type } = lowerExpression(body, tree.expression);
  const errors = unit.problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) return { problems: errors };
  return { expr, type: shownType(type) };
}

function shownType(type: StaticType): Type {
  switch (type.kind) {
    case 'number':
    case 'null':
    case 'void':
    case 'error':
      return wordType;
    default:
      return type;
  }
}

const scopes = new WeakMap<Program, Map<string, Scope>>();

/** The names of a program, seen from a driver or from the kernel. */
function programScope(program: Program, driver: string | null): Scope {
  const known = scopes.get(program) ?? new Map<string, Scope>();
  scopes.set(program, known);
  const key = driver ?? '';
  const scope = known.get(key) ?? makeScope(program, driver);
  known.set(key, scope);
  return scope;
}

function makeScope(program: Program, driver: string | null): Scope {
  const scope = new Scope(new Scope(null));
  addNames(scope, program, '');
  if (driver !== null) addNames(scope, program, `${driver}.`);
  addScenario(scope, program);
  const drivers = new Set(Object.values(program.functions).flatMap(fn => fn.driver ?? []));
  scope.driverNamed = name => {
    const found = [...drivers].find(other => other === name || other.startsWith(`${name}+`));
    if (found === undefined) return undefined;
    const named = new Scope(null);
    addNames(named, program, `${found}.`);
    return named;
  };
  return scope;
}

/** Adds what is declared under a prefix: nothing for the kernel, `driver.` for a driver. */
function addNames(scope: Scope, program: Program, prefix: string): void {
  const isHere = (name: string) => name === prefix + plainName(name);
  const nowhere = point(PATH, 1, 1);
  for (const struct of Object.values(program.structs)) {
    scope.structs.set(struct.name, struct);
    if (!isHere(struct.name)) continue;
    scope.types.set(plainName(struct.name), { kind: 'struct', span: struct.span, key: struct.name });
  }
  for (const callback of program.callbacks) scope.callbacks.set(callback.name, callback);
  for (const [name, value] of Object.entries(program.constants)) {
    if (!isHere(name)) continue;
    const constant = { value, type: { kind: 'number' } } as const;
    scope.values.set(plainName(name), { kind: 'constant', span: nowhere, value: () => constant });
  }
  for (const [name, members] of Object.entries(program.enums)) {
    if (!isHere(name)) continue;
    const spans = members.map(member => ({ name: member, span: nowhere }));
    addMembers(scope, name, spans);
  }
  for (const global of program.globals) {
    if (isHere(global.name)) {
      scope.values.set(plainName(global.name), { kind: 'global', span: global.span, global });
    }
  }
}

function addScenario(scope: Scope, program: Program): void {
  const { scenario } = program;
  const add = (name: string, value: number, type: Type) => {
    const constant = { value, type };
    scope.values.set(name, { kind: 'constant', span: scenario.span, value: () => constant });
  };
  for (const { name, address } of scenario.mappings) add(name, address, addrType);
  scenario.tasks.forEach(({ name }, index) => {
    add(name, 1 + index, { kind: 'task' });
  });
  for (let cpu = 0; cpu < scenario.machine.cpus; cpu++) add(`cpu${cpu}`, 1 + cpu, { kind: 'cpu' });
  scenario.machine.iommus.forEach(({ name }, index) => {
    add(name, 1 + index, { kind: 'iommu' });
  });
  devicesOf(scenario.machine).forEach(({ name }, index) => {
    add(name, 1 + index, { kind: 'device' });
  });
  for (const global of program.globals) {
    const prefix = [processPrefix, filePrefix].find(each => global.name.startsWith(each));
    if (prefix === undefined) continue;
    scope.values.set(global.name.slice(prefix.length), { kind: 'global', span: global.span, global });
  }
}
