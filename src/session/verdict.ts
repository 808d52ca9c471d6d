/**
 * What a run has shown, held against what its scenario expects. One schedule can show a violation, never its
 * absence.
 */
import { expectationOf, unsaidText } from '../language/expectation';
import type { PropertyId } from '../language/properties';
import type { Session } from './session';

/** A verdict on the run so far. */
export interface Verdict {
  readonly status: 'as expected' | 'differs' | 'incomplete' | 'no verdict';
  /** One sentence. */
  readonly text: string;
  /** Exit code of the command line: 0 as expected, 1 differs, 2 no verdict, 3 incomplete. */
  readonly exitCode: 0 | 1 | 2 | 3;
  /** Properties found violated, each once, in the order found. */
  readonly violated: readonly PropertyId[];
  /** Properties that the scenario expects violated, and that did not show on this schedule. */
  readonly missing: readonly string[];
}

/** The verdict at the present position of a session. A replay that stopped half-way says nothing. */
export function verdict(session: Session): Verdict {
  const violated = [...new Set(session.findings().map(({ violation }) => violation.property))];
  const list = violated.join(', ');
  const stopped = session.stoppedAt();
  if (stopped !== null) {
    const found = list === '' ? '' : `; found until then: ${list}`;
    const text = `no verdict: the replay stopped at ${stopped} (step ${session.position})${found}`;
    return { status: 'no verdict', text, exitCode: 2, violated, missing: [] };
  }
  const why = session.limits()[0]?.text ?? null;
  if (why !== null && violated.length === 0)
    return { status: 'incomplete', text: `incomplete: ${why}`, exitCode: 3, violated, missing: [] };
  const expectation = expectationOf(session.program);
  if (expectation === null) {
    const text = violated.length === 0 ? 'no violation on this schedule' : `violated: ${list}`;
    return {
      status: 'as expected',
      text: `${text} (${unsaidText(session.program)})`,
      exitCode: 0,
      violated,
      missing: [],
    };
  }
  if (expectation.verdict === 'holds') {
    if (violated.length === 0)
      return {
        status: 'as expected',
        text: 'no violation on this schedule, as expected',
        exitCode: 0,
        violated,
        missing: [],
      };
    const text = `violated: ${list}; expected that all holds`;
    return { status: 'differs', text, exitCode: 1, violated, missing: [] };
  }
  return violatedAsExpected(expectation.properties, violated);
}

function violatedAsExpected(wanted: readonly string[], violated: readonly PropertyId[]): Verdict {
  const missing = wanted.filter(property => !violated.some(found => found === property));
  const others = violated.filter(property => !wanted.includes(property));
  const also = others.length === 0 ? '' : `; also ${others.join(', ')}`;
  if (missing.length === 0)
    return {
      status: 'as expected',
      text: `violated: ${wanted.join(', ')}, as expected${also}`,
      exitCode: 0,
      violated,
      missing,
    };
  const text = `${missing.join(', ')} did not show on this schedule: explore searches them all${also}`;
  return { status: 'incomplete', text, exitCode: 3, violated, missing };
}
