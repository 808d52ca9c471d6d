/** What was not reached: which lines count, and how they are told. */
import { expect, test } from 'vitest';
import {
  type Covered,
  linesText,
  notReachedCount,
  notReachedText,
  uncovered,
  unreached,
} from '../../src/explain/coverage';
import type { Program } from '../../src/language/program';
import { placeOf } from '../../src/session/place';
import { Session } from '../../src/session/session';
import { compileToy } from '../vm/toy';

const declarations = `
var hot: bool
fn used() {
  if (hot) {
    unused();
  }
  skip;
}
fn unused() {
  skip;
}
fn beyond() {
  skip;
}
`;
const body = `machine { cpus 1  frames 16 }
process P { mmap A, 1 page, rw }
task t0 in P on cpu 0 { used(); }`;

/** The instructions that a run executes. */
function coveredBy(program: Program): Covered {
  const session = new Session(program);
  const covered: Record<string, number[]> = {};
  for (;;) {
    const thread = session.next(null);
    const place = thread === null ? null : placeOf(session.vm, thread);
    if (session.forward().kind !== 'stepped') return covered;
    if (place === null) continue;
    covered[place.fn.key] = [...(covered[place.fn.key] ?? []), place.pc];
  }
}

test('lines that could be reached and were not, by function; what cannot be reached does not count', () => {
  const program = compileToy(declarations, body);
  const covered = coveredBy(program);
  const line = (text: string) =>
    [...Object.values(program.functions)].find(({ name }) => name === text)?.span.line ?? 0;
  const [file, ...others] = unreached(program, covered);
  expect(others).toEqual([]);
  expect(file).toEqual({
    file: 'test.mmu',
    functions: [{ name: 'used', lines: [line('used') + 2] }],
    neverCalled: ['unused'],
  });
  expect(uncovered(program, covered)).toEqual([
    { file: 'test.mmu', lines: [2, 7, 8].map(offset => line('used') + offset) },
  ]);
});

test('nothing executed: every function that calls lead to is named', () => {
  const program = compileToy(declarations, body);
  const names = unreached(program, {}).flatMap(({ neverCalled }) => neverCalled);
  expect(names).toContain('used');
  expect(names).toContain('unused');
  expect(names).not.toContain('beyond');
});

test('lines in a row are a range', () => {
  expect(linesText([3])).toBe('3');
  expect(linesText([1, 2, 3, 5, 8, 9])).toBe('1-3, 5, 8-9');
  expect(linesText([])).toBe('');
});

test('as text: by function, and how much it is', () => {
  const program = compileToy(declarations, body);
  const covered = coveredBy(program);
  const [head, used, never] = notReachedText(program, covered);
  expect(head).toBe('test.mmu');
  expect(used).toMatch(/^ {2}used: line \d+$/);
  expect(never).toBe('  never called: unused');
  expect(notReachedCount(program, covered)).toBe('3 lines in 1 file');
});
