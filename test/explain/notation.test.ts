/** The notation of shipped scenarios, as it would stand in a commit message. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { notationOf } from '../../src/explain/answer';
import { TEXT_COLUMNS } from '../../src/explain/text';
import { why } from '../../src/explain/why';
import { Session } from '../../src/session/session';
import { scheduledNames } from '../schedules';
import { scheduledProgram, shippedProgram } from './shipped';

const names = [
  'start-is-too-early',
  'end-is-too-late-batch',
  'end-is-too-late-tables',
  'parallel-dontneed',
  'unregister-races-with-end',
  'empty-page-table-starves',
  'invalidate-range-repairs-munmap',
];

/** Lines of the models and numbers of steps change with every edit of a model, and say nothing here. */
function masked(text: string): string {
  return text.replace(/\.mmu:\d+/g, '.mmu:N').replace(/\bstep(\s+)\d+/g, 'step$1N');
}

test.each(names)('%s', async name => {
  // What has no schedule beside the tests has one of its own.
  const program = await (scheduledNames.includes(name) ? scheduledProgram : shippedProgram)(name);
  const session = new Session(program);
  session.playToEnd();
  const text = notationOf(session, session.findings()[0] ?? null);
  expect(text.split('\n').filter(line => line.length > TEXT_COLUMNS)).toEqual([]);
  expect(text.split('\n').filter(line => line !== line.trimEnd())).toEqual([]);
  await expect(masked(text)).toMatchFileSnapshot(join(import.meta.dirname, 'notation', `${name}.txt`));
});

test('whatever a random run finds is explained and drawn', async () => {
  const properties = new Set<string>();
  for (const name of ['table-walk-before', 'unregister-races-with-end', 'end-is-too-late-tables']) {
    const program = await shippedProgram(name);
    for (const seed of [1, 2, 3, 4]) {
      const session = new Session(program, { schedule: 'random', seed });
      session.playToEnd();
      for (const finding of session.findings()) {
        properties.add(finding.violation.property);
        expect(why(session, finding).moments.length).toBeGreaterThan(1);
        const lines = notationOf(session, finding).split('\n');
        expect(lines.filter(line => line.length > TEXT_COLUMNS)).toEqual([]);
        expect(lines.at(-2)).toMatch(/\*\*\* [a-z-]+ \*\*\*$/);
      }
    }
  }
  expect(properties.size).toBeGreaterThan(1);
});
