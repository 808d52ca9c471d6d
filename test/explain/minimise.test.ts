/** A shorter way to the same violation: what is left out, what is moved together, and that it is the same. */
import { expect, test } from 'vitest';
import { minimise, switchesIn } from '../../src/explain/minimise';
import type { PathStep } from '../../src/explore/search';
import type { Program } from '../../src/language/program';
import { followPath } from '../../src/session/path';
import { Session } from '../../src/session/session';
import { programOf } from '../session/run';
import { compileToy } from '../vm/toy';
import { scheduledProgram } from './shipped';

/** The path of a random run up to its first violation of a property; null if it has none. */
function randomPath(program: Program, property: string, seed: number) {
  const session = new Session(program, { schedule: 'random', seed });
  session.playToEnd();
  const found = session.findings().find(({ violation }) => violation.property === property);
  if (found === undefined) return null;
  const path = session.steps.slice(0, found.position).map(({ thread, choice }) => ({ thread, choice }));
  return { violation: found.violation, path };
}

const two = 'machine { cpus 2  frames 16 }';
const process = 'process P { mmap A, 1 page, rw }';

test('what is not needed is left out, and what a thread does is moved together', () => {
  const steps = 'x = 1; x = 2; x = 3; assert(x == 3);';
  const program = compileToy(
    'var x: int 0..9  var y: int 0..9',
    `${two} ${process}
     task t0 in P on cpu 0 { ${steps} }
     task t1 in P on cpu 1 { y = 1; y = 2; x = 7; y = 3; }`,
  );
  const seeds = Array.from({ length: 60 }, (_, seed) => seed + 1);
  const found = seeds.map(seed => randomPath(program, 'assertion', seed));
  const some = found.filter(each => each !== null);
  expect(some.length).toBeGreaterThan(1);
  for (const each of some) {
    const short = minimise(program, each, { caches: 'demand' });
    // All of t0, and of t1 up to its store to x, right before the assert.
    expect(short.length).toBe(7);
    expect(switchesIn(short)).toBe(2);
    expect(foundAt(program, short)).toEqual(['assertion']);
  }
});

/** The properties that the last step of a path violates. */
function foundAt(program: Program, path: readonly PathStep[]): string[] {
  return followPath(program, path)
    .findingsHere()
    .map(({ violation }) => violation.property);
}

test('a deadlock stays one', () => {
  const taking = (a: string, b: string) =>
    `skip; skip; spin_lock(${a}); spin_lock(${b}); spin_unlock(${b}); spin_unlock(${a});`;
  const program = compileToy(
    'var first: spinlock  var second: spinlock',
    `${two} ${process}
     task t0 in P on cpu 0 { ${taking('first', 'second')} }
     task t1 in P on cpu 1 { ${taking('second', 'first')} }`,
  );
  const found = [1, 2, 3, 4, 5, 6].map(seed => randomPath(program, 'deadlock', seed)).find(each => each);
  if (!found) throw new Error('no seed shows it');
  const short = minimise(program, found, { caches: 'demand' });
  expect(short.length).toBe(6);
  expect(switchesIn(short)).toBe(1);
  expect(foundAt(program, short)).toEqual(['deadlock']);
});

test('the same statement violates the same property, and the answer is always the same', async () => {
  const program = await scheduledProgram('start-is-too-early');
  const session = new Session(program);
  session.playToEnd();
  const [finding] = session.findings();
  if (finding === undefined) throw new Error('nothing was found');
  const path = session.steps.slice(0, finding.position).map(({ thread, choice }) => ({ thread, choice }));
  const { violation } = finding;
  const short = minimise(program, { violation, path }, { caches: 'demand' });
  expect(short.length).toBeLessThanOrEqual(path.length);
  expect(switchesIn(short)).toBeLessThan(switchesIn(path));
  const [again] = followPath(program, short).findingsHere();
  expect(again?.violation).toMatchObject({ property: violation.property, span: violation.span });
  expect(minimise(program, { violation, path }, { caches: 'demand' })).toEqual(short);
  expect(minimise(program, { violation, path: short }, { caches: 'demand' })).toEqual(short);
});

test('no effort, no change; a path that does not lead there is left alone', () => {
  const program = programOf('unmap.mmu', 'too_late');
  const session = new Session(program);
  session.playToEnd();
  const [finding] = session.findings();
  if (finding === undefined) throw new Error('nothing was found');
  const path = session.steps.slice(0, finding.position).map(({ thread, choice }) => ({ thread, choice }));
  const { violation } = finding;
  expect(minimise(program, { violation, path }, { caches: 'demand', effort: 0 })).toEqual(path);
  const cut = path.slice(0, 5);
  expect(minimise(program, { violation, path: cut }, { caches: 'demand' })).toEqual(cut);
});
