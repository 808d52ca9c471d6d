/**
 * Expressions and variables in Promela. A variable is an array: one element for each object of a
 * struct, one for a global; a local lies in the array `st` of its process. An address is two numbers,
 * `_l` and `_h`.
 *
 * What is followed without being there (a null reference, a freed object, an index too high) becomes
 * an index that no array has, so that Spin reports it.
 */

import type { Expr, Place, Program, Type } from '../language/program';
import { type EntryKind, makeAbsent, PTE } from '../machine/entry-format';
import { LOW_BITS } from './space';

/** Something in a program that has no counterpart in the export. */
export class NotExportable extends Error {}

/** An address as two expressions. */
export interface Pair {
  readonly low: string;
  readonly high: string;
}

/** An array and the index into it. */
export interface Where {
  readonly array: string;
  readonly index: string;
  readonly type: Type;
}

const MASK = 2 ** LOW_BITS - 1;
const NOWHERE = 99999;

/** A name that Promela accepts, for a name of ours. */
export function identifier(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_');
}

/** The two numbers of an address. */
export function pairOf(value: number): Pair {
  const high = Math.floor(value / 2 ** LOW_BITS);
  return { low: String(value - high * 2 ** LOW_BITS), high: String(high) };
}

/** Whether an expression is an address whatever its surroundings. */
export function isAddress(expr: Expr): boolean {
  switch (expr.op) {
    case 'local':
    case 'global':
    case 'field':
    case 'element':
      return expr.type.kind === 'addr';
    case 'binary':
      return ['+', '-', '%', '&', '|'].includes(expr.fn) && (isAddress(expr.left) || isAddress(expr.right));
    case 'if':
      return isAddress(expr.then) || isAddress(expr.otherwise);
    case 'builtin':
      if (expr.name === 'min' || expr.name === 'max') return expr.args.some(isAddress);
      return ['align_down', 'align_up', 'addr_end', 'ppr_address'].includes(expr.name);
    default:
      return false;
  }
}

/** Writes expressions of one program. */
export class Values {
  constructor(
    private readonly program: Program,
    /** `1 + number` of each function that is passed around. */
    private readonly functionNumber: (key: string) => number,
  ) {}

  /** A condition or a number of one word. */
  int(expr: Expr): string {
    switch (expr.op) {
      case 'const':
        if (Math.abs(expr.value) > 2 ** 31) throw new NotExportable(`the number ${expr.value}`);
        return expr.value < 0 ? `(${expr.value})` : String(expr.value);
      case 'local':
      case 'global':
      case 'field':
      case 'element': {
        const { array, index } = this.where(expr);
        return `${array}[${index}]`;
      }
      case 'not':
        return `(!${this.int(expr.value)})`;
      case 'negate':
        return `(-${this.int(expr.value)})`;
      case 'and':
        return `(${this.int(expr.left)} && ${this.int(expr.right)})`;
      case 'or':
        return `(${this.int(expr.left)} || ${this.int(expr.right)})`;
      case 'if':
        return `(${this.int(expr.condition)} -> ${this.int(expr.then)} : ${this.int(expr.otherwise)})`;
      case 'binary':
        return this.binary(expr);
      case 'implements':
        return this.implementsCallback(expr);
      case 'function':
        return String(this.functionNumber(expr.name));
      case 'builtin':
        return this.builtin(expr);
      default:
        throw new NotExportable(`'${expr.op}' inside an expression`);
    }
  }

  /** An address. */
  pair(expr: Expr): Pair {
    if (expr.op === 'const') return pairOf(expr.value);
    if (!isAddress(expr)) {
      const value = this.int(expr);
      return { low: `((${value}) & ${MASK})`, high: `((${value}) >> ${LOW_BITS})` };
    }
    switch (expr.op) {
      case 'local':
      case 'global':
      case 'field':
      case 'element':
        return this.wide(this.where(expr));
      case 'if': {
        const condition = this.int(expr.condition);
        const [then, otherwise] = [this.pair(expr.then), this.pair(expr.otherwise)];
        return choice(condition, then, otherwise);
      }
      case 'binary':
        return this.addressArithmetic(expr);
      case 'builtin':
        return this.addressBuiltin(expr);
      default:
        throw new NotExportable(`'${expr.op}' as an address`);
    }
  }

  /** Where a variable lies. */
  where(place: Place): Where {
    const { type } = place;
    switch (place.op) {
      case 'local':
        return { array: 'st', index: `fp + ${place.slot + 1}`, type };
      case 'global':
        return { array: `g_${identifier(place.name)}`, index: '0', type };
      case 'field': {
        const object = this.int(place.object);
        return {
          array: identifier(`${place.struct}_${place.field}`),
          index: this.index(place.struct, object),
          type,
        };
      }
      case 'element': {
        const array = this.where(place.array);
        const length = place.array.type.kind === 'array' ? place.array.type.length : 0;
        const index = this.int(place.index);
        const within = `(${index} >= 0 && ${index} < ${length} -> ${index} : ${NOWHERE})`;
        if (array.array === 'st') throw new NotExportable('an array among the locals');
        return { array: array.array, index: `(${array.index}) * ${length} + ${within}`, type };
      }
      default:
        throw new NotExportable('a place');
    }
  }

  /** The two elements of an address variable. */
  wide({ array, index }: Where): Pair {
    if (array === 'st') return { low: `st[${index}]`, high: `st[${index} + 1]` };
    return { low: `${array}_l[${index}]`, high: `${array}_h[${index}]` };
  }

  private index(struct: string, object: string): string {
    const pooled = typeof this.program.structs[struct]?.count === 'number';
    const name = identifier(struct);
    return pooled
      ? `(${object} > 0 && ${name}_in_use[${object} - 1] -> ${object} - 1 : ${NOWHERE})`
      : `(${object}) - 1`;
  }

  private binary(expr: Expr & { readonly op: 'binary' }): string {
    const { fn, left, right } = expr;
    const compares = ['==', '!=', '<', '<=', '>', '>='].includes(fn);
    if (compares && (isAddress(left) || isAddress(right)))
      return this.compare(fn, this.pair(left), this.pair(right));
    if (fn === '/' && isAddress(left)) return this.shifted(left, right);
    if (isAddress(expr)) {
      const { low } = this.pair(expr);
      return low;
    }
    return `(${this.int(left)} ${fn} ${this.int(right)})`;
  }

  private compare(fn: string, a: Pair, b: Pair): string {
    if (fn === '==') return `(${a.low} == ${b.low} && ${a.high} == ${b.high})`;
    if (fn === '!=') return `(${a.low} != ${b.low} || ${a.high} != ${b.high})`;
    const below = (x: Pair, y: Pair) => `BELOW(${x.high}, ${x.low}, ${y.high}, ${y.low})`;
    if (fn === '<') return below(a, b);
    if (fn === '>') return below(b, a);
    return fn === '<=' ? `(!${below(b, a)})` : `(!${below(a, b)})`;
  }

  private shifted(left: Expr, right: Expr): string {
    const bits = right.op === 'const' ? Math.log2(right.value) : Number.NaN;
    if (!Number.isInteger(bits) || bits > LOW_BITS) throw new NotExportable('division of an address');
    const { low, high } = this.pair(left);
    return `((${high} << ${LOW_BITS - bits}) | (${low} >> ${bits}))`;
  }

  private addressArithmetic(expr: Expr & { readonly op: 'binary' }): Pair {
    const [a, b] = [this.pair(expr.left), this.pair(expr.right)];
    if (expr.fn === '+' || expr.fn === '-') {
      const sum = `(${a.low} ${expr.fn} ${b.low})`;
      return {
        low: `(${sum} & ${MASK})`,
        high: `(${a.high} ${expr.fn} ${b.high} + (${sum} >> ${LOW_BITS}))`,
      };
    }
    if (expr.fn === '%' && expr.right.op === 'const')
      return { low: `(${a.low} & ${expr.right.value - 1})`, high: '0' };
    throw new NotExportable(`'${expr.fn}' of addresses`);
  }

  private addressBuiltin(expr: Expr & { readonly op: 'builtin' }): Pair {
    const [first, second, third] = expr.args;
    if (first === undefined) throw new NotExportable(expr.name);
    if (expr.name === 'ppr_address')
      return { low: `log_l[PPR(${this.int(first)})]`, high: `log_h[PPR(${this.int(first)})]` };
    if (second === undefined) throw new NotExportable(expr.name);
    const [a, b] = [this.pair(first), this.pair(second)];
    if (expr.name === 'min') return choice(this.compare('<', b, a), b, a);
    if (expr.name === 'max') return choice(this.compare('<', a, b), b, a);
    const bits = second.op === 'const' ? Math.log2(second.value) : Number.NaN;
    if (expr.name === 'align_down') return alignDown(a, bits);
    if (expr.name === 'align_up') return alignDown(add(a, 2 ** bits - 1), bits);
    const level = third?.op === 'const' ? third.value : 0;
    if (expr.name !== 'addr_end' || level < 1 || level > 4) throw new NotExportable(expr.name);
    const span = 12 + 9 * (level - 1);
    const boundary = add(alignDown(a, span), 2 ** span);
    return choice(this.compare('<', add(boundary, -1), add(b, -1)), boundary, b);
  }

  private implementsCallback(expr: Expr & { readonly op: 'implements' }): string {
    const ops = this.int(expr.ops);
    const having = this.program.notifiers.flatMap((notifier, index) =>
      notifier.callbacks[expr.callback] === undefined ? [] : [`(${ops} == ${index + 1})`],
    );
    return having.length === 0 ? '0' : `(${having.join(' || ')})`;
  }

  private builtin(expr: Expr & { readonly op: 'builtin' }): string {
    const { name, args } = expr;
    if (isAddress(expr)) return this.pair(expr).low;
    if (name === 'min' || name === 'max') {
      const [a = '', b = ''] = args.map(arg => this.int(arg));
      return `(${a} ${name === 'min' ? '<' : '>'} ${b} -> ${a} : ${b})`;
    }
    if (name === 'entry_at') {
      const { low, high } = this.pair(args[1] ?? { op: 'const', value: 0 });
      return `ENTRY_AT(${this.int(args[0] ?? { op: 'const', value: 0 })}, ${low}, ${high})`;
    }
    const list = args[0];
    if (name.startsWith('list_') || name === 'is_locked') {
      if (list === undefined || !('type' in list)) throw new NotExportable(name);
      return this.listExpr(name, this.where(list), args[1] === undefined ? '0' : this.int(args[1]));
    }
    const values = args.map(arg =>
      arg.op === 'const' && Math.abs(arg.value) > 2 ** 31 ? '0' : this.int(arg),
    );
    const written = pureBuiltin(name, values);
    if (written === null) throw new NotExportable(`the builtin ${name} inside an expression`);
    return written;
  }

  private listExpr(name: string, { array, index, type }: Where, item: string): string {
    if (name === 'is_locked')
      return type.kind === 'rwsem'
        ? `(${array}_w[${index}] || ${array}_r[${index}])`
        : `(${array}[${index}] != 0)`;
    const capacity = type.kind === 'list' ? type.capacity : 0;
    const at = (position: string | number) => `${array}_at[(${index}) * ${capacity} + ${position}]`;
    const positions = Array.from({ length: capacity }, (_, position) => position);
    switch (name) {
      case 'list_empty':
        return `(${array}_n[${index}] == 0)`;
      case 'list_length':
        return `${array}_n[${index}]`;
      case 'list_first':
        return at(0);
      case 'list_contains':
        return `(${positions.map(position => `${at(position)} == ${item}`).join(' || ')})`;
      case 'list_next':
        return positions
          .slice(0, -1)
          .reduceRight(
            (rest, position) => `(${at(position)} == ${item} -> ${at(position + 1)} : ${rest})`,
            '0',
          );
      default:
        throw new NotExportable(`${name} inside an expression`);
    }
  }
}

function choice(condition: string, then: Pair, otherwise: Pair): Pair {
  return {
    low: `(${condition} -> ${then.low} : ${otherwise.low})`,
    high: `(${condition} -> ${then.high} : ${otherwise.high})`,
  };
}

function add(a: Pair, by: number): Pair {
  const b = pairOf(by);
  const sum = `(${a.low} + ${b.low})`;
  return { low: `(${sum} & ${MASK})`, high: `(${a.high} + ${b.high} + (${sum} >> ${LOW_BITS}))` };
}

function alignDown(a: Pair, bits: number): Pair {
  if (!Number.isInteger(bits))
    throw new NotExportable('alignment to a size that is no constant power of two');
  if (bits <= LOW_BITS) return { low: `(${a.low} & ${MASK - (2 ** bits - 1)})`, high: a.high };
  return { low: '0', high: `((${a.high} >> ${bits - LOW_BITS}) << ${bits - LOW_BITS})` };
}

/** Builtins over values of one word; null for what is no expression. */
function pureBuiltin(name: string, args: readonly string[]): string | null {
  const [a = '0', b = '0'] = args;
  switch (name) {
    case 'no_pte':
    case 'null_page':
      return '0';
    case 'table_page':
      return a;
    case 'table_level':
      return `LEVEL((${a}) - 1)`;
    case 'entry_table':
      return `(1 + (((${a}) - 1) >> 9))`;
    case 'read_entry':
      return `READ(((${a}) - 1) >> 9, CS(((${a}) - 1) & 511))`;
    case 'read_word':
      return `READ((${a}) - 1, CS(${b}))`;
    case 'cpumask_test_cpu':
      return `(((${b}) >> ((${a}) - 1)) & 1)`;
    case 'cpumask_without':
      return `(${a} & ~(1 << ((${b}) - 1)))`;
    case 'cpumask_empty':
      return `(${a} == 0)`;
    case 'irqs_disabled':
      return '(irq_off[me] > 0)';
    case 'current':
      return '(me + 1)';
    case 'this_cpu':
      return '(cpu + 1)';
    case 'device_iommu':
      return `IOMMU_OF(${a})`;
    case 'has_ats':
      return `HAS_ATS(${a})`;
    case 'completion_done':
      return '(waiting[me] == 0)';
    case 'ppr_pending':
      return `(log_n[(${a}) - 1] > 0)`;
    case 'ppr_first':
      return `(${a})`;
    case 'ppr_device':
      return `log_device[PPR(${a})]`;
    case 'ppr_pasid':
      return `log_pasid[PPR(${a})]`;
    case 'ppr_tag':
      return `log_tag[PPR(${a})]`;
    case 'ppr_write':
      return `log_write[PPR(${a})]`;
    case 'ppr_last':
      return '1';
    default:
      return entryBuiltin(name, a, b, args[2] ?? '0');
  }
}

/** Which kind of absent entry a value is; null for other builtins. */
function absentBuiltin(name: string, a: string): string | null {
  // The kinds of absent entries are told apart by the value without offset and W.
  const absent = (kind: EntryKind) => `((${a} & ${0xfff & ~PTE.W}) == ${makeAbsent(kind, 0, false)})`;
  switch (name) {
    case 'pte_swap':
      return absent('swap');
    case 'pte_migration':
      return absent('migration');
    case 'pte_file':
      return absent('file');
    case 'pte_hwpoison':
      return absent('hwpoison');
    default:
      return null;
  }
}

/** Builtins over values of page-table entries; null for what is none. */
function entryBuiltin(name: string, a: string, b: string, c: string): string | null {
  const has = (bit: number) => `((${a} & ${bit}) != 0)`;
  const mapped = PTE.P | PTE.PROTNONE;
  const mappedHas = (bit: number) => `((${a} & ${mapped}) != 0 && ((${a} & ${bit}) != 0))`;
  switch (name) {
    case 'pte_none':
      return `(${a} == 0)`;
    case 'pte_present':
      return has(mapped);
    case 'pte_walkable':
      return has(PTE.P);
    case 'pte_protnone':
      return `((${a} & ${mapped}) == ${PTE.PROTNONE})`;
    case 'pte_numa':
      return `((${a} & ${mapped | PTE.G}) == ${PTE.PROTNONE | PTE.G})`;
    case 'pte_special':
      return mappedHas(PTE.SPECIAL);
    case 'pte_mkspecial':
      return `(${a} | ${PTE.SPECIAL})`;
    case 'pte_modify': {
      const kept = `(${a} & ${~(PTE.P | PTE.W | PTE.PROTNONE | PTE.G)})`;
      return `(${kept} | (${b} -> ${PTE.P} : ${PTE.PROTNONE}) | (${c} -> ${PTE.W} : 0))`;
    }
    case 'pte_exec':
      return `(!${has(PTE.NX)})`;
    case 'pte_soft_dirty':
      return has(PTE.SOFT_DIRTY);
    case 'pte_mksoft_dirty':
      return `(${a} | ${PTE.SOFT_DIRTY})`;
    case 'pte_clear_soft_dirty':
      return `(${a} & ${~PTE.SOFT_DIRTY})`;
    case 'pte_mkexec':
      return `(${a} & ${~PTE.NX})`;
    case 'pte_mknoexec':
      return `(${a} | ${PTE.NX})`;
    case 'pte_write':
      return has(PTE.W);
    case 'pte_dirty':
      return mappedHas(PTE.D);
    case 'pte_young':
      return has(PTE.A);
    case 'pte_huge':
      return mappedHas(PTE.PS);
    case 'pte_same':
      return `(((${a} ^ ${b}) & ${~PTE.DANGLING}) == 0)`;
    case 'pte_page':
      return `((${a} >> 12) + 1)`;
    case 'pte_table':
      return `((${a} & ${PTE.P}) != 0 -> (${a} >> 12) + 1 : 0)`;
    case 'mk_pte':
      return `((((${a}) - 1) << 12) | ${PTE.P | PTE.U | PTE.A} | (${b} -> ${PTE.W} : 0))`;
    case 'mk_table_entry':
      return `((((${a}) - 1) << 12) | ${PTE.P | PTE.W | PTE.U | PTE.A})`;
    case 'pte_wrprotect':
      return `(${a} & ${~PTE.W})`;
    case 'pte_mkwrite':
      return `(${a} | ${PTE.W})`;
    case 'pte_mkdirty':
      return `(${a} | ${PTE.D})`;
    case 'pte_mkclean':
      return `(${a} & ${~PTE.D})`;
    case 'pte_mkyoung':
      return `(${a} | ${PTE.A})`;
    case 'pte_mkold':
      return `(${a} & ${~PTE.A})`;
    default:
      return absentBuiltin(name, a);
  }
}
