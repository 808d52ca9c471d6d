/** Runs in the toy kernel, and the explanation of what they find as text. */
import { expect } from 'vitest';
import type { Moment } from '../../src/explain/moments';
import { type Why, why } from '../../src/explain/why';
import { Session } from '../../src/session/session';
import { compileToy } from '../vm/toy';

/** Machines and a process, for scenarios. */
export const cpu = 'machine { cpus 1  frames 32 }';
export const two = 'machine { cpus 2  frames 32 }';
export const process = 'process P { mmap A, 2 pages, rw, touched }';

/** A task with these statements. */
export const task = (body: string): string => `task t0 in P on cpu 0 { ${body} }`;

/** Why the first finding of a property in a run is one. */
export function whyOf(property: string, declarations: string, body: string): Why {
  const session = new Session(compileToy(declarations, body));
  const end = session.playToEnd();
  if (end.kind !== 'rest') throw new Error(JSON.stringify(end));
  const finding = session.findings().find(({ violation }) => violation.property === property);
  if (finding === undefined)
    throw new Error(`found: ${session.findings().map(({ violation }) => violation.message)}`);
  const now = session.position;
  const told = why(session, finding);
  expect(session.position).toBe(now);
  return told;
}

/** The moments as text, without what depends on how many steps a function takes. */
export function told({ moments }: Why): string {
  const lines = moments.map(({ kind, text, thread, fn }: Moment) => {
    return `${kind} (${thread.split(' ')[0]} in ${fn})\n  ${text.replace(/step \d+/g, 'step N')}`;
  });
  return lines.join('\n');
}
