/** Huge leaves in the views: their size and all of their frames in the page tables, and whole in the TLBs. */
import { expect, test } from 'vitest';
import { Session } from '../../src/session/session';
import { pageTableNodes } from '../../src/view/page-tables';
import { tlbNodes } from '../../src/view/tlbs';
import type { TreeNode } from '../../src/view/tree';
import { textProgram } from '../explain/shipped';
import { map } from '../machine/rig';

const file = (name: string) => name;

function rowsOf(nodes: readonly TreeNode[]): string[] {
  return nodes.flatMap(({ label, description, children }) => [
    `${label} ${description}`,
    ...rowsOf(children),
  ]);
}

test('a huge page is one row, with its size and frames, and one copy in the TLB', async () => {
  const program = await textProgram(`scenario huge {
    kernel linux-3.18
    machine { cpus 1  frames 1200 }
    process P { mmap A, 2 MiB, rw, hugepage, touched }
    task t0 in P on cpu 0 { store(A, 1); }
  }`);
  const session = new Session(program);
  session.playToEnd();
  const rows = rowsOf(pageTableNodes(session, 0, file));
  expect(rows.filter(row => row.includes('MiB'))).toEqual(['PMD 0: A 2 MiB, frames 512 .. 1023 W U A D']);
  expect(rows.some(row => row.includes('PTE'))).toBe(false);
  expect(rowsOf(tlbNodes(session, 0, file)).filter(row => /^A .*frame/.test(row))).toMatchInlineSnapshot(`
    [
      "A -> frame 512 W U D, 2 MiB",
      "A -> table in frame 2 (level 3) W U",
      "A -> table in frame 3 (level 2) W U",
    ]
  `);

  // One of the level above, for which a real mapping would need a quarter of a million frames.
  map(session.vm.machine, session.vm.machine.cr3(0), 0x1_4000_0000, 512, { write: false }, 3);
  const more = rowsOf(pageTableNodes(session, 0, file)).filter(row => row.includes('GiB'));
  expect(more).toEqual(['PUD 5: 0x140000000 1 GiB, frames 512 .. 262655 U A']);
});
