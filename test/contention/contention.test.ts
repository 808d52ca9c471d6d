/**
 * Every lock of the models is contended somewhere: for each there is a scenario in this folder and a schedule
 * of it in which a thread waits for a lock that another one holds. Which locks there are is read from the
 * compiled kernels and drivers.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compileScenarioFile } from '../../src/language/compile';
import type { Program } from '../../src/language/program';
import { compileShipped } from '../language/models';
import { readText, root } from '../language/small';
import { contended, locksOf } from './contention';

const folder = 'test/contention';
const { models } = compileShipped();

/** Locks for which nobody can ever wait, each with the reason. */
const impossible: Readonly<Record<string, string>> = {};

function programsOf(path: string, text: string): { program: Program; locks: readonly string[] }[] {
  const { scenarios, problems } = compileScenarioFile({ path, text }, { models, imports: () => undefined });
  expect(problems).toEqual([]);
  const wanted = [...text.matchAll(/^ *\/\/ contended: (.*)$/gm)].map(([, names = '']) => names.split(', '));
  expect(wanted, `${path}: each scenario names its locks`).toHaveLength(scenarios.length);
  return scenarios.map((scenario, index) => ({ program: scenario.program(), locks: wanted[index] ?? [] }));
}

const files = readdirSync(join(root, folder)).filter(name => name.endsWith('.mmu'));

describe.each(files)('%s', name => {
  const path = `${folder}/${name}`;
  const cases = programsOf(path, readText(path)).flatMap(({ program, locks }) =>
    locks.map((lock): [string, Program] => [lock, program]),
  );
  test.each(cases)('%s is waited for', { timeout: 60_000 }, (lock, program) => {
    expect(contended(program, lock)).toContain('waits for');
  });
});

/** A program of a kernel alone, and one with each driver that it has. */
function bareProgram(kernel: string, bind: string): Program | null {
  const text = `scenario bare {
    kernel ${kernel}
    machine { cpus 1  vcpus 1  frames 64  iommu amd { device gpu { ats  pri } } }
    process P { mmap A, 1 page, rw  ${bind} }
    task t0 in P on cpu 0 { store(A, 1); }
  }`;
  const { scenarios, problems } = compileScenarioFile(
    { path: 'bare.mmu', text },
    { models, imports: () => undefined },
  );
  const [scenario] = scenarios;
  if (scenario === undefined || problems.length > 0 || scenario.problems.length > 0) return null;
  return scenario.program();
}

test('no lock of a kernel or driver is left out', () => {
  const shown = new Set(
    files.flatMap(name =>
      [...readText(`${folder}/${name}`).matchAll(/^ *\/\/ contended: (.*)$/gm)].flatMap(([, names = '']) =>
        names.split(', '),
      ),
    ),
  );
  const known = new Set([...shown, ...Object.keys(impossible)]);
  const all = new Set<string>();
  for (const kernel of Object.keys(models.kernels)) {
    const bare = bareProgram(kernel, '');
    for (const lock of bare === null ? [] : locksOf(bare)) all.add(lock);
  }
  const isBound = new Map<string, boolean>();
  for (const key of Object.keys(models.drivers)) {
    const [kernel = '', driver = ''] = key.split('/');
    const bound = [`bind gpu, pasid 1, driver ${driver}`, `bind driver ${driver}`];
    const [program] = bound.map(bind => bareProgram(kernel, bind)).filter(each => each !== null);
    isBound.set(driver, isBound.get(driver) || program !== undefined);
    for (const lock of program ? locksOf(program) : []) all.add(lock);
  }
  // A kernel may lack a callback of a driver, but some kernel has them all.
  expect([...isBound].filter(([, is]) => !is)).toEqual([]);
  expect([...all].filter(lock => !known.has(lock))).toEqual([]);
  // And none is named that the models do not have any more.
  expect([...known].filter(lock => !all.has(lock))).toEqual([]);
});
