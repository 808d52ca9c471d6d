/** The notation of shipped scenarios, as it would stand in a commit message. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { notationOf } from '../../src/explain/answer';
import { TEXT_COLUMNS } from '../../src/explain/text';
import { Session } from '../../src/session/session';
import { shippedProgram } from './shipped';

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
  return text.replace(/\.mmu:\d+/g, '.mmu:N').replace(/\bstep \d+/g, 'step N');
}

test.each(names)('%s', async name => {
  const program = await shippedProgram(name);
  const session = new Session(program);
  session.playToEnd();
  const text = notationOf(session, session.findings()[0] ?? null);
  expect(text.split('\n').filter(line => line.length > TEXT_COLUMNS)).toEqual([]);
  expect(text.split('\n').filter(line => line !== line.trimEnd())).toEqual([]);
  await expect(masked(text)).toMatchFileSnapshot(join(import.meta.dirname, 'notation', `${name}.txt`));
});
