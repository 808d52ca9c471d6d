/**
 * Expressions of the user: conditions, watches, hovers, log messages. They are compiled as the language is,
 * and only read.
 */
import { compileExpression } from '../language/compile';
import type { Expr, Program, Type } from '../language/program';
import type { Frame } from '../vm/types';
import type { Session } from './session';
import { globalsOf, type Variable, valueVariable } from './values';

/** An expression ready to be read, or what is wrong with it. */
export type Compiled = { readonly expr: Expr; readonly type: Type } | { readonly problem: string };

/** The value of an expression, for people, or what is wrong with it. */
export type Evaluated = Variable | { readonly problem: string };

/** Compiles an expression as if it stood in a function (null: outside of any). */
export function compileExpressionFor(program: Program, text: string, functionKey: string | null): Compiled {
  const result = compileExpression(text, program, functionKey);
  if (!('problems' in result)) return result;
  return { problem: result.problems[0]?.message ?? 'no expression' };
}

/** Evaluates an expression in a frame of a thread. */
export function evaluateText(session: Session, text: string, thread: number, frame: Frame | null): Evaluated {
  const compiled = compileExpressionFor(session.program, text, frame?.fn?.key ?? null);
  if ('problem' in compiled) return memberNamed(session, text, thread, frame) ?? compiled;
  const { expr, type } = compiled;
  return valueVariable(session, text, type, session.vm.read(expr, thread, frame));
}

/** Lists and locks are no values of the language, but can be looked at: `mm.mmap`, or a global. */
function memberNamed(session: Session, text: string, thread: number, frame: Frame | null): Variable | null {
  const path = /^(.*)\.([A-Za-z_]\w*)$/.exec(text);
  if (path === null) return globalsOf(session).find(({ name }) => name === text) ?? null;
  const [, object = '', member] = path;
  const value = evaluateText(session, object, thread, frame);
  if ('problem' in value || value.children === null) return null;
  const { list, count } = value.children;
  return list(0, count).find(({ name }) => name === member) ?? null;
}
