/** The `replay { ... }` of a scenario: a schedule, line by line. */

import type { Replay, ReplayLine } from './generated/ast';
import { nearestName } from './names';
import { numberOf } from './numbers';
import { spanOf, spanOfProperty } from './parse';
import { type Problem, problems } from './problems';
import type { Program, ReplayStep } from './program';
import { threadsOf } from './threads';
import type { Unit } from './unit';

/** The lines of a replay. Threads and functions are checked when the program is linked. */
export function compileReplay(unit: Unit, node: Replay | undefined): ReplayStep[] {
  return (node?.lines ?? []).map(line => stepOf(unit, line));
}

function stepOf(unit: Unit, node: ReplayLine): ReplayStep {
  const span = spanOf(node);
  const { how } = node;
  const thread = node.agent === undefined ? node.thread : `${node.thread} ${node.agent}`;
  switch (how) {
    case 'call':
    case 'return':
      return { kind: how, thread, fn: node.fn ?? '', span };
    case 'blocked':
    case 'done':
      return { kind: how, thread, span };
    case 'choose':
      return { kind: 'choose', thread, choice: node.choice ?? countOf(unit, node), span };
    default:
      return { kind: 'steps', thread, count: countOf(unit, node), span };
  }
}

function countOf(unit: Unit, node: ReplayLine): number {
  const value = numberOf(node.digits ?? '');
  if (value === null) {
    unit.problems.push(problems.malformedNumber(spanOfProperty(node, 'digits'), node.digits ?? ''));
  }
  return value ?? 0;
}

/** Checks the names in a replay against the linked program. */
export function checkReplay(program: Program): Problem[] {
  const threads = threadsOf(program).map(({ shortName }) => shortName);
  const functions = new Set<string>(program.callbacks.map(({ name }) => name));
  for (const { name, key } of Object.values(program.functions)) functions.add(name).add(key);
  const found: Problem[] = [];
  for (const step of program.scenario.replay) {
    if (!threads.includes(step.thread)) found.push(problems.unknownThread(step.span, step.thread, threads));
    if ((step.kind === 'call' || step.kind === 'return') && !functions.has(step.fn)) {
      found.push(problems.unknownReplayFunction(step.span, step.fn, nearestName(step.fn, functions)));
    }
  }
  return found;
}
