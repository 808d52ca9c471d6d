/**
 * One scenario on a kernel and with a driver that it fits, as a row of a table: what one schedule shows and
 * costs, and what a search of all of them finds. How the search is made is the caller's.
 */
import type { Program } from '../language/program';
import { type Counts, countEvents } from '../session/counts';
import { startSession } from '../session/load';
import { verdict } from '../session/verdict';
import { SetupError } from '../vm/vm';
import type { Fit } from './fits';

/** What a search of every interleaving has shown. Plain data. */
export interface Searched {
  /** Null where there was nothing to search, as the initial state cannot be built. */
  readonly verdict: 'holds' | 'violated' | 'incomplete' | null;
  readonly text: string;
  readonly states: number | null;
  /** A way to a violation, as a saved schedule; null without one, and where none was asked for. */
  readonly trace: string | null;
}

/** One row. Plain data. */
export interface ComparedRow extends Omit<Fit, 'program'> {
  /** On the one schedule that `run` plays; whether that was expected is not said, as rows are compared. */
  readonly run: string;
  readonly isViolated: boolean;
  /** Null where nothing could be run. */
  readonly counts: Counts | null;
  /** Null if that was not asked for, or not yet. */
  readonly searched: Searched | null;
}

/** What a report of a search says of itself. */
export interface SearchReport {
  readonly verdict: 'holds' | 'violated' | 'incomplete';
  readonly incomplete: string | null;
  readonly states: number;
  readonly findings: readonly { readonly violation: { readonly property: string } }[];
}

/** The row of a fit, without a search. */
export function playedRow({ program: build, ...fit }: Fit): ComparedRow {
  return { ...fit, ...played(build()), searched: null };
}

/** What a search came to. `search` rejects with `SetupError` where there is nothing to search. */
export async function searchedBy(
  search: () => Promise<{ readonly report: SearchReport; readonly trace: string | null }>,
): Promise<Searched> {
  try {
    const { report, trace } = await search();
    const { verdict: how, states } = report;
    return { verdict: how, text: searchedText(report), states, trace };
  } catch (problem) {
    if (!(problem instanceof SetupError)) throw problem;
    return { verdict: null, text: problem.message, states: null, trace: null };
  }
}

/** Plays the scenario's own schedule; where that is none, or cannot be followed, everyone in turn. */
function played(program: Program, schedule?: 'fair'): Pick<ComparedRow, 'run' | 'counts' | 'isViolated'> {
  const started = startSession(program, { schedule });
  if ('problem' in started) return { run: started.problem.message, counts: null, isViolated: false };
  const { session } = started;
  session.playToEnd();
  const stopped = session.stoppedAt();
  if (stopped !== null && schedule === undefined) {
    const fair = played(program, 'fair');
    const line = stopped.replace(/^.*:/, '');
    return { ...fair, run: `${fair.run} (fair: the replay cannot be followed from line ${line})` };
  }
  const { text, violated } = verdict(session);
  const isViolated = violated.length > 0;
  const found = isViolated ? `violated: ${violated.join(', ')}` : 'no violation';
  const run = session.limits().length > 0 ? text : found;
  return { run, counts: countEvents(session.events()), isViolated };
}

function searchedText({ verdict: how, findings, incomplete }: SearchReport): string {
  const violated = [...new Set(findings.map(({ violation }) => violation.property))];
  if (violated.length > 0) return `violated: ${violated.join(', ')}`;
  return how === 'incomplete' ? `incomplete: ${incomplete}` : how;
}
