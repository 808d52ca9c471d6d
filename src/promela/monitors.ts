/**
 * The properties in Promela, judged where `src/vm/monitors` judges them. A violation is an assertion
 * whose text names the property. What is not judged: data-race, and claims of the kind `sometimes`.
 */
import type { FunctionCode, Program } from '../language/program';
import { PTE } from '../machine/entry-format';
import type { Sizes } from './machine';
import type { Space } from './space';
import { pairOf } from './values';

/** Properties that a model in Promela judges; deadlock is Spin's own invalid end state. */
export const judgedProperties = [
  'use_after_free',
  'table_use_after_free',
  'bad_walk',
  'access_after_protect',
  'stale_after_return',
  'missed_range',
  'unbalanced',
  'sleep_in_atomic',
  'walk_after_release',
  'page_response',
  'device_failure',
  'assertion',
  // No property: the model has come to what this export has no counterpart of.
  'unexported',
] as const;

const OBLIGATIONS = 16;
const BRACKETS = 8;

const each = (count: number | string, body: string, by = 'x') =>
  `${by} = 0; do :: ${by} < ${count} -> ${body}; ${by}++ :: else -> break od`;

/** Whether the program has the structs that the properties of notifiers need. */
function hasNotifiers(program: Program): boolean {
  return program.structs.mmu_notifier !== undefined && program.structs.mm !== undefined;
}

/** Declarations and inlines of the properties. */
export function monitorText(program: Program, space: Space, n: Sizes, threads: number): string {
  const notifiers = hasNotifiers(program);
  const low = space.pages.map((page, index) => [index, pairOf(page).low] as const);
  const high = space.pages.map((page, index) => [index, pairOf(page).high] as const);
  const table = (values: readonly (readonly [number, string])[]) =>
    values.reduceRight((rest, [key, value]) => `((p) == ${key} -> ${value} : ${rest})`, '0');
  const head = [
    `mtype = { ${judgedProperties.join(', ')} };`,
    'mtype bad;',
    '#define UNEXPORTED d_step { bad = unexported; assert(bad != unexported); bad = 0 }',
    '#ifdef ONLY',
    '#define V(id) if :: id == ONLY -> bad = id; assert(bad != id); bad = 0 :: else fi',
    '#else',
    '#define V(id) bad = id; assert(bad != id); bad = 0',
    '#endif',
    `#define PAGE_LOW(p) ${table(low)}`,
    `#define PAGE_HIGH(p) ${table(high)}`,
    `byte irq_off[${threads}]; byte atomic_depth[${threads}]; byte waiting[${threads}];
      bool illegal[${threads}];`,
    `byte op_frame[${threads}]; bool revoking[${threads}]; int from_l[${threads}];
      int from_h[${threads}]; int to_l[${threads}]; int to_h[${threads}];`,
    'hidden int x; hidden int y; hidden int z; hidden int s; hidden int a; hidden int b;',
    '#define MIGHT_SLEEP if :: atomic_depth[me] || irq_off[me] -> V(sleep_in_atomic) :: else fi',
    '',
  ].join('\n');
  return head + (notifiers ? notifierText(program, n, threads) : noNotifiers(n));
}

/** Programs without notifiers: only what the hardware itself judges. */
function noNotifiers(n: Sizes): string {
  return `
bool bound[${n.tags}]; bool released[${n.tags}];
#define ENTRY_STORING(f, slot, old, value) skip
#define FRAME_FREEING(f) skip
#define CPU_ISSUED(l, h, wr) skip
#define DMA_ISSUED(d, pasid, l, h, wr) skip
#define ACCESSED skip
#define OP_OPEN skip
#define OP_CLOSE skip
`;
}

function notifierText(program: Program, n: Sizes, threads: number): string {
  return [
    subscribers(program, n),
    places(program, n),
    obligations(program, n),
    operations(program, n, threads),
  ].join('\n');
}

const subscriberCount = (program: Program) => Number(program.structs.mmu_notifier?.count ?? 1);

function subscribers(program: Program, n: Sizes): string {
  const count = subscriberCount(program);
  return `
bool hashed[${count + 1}];
byte br_sub[${BRACKETS}]; byte br_me[${BRACKETS}]; int br_sl[${BRACKETS}]; int br_sh[${BRACKETS}];
  int br_el[${BRACKETS}]; int br_eh[${BRACKETS}];
byte bound[${n.tags}]; bool released[${n.tags}];
#define MM_OF_SUB(q) mmu_notifier_mm[(q) - 1]
inline BR_CLEAR(q) { br_sub[q] = 0; br_me[q] = 0; br_sl[q] = 0; br_sh[q] = 0; br_el[q] = 0; br_eh[q] = 0 }
inline SUBSCRIBED(q) { hashed[q] = 1 }
inline UNSUBSCRIBED(q) {
  hashed[q] = 0;
  ${each(BRACKETS, 'if :: br_sub[x] == (q) -> BR_CLEAR(x) :: else fi')};
  DROP_ALL(q)
}
inline BRACKET_OPEN(q, sl, sh, el, eh) {
  if
  :: hashed[q] ->
     x = 0; do :: x < ${BRACKETS} && br_sub[x] != 0 -> x++ :: else -> break od;
     assert(x < ${BRACKETS});
     br_sub[x] = q; br_me[x] = me + 1; br_sl[x] = sl; br_sh[x] = sh; br_el[x] = el; br_eh[x] = eh
  :: else
  fi
}
/* The bracket of this range on this thread, or else any of it there. */
inline BRACKET_CLOSE(q, sl, sh, el, eh) {
  y = ${BRACKETS}; z = ${BRACKETS};
  ${each(
    BRACKETS,
    `if
     :: br_sub[x] == (q) && br_me[x] == me + 1 ->
        if :: y == ${BRACKETS} -> y = x :: else fi;
        if :: z == ${BRACKETS} && br_sl[x] == (sl) && br_sh[x] == (sh) && br_el[x] == (el)
          && br_eh[x] == (eh) -> z = x :: else fi
     :: else
     fi`,
  )};
  if :: z < ${BRACKETS} -> y = z :: else fi;
  if :: y < ${BRACKETS} -> BR_CLEAR(y) :: hashed[q] && y == ${BRACKETS} -> V(unbalanced) :: else fi
}
inline BINDS(q, d, pasid) {
  bound[TAG(d, pasid)] = q; released[TAG(d, pasid)] = 0
}
inline RELEASE(q) {
  ${each(n.tags, 'if :: bound[x] == (q) -> released[x] = 1 :: else fi')}
}
inline GONE(q) { DROP_ALL(q); RELEASE(q) }
inline RELEASE_ALL(m) {
  ${each(n.tags, 'if :: bound[x] != 0 && MM_OF_SUB(bound[x]) == (m) -> released[x] = 1 :: else fi')}
}
`;
}

/** Finds the mm and the page that an entry belongs to, by walking every root for every page. */
function places(program: Program, n: Sizes): string {
  const mms = Number(program.structs.mm?.count ?? 1);
  return `
/* The mm (x), page (y) and level (z) of slot c of the table in frame f; x is 0 if it is not linked. */
inline PLACE(f, c) {
  x = 0; y = 0; z = 0; a = 1;
  do
  :: a <= ${mms} && x == 0 ->
     if
     :: mm_in_use[a - 1] && mm_pgd[a - 1] != 0 ->
        b = 0;
        do
        :: b < ${n.pages} && x == 0 ->
           s = mm_pgd[a - 1] - 1; z = 4;
           do
           :: z >= 1 && s >= 0 ->
              if
              :: s == (f) -> if :: PCS(b, z) == (c) -> x = a; y = b :: else fi; break
              :: else ->
                 wl = READ(s, PCS(b, z));
                 if
                 :: z > 1 && kind[s] > 1 && (wl & ${PTE.P}) && !(wl & ${PTE.PS}) -> s = wl >> 12; z--
                 :: else -> s = -1
                 fi
              fi
           :: else -> break
           od;
           b++
        :: else -> break
        od
     :: else
     fi;
     a++
  :: else -> break
  od
}
/* The present leaf for page p under root r (1 + frame): its value in wl, 0 if there is none. */
inline BACKING(r, p) {
  s = (r) - 1; z = 4; wl = 0;
  do
  :: z >= 1 && s >= 0 ->
     if
     :: kind[s] != z + 1 -> wl = 0; break
     :: else ->
        wl = READ(s, PCS(p, z));
        if
        :: !(wl & ${PTE.P}) -> wl = 0; break
        :: (wl & ${PTE.P}) && z == 1 -> break
        :: else -> s = wl >> 12; z--
        fi
     fi
  :: else -> break
  od
}
`;
}

function obligations(program: Program, n: Sizes): string {
  const count = subscriberCount(program);
  return `
byte ob_sub[${OBLIGATIONS}]; byte ob_page[${OBLIGATIONS}]; byte ob_frame[${OBLIGATIONS}];
  byte ob_level[${OBLIGATIONS}]; int ob_mask[${OBLIGATIONS}];
inline OB_CLEAR(q) { ob_sub[q] = 0; ob_page[q] = 0; ob_frame[q] = 0; ob_level[q] = 0; ob_mask[q] = 0 }
inline DROP_ALL(q) {
  ${each(OBLIGATIONS, 'if :: ob_sub[x] == (q) -> OB_CLEAR(x) :: else fi')}
}
inline FRAME_FREEING(f) {
  ${each(OBLIGATIONS, 'if :: ob_sub[x] && ob_frame[x] == (f) + 1 -> OB_CLEAR(x); V(missed_range) :: else fi')}
}
#define INSIDE(pl, ph, sl, sh, el, eh) (!BELOW(ph, pl, sh, sl) && BELOW(ph, pl, eh, el))
inline COVERED(q, p, out) {
  out = 0;
  ${each(
    BRACKETS,
    `if
     :: br_sub[s] == (q) && INSIDE(PAGE_LOW(p), PAGE_HIGH(p), br_sl[s], br_sh[s], br_el[s], br_eh[s]) ->
        out = 1
     :: else
     fi`,
    's',
  )}
}
inline IS_BOUND(q, out) {
  out = 0;
  ${each(n.tags, 'if :: bound[s] == (q) && !released[s] -> out = 1 :: else fi', 's')}
}
/* An entry of frame f is about to change. Uses what PLACE finds. */
inline ENTRY_STORING(f, slot, old, value) {
  if
  :: ((old) & ${PTE.P}) || ((value) & ${PTE.P}) ->
     t = CS(slot);
     PLACE(f, t);
     if
     :: x != 0 ->
        if
        :: ((old) & ${PTE.P}) && !(((value) & ${PTE.P}) && ((value) >> 12) == ((old) >> 12)) ->
           i = 1;
           do
           :: i <= ${count} ->
              if
              :: hashed[i] && MM_OF_SUB(i) == x ->
                 if :: z == 1 -> COVERED(i, y, b) :: else -> IS_BOUND(i, b); b = 1 - b fi;
                 if
                 :: !b ->
                    a = 0; do :: a < ${OBLIGATIONS} && ob_sub[a] -> a++ :: else -> break od;
                    assert(a < ${OBLIGATIONS});
                    ob_sub[a] = i; ob_page[a] = y; ob_frame[a] = ((old) >> 12) + 1; ob_level[a] = z
                 :: else
                 fi
              :: else
              fi;
              i++
           :: else -> break
           od
        :: else
        fi;
        if
        :: ((value) & ${PTE.P}) && z == 1 ->
           a = 0;
           do
           :: a < ${OBLIGATIONS} ->
              if
              :: ob_sub[a] && ob_level[a] == 1 && ob_page[a] == y && hashed[ob_sub[a]]
                && MM_OF_SUB(ob_sub[a]) == x ->
                 if :: ob_frame[a] == ((value) >> 12) + 1 -> OB_CLEAR(a) :: else -> OB_CLEAR(a);
                   V(missed_range) fi
              :: else
              fi;
              a++
           :: else -> break
           od
        :: else
        fi
     :: else
     fi
  :: else
  fi
}
/* First and last address of what an obligation is about lie in its page's prefix;
  a pointer need only be met. */
#define PREFIX_LOW(p, level) ((level) == 1 -> PAGE_LOW(p) : ((level) == 2 -> PAGE_LOW(p) & ~2097151 : 0))
#define PREFIX_HIGH(p, level) ((level) <= 3 -> PAGE_HIGH(p) : PAGE_HIGH(p) & ~511)
#define AFTER_HIGH(p, level) ((level) <= 2 -> \\
  PREFIX_HIGH(p, level) + ((PREFIX_LOW(p, level) + ((level) == 1 -> 4096 : 2097152)) >> 30) \\
    : PREFIX_HIGH(p, level) + ((level) == 3 -> 1 : 512))
#define AFTER_LOW(p, level) ((level) <= 2 -> (PREFIX_LOW(p, level) + ((level) == 1 -> 4096 \\
  : 2097152)) & 1073741823 : 0)
inline CALLED(q, sl, sh, el, eh) {
  x = 0;
  do
  :: x < ${OBLIGATIONS} ->
     if
     :: ob_sub[x] == (q) ->
        y = ob_page[x]; z = ob_level[x];
        if
        :: z == 1 && INSIDE(PAGE_LOW(y), PAGE_HIGH(y), sl, sh, el, eh) -> ob_mask[x] = ob_mask[x] | (1 << me)
        :: z > 1 && BELOW(PREFIX_HIGH(y, z), PREFIX_LOW(y, z), eh, el)
          && BELOW(sh, sl, AFTER_HIGH(y, z), AFTER_LOW(y, z)) -> ob_mask[x] = ob_mask[x] | (1 << me)
        :: else
        fi
     :: else
     fi;
     x++
  :: else -> break
  od
}
inline RETURNED(q) {
  ${each(OBLIGATIONS, 'if :: ob_sub[x] == (q) && ((ob_mask[x] >> me) & 1) -> OB_CLEAR(x) :: else fi')}
}
`;
}

function operations(program: Program, n: Sizes, threads: number): string {
  const mms = Number(program.structs.mm?.count ?? 1);
  const vmas = Number(program.structs.vma?.count ?? 0);
  const rights =
    vmas === 0
      ? 'b = 1;'
      : `b = 0; z = mm_mmap[a - 1];
     do
     :: z != 0 && !b ->
        if
        :: INSIDE(l,
          h, vma_vm_start_l[z - 1], vma_vm_start_h[z - 1], vma_vm_end_l[z - 1], vma_vm_end_h[z - 1]) ->
            b = 1 + vma_vm_write[z - 1]
        :: else
        fi;
        z = vma_vm_next[z - 1]
     :: else -> break
     od;`;
  const stale = (copy: string, usable: string) =>
    `if :: ${usable} && (${copy} & 1) && (${copy} >> 5) == (a >> 12) && (wl == 0
      || (wl >> 12) != (a >> 12) || ((${copy} & 2) && !(wl & ${PTE.W}))) -> y = 1 :: else fi`;
  const cpus = Array.from({ length: n.cpus }, (_, cpu) =>
    stale(`tlb[${cpu * n.pages} + x]`, `(cr3[${cpu}] >> 1) == b`),
  );
  const tags = n.iommus === 0 ? [] : Array.from({ length: n.tags }, (_, tag) => tag);
  const spaces = tags.flatMap(tag => [
    stale(`iotlb[${tag * n.pages} + x]`, `(gcr3[${tag}] >> 1) == b`),
    stale(`atc[${tag * n.pages} + x]`, `(gcr3[${tag}] >> 1) == b`),
  ]);
  return `
int leaf[${threads * n.pages}];
inline CHECK_ISSUED(l, h, wr) {
  /* The mm is in a: whether a VMA allows the access now, or its rights are being lowered. */
  illegal[me] = 0;
  if
  :: a != 0 ->
     ${rights}
     if
     :: b == 0 || ((wr) && b == 1) ->
        illegal[me] = 1;
        ${each(
          threads,
          `if
         :: revoking[y] && task_mm[y] == a && INSIDE(l, h, from_l[y], from_h[y], to_l[y], to_h[y]) ->
            illegal[me] = 0
         :: else
         fi`,
          'y',
        )}
     :: else
     fi
  :: else
  fi
}
inline CPU_ISSUED(l, h, wr) { a = task_mm[me]; CHECK_ISSUED(l, h, wr) }
inline DMA_ISSUED(d, pasid, l, h, wr) {
  a = 0;
  if
  :: bound[TAG((d) + 1, pasid)] && !released[TAG((d) + 1, pasid)] -> a = MM_OF_SUB(bound[TAG((d) + 1, pasid)])
  :: else ->
     y = gcr3[TAG((d) + 1, pasid)] >> 1;
     ${each(mms, 'if :: y != 0 && mm_in_use[x] && mm_pgd[x] == y -> a = x + 1 :: else fi')}
  fi;
  CHECK_ISSUED(l, h, wr)
}
#define ACCESSED if :: illegal[me] -> illegal[me] = 0; V(access_after_protect) :: else fi
/* An operation with the range from..to begins: which leaves are there? */
inline NOTE_LEAVES() {
  revoking[me] = 1;
  if
  :: task_mm[me] != 0 && mm_pgd[task_mm[me] - 1] != 0 ->
     ${each(
       n.pages,
       `if
       :: INSIDE(PAGE_LOW(x), PAGE_HIGH(x), from_l[me], from_h[me], to_l[me], to_h[me]) ->
         BACKING(mm_pgd[task_mm[me] - 1], x); leaf[me * ${n.pages} + x] = wl :: else fi`,
     )}
  :: else
  fi
}
/* An operation returns: no bracket of its thread is open, and no copy of what it took away is left. */
inline JUDGE_OPERATION() {
  y = 0;
  ${each(BRACKETS, 'if :: br_sub[x] && br_me[x] == me + 1 -> y = 1; BR_CLEAR(x) :: else fi')};
  if :: y -> V(unbalanced) :: else fi;
  if
  :: revoking[me] ->
     y = 0;
     if
     :: task_mm[me] != 0 && mm_pgd[task_mm[me] - 1] != 0 ->
        x = 0;
        do
        :: x < ${n.pages} ->
           a = leaf[me * ${n.pages} + x];
           if
           :: a != 0 ->
              b = mm_pgd[task_mm[me] - 1];
              BACKING(b, x);
              ${[...cpus, ...spaces].join(';\n              ')}
           :: else
           fi;
           leaf[me * ${n.pages} + x] = 0;
           x++
        :: else -> break
        od
     :: else -> ${each(n.pages, `leaf[me * ${n.pages} + x] = 0`)}
     fi;
     if :: y -> V(stale_after_return) :: else fi;
     revoking[me] = 0; from_l[me] = 0; from_h[me] = 0; to_l[me] = 0; to_h[me] = 0
  :: else
  fi;
  op_frame[me] = 0
}
`;
}

/** What entering a function means to the properties, as statements; the new frame is the current one. */
export function onEnter(
  program: Program,
  fn: FunctionCode,
  pairAt: (slot: number) => [string, string],
): string[] {
  if (!hasNotifiers(program)) return [];
  const lines: string[] = [];
  const first = 'st[fp + 1]';
  const range = callbackRange(program, fn, pairAt);
  const dispatch = (callback: 'invalidate_range_start' | 'invalidate_range_end', act: string) => {
    const other = callback === 'invalidate_range_start' ? 'invalidate_range_end' : 'invalidate_range_start';
    const only = program.notifiers.flatMap((notifier, index) =>
      notifier.callbacks[other] !== undefined && notifier.callbacks[callback] === undefined
        ? [index + 1]
        : [],
    );
    if (only.length === 0) return;
    const has = only.map(ops => `mmu_notifier_ops[t - 1] == ${ops}`).join(' || ');
    const count = subscriberCount(program);
    lines.push(
      `t = 1; do :: t <= ${count} -> if :: hashed[t] && MM_OF_SUB(t) == ${first} && (${has}) -> ${act}
        :: else fi; t++ :: else -> break od`,
    );
  };
  if (fn.name === '__mmu_notifier_invalidate_range_start')
    dispatch('invalidate_range_start', `BRACKET_OPEN(t, ${range})`);
  if (fn.name === '__mmu_notifier_invalidate_range_end')
    dispatch('invalidate_range_end', `BRACKET_CLOSE(t, ${range})`);
  if (fn.role !== 'callback') return lines;
  if (fn.callback === 'invalidate_range_start') lines.push(`BRACKET_OPEN(${first}, ${range})`);
  if (fn.callback === 'invalidate_range_end') lines.push(`BRACKET_CLOSE(${first}, ${range})`);
  if (fn.callback === 'invalidate_range' || fn.callback === 'invalidate_page')
    lines.push(`CALLED(${first}, ${range})`);
  return lines;
}

/** What leaving a function means to the properties; its frame is still there. */
export function onLeave(program: Program, fn: FunctionCode): string[] {
  if (!hasNotifiers(program)) return [];
  const first = 'st[fp + 1]';
  if (fn.name === 'mmu_notifier_unregister') return [`s = ${first}; GONE(s)`];
  if (fn.name === '__mmu_notifier_release') return [`s = ${first}; RELEASE_ALL(s)`];
  if (fn.role !== 'callback') return [];
  if (fn.callback === 'invalidate_range' || fn.callback === 'invalidate_page')
    return [`s = ${first}; RETURNED(s)`];
  return fn.callback === 'release' ? [`s = ${first}; GONE(s)`] : [];
}

function callbackRange(
  program: Program,
  fn: FunctionCode,
  pairAt: (slot: number) => [string, string],
): string {
  const declared = program.callbacks.find(callback => callback.name === fn.callback)?.params ?? fn.params;
  const at = (names: readonly string[]): [string, string] | null => {
    const param = fn.params[declared.findIndex(each => names.includes(each.name))];
    return param === undefined ? null : pairAt(param.slot);
  };
  const start = at(['start', 'address']) ?? ['0', '0'];
  if (fn.callback !== 'invalidate_page') return [...start, ...(at(['end']) ?? ['0', '0'])].join(', ');
  const low = `(${start[0]} & ~4095)`;
  return `${low}, ${start[1]}, ((${low} + 4096) & 1073741823), (${start[1]} + ((${low} + 4096) >> 30))`;
}
