/** Joins the modules of one scenario into a program: overrides, copies for function parameters, indices. */
import { assert } from '../base/assert';
import { splitKey } from './call-graph';
import type { Declarations, ModuleFunction, SymbolicConst } from './module';
import { builtinConstants } from './numbers';
import type {
  Daemon,
  FunctionCode,
  Global,
  Notifier,
  Program,
  ScenarioCode,
  Struct,
  Workqueue,
} from './program';
import { type Replacements, rewriteCode } from './rewrite';

/** A module with the name it shows. */
export interface Part {
  readonly name: string;
  readonly declarations: Declarations;
}

/** Everything a program is made from, in the order of precedence: what comes later overrides. */
export interface LinkInput {
  readonly kernel: string;
  /** The kernels from the root on, then the drivers in order of first use, then the scenario's file. */
  readonly parts: readonly Part[];
  readonly scenario: ScenarioCode;
  /** The scenario's own functions (set-up, tasks, device programs) and its processes. */
  readonly functions: readonly ModuleFunction[];
  readonly globals: readonly Global[];
}

/** Makes the program. The input has no problems. */
export function link(input: LinkInput): Program {
  const { parts } = input;
  const { functions, overridden } = mergeFunctions(input);
  const workqueues = unqualified(parts.flatMap(({ declarations }) => declarations.workqueues));
  const notifiers = parts.flatMap(({ declarations }) => declarations.notifiers);
  const symbol = symbolValues(parts, notifiers);
  return {
    kernel: input.kernel,
    structs: structsOf(parts),
    globals: [...parts.flatMap(({ declarations }) => declarations.globals), ...input.globals],
    functions: linkFunctions(functions, symbol),
    callbacks: parts.flatMap(({ declarations }) => declarations.callbacks),
    notifiers,
    workqueues,
    daemons: runningDaemons(parts, input.scenario),
    constants: constantsOf(parts),
    enums: Object.fromEntries(
      parts.flatMap(({ declarations }) =>
        declarations.enums.map(({ name, members }) => [name, members.map(member => member.name)]),
      ),
    ),
    scenario: input.scenario,
    overridden,
  };
}

/** The daemons that a scenario has: those that run by themselves, and those that it gives passes. */
export function runningDaemons(parts: readonly Part[], { passes }: Pick<ScenarioCode, 'passes'>): Daemon[] {
  return unqualified(parts.flatMap(({ declarations }) => declarations.daemons))
    .map(daemon => {
      const given = passes.find(pass => pass.daemon === daemon.name);
      return daemon.passes === null ? daemon : { ...daemon, passes: given?.count ?? 0 };
    })
    .filter(daemon => daemon.passes !== 0);
}

function structsOf(parts: readonly Part[]): Record<string, Struct> {
  const all = parts.flatMap(({ declarations }) => declarations.structs);
  return Object.fromEntries(all.map(struct => [struct.name, struct]));
}

function constantsOf(parts: readonly Part[]): Record<string, number> {
  const constants: Record<string, number> = { ...builtinConstants };
  for (const { declarations } of parts) {
    for (const { name, value } of declarations.constants) constants[name] = value;
    for (const { members } of declarations.enums) {
      members.forEach(({ name }, value) => {
        constants[name] = value;
      });
    }
  }
  return constants;
}

/** All functions by key, and those that an override put out of use. */
export function mergeFunctions({ parts, functions: own }: Pick<LinkInput, 'parts' | 'functions'>): {
  readonly functions: Map<string, ModuleFunction>;
  readonly overridden: Program['overridden'];
} {
  const functions = new Map<string, ModuleFunction>();
  const overridden: { key: string; span: FunctionCode['span']; by: string }[] = [];
  for (const { name, declarations } of parts) {
    for (const fn of declarations.functions) {
      const before = functions.get(fn.header.key);
      if (before) overridden.push({ key: fn.header.key, span: before.code.span, by: name });
      functions.set(fn.header.key, fn);
    }
  }
  for (const fn of own) functions.set(fn.header.key, fn);
  return { functions, overridden };
}

/** Names of threads are short: without the driver, unless two would be the same. */
function unqualified<T extends Pick<Workqueue, 'name'>>(named: readonly T[]): T[] {
  const taken = new Set<string>();
  return named.map(item => {
    const plain = item.name.slice(item.name.lastIndexOf('.') + 1);
    const name = taken.has(plain) ? item.name : plain;
    taken.add(name);
    return name === item.name ? item : { ...item, name };
  });
}

/** Index of a work queue or notifier in the program, counted from 1. */
function symbolValues(parts: readonly Part[], notifiers: readonly Notifier[]): Replacements['symbol'] {
  const workqueues = parts.flatMap(({ declarations }) => declarations.workqueues.map(({ name }) => name));
  const tables = notifiers.map(({ driver, name }) => `${driver}.${name}`);
  return ({ kind, key }: SymbolicConst['symbol']) => {
    const index = (kind === 'ops' ? tables : workqueues).indexOf(key);
    assert(index >= 0, `link: no ${kind} ${key}`);
    return index + 1;
  };
}

function linkFunctions(
  functions: ReadonlyMap<string, ModuleFunction>,
  symbol: Replacements['symbol'],
): Record<string, FunctionCode> {
  const linked: Record<string, FunctionCode> = {};
  const wanted: string[] = [];
  const want = (fn: ModuleFunction, replace: (key: string) => string) => {
    for (const { key } of fn.calls) if (key.includes('<')) wanted.push(replace(key));
  };
  for (const [key, fn] of functions) {
    if (fn.functionParams.length > 0) continue;
    const code = fn.isSymbolic ? rewriteCode(fn.code.code, { fn: name => name, symbol }) : fn.code.code;
    linked[key] = fn.isSymbolic ? { ...fn.code, code } : fn.code;
    want(fn, name => name);
  }
  for (let key = wanted.pop(); key !== undefined; key = wanted.pop()) {
    if (Object.hasOwn(linked, key)) continue;
    const { base, args } = splitKey(key);
    const template = functions.get(base);
    assert(template !== undefined, `link: no function ${base}`);
    const replace = (name: string) => substitute(name, template.functionParams, args);
    linked[key] = { ...template.code, key, code: rewriteCode(template.code.code, { fn: replace, symbol }) };
    want(template, replace);
  }
  return linked;
}

/** Puts the arguments in the place of `$name`. */
function substitute(key: string, params: readonly string[], args: readonly string[]): string {
  return key.replace(/\$(\w+)/g, (whole, name: string) => args[params.indexOf(name)] ?? whole);
}
