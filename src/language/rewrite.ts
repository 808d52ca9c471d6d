/**
 * Replaces what linking decides in a function's code: function parameters, indices of work queues and
 * notifiers.
 */
import { isPlace } from './accesses';
import { isSymbolic, type SymbolicConst } from './module';
import type { Expr, FunctionCode, Instruction, Place } from './program';

/** What to replace; the rest is shared with the original. */
export interface Replacements {
  /** Key of a function, which may be or contain `$name`. */
  readonly fn: (key: string) => string;
  readonly symbol: (symbol: SymbolicConst['symbol']) => number;
}

/** Code with everything replaced. */
export function rewriteCode(code: readonly Instruction[], replacements: Replacements): FunctionCode['code'] {
  return code.map(instruction => rewriteInstruction(instruction, replacements));
}

function rewriteInstruction(node: Instruction, by: Replacements): Instruction {
  const expr = (value: Expr) => rewriteExpr(value, by);
  const place = (value: Place) => rewritePlace(value, by);
  switch (node.op) {
    case 'set':
      return { ...node, target: place(node.target), value: expr(node.value) };
    case 'branch':
    case 'wait':
    case 'assert':
      return { ...node, condition: expr(node.condition) };
    case 'call':
      return {
        ...node,
        fn: by.fn(node.fn),
        args: node.args.map(expr),
        result: node.result && place(node.result),
      };
    case 'callback':
      return {
        ...node,
        ops: expr(node.ops),
        args: node.args.map(expr),
        result: node.result && place(node.result),
      };
    case 'builtin':
      return { ...node, args: node.args.map(expr), result: node.result && place(node.result) };
    case 'return':
      return { ...node, value: node.value && expr(node.value) };
    case 'select':
      return { ...node, arms: node.arms.map(arm => ({ ...arm, condition: expr(arm.condition) })) };
    case 'choose':
      return { ...node, target: place(node.target), from: expr(node.from), to: expr(node.to) };
    case 'each_entry':
      return { ...node, table: expr(node.table), to: expr(node.to) };
    case 'each_item':
      return { ...node, list: place(node.list) };
    case 'each_cpu':
      return { ...node, mask: expr(node.mask) };
    case 'either':
    case 'skip':
      return node;
  }
}

/** An expression with everything replaced. */
export function rewriteExpr(node: Expr, by: Replacements): Expr {
  if (isPlace(node)) return rewritePlace(node, by);
  switch (node.op) {
    case 'const':
      return isSymbolic(node) ? { op: 'const', value: by.symbol(node.symbol) } : node;
    case 'function':
      return { op: 'function', name: by.fn(node.name) };
    case 'not':
    case 'negate':
      return { ...node, value: rewriteExpr(node.value, by) };
    case 'binary':
    case 'and':
    case 'or':
      return { ...node, left: rewriteExpr(node.left, by), right: rewriteExpr(node.right, by) };
    case 'if':
      return {
        ...node,
        condition: rewriteExpr(node.condition, by),
        // biome-ignore lint/suspicious/noThenProperty: expressions are never awaited.
        then: rewriteExpr(node.then, by),
        otherwise: rewriteExpr(node.otherwise, by),
      };
    case 'builtin':
      return { ...node, args: node.args.map(arg => rewriteExpr(arg, by)) };
    case 'implements':
      return { ...node, ops: rewriteExpr(node.ops, by) };
    case 'new':
      return node;
  }
}

function rewritePlace(node: Place, by: Replacements): Place {
  switch (node.op) {
    case 'local':
    case 'global':
      return node;
    case 'field':
      return { ...node, object: rewriteExpr(node.object, by) };
    case 'element':
      return { ...node, array: rewritePlace(node.array, by), index: rewriteExpr(node.index, by) };
  }
}
