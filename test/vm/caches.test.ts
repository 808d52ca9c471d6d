/** What caches do on their own: steps with names, judged like others, that keep nobody from resting. */
import { expect, test } from 'vitest';
import { Session } from '../../src/session/session';
import { formatSchedule, parseSchedule, savedScheduler } from '../../src/trace/saved-schedule';
import { fair, random, replay } from '../../src/vm/schedule';
import { Vm } from '../../src/vm/vm';
import { compileToy, play, violated } from './toy';

const machine = 'machine { cpus 2  frames 24  iommu amd { device gpu { ats } } }';
const touched = 'process P { mmap A, 2 pages, rw, touched }';
const bound = touched.replace('}', 'bind gpu, pasid 1, driver walker }');

/** t0 unmaps the first page, flushes its own CPU only, and frees; t1 loads from it afterwards. */
const body = (replayed: readonly string[], rest = '', mappings = touched) => `${machine}
  ${mappings}
  task t0 in P on cpu 0 { clear(P, A, A + 1 page, true, true); done = true; }
  task t1 in P on cpu 1 { idle until (done); var v = load(A); }
  ${rest}
  replay { ${replayed.join('\n')} }`;
const declarations = 'var done: bool';

const choose = (names: readonly string[]) => names.map(name => `caches choose "${name}"`);
const pointers = [4, 3, 2].map(level => `fill cpu1 psc A level ${level}`);
const tail = ['t0 until done', 't1 until done'];

test('what is possible has names', () => {
  const program = compileToy(declarations, body([], '', bound));
  const vm = new Vm(program);
  const names = () => vm.choiceCount(vm.cachesThread).names;
  expect(names()).toEqual([
    'fill cpu0 psc A level 4',
    'fill cpu1 psc A level 4',
    'fill amd walk-cache A level 4 gpu pasid 1',
  ]);
  for (const name of [...pointers, 'fill cpu1 tlb A'])
    expect(vm.step(vm.cachesThread, names()?.indexOf(name) ?? -1).status).toBe('stepped');
  expect(names()?.filter(name => name.includes('cpu1'))).toEqual([
    'fill cpu1 tlb A + 1 page',
    'evict cpu1 tlb A',
    'evict cpu1 psc A level 4',
    'evict cpu1 psc A level 3',
    'evict cpu1 psc A level 2',
  ]);
});

test('a fill on speculation is as good as one on demand for a use after free', () => {
  expect(violated(declarations, body(tail))).toEqual([]);
  expect(violated(declarations, body([...choose([...pointers, 'fill cpu1 tlb A']), ...tail]))).toEqual([
    'use-after-free',
  ]);
  const evicted = [...pointers, 'fill cpu1 tlb A', 'evict cpu1 tlb A'];
  expect(violated(declarations, body([...choose(evicted), ...tail]))).toEqual([]);
});

const freesTable = (replayed: readonly string[]) => `${machine}
  ${touched}
  task t0 in P on cpu 0 {
    var pgd = P.pgd;
    var top = entry_at(pgd, A);
    var pud = pte_table(*top);
    var middle = entry_at(pud, A);
    var pmd = pte_table(*middle);
    var e = entry_at(pmd, A);
    var old = get_and_clear(e);
    free_page(table_page(pte_table(old)));
  }
  task t1 in P on cpu 1 { skip; }
  replay { ${replayed.join('\n')} }`;

test('a walk on speculation through a pointer to a freed table is a table-use-after-free', () => {
  const before = [...choose(pointers), 't0 until done'];
  const read = choose(['read cpu1 A level 1']);
  expect(violated('', freesTable(before))).toEqual([]);
  expect(violated('', freesTable([...before, ...read]))).toEqual(['table-use-after-free', 'bad-walk']);
  const early = [...choose(pointers), ...read];
  expect(() => violated('', freesTable(early))).toThrow(/there is no 'read cpu1 A level 1'/);
});

test('nobody waits for caches: what is left to them is rest, and fair leaves them alone', () => {
  const program = compileToy(declarations, body([]));
  const vm = new Vm(program);
  expect(vm.runnable()).not.toContain(vm.cachesThread);
  for (const scheduler of [fair(), replay([])]) {
    expect(play(program, () => scheduler)).toEqual([]);
    const session = new Session(program, { replay: scheduler });
    expect(session.playToEnd().kind).toBe('rest');
    expect(session.steps.some(({ thread }) => thread === vm.cachesThread)).toBe(false);
    expect(session.vm.choiceCount(vm.cachesThread).count).toBeGreaterThan(0);
  }
  const stuck = compileToy(
    declarations,
    `${machine}\n${touched}\n task t0 in P on cpu 0 { wait until (done); }`,
  );
  expect(new Vm(stuck).atRest().map(({ property }) => property)).toEqual(['deadlock']);
});

test('random makes their steps too, and ends', () => {
  const program = compileToy(declarations, body([]));
  for (let seed = 1; seed <= 10; seed++) {
    play(program, () => random(seed));
    const session = new Session(program, { schedule: 'random', seed });
    expect(session.playToEnd().kind).toBe('rest');
    expect(session.steps.some(({ thread }) => thread === session.vm.cachesThread)).toBe(true);
  }
});

test('in a manual schedule they are run like any thread, also when all else is at rest', () => {
  const program = compileToy(declarations, body([]));
  const session = new Session(program, { schedule: 'manual' });
  const { cachesThread } = session.vm;
  while (session.forward().kind === 'stepped');
  expect(session.forward().kind).toBe('rest');
  expect(session.forward(cachesThread, 1)).toEqual({ kind: 'stepped', thread: cachesThread });
});

test('a saved schedule names what they did, and is followed though other names have come up', () => {
  const program = compileToy(declarations, body([]));
  const session = new Session(program, { schedule: 'random', seed: 3 });
  session.playToEnd();
  // Without fingerprints, so that it is tried on other programs.
  const text = formatSchedule(session).replace(/^(machine|code) .*\n/gm, '');
  expect(text).toMatch(/^caches: fill cpu\d psc A level 4 @ -$/m);
  const again = (of: typeof program) => {
    const saved = parseSchedule({ path: 'x.trace', text });
    if ('problem' in saved) throw new Error(saved.problem);
    const replayed = new Session(of, { replay: savedScheduler(saved) });
    return { replayed, end: replayed.playToEnd() };
  };
  expect(again(program).replayed.vm.words.hash()).toBe(session.vm.words.hash());
  const more = touched.replace('}', 'mmap B, 1 page, rw, touched }');
  expect(again(compileToy(declarations, body([], '', more))).end.kind).toBe('rest');
  const other = touched.replace('mmap A', 'mmap B');
  const renamed = body([], '', other).replace(/\bA\b/g, 'B');
  expect(again(compileToy(declarations, renamed)).end).toMatchObject({
    kind: 'diverged',
    text: expect.stringMatching(
      /x.trace:\d+: the schedule diverges: there is no '\w+ .* A.*' among its choices/,
    ),
  });
});
