/** The tree of caches shows the queues: commands, the page-request log, what devices wait for. */
import { expect, test } from 'vitest';
import { startSession } from '../../src/session/load';
import { tlbNodes } from '../../src/view/tlbs';
import type { TreeNode } from '../../src/view/tree';
import { compileToy } from '../vm/toy';

function lines(nodes: readonly TreeNode[], depth = 0): string[] {
  return nodes.flatMap(({ label, description, children }) => [
    `${'  '.repeat(depth)}${label}: ${description}`,
    ...lines(children, depth + 1),
  ]);
}

test('commands, requests in the log, groups of devices', () => {
  const program = compileToy(
    '',
    `machine { frames 32  iommu amd { ppr-log 2  command-queue 4
       device gpu { ats  pri requests 5 } } }
     process P { mmap A, 2 pages, rw, touched }
     task t0 in P on cpu 0 { pri_disable(gpu); completion_wait(amd); }
     device gpu { var answer = request_pages(A, 3 pages, true); }
     device gpu { stop_marker(); }
     replay {
       gpu until blocked  gpu#2 1 step  amd ppr 3 steps  t0 2 steps
     }`,
  );
  const started = startSession(program, {});
  if ('problem' in started) throw new Error(started.problem.message);
  const { session } = started;
  while (session.position < 7) if (session.forward().kind !== 'stepped') break;
  expect(lines(tlbNodes(session, 0, file => file)).slice(3)).toMatchInlineSnapshot(`
    [
      "amd: ",
      "  IOTLB: empty",
      "  walk cache: empty",
      "  command queue: 1 of 4",
      "    COMPLETION_WAIT thread 0: ",
      "  page-request log: 2 of 2, overflown: nothing is logged",
      "    A: gpu PASID 0, tag 0, write",
      "    A + 1 page: gpu PASID 0, tag 0, write",
      "gpu: ",
      "  ATC: empty",
      "  page requests: 3 of 5 outstanding, disabled",
      "    A: tag 0, PASID 0, write 3 pages, sent",
    ]
  `);
});
