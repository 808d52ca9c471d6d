import { expect, test } from 'vitest';
import { compileScenarioFile } from '../../src/language/compile';
import { formatProblem, programOf, show, small } from './small';

const text = `
  const EXTRA = 2
  workqueue requests capacity 2
  override fn zap(address: addr) { shared = 5; }
  driver first {
    struct state pool 2 { mm: mm }
    workqueue queue capacity 1
    daemon poller { idle until (shared == 7); }
    notifier first { invalidate_range(mn, mm, start, end) { queue_work(queue, work, mm); } }
    fn bind(mm: mm, device: device, pasid: int 0..31) { var mn = new mmu_notifier; mn.ops = first; }
  }
  driver second+more {
    struct state pool 2 { mm: mm }
    workqueue queue capacity 1
    notifier second { invalidate_range(mn, mm, start, end) { queue_work(queue, work, mm); } }
    fn bind(mm: mm, device: device, pasid: int 0..31) { var mn = new mmu_notifier; mn.ops = second; }
    fn poke(device: device) { skip; }
  }
  /// Two processes.
  /// Two devices.
  scenario s {
    kernel small
    machine {
      cpus 2
      iommu amd { device gpu { ats } device nic { pri } }
      iommu vt { device fpga { ats 4  pri requests 2 } }
    }
    process P {
      mmap A, 4 pages, rw, touched
      mmap B after A, 1 page, ro
      mmap C, 2 MiB, rw
      mmap D at A + 1 MiB, 1 page, rw
      bind nic, pasid 3, driver second+more
      bind nic, pasid 4, driver first
    }
    process Q { mmap A, 1 page, rw }
    task t0 in P on cpu 1 { munmap(A, 1 page)  second.poke(fpga)  store(A, EXTRA) }
    task t1 in Q on cpu 0 { skip }
    device nic { dma_write(A, 1) }
    device nic pasid 4 { var x = dma_read(A) }
    unwatched data-race "a reason"
    never (shared == 9 && P.count == Q.count)
    expect violated use-after-free, stale-after-return
    replay {
      t0 until call munmap; nic#2 2 steps  fpga ats until blocked
      vt commands until blocked  t1 choose 1  kworker/queue until done
    }
  }`;

test('the set-up calls the kernel and the drivers', () => {
  const program = programOf(text);
  const setup = program.functions['scenario.s.setup'];
  expect(setup?.code.map(instruction => show(instruction, new Map())).join('\n')).toMatchInlineSnapshot(`
    "process.P = call setup_process() -> 1
    call setup_mmap(process.P, 139637976727552, 16384, 1, 0, 0, 0, 0) -> 2
    call setup_populate(process.P, 139637976727552, 16384, 1) -> 3
    call setup_mmap(process.P, 139637976743936, 4096, 0, 0, 0, 0, 0) -> 4
    call setup_mmap(process.P, 139637978824704, 2097152, 1, 0, 0, 0, 0) -> 5
    call setup_mmap(process.P, 139637977776128, 4096, 1, 0, 0, 0, 0) -> 6
    process.Q = call setup_process() -> 7
    call setup_mmap(process.Q, 139637976727552, 4096, 1, 0, 0, 0, 0) -> 8
    call setup_task(1, process.P, 2) -> 9
    call setup_task(2, process.Q, 1) -> 10
    call second+more.bind(process.P, 2, 3) -> 11
    call first.bind(process.P, 2, 4) -> 12
    return"
  `);
});

test('the scenario as data', () => {
  const { scenario } = programOf(text);
  expect(scenario).toMatchObject({
    name: 's',
    doc: 'Two processes.\nTwo devices.',
    kernel: 'small',
    machine: {
      cpus: 2,
      frames: 64,
      iommus: [
        {
          name: 'amd',
          devices: [
            { name: 'gpu', atc: 16, requests: 0 },
            { name: 'nic', atc: 0, requests: 4 },
          ],
        },
        { name: 'vt', devices: [{ name: 'fpga', atc: 4, requests: 2, refaults: 0 }] },
      ],
    },
    tasks: [
      { name: 't0', process: 'P', cpu: 1, fn: 'scenario.s.t0' },
      { name: 't1', process: 'Q', cpu: 0, fn: 'scenario.s.t1' },
    ],
    devices: [
      { device: 'nic', pasid: 3, fn: 'scenario.s.nic' },
      { device: 'nic', pasid: 4, fn: 'scenario.s.nic#2' },
    ],
    expect: { verdict: 'violated', properties: ['use-after-free', 'stale-after-return'] },
    unwatched: [{ property: 'data-race', reason: 'a reason' }],
    claims: [{ kind: 'never', text: 'shared == 9 && P.count == Q.count' }],
  });
  expect(
    scenario.mappings.map(
      ({ process, name, address, pages }) => `${process}.${name} ${address.toString(16)} ${pages}`,
    ),
  ).toEqual([
    'P.A 7f0000000000 4',
    'P.B 7f0000004000 1',
    'P.C 7f0000200000 512',
    'P.D 7f0000100000 1',
    'Q.A 7f0000000000 1',
  ]);
  expect(scenario.replay.map(({ kind, thread }) => `${thread}: ${kind}`)).toEqual([
    't0: call',
    'nic#2: steps',
    'fpga ats: blocked',
    'vt commands: blocked',
    't1: choose',
    'kworker/queue: done',
  ]);
});

test('names of drivers are kept apart, indices count in order of use', () => {
  const program = programOf(text);
  // The task's statements are compiled before the bindings, and name `second` first.
  expect(program.workqueues.map(({ name }) => name)).toEqual(['events', 'queue', 'first.queue', 'requests']);
  expect(program.notifiers.map(({ name, driver }) => `${driver}: ${name}`)).toEqual([
    'second+more: second',
    'first: first',
  ]);
  expect(program.daemons.map(({ name }) => name)).toEqual(['poller']);
  expect(Object.keys(program.structs)).toEqual(expect.arrayContaining(['first.state', 'second+more.state']));
  expect(program.functions['first.first.invalidate_range']).toMatchObject({
    name: 'first.invalidate_range',
    role: 'callback',
    driver: 'first',
    callback: 'invalidate_range',
    code: [
      { op: 'builtin', name: 'queue_work', args: [{ op: 'const', value: 3 }, { name: 'work' }, {}] },
      {},
    ],
  });
  expect(program.functions['first.bind']?.code[1]).toMatchObject({ value: { op: 'const', value: 2 } });
  expect(program.overridden).toMatchObject([{ key: 'zap', by: 'test.mmu' }]);
  expect(program.constants).toMatchObject({ EXTRA: 2, LIMIT: 4, RED: 0, GREEN: 1, PAGE_SIZE: 4096 });
  expect(JSON.parse(JSON.stringify(program))).toEqual(program);
});

test('imports bring declarations, not scenarios; the kernel can be chosen from outside', () => {
  const files: Record<string, string> = {
    'a.mmu': 'import "b.mmu"\nfn one() { two(); }\nscenario other { kernel small }',
    'b.mmu': 'import "a.mmu"\nfn two() { skip; }',
  };
  const imports = (path: string) => {
    const found = files[path];
    return found === undefined ? undefined : { path, text: found };
  };
  const main = `import "a.mmu"
    scenario s { kernel nowhere process P { } task t in P on cpu 0 { one() } }
    scenario r { process P { } task t in P on cpu 0 { two() } }`;
  const options = { models: small.models, imports, kernel: 'small' };
  const { scenarios, problems, uses } = compileScenarioFile({ path: 'main.mmu', text: main }, options);
  expect(problems.map(formatProblem)).toEqual([]);
  expect(scenarios.map(({ name, kernel }) => `${name} on ${kernel}`)).toEqual(['s on small', 'r on small']);
  expect(Object.keys(scenarios[0]?.program().functions ?? {})).toEqual(
    expect.arrayContaining(['one', 'two', 'scenario.s.t']),
  );
  expect(uses).toContainEqual(
    expect.objectContaining({ name: 'one', definition: expect.objectContaining({ file: 'a.mmu', line: 2 }) }),
  );
});

test('a scenario with problems has no program, its neighbour has one', () => {
  const file = {
    path: 'two.mmu',
    text: `scenario a { kernel small process P { } task t in P on cpu 0 { gone() } }
    scenario b { kernel small process P { } task t in P on cpu 0 { skip } }`,
  };
  const [a, b] = compileScenarioFile(file, { models: small.models, imports: () => undefined }).scenarios;
  expect(a?.problems.map(({ code }) => code)).toEqual(['MMU011']);
  expect(() => a?.program()).toThrow('assertion failed: program: the scenario has problems');
  expect(b?.program().scenario.name).toBe('b');
  expect(b?.program()).toBe(b?.program());
});
