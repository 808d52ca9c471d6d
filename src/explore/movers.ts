/**
 * Which instructions commute with everything that any other thread can do, so that a search need not stop
 * before them. Decided per instruction before the search begins.
 *
 * Only these are movers: assignments, branches and asserts over locals and constants; calls of plain
 * functions with such arguments, and their return into a local; with `guarded`, the same with variables that
 * are declared `guarded_by` a lock (an access without the lock is a finding, whenever it comes). What waits,
 * chooses, is part of an atomic block, or is watched by a property (entries of system calls, faults,
 * callbacks, interrupts, the notifier's dispatch) is none, nor is any access to shared state.
 */
import { isSetUpOnce } from '../language/accesses';
import type { BuiltinName } from '../language/builtins';
import type { Expr, FunctionCode, Instruction, Program } from '../language/program';
import { judgedFunctions } from '../vm/monitors/monitors';

/** What a search leaves out without changing its verdict. Each is a switch. */
export interface Reductions {
  /** Steps that touch only locals run together with the step before them. */
  readonly local: boolean;
  /** So do accesses of variables that are `guarded_by` a lock. */
  readonly guarded: boolean;
  /** Locals that nobody will read are 0. */
  readonly deadLocals: boolean;
  /** Steps that commute with all that other threads can still do are not tried before and after these. */
  readonly independent?: boolean;
}

/** Not a mover; goes on in its frame; pushes a frame; pops one. */
export const MOVER = { none: 0, within: 1, call: 2, return: 3 } as const;

/** Builtins over nothing but the values of their arguments; `entry_at` is none, it reads a table's level. */
export const arithmetic: ReadonlySet<BuiltinName> = new Set<BuiltinName>([
  'addr_end',
  'align_down',
  'align_up',
  'cpumask_empty',
  'cpumask_test_cpu',
  'cpumask_without',
  'current',
  'entry_table',
  'max',
  'min',
  'mk_file_pte',
  'mk_hwpoison_pte',
  'mk_migration_pte',
  'mk_pte',
  'mk_swap_pte',
  'mk_table_entry',
  'no_pte',
  'null_page',
  'pfn_pte',
  'pgprot',
  'pte_walkable',
  'pte_clear_soft_dirty',
  'pte_dirty',
  'pte_exec',
  'pte_file',
  'pte_huge',
  'pte_hwpoison',
  'pte_invalid',
  'pte_migration',
  'pte_mkclean',
  'pte_mkdirty',
  'pte_mkexec',
  'pte_mkhuge',
  'pte_mkinvalid',
  'pte_mknoexec',
  'pte_mknonnuma',
  'pte_mknuma',
  'pte_mkold',
  'pte_mksoft_dirty',
  'pte_mkspecial',
  'pte_mkwrite',
  'pte_mkyoung',
  'pte_modify',
  'pte_modify_prot',
  'pte_none',
  'pte_numa',
  'pte_page',
  'pte_present',
  'pte_protnone',
  'pte_same',
  'pte_soft_dirty',
  'pte_special',
  'pte_swap',
  'pte_table',
  'pte_to_pgoff',
  'pte_write',
  'pte_wrprotect',
  'pte_young',
  'subpage_index',
  'swap_slot',
  'table_page',
  'task_cpu',
  'this_cpu',
]);

/** For each function, in the order of the program's, what each of its instructions is. */
export function moversOf(program: Program, reductions: Reductions): Uint8Array[] {
  const functions = Object.values(program.functions);
  if (!reductions.local) return functions.map(fn => new Uint8Array(fn.code.length));
  // A claim reads what it likes after every step, and a finding that is not watched stops nobody.
  const isUnwatched = program.scenario.unwatched.some(({ property }) => property === 'data-race');
  const guarded = reductions.guarded && !isUnwatched && program.scenario.claims.length === 0;
  const context: Context = { program, guarded };
  return functions.map(fn => Uint8Array.from(fn.code, (_, pc) => moverAt(context, fn, pc)));
}

/** Whether a result goes where only its thread looks, so that returning it is a mover. */
export function returnsToLocal(instruction: Instruction): boolean {
  return instruction.op === 'call' && (instruction.result === null || instruction.result.op === 'local');
}

interface Context {
  readonly program: Program;
  readonly guarded: boolean;
}

function moverAt(context: Context, fn: FunctionCode, pc: number): number {
  const instruction = fn.code[pc];
  if (instruction === undefined || instruction.joined) return MOVER.none;
  const isMover = (expr: Expr): boolean => isPrivate(context, expr);
  switch (instruction.op) {
    case 'set':
      return isMover(instruction.target) && isMover(instruction.value) ? MOVER.within : MOVER.none;
    case 'branch':
    case 'assert':
      return isMover(instruction.condition) ? MOVER.within : MOVER.none;
    case 'skip':
      return MOVER.within;
    case 'each_cpu':
      return isMover(instruction.mask) ? MOVER.within : MOVER.none;
    case 'call': {
      const callee = context.program.functions[instruction.fn];
      return callee !== undefined && isPlain(callee) && instruction.args.every(isMover)
        ? MOVER.call
        : MOVER.none;
    }
    case 'return':
      return isPlain(fn) && (instruction.value === null || isMover(instruction.value))
        ? MOVER.return
        : MOVER.none;
    default:
      return MOVER.none;
  }
}

function isPlain(fn: FunctionCode): boolean {
  return fn.role === 'plain' && !judgedFunctions.has(fn.name);
}

/** Whether an expression looks only at what no other thread can change meanwhile. */
function isPrivate(context: Context, expr: Expr): boolean {
  switch (expr.op) {
    case 'const':
    case 'local':
    case 'function':
      return true;
    case 'global':
      return isSetUpOnce(expr.name) || (context.guarded && isGuarded(context, expr));
    case 'field':
      return context.guarded && isGuarded(context, expr) && isPrivate(context, expr.object);
    case 'element':
      return isPrivate(context, expr.array) && isPrivate(context, expr.index);
    case 'not':
    case 'negate':
      return isPrivate(context, expr.value);
    case 'binary':
    case 'and':
    case 'or':
      return isPrivate(context, expr.left) && isPrivate(context, expr.right);
    case 'if':
      return [expr.condition, expr.then, expr.otherwise].every(part => isPrivate(context, part));
    case 'implements':
      return isPrivate(context, expr.ops);
    case 'builtin':
      return arithmetic.has(expr.name) && expr.args.every(arg => isPrivate(context, arg));
    case 'new':
      return false;
  }
}

/**
 * Whether a variable is declared `guarded_by`. Fields of what can be freed do not count: that the object is
 * still there is a question to other threads.
 */
function isGuarded({ program }: Context, expr: Expr): boolean {
  if (expr.op === 'global') return program.globals.find(({ name }) => name === expr.name)?.guard != null;
  if (expr.op !== 'field') return false;
  const struct = program.structs[expr.struct];
  if (struct === undefined || typeof struct.count === 'number' || struct.count === 'page') return false;
  return struct.fields.find(({ name }) => name === expr.field)?.guard != null;
}
