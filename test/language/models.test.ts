import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { expect, test } from 'vitest';
import { compileModels, compileScenarioFile } from '../../src/language/compile';
import { compileShipped, sourcesOf } from './models';
import { formatProblem, kernelText, small } from './small';

const shipped = compileShipped();

test('the shipped models have no problems', () => {
  expect(shipped.problems.map(formatProblem)).toEqual([]);
  expect(Object.keys(shipped.models.kernels)).toContain('linux-3.18');
});

for (const file of sourcesOf('scenarios')) {
  test(`${file.path} has no problems`, () => {
    const imports = (path: string) => {
      const target = posix.join(posix.dirname(file.path), path);
      return existsSync(target) ? { path: target, text: readFileSync(target, 'utf8') } : undefined;
    };
    // As at run time: the models come from a JSON file.
    const models = JSON.parse(JSON.stringify(shipped.models));
    const { problems, scenarios } = compileScenarioFile(file, { models, imports });
    expect(problems.map(formatProblem)).toEqual([]);
    for (const scenario of scenarios) expect(JSON.stringify(scenario.program())).not.toContain('"symbol"');
  });
}

const files = (text: string, manifest = 'kernel small { }') => [
  { path: 'small/kernel.mmu', text: manifest },
  { path: 'small/mm.mmu', text },
];

function problemsOfKernel(kernels: Record<string, { path: string; text: string }[]>): string[] {
  return compileModels({ kernels, drivers: [] }).problems.map(({ span, code, message }) => {
    return `${span.file}:${span.line} ${code} ${message}`;
  });
}

test('a kernel must have what the rest relies on', () => {
  const text = kernelText
    .replace('setup_mmap', 'set_up')
    .replace('vm_end: addr', '')
    .replace('fault fn', 'fn');
  expect(problemsOfKernel({ small: files(text) })).toEqual([
    'small/kernel.mmu:1 MMU106 the kernel lacks field vma.vm_end: addr',
    'small/kernel.mmu:1 MMU106 the kernel lacks fn setup_mmap(mm, addr, addr)',
    "small/kernel.mmu:1 MMU106 the kernel lacks a 'fault fn'",
  ]);
});

test('manifests', () => {
  expect(problemsOfKernel({ small: files(kernelText, '') })).toEqual([
    "small/kernel.mmu:1 MMU102 kernel folder 'small' has no 'kernel small { ... }', " +
      'expected it in kernel.mmu',
  ]);
  expect(problemsOfKernel({ small: files(kernelText, 'kernel tiny { }\nkernel small { }') })).toEqual([
    'small/kernel.mmu:2 MMU104 a kernel has one manifest, and this is a second',
    "small/kernel.mmu:1 MMU103 kernel 'tiny' is in a folder named 'small', expected the same name",
  ]);
  expect(problemsOfKernel({ small: files(kernelText, 'kernel small { extends small }') })).toEqual([
    "small/kernel.mmu:1 MMU105 kernel 'small' extends itself",
  ]);
  expect(problemsOfKernel({ small: files(`import "x.mmu"\ndriver d { } ${kernelText}`) })).toEqual([
    'small/mm.mmu:1 MMU110 only files of scenarios and drivers have imports',
    'small/mm.mmu:2 MMU107 a kernel cannot contain a driver',
  ]);
  expect(
    problemsOfKernel({
      small: files(kernelText),
      b: [{ path: 'b/kernel.mmu', text: 'kernel b { extends c }' }],
    })[0],
  ).toBe("b/kernel.mmu:1 MMU100 unknown kernel 'c', expected one of small");
});

test('kernels that extend each other in a circle', () => {
  const found = problemsOfKernel({
    a: [{ path: 'a/kernel.mmu', text: 'kernel a { extends b }' }],
    b: [{ path: 'b/kernel.mmu', text: 'kernel b { extends a }' }],
  });
  expect(found.some(problem => problem.includes('MMU105'))).toBe(true);
});

const extension = [
  { path: 'more/kernel.mmu', text: 'kernel more { extends small alias most "it is more" }' },
  {
    path: 'more/mm.mmu',
    text: `callbacks { added(mn: mmu_notifier) }
      override fn zap(address: addr) { shared = 3; }
      fn added_to_it() { skip; }`,
  },
];

test('a kernel extends another: overrides, additions, an alias', () => {
  const { models, problems } = compileModels({ kernels: { more: extension }, drivers: [] }, small.models);
  expect(problems).toEqual([]);
  const text = 'scenario s { kernel most process P { } task t in P on cpu 0 { munmap(0, 1 page) } }';
  const file = { path: 's.mmu', text };
  const { scenarios, problems: found } = compileScenarioFile(file, { models, imports: () => undefined });
  expect(found.map(formatProblem)).toEqual(["1:21 MMU101 'most' stands for 'more': it is more"]);
  expect(scenarios[0]?.problems).toEqual([]);
  const program = scenarios[0]?.program();
  expect(program?.kernel).toBe('more');
  expect(program?.functions.zap?.span.file).toBe('more/mm.mmu');
  expect(program?.overridden).toMatchObject([{ key: 'zap', by: 'more', span: { file: 'small/mm.mmu' } }]);
  expect(program?.functions['walk<zap>']?.code[0]).toMatchObject({ op: 'call', fn: 'zap' });
});

test('drivers of the base are compiled for kernels of the user, dependants of a replaced one too', () => {
  const both = compileModels({ kernels: { more: extension }, drivers: [] }, small.models).models;
  expect(Object.keys(both.drivers).sort()).toEqual(['more/quiet', 'small/quiet']);
  const changed = files(kernelText.replace('fn zap(address: addr)', 'fn zap(address: addr, n: int)'));
  const { problems, models } = compileModels({ kernels: { small: changed }, drivers: [] }, both);
  expect(problems.map(({ span, code }) => `${span.file} ${code}`)).toContain('more/mm.mmu MMU022');
  expect(Object.keys(models.kernels).sort()).toEqual(['more', 'small']);
});

test('a driver that fits one kernel is not a mistake of the build', () => {
  const driver = {
    path: 'picky.mmu',
    text: `driver picky {
      notifier n { added(mn) { skip; } }
      fn bind(mm: mm, device: device, pasid: int) { skip; } }`,
  };
  const { models, problems } = compileModels(
    { kernels: { more: extension }, drivers: [driver] },
    small.models,
  );
  expect(problems).toEqual([]);
  const text = `scenario s { kernel small machine { iommu i { device d { } } }
    process P { bind d, pasid 1, driver picky } task t in P on cpu 0 { skip } }`;
  const check = (kernel: string) => {
    const options = { models, imports: () => undefined, kernel };
    return compileScenarioFile({ path: 's.mmu', text }, options).scenarios[0]?.problems.map(
      ({ code }) => code,
    );
  };
  expect(check('small')).toEqual(['MMU114', 'MMU015']);
  expect(check('more')).toEqual([]);
});

test('a driver needs a kernel, and one that fits none says why', () => {
  const driver = { path: 'd.mmu', text: 'driver d { fn bind(mm: mn) { skip; } }' };
  const without = compileModels({ kernels: {}, drivers: [driver] });
  expect(without.problems.map(({ code }) => code)).toEqual(['MMU112']);
  const withOne = compileModels({ kernels: {}, drivers: [driver] }, small.models);
  expect(withOne.problems.map(({ code }) => code)).toEqual(['MMU012']);
});

test('drivers share code by import', () => {
  const shared = { path: 'lib.mmu', text: 'fn helper() { skip; }' };
  const driver = {
    path: 'd.mmu',
    text: 'import "lib.mmu"\ndriver d { fn bind(mm: mm, device: device, pasid: int) { helper(); } }',
  };
  const { models, problems } = compileModels({ kernels: {}, drivers: [shared, driver] }, small.models);
  expect(problems).toEqual([]);
  expect(models.drivers['small/d']?.declarations.functions.map(({ header }) => header.key)).toEqual([
    'd.helper',
    'd.bind',
  ]);
});
