/**
 * The functions of a kernel with which the initial state of a scenario is built: which there must be, what
 * they are given, and how each is called. What is not the same in every kernel is given by name: a function
 * gets what it has a parameter for, so a kernel says with its parameters what it knows.
 */
import type { Span } from '../base/span';
import type { Body } from './body';
import { nearestName } from './names';
import { type Problem, problems } from './problems';
import type { Expr, Place, Type } from './program';
import type { Scope } from './scope';
import { constant } from './value';

/** A function of the set-up. */
interface SetUpFunction {
  readonly name: string;
  /** Types of the parameters that are given by place. */
  readonly placed: readonly string[];
  /** Types of those that are given by name; `*` stands for all other names. */
  readonly named: Readonly<Record<string, string>>;
  readonly result: string | null;
  readonly isNeeded: boolean;
}

const setUpFunctions: readonly SetUpFunction[] = [
  { name: 'setup_process', placed: [], named: {}, result: 'mm', isNeeded: true },
  {
    name: 'setup_mmap',
    placed: ['mm', 'addr', 'addr'],
    named: { file: 'file', pgoff: 'int', '*': 'bool' },
    result: null,
    isNeeded: true,
  },
  {
    name: 'setup_populate',
    placed: ['mm', 'addr', 'addr'],
    named: { write: 'bool' },
    result: null,
    isNeeded: true,
  },
  { name: 'setup_task', placed: ['task', 'mm', 'cpu'], named: {}, result: null, isNeeded: true },
  { name: 'setup_file', placed: ['addr', 'enum'], named: {}, result: 'file', isNeeded: false },
  { name: 'setup_swap', placed: ['addr'], named: {}, result: null, isNeeded: false },
  { name: 'ret_from_fork', placed: [], named: {}, result: null, isNeeded: false },
];

/** What a kernel lacks of the functions that build an initial state. */
export function missingSetUp(span: Span, scope: Scope): Problem[] {
  return setUpFunctions.flatMap(wanted => {
    const meaning = scope.value(wanted.name);
    if (meaning === undefined && !wanted.isNeeded) return [];
    const header = meaning?.kind === 'function' ? meaning.header : undefined;
    const shown = `fn ${wanted.name}(${wanted.placed.join(', ')})`;
    const lacks = [problems.kernelLacks(span, shown)];
    if (header === undefined) return lacks;
    const fits = header.signature.every(({ name, type }, index) => {
      const kind = wanted.placed[index] ?? wanted.named[name] ?? wanted.named['*'];
      return kind === shownType(type);
    });
    if (!fits || header.signature.length < wanted.placed.length) return lacks;
    const result = header.result ? shownType(header.result) : null;
    if (result === wanted.result || wanted.result === null) return [];
    return [problems.kernelLacks(span, `the result ${wanted.result} of fn ${wanted.name}`)];
  });
}

function shownType(type: Type): string {
  return type.kind === 'ref' ? type.struct : type.kind;
}

/** What can be said of a mapping in a kernel whose functions have parameters of these names. */
function wordsOf(names: readonly string[]): string[] {
  const has = (name: string): boolean => names.includes(name);
  const rights = ['r', 'ro', ...(has('write') ? ['rw'] : []), ...(has('exec') ? ['rx'] : [])];
  const written = new Set(['read', 'write', 'exec', 'shared', 'file', 'pgoff']);
  return [
    ...rights,
    ...(has('exec') && has('write') ? ['rwx'] : []),
    ...(has('read') ? ['none'] : []),
    'private',
    ...(has('shared') ? ['shared'] : []),
    'touched',
    'read',
    ...(has('file') ? ['file NAME'] : []),
    ...names.filter(name => !written.has(name)),
  ];
}

/** Something given by name. `asked` is set where the scenario says it, so that it must not be lost. */
export interface Named {
  readonly value: Expr;
  readonly asked: { readonly word: string; readonly span: Span } | null;
}

/** Calls a function of the set-up with what it has parameters for; a problem for what it has none. */
export function callSetUp(
  body: Body,
  span: Span,
  fn: string,
  placed: readonly Expr[],
  options: { readonly named?: Readonly<Record<string, Named>>; readonly result?: Place } = {},
): void {
  const { unit } = body;
  const meaning = unit.scope.value(fn);
  if (meaning?.kind !== 'function') return;
  const named = options.named ?? {};
  const others = meaning.header.signature.slice(placed.length).map(({ name }) => name);
  for (const [name, { asked }] of Object.entries(named)) {
    if (asked === null || others.includes(name)) continue;
    const known = wordsOf(others);
    unit.problems.push(problems.unknownFlag(asked.span, asked.word, known, nearestName(asked.word, known)));
  }
  const args = [...placed, ...others.map(name => named[name]?.value ?? constant(0))];
  body.calls.push({ key: fn, span, isCall: true });
  const { result = null } = options;
  body.emitNext(span, (next, joined) => ({ op: 'call', span, joined, fn, args, result, next }));
}
