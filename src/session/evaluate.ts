/** Expressions of the user: conditions, watches, hovers, log messages. They are compiled as the language is, and only read. */
import { compileExpression } from '../language/compile';
import type { Expr, Program, Type } from '../language/program';
import type { Frame } from '../vm/types';
import type { Session } from './session';
import { formatted, typeText } from './values';

/** An expression ready to be read, or what is wrong with it. */
export type Compiled = { readonly expr: Expr; readonly type: Type } | { readonly problem: string };

/** The value of an expression, for people. */
export type Evaluated =
  | {
      readonly value: string;
      readonly type: Type;
      readonly typeName: string;
      readonly raw: number;
      readonly expr: Expr;
    }
  | { readonly problem: string };

/** Compiles an expression as if it stood in a function (null: outside of any). */
export function compileExpressionFor(program: Program, text: string, functionKey: string | null): Compiled {
  const result = compileExpression(text, program, functionKey);
  if (!('problems' in result)) return result;
  return { problem: result.problems[0]?.message ?? 'no expression' };
}

/** Evaluates an expression in a frame of a thread. */
export function evaluateText(session: Session, text: string, thread: number, frame: Frame | null): Evaluated {
  const compiled = compileExpressionFor(session.program, text, frame?.fn?.key ?? null);
  if ('problem' in compiled) return compiled;
  const { expr, type } = compiled;
  const raw = session.vm.read(expr, thread, frame);
  return { value: formatted(session.vm, type, raw), type, typeName: typeText(type), raw, expr };
}
