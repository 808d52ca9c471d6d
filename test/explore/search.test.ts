/** Searches whose states can be counted on paper. */
import { expect, test } from 'vitest';
import { compileBare, search } from './counter';
import { mmun } from '../../bench/mmun';

test('x', () => {
  const sizes = { pages: 1, cpus: 1, devices: 1, unmappers: 1 };
  for (const bug of [0, 1, 2] as const) {
    const t = performance.now();
    const { progress, outcome } = search(compileBare(mmun(sizes, bug), null));
    console.log(bug, progress.states, progress.transitions, progress.depth, performance.now() - t, progress.bytes/progress.states, outcome.text, outcome.findings.map(f => `${f.violation.message} ${f.path!.length}`));
  }
}, 100000);
