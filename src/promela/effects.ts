/** Builtins that stand alone, in Promela: a guard, and what happens when it holds. */
import type { BuiltinName } from '../language/builtins';
import type { Expr, Program } from '../language/program';
import { devicesOf } from '../machine/config';
import { PTE } from '../machine/entry-format';
import { identifier, NotExportable, type Values, type Where } from './values';

/** One way in which a builtin can go; an empty guard always holds. A result is left in `rv` and `rvh`. */
export interface Arm {
  readonly guard: string;
  readonly body: readonly string[];
}

/** Whether a builtin offers a choice. */
export function isChoice(name: BuiltinName): boolean {
  return name === 'alloc_page_nowait';
}

const does = (...body: string[]): Arm[] => [{ guard: '', body }];

/** The ways in which a builtin can go. */
export function builtinStatement(
  values: Values,
  program: Program,
  name: BuiltinName,
  args: readonly Expr[],
): Arm[] {
  const int = (index: number) => values.int(args[index] ?? { op: 'const', value: 0 });
  const pair = (index: number) => values.pair(args[index] ?? { op: 'const', value: 0 });
  const place = (index: number): Where => {
    const arg = args[index];
    if (arg === undefined || !('type' in arg)) throw new NotExportable(`${name} of no variable`);
    return values.where(arg);
  };
  return (
    lockStatement(name, place) ??
    srcuStatement(name, place) ??
    contextStatement(name) ??
    variableStatement(name, place, int) ??
    listStatement(name, place, int) ??
    memoryStatement(program, name, args, int) ??
    hardwareStatement(program, name, int, pair) ??
    workStatement(name, int) ??
    expression(values, name, args)
  );
}

/** A builtin that is an expression, standing alone. */
function expression(values: Values, name: BuiltinName, args: readonly Expr[]): Arm[] {
  const expr: Expr = { op: 'builtin', name, args };
  if (['min', 'max', 'align_down', 'align_up', 'addr_end', 'ppr_address'].includes(name)) {
    const { low, high } = values.pair(expr);
    return does(`rv = ${low}`, `rvh = ${high}`);
  }
  return does(`rv = ${values.int(expr)}`);
}

type PlaceOf = (index: number) => Where;
type IntOf = (index: number) => string;

function lockStatement(name: BuiltinName, place: PlaceOf): Arm[] | null {
  const at = (suffix = '') => {
    const { array, index } = place(0);
    return `${array}${suffix}[${index}]`;
  };
  const mine = (lock: string) => `if :: ${lock} != me + 1 -> V(assertion) :: else fi`;
  switch (name) {
    case 'spin_lock_nested':
    case 'spin_lock':
      return [
        { guard: `${at()} == 0`, body: [`${at()} = me + 1`, 'atomic_depth[me] = atomic_depth[me] + 1'] },
      ];
    case 'spin_unlock':
      return does(mine(at()), `${at()} = 0`, 'atomic_depth[me] = atomic_depth[me] - 1');
    case 'spin_trylock':
      return does(
        `rv = (${at()} == 0 -> 1 : 0)`,
        `if :: rv -> ${at()} = me + 1; atomic_depth[me] = atomic_depth[me] + 1 :: else fi`,
      );
    case 'spin_lock_irq':
      return [
        {
          guard: `${at()} == 0`,
          body: [
            `${at()} = me + 1`,
            'atomic_depth[me] = atomic_depth[me] + 1',
            'irq_off[me] = irq_off[me] + 1',
          ],
        },
      ];
    case 'spin_unlock_irq':
      return does(
        mine(at()),
        `${at()} = 0`,
        'atomic_depth[me] = atomic_depth[me] - 1',
        'irq_off[me] = irq_off[me] - 1',
      );
    case 'mutex_trylock':
      return does(`rv = (${at()} == 0 -> 1 : 0)`, `if :: rv -> ${at()} = me + 1 :: else fi`);
    case 'mutex_lock_nested':
    case 'mutex_lock':
      return [{ guard: `${at()} == 0`, body: [`${at()} = me + 1`] }];
    case 'mutex_unlock':
      return does(mine(at()), `${at()} = 0`);
    case 'down_read_nested':
    case 'down_read':
      return [{ guard: `${at('_w')} == 0`, body: [`${at('_r')} = ${at('_r')} | (1 << me)`] }];
    case 'down_read_trylock':
      return does(
        `rv = (${at('_w')} == 0 -> 1 : 0)`,
        `if :: rv -> ${at('_r')} = ${at('_r')} | (1 << me) :: else fi`,
      );
    case 'up_read':
      return does(`${at('_r')} = ${at('_r')} & ~(1 << me)`);
    case 'down_write_nested':
    case 'down_write':
      return [{ guard: `${at('_w')} == 0 && ${at('_r')} == 0`, body: [`${at('_w')} = me + 1`] }];
    case 'up_write':
      return does(mine(at('_w')), `${at('_w')} = 0`);
    case 'downgrade_write':
      return does(mine(at('_w')), `${at('_w')} = 0`, `${at('_r')} = ${at('_r')} | (1 << me)`);
    default:
      return null;
  }
}

/** SRCU read sections: how often each thread is inside; leaving the last ends the grace periods of others. */
function srcuStatement(name: BuiltinName, place: PlaceOf): Arm[] | null {
  switch (name) {
    case 'srcu_read_lock':
      return does(`${place(0).array}[me] = ${place(0).array}[me] + 1`);
    case 'srcu_read_unlock':
      return does(
        `${place(0).array}[me] = ${place(0).array}[me] - 1`,
        `if :: ${place(0).array}[me] == 0 -> i = 0; do :: i < THREADS ->
          grace[i] = grace[i] & ~(1 << me); i++ :: else -> break od :: else fi`,
      );
    default:
      return null;
  }
}

/** What changes the context that a thread runs in. */
function contextStatement(name: BuiltinName): Arm[] | null {
  switch (name) {
    case 'local_irq_disable':
      return does('irq_off[me] = irq_off[me] + 1');
    case 'local_irq_enable':
      return does('irq_off[me] = irq_off[me] - 1');
    case 'preempt_disable':
      return does('atomic_depth[me] = atomic_depth[me] + 1');
    case 'preempt_enable':
      return does('atomic_depth[me] = atomic_depth[me] - 1');
    case 'might_sleep':
      return does('MIGHT_SLEEP');
    default:
      return null;
  }
}

function variableStatement(name: BuiltinName, place: PlaceOf, int: IntOf): Arm[] | null {
  const at = (index = 0) => `${place(index).array}[${place(index).index}]`;
  const checked = (by: string): string[] => {
    const { type } = place(0);
    const range =
      type.kind === 'int' ? [`if :: t < ${type.min} || t > ${type.max} -> V(assertion) :: else fi`] : [];
    return [`t = ${at()} + ${by}`, ...range, `${at()} = t`];
  };
  switch (name) {
    case 'atomic_inc':
      return does(...checked('1'));
    case 'atomic_dec':
      return does(...checked('(-1)'));
    case 'atomic_add':
      return does(...checked(`(${int(1)})`));
    case 'atomic_dec_and_test':
      return does(...checked('(-1)'), 'rv = (t == 0 -> 1 : 0)');
    case 'atomic_inc_not_zero':
      return does(`rv = (${at()} != 0 -> 1 : 0)`, `if :: rv -> ${at()} = ${at()} + 1 :: else fi`);
    case 'xchg':
      return does(`rv = ${at()}`, `${at()} = ${int(1)}`);
    case 'cmpxchg':
      return does(`rv = ${at()}`, `if :: rv == ${int(1)} -> ${at()} = ${int(2)} :: else fi`);
    case 'test_and_set':
      return does(`rv = ${at()}`, `${at()} = 1`);
    case 'cpumask_set_cpu':
      return does(`${at(1)} = ${at(1)} | (1 << (${int(0)} - 1))`);
    case 'cpumask_clear_cpu':
      return does(`${at(1)} = ${at(1)} & ~(1 << (${int(0)} - 1))`);
    default:
      return null;
  }
}

function listStatement(name: BuiltinName, place: PlaceOf, int: IntOf): Arm[] | null {
  if (
    !name.startsWith('list_') ||
    !['list_add', 'list_add_tail', 'list_add_before', 'list_del', 'list_clear'].includes(name)
  )
    return null;
  const { array, index, type } = place(0);
  const capacity = type.kind === 'list' ? type.capacity : 0;
  const ofNotifiers = type.kind === 'list' && type.of.kind === 'ref' && type.of.struct === 'mmu_notifier';
  const count = `${array}_n[${index}]`;
  const at = (position: string) => `${array}_at[(${index}) * ${capacity} + ${position}]`;
  const find = (item: string) =>
    `j = 0; do :: j < ${count} && ${at('j')} != ${item} -> j++ :: else -> break od`;
  const insert = (position: string) => [
    `assert(${count} < ${capacity})`,
    `k = ${position}; i = ${count}; do :: i > k -> ${at('i')} = ${at('i - 1')}; i-- :: else -> break od`,
    `${at('k')} = ${int(1)}`,
    `${count} = ${count} + 1`,
    ...(ofNotifiers ? [`SUBSCRIBED(${int(1)})`] : []),
  ];
  switch (name) {
    case 'list_add':
      return does(...insert('0'));
    case 'list_add_tail':
      return does(...insert(count));
    case 'list_add_before':
      return does(find(int(2)), ...insert(`(${int(2)} == 0 -> ${count} : (j < ${count} -> j : 0))`));
    case 'list_del':
      return does(
        find(int(1)),
        `if :: j == ${count} -> V(assertion) :: else -> do :: j < ${count} - 1 ->
          ${at('j')} = ${at('j + 1')}; j++ :: else -> ${at('j')} = 0; break od;
            ${count} = ${count} - 1${ofNotifiers ? `; s = ${int(1)}; UNSUBSCRIBED(s)` : ''} fi`,
      );
    default:
      return does(
        `j = 0; do :: j < ${count} -> ${
          ofNotifiers
            ? `s = ${at('j')}; UNSUBSCRIBED(s);
          `
            : ''
        }${at('j')} = 0; j++ :: else -> break od; ${count} = 0`,
      );
  }
}

function memoryStatement(
  program: Program,
  name: BuiltinName,
  args: readonly Expr[],
  int: IntOf,
): Arm[] | null {
  switch (name) {
    case 'alloc_page':
      return does('ALLOC(1, j)', 'rv = j + 1');
    case 'alloc_page_nowait':
      return [...does('ALLOC(1, j)', 'rv = j + 1'), ...does('rv = 0')];
    case 'allocation_fails':
      return does('rv = 0');
    case 'alloc_table':
      return does(`ALLOC((${int(0)}) + 1, j)`, 'rv = j + 1');
    case 'free_page':
      return does(`j = (${int(0)}) - 1`, 'FREE(j)');
    case 'free_pages':
      // The pages of a huge page are nothing that an exported model allocates.
      return does(
        `j = (${int(0)}) - 1`,
        `if :: (${int(1)}) == 0 -> FREE(j)
            :: else -> bad = unexported; assert(bad != unexported); bad = 0 fi`,
      );
    case 'copy_page_word':
      return does(`j = (${int(0)}) - 1; k = CS(${int(2)}); WRITE(j, k, READ((${int(1)}) - 1, k))`);
    case 'write_word':
      return does(`j = (${int(0)}) - 1; k = CS(${int(1)}); WRITE(j, k, ${int(2)})`);
    case 'set_entry':
      return does(`STORE(${int(0)}, ${int(1)})`);
    case 'get_and_clear':
      return does(`STORE(${int(0)}, 0)`, 'rv = u');
    case 'cmpxchg_entry':
      return does(
        `rv = (((READ((${int(0)} - 1) >> 9,
          CS((${int(0)} - 1) & 511)) ^ ${int(1)}) & ${~PTE.DANGLING}) == 0 -> 1 : 0)`,
        `if :: rv -> STORE(${int(0)}, ${int(2)}) :: else fi`,
      );
    case 'test_and_clear_young':
      return does(
        `t = READ((${int(0)} - 1) >> 9, CS((${int(0)} - 1) & 511)); rv = ((t & ${PTE.A}) -> 1 : 0)`,
        `if :: rv -> wl = t & ${~PTE.A}; STORE(${int(0)}, wl) :: else fi`,
      );
    case 'free':
      return freeObject(program, args[0], int(0));
    default:
      return null;
  }
}

function freeObject(program: Program, arg: Expr | undefined, object: string): Arm[] {
  const type = arg !== undefined && 'type' in arg ? arg.type : null;
  const struct = type?.kind === 'ref' ? program.structs[type.struct] : undefined;
  if (struct === undefined) throw new NotExportable('free of no object');
  const name = identifier(struct.name);
  const lines = struct.fields.flatMap(field => clearField(`${name}_${identifier(field.name)}`, field.type));
  return does(
    `j = (${object}) - 1`,
    `if :: j < 0 || !${name}_in_use[(j < 0 -> 0 : j)] -> V(assertion) :: else -> ${name}_in_use[j] = 0;
      ${lines.join('; ')} fi`,
  );
}

/** Statements that clear a field of object `j`. */
export function clearField(array: string, type: Where['type']): string[] {
  switch (type.kind) {
    case 'addr':
      return [`${array}_l[j] = 0`, `${array}_h[j] = 0`];
    case 'rwsem':
      return [`${array}_w[j] = 0`, `${array}_r[j] = 0`];
    case 'list':
      return [
        `${array}_n[j] = 0`,
        `k = 0; do :: k < ${type.capacity} -> ${array}_at[j * ${type.capacity} + k] = 0; k++ :: else ->
          break od`,
      ];
    case 'array':
      return type.of.kind === 'addr'
        ? ['_l', '_h'].map(
            part =>
              `k = 0; do :: k < ${type.length} -> ${array}${part}[j * ${type.length} + k] = 0; k++
                :: else -> break od`,
          )
        : [
            `k = 0; do :: k < ${type.length} -> ${array}[j * ${type.length} + k] = 0; k++ :: else ->
              break od`,
          ];
    default:
      return [`${array}[j] = 0`];
  }
}

function hardwareStatement(
  program: Program,
  name: BuiltinName,
  int: IntOf,
  pair: (index: number) => { readonly low: string; readonly high: string },
): Arm[] | null {
  const count = devicesOf(program.scenario.machine).length;
  const page = (index: number) => `PAGE((${pair(index).low}), (${pair(index).high}))`;
  const queue = (what: string, where: string) => `QUEUE(IOMMU_OF(${int(0)}) - 1, ${what}, ${where})`;
  const space = `(TAG(${int(0)}, ${int(1)}) << 9)`;
  switch (name) {
    case 'load_cr3':
      return does(`j = ${int(0)} - 1; k = ${int(1)}; LOAD_CR3(j, k)`);
    case 'invlpg':
      return does(`INVLPG(cpu, ${pair(0).low}, ${pair(0).high})`);
    case 'local_flush_tlb':
      return does('FLUSH_TLB(cpu)');
    case 'send_ipi': {
      const handlers = Object.values(program.functions).filter(({ role }) => role === 'interrupt');
      const arms = handlers.map((fn, bit) => `:: ${int(1)} == FN_${identifier(fn.key)} -> t = ${2 ** bit}`);
      return does(`if ${arms.join(' ')} fi`, `pending[${int(0)} - 1] = pending[${int(0)} - 1] | t`);
    }
    case 'set_gcr3':
      if (count === 0) return does('skip');
      return does(
        `j = ${int(2)}; gcr3[TAG(${int(0)}, ${int(1)})] = (j == 0 -> 0 : (j << 1) | (kind[(j == 0 -> 0
          : j - 1)] == 0 -> 1 : 0))`,
      );
    case 'clear_gcr3':
      return count === 0 ? does('skip') : does(`gcr3[TAG(${int(0)}, ${int(1)})] = 0`);
    case 'invalidate_iommu_pages':
      return does(
        `j = ${page(2)}`,
        queue(`1 | (${int(3)} -> 8 : 0) | (${int(4)} -> 16 : 0) | ${space}`, 'j'),
      );
    case 'invalidate_iotlb_pages':
      return does(`j = ${page(2)}`, queue(`2 | (${int(3)} -> 8 : 0) | ${space}`, 'j'));
    case 'completion_wait':
      return does(`QUEUE(${int(0)} - 1, 3 | (me << 20), 0)`, 'waiting[me] = waiting[me] + 1');
    case 'complete_ppr':
      return does(queue(`4 | ((${int(3)} & 15) << 5) | ${space} | (${int(2)} << 20)`, '0'));
    case 'ppr_consume':
      return does(`j = ${int(0)} - 1`, 'PPR_CONSUME(j)');
    case 'binds':
      return program.structs.mmu_notifier === undefined || count === 0
        ? does('skip')
        : does(`BINDS(${int(0)}, ${int(1)}, ${int(2)})`);
    default:
      return null;
  }
}

function workStatement(name: BuiltinName, int: IntOf): Arm[] | null {
  if (name === 'queue_work') return does(`QUEUE_WORK(${int(0)}, ${int(1)}, ${int(2)})`);
  if (name === 'flush_workqueue') return [{ guard: `WORK_DONE(${int(0)})`, body: [] }];
  return null;
}
