/**
 * The functions at whose entry the recorder listened, and the tokens of their calls. Which argument says
 * where is known by its type and name, so that models may order theirs as the kernel does.
 */
import { fromWords, PAGE_SIZE } from '../base/address';
import type { Local } from '../language/program';
import type { Vm } from '../vm/vm';

/** How many bytes a call without an end is about: a page, or what a huge entry maps. */
type Reach = 'range' | 'page' | 'huge' | 'none';

/** What is told of a call. */
export interface Probe {
  readonly token: string;
  readonly reach: Reach;
  /** The parameter that is the page it is about, for tokens about a page. */
  readonly page?: string;
  /** The name of its records. */
  readonly event: string | null;
}

/** Probes by function. */
export const probes: ReadonlyMap<string, Probe> = new Map<string, Probe>([
  ['flush_tlb_mm_range', { token: 'flush', reach: 'range', event: 'flush_tlb_mm_range' }],
  ['flush_tlb_page', { token: 'flush_page', reach: 'page', event: 'flush_tlb_page' }],
  ['native_flush_tlb_others', { token: 'IPI', reach: 'range', event: 'native_flush_tlb_others' }],
  ['flush_tlb_func', { token: 'remote_flush', reach: 'range', event: 'flush_tlb_func' }],
  ['ptep_clear_flush', { token: 'ptep_clear_flush', reach: 'page', event: null }],
  ['ptep_clear_flush_young', { token: 'ptep_clear_flush_young', reach: 'page', event: null }],
  ['pmdp_clear_flush', { token: 'pmdp_clear_flush', reach: 'huge', event: null }],
  ['pmdp_splitting_flush', { token: 'pmdp_splitting_flush', reach: 'huge', event: null }],
  ['pmdp_invalidate', { token: 'pmdp_invalidate', reach: 'huge', event: null }],
  ['huge_pmd_unshare', { token: 'pmd_unshare', reach: 'none', event: null }],
  ['exit_mmap', { token: 'exit_mmap', reach: 'none', event: null }],
  ['memcmp_pages', { token: 'memcmp_pages', reach: 'none', event: 'memcmp_pages' }],
  ['migrate_page_copy', { token: 'copy', reach: 'none', page: 'page', event: 'migrate_page_copy' }],
  ['copy_user_huge_page', { token: 'copy', reach: 'none', page: 'src', event: 'copy_user_huge_page' }],
  ['free_huge_page', { token: 'free_huge', reach: 'none', page: 'page', event: null }],
]);

/** The tokens of callbacks. */
export const callbackTokens: ReadonlyMap<string, string> = new Map([
  ['invalidate_range_start', 'START'],
  ['invalidate_range_end', 'END'],
  ['invalidate_range', 'RANGE'],
  ['invalidate_page', 'INVPAGE'],
  ['change_pte', 'CHANGE_PTE'],
  ['clear_flush_young', 'CFY'],
  ['clear_young', 'CLEAR_YOUNG'],
  ['test_young', 'TEST_YOUNG'],
  ['release', 'RELEASE'],
]);

const HUGE_PAGE = 512 * PAGE_SIZE;

/** The addresses that a call names: its address arguments, or those of the request it is handed. */
export function calledRange(
  vm: Vm,
  { params, locals, reach }: { params: readonly Local[]; locals: number; reach: Reach },
): { readonly start: number; readonly end: number } | null {
  if (reach === 'none') return null;
  const found = params.filter(({ type }) => type.kind === 'addr').map(({ slot }) => wide(vm, locals + slot));
  const [start, end] = found.length > 0 ? found : requestOf(vm, params, locals);
  if (start === undefined) return null;
  if (reach === 'page') return { start, end: start + PAGE_SIZE };
  if (reach === 'huge') return { start, end: start + HUGE_PAGE };
  return end === undefined ? { start, end: start + PAGE_SIZE } : { start, end };
}

/** The frame that a call is about. */
export function calledPage(vm: Vm, params: readonly Local[], locals: number, name: string): number {
  const param = params.find(each => each.name === name);
  return param === undefined ? -1 : vm.words.get(locals + param.slot) - 1;
}

/** `flush_start` and `flush_end` of the object that a function on another CPU is handed. */
function requestOf(vm: Vm, params: readonly Local[], locals: number): number[] {
  for (const { type, slot } of params) {
    if (type.kind !== 'ref') continue;
    const where = vm.layout.structs.get(type.struct);
    const object = vm.words.get(locals + slot);
    if (where === undefined || object === 0) continue;
    const base = where.base + (object - 1) * where.struct.words;
    const ends = ['flush_start', 'flush_end'].flatMap(name => {
      const field = where.struct.fields.find(each => each.name === name);
      return field === undefined ? [] : [wide(vm, base + field.offset)];
    });
    if (ends.length === 2) return ends;
  }
  return [];
}

function wide(vm: Vm, index: number): number {
  return fromWords(vm.words.get(index), vm.words.get(index + 1));
}
