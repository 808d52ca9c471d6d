/** Stops as the client is told them, and what is printed on the debug console beside. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { type Reason, reasonsOf } from '../explain/why';
import type { Finding } from '../session/history';
import { notes } from '../session/notes';
import type { Session } from '../session/session';
import type { Stop } from '../session/stop';
import { verdict } from '../session/verdict';
import { happeningLine, happenings } from '../view/happenings';
import type { Sources } from './sources';

/** Lines about callbacks printed at one stop. */
const LINES_MAX = 40;

/** Body of the stopped event. Thread numbers of the client are one more than ours: 0 means none there. */
export function stoppedBody(stop: Stop): DebugProtocol.StoppedEvent['body'] {
  const body: DebugProtocol.StoppedEvent['body'] = {
    reason: reasonOf(stop),
    threadId: stop.thread + 1,
    allThreadsStopped: true,
  };
  const description = descriptionOf(stop);
  if (description !== '') body.description = description;
  if (stop.text !== '') body.text = stop.text;
  if (stop.breakpoints.length > 0) body.hitBreakpointIds = [...stop.breakpoints];
  return body;
}

function reasonOf({ reason }: Stop): string {
  switch (reason) {
    case 'rest':
    case 'blocked':
      return 'step';
    case 'limit':
    case 'diverged':
      return 'pause';
    default:
      return reason;
  }
}

function descriptionOf(stop: Stop): string {
  switch (stop.reason) {
    case 'rest':
      return 'At rest';
    case 'blocked':
      return 'Blocked';
    case 'limit':
      return 'A limit was reached';
    case 'diverged':
      return 'The schedule diverges';
    case 'exception':
      return stop.findings[0]?.violation.property ?? 'io-page-fault';
    default:
      return '';
  }
}

/** Body of the answer to exceptionInfo. */
export function exceptionBody(session: Session, stop: Stop): DebugProtocol.ExceptionInfoResponse['body'] {
  const [first] = stop.findings;
  const exceptionId = first?.violation.property ?? 'io-page-fault';
  const description = stop.findings.length === 0 ? stop.text : explanation(session, stop.findings).join('\n');
  return {
    exceptionId,
    description,
    breakMode: 'always',
    details: { message: stop.text, typeName: exceptionId },
  };
}

function explanation(session: Session, findings: readonly Finding[]): string[] {
  return findings.flatMap(finding => reasonsOf(session, finding).map(({ text }) => text));
}

/** A run without a verdict says so itself. */
function verdictLine(session: Session): string {
  const { status, text } = verdict(session);
  return status === 'no verdict' ? text : `verdict: ${text}`;
}

/** Bodies of output events: what the schedule did since the last stop. Remembers how far it has told. */
export class Teller {
  private position = 0;
  private findings = 0;
  private verdictAt = -1;

  constructor(
    private readonly session: Session,
    private readonly sources: Sources,
  ) {}

  /** Callbacks and findings since the last time. */
  news(): DebugProtocol.OutputEvent['body'][] {
    // After a step back another path may begin: what was told of the old one is told anew.
    this.position = Math.min(this.position, this.session.position);
    const events = this.session.events().filter(({ position }) => position > this.position);
    this.position = this.session.position;
    const callbacks = events.filter(({ event }) => event.type === 'callback');
    const lines = happenings(this.session, callbacks).map(each => `${happeningLine(this.session, each)}\n`);
    const shown = lines.slice(0, LINES_MAX);
    if (lines.length > LINES_MAX) shown.push(`... and ${lines.length - LINES_MAX} more callbacks\n`);
    return [...shown.map(output => ({ category: 'console', output })), ...this.newFindings()];
  }

  /** The verdict, once for each position. */
  verdict(): DebugProtocol.OutputEvent['body'][] {
    if (this.verdictAt === this.session.position) return [];
    this.verdictAt = this.session.position;
    const lines = [...notes(this.session), verdictLine(this.session)];
    return lines.map(line => ({ category: 'stdout', output: `${line}\n` }));
  }

  private newFindings(): DebugProtocol.OutputEvent['body'][] {
    const findings = this.session.findings();
    this.findings = Math.min(this.findings, findings.length);
    const fresh = findings.slice(this.findings);
    this.findings = findings.length;
    return fresh.flatMap(finding =>
      reasonsOf(this.session, finding).map((reason, index) => this.reason(reason, index > 0)),
    );
  }

  /** A line for each reason: a client links a line to one place only. */
  private reason({ text, span }: Reason, isCause: boolean): DebugProtocol.OutputEvent['body'] {
    const body = { category: 'stderr', output: `${isCause ? '  ' : ''}${text}\n` };
    return span === null ? body : { ...body, source: this.sources.source(span.file), line: span.line };
  }
}
