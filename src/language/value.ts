/** Lowered expressions. */
import type { Expr } from './program';
import { errorType, type StaticType } from './types';

/** A lowered expression with its type. */
export interface Value {
  readonly expr: Expr;
  readonly type: StaticType;
}

/** Stands for an expression with a mistake that was reported. */
export const wrongValue: Value = { expr: { op: 'const', value: 0 }, type: errorType };

/** A constant expression. */
export function constant(value: number): Expr {
  return { op: 'const', value };
}
