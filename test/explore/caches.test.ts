/** What caches may hold in a search is what real caches can hold. */
import { expect, test } from 'vitest';
import { followPath } from '../../src/session/path';
import { cacheProgram, compileCacheProgram } from './cache-programs';
import { search } from './counter';
import { crossCheck } from './cross-check';

/** Programs on every run of the tests; `node scripts/cross-check.mjs` for more. */
const PROGRAMS = Number(process.env.SHOOTDOWN_PROGRAMS ?? 80);
/** States with real caches; what is larger is only searched for what the other way missed. */
const STATES_MAX = 4_000;

const reductions = { local: true, guarded: true, deadLocals: true, independent: true };

test('what caches may hold in a search violates what real caches violate, and nothing else', () => {
  let [violating, cut, held, real] = [0, 0, 0, 0];
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const { difference, found, isCut, states } = crossCheck(seed, STATES_MAX);
    expect({ seed, difference }).toEqual({ seed, difference: null });
    if (found.length > 0) violating++;
    if (isCut) cut++;
    else [held, real] = [held + states[0], real + states[1]];
  }
  console.log(
    `${PROGRAMS} programs, ${violating} violate a property, ${cut} too large for real caches; ` +
      `${held} states instead of ${real} for the others`,
  );
  expect(violating).toBeGreaterThan(PROGRAMS / 10);
  expect(4 * held).toBeLessThan(real);
}, 240_000);

/** A task that changes the tables of another's mapping of one page, which uses it meanwhile. */
function small(changes: string, user: string, more = ''): string {
  const devices = ['gpu', 'nic'].filter(name => user.includes(`device ${name}`));
  const binds = devices.map(name => `bind ${name}, pasid 1, driver plain`).join('  ');
  const list = devices.map(name => `device ${name} { ${name === 'gpu' ? 'ats 4' : ''} }`).join('  ');
  const iommu = devices.length === 0 ? '' : `iommu amd { iotlb 4  walk-cache 4  ${list} }`;
  return `
    driver plain {
      notifier plain { release(mn, mm) { skip; } }
      fn bind(mm: mm, device: device, pasid: int 0..31) { var pgd = mm.pgd; set_gcr3(device, pasid, pgd); }
    }
    scenario small {
      kernel levels-2
      machine { cpus 2  frames 6  levels 2  tlb 4  paging-structure-cache 4  ${iommu} }
      process K { }
      process P { mmap A at 0x10_0000, 1 page, rw, touched  ${binds} }
      task t0 in K on cpu 0 { ${changes} }
      ${user}
      ${more}
    }`;
}

const user = 'task t1 in P on cpu 1 { load(A); store(A, 1); }';
const unlink = 'var l = leaves[0]; var v = *l; var m = pointers[0]; var old = get_and_clear(m);';
const freeAll = 'var t = pte_table(old); free_page(table_page(t)); free_page(pte_page(v));';
const clear = 'var l = leaves[0]; var v = get_and_clear(l);';
const free = 'free_page(pte_page(v));';
const wait = 'completion_wait(amd); wait until (completion_done());';
const pages = (device: string, pde: boolean) => `invalidate_iommu_pages(${device}, 1, A, false, ${pde});`;
const iotlb = 'invalidate_iotlb_pages(gpu, 1, A, false);';
const write = (device: string) => `device ${device} { dma_write(A, 1); }`;

test.each([
  [
    'a table is freed with what was copied from it',
    `${unlink} ${freeAll}`,
    user,
    ['table-use-after-free', 'use-after-free'],
  ],
  ['a leaf outlives its pointer', `${unlink} ${pages('nic', true)} ${wait} ${freeAll}`, write('nic'), []],
  [
    'a pointer outlives a flush of leaves',
    `${unlink} ${pages('nic', false)} ${wait} ${freeAll}`,
    write('nic'),
    ['table-use-after-free', 'use-after-free'],
  ],
  [
    'a flush comes before the clear',
    `${pages('nic', false)} ${wait} ${clear} ${free}`,
    write('nic'),
    ['use-after-free'],
  ],
  ['a flush comes after the clear', `${clear} ${pages('nic', false)} ${wait} ${free}`, write('nic'), []],
  [
    'an ATC is flushed after the IOTLB',
    `${clear} ${pages('gpu', false)} ${iotlb} ${wait} ${free}`,
    write('gpu'),
    [],
  ],
  [
    'an ATC is flushed before the IOTLB',
    `${clear} ${iotlb} ${pages('gpu', false)} ${wait} ${free}`,
    write('gpu'),
    ['use-after-free'],
  ],
  [
    'an ATC is not flushed',
    `${clear} ${pages('gpu', false)} ${wait} ${free}`,
    write('gpu'),
    ['use-after-free'],
  ],
  [
    'a root is gone, what was walked from it not',
    `clear_gcr3(nic, 1); ${clear} ${free}`,
    write('nic'),
    ['use-after-free'],
  ],
  [
    'a root is gone, and the table below it',
    `clear_gcr3(nic, 1); ${unlink} var t = pte_table(old); free_page(table_page(t));`,
    write('nic'),
    ['table-use-after-free'],
  ],
  [
    'an access is made with what was copied before its right was taken back',
    'var l = leaves[0]; var v = *l; set_pte(l, pte_wrprotect(v)); changed = true;',
    'device nic { dma_write(A, 1); idle until (changed); dma_write(A, 2); }',
    ['assertion'],
  ],
])(
  '%s',
  (_, changes, users, expected) => {
    const claims = users.includes('changed')
      ? 'never (changed && read_word(pte_page(*leaves[0]), 0) == 2)'
      : '';
    const declared = users.includes('changed') ? 'var changed: bool' : '';
    const program = compileCacheProgram(`${declared}\n${small(changes, users, claims)}`);
    const found = (['search', 'explicit'] as const).map(caches => {
      const { outcome } = search(program, { all: true, caches, reductions });
      expect(outcome.incomplete).toBe(null);
      return outcome.findings
        .map(({ violation }) => violation.property)
        .filter(each => each !== 'bad-walk')
        .sort();
    });
    expect(found).toEqual([expected, expected]);
  },
  240_000,
);

test('every path found is shown by the machine with its real caches', () => {
  let shown = 0;
  for (let seed = 1; seed <= PROGRAMS / 2; seed++) {
    const program = compileCacheProgram(cacheProgram(seed));
    const { outcome } = search(program, { all: true, caches: 'search', reductions });
    expect({ seed, incomplete: outcome.incomplete }).toEqual({ seed, incomplete: null });
    for (const { violation, path } of outcome.findings) {
      if (path === null) continue;
      const found = followPath(program, path, 'search').findings();
      const properties = found.map(finding => finding.violation.property);
      expect({ seed, properties }).toEqual({
        seed,
        properties: expect.arrayContaining([violation.property]),
      });
      shown++;
    }
  }
  expect(shown).toBeGreaterThan(PROGRAMS / 20);
}, 240_000);

test('reductions change no verdict with the caches of a search', () => {
  const none = { local: false, guarded: false, deadLocals: false };
  for (let seed = 1; seed <= PROGRAMS / 2; seed++) {
    const program = compileCacheProgram(cacheProgram(seed));
    const found = [none, reductions].map(each => {
      const { outcome } = search(program, { all: true, caches: 'search', reductions: each });
      return outcome.findings.map(({ violation }) => violation.property).sort();
    });
    expect({ seed, found: found[1] }).toEqual({ seed, found: found[0] });
  }
}, 240_000);
