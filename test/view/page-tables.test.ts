/** The page-table tree: what it shows, and what it leaves out of a large one. */
import { expect, test } from 'vitest';
import { loadRun } from '../../src/session/load';
import { Session } from '../../src/session/session';
import { pageTableNodes } from '../../src/view/page-tables';
import type { TreeNode } from '../../src/view/tree';
import { launchFiles } from '../debug/fixture-files';
import { sessionOf } from '../session/run';

function drawn(nodes: readonly TreeNode[], indent = ''): string[] {
  return nodes.flatMap(({ label, description, marks, children }) => [
    `${indent}${label} ${description}${marks.map(mark => ` [${mark}]`).join('')}`,
    ...drawn(children, `${indent}  `),
  ]);
}

test('the tables of an address space, and the root a device walks', () => {
  const session = sessionOf('unmap.mmu', 'in_time');
  expect(drawn(pageTableNodes(session, 0, file => file))).toMatchInlineSnapshot(`
    [
      "P (mm#1) root in frame 0, CR3 of cpu0",
      "  PGD 254 -> table in frame 1",
      "    PUD 0 -> table in frame 2",
      "      PMD 0 -> table in frame 3",
      "        PTE 0: A frame 4 W U A",
      "        PTE 1: A + 1 page frame 5 W U A",
      "gpu PASID table, 1 entry",
      "  PASID 1 -> P (mm#1), frame 0",
    ]
  `);
  while (
    session.events().every(({ event }) => event.type !== 'machine' || event.event.type !== 'store-entry')
  )
    session.forward();
  expect(drawn(pageTableNodes(session, session.position - 1, file => file))).toMatchInlineSnapshot(`
    [
      "P (mm#1) root in frame 0, CR3 of cpu0",
      "  PGD 254 -> table in frame 1",
      "    PUD 0 -> table in frame 2",
      "      PMD 0 -> table in frame 3",
      "        PTE 1: A + 1 page frame 5 W U A D",
      "gpu PASID table, 1 entry",
      "  PASID 1 -> P (mm#1), frame 0",
    ]
  `);
});

test('of a large table the first entries are shown, and how many more there are', () => {
  const files = launchFiles('unmap.mmu');
  const text = files.scenario.text
    .replace('frames 32', 'frames 600')
    .replace('mmap A, 2 pages', 'mmap A, 500 pages');
  const loaded = loadRun({ ...files, scenario: { ...files.scenario, text } }, {});
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  const lines = drawn(pageTableNodes(new Session(loaded.program), 0, file => file));
  expect(lines.filter(line => line.includes('PTE '))).toHaveLength(128);
  expect(lines.filter(line => line.includes('more entries'))).toEqual(['        372 more entries ']);
});
