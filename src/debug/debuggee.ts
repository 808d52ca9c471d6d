/**
 * One launched scenario in the words of the protocol: numbers for threads, frames and values; bodies of
 * answers.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Moment } from '../explain/moments';
import { why } from '../explain/why';
import type { Breakpoint } from '../session/breakpoints';
import { evaluateText } from '../session/evaluate';
import { type ScopeOf, scopesOf } from '../session/scopes';
import type { Session } from '../session/session';
import { statementSites } from '../session/sites';
import { plainStop, type Stop } from '../session/stop';
import type { Children, Variable } from '../session/values';
import { verdict } from '../session/verdict';
import { Walker } from '../session/walker';
import { callbackNodes } from '../view/callbacks';
import { pageTableNodes } from '../view/page-tables';
import { tlbNodes } from '../view/tlbs';
import type { TreeRequest, TreeResponse } from '../view/tree';
import { errors } from './errors';
import { Handles } from './handles';
import type { Launched } from './launch';
import type { PositionResponse, VerdictBody, WhyMoment, WhyResponse } from './requests';
import type { Sources } from './sources';
import { exceptionBody, Teller } from './stops';

/** Rows of a value shown when the client sets no limit. */
const ROWS_MAX = 1000;

interface FrameHandle {
  readonly thread: number;
  /** Place in the thread's frames, innermost first. */
  readonly index: number;
}

/** A scenario being debugged. */
export class Debuggee {
  readonly session: Session;
  readonly sources: Sources;
  readonly walker: Walker;
  readonly teller: Teller;
  /** The present stop, and the position of the one before. */
  stop: Stop = plainStop('entry', 0);
  private previous = 0;
  private stoppedAt = 0;
  private readonly frames = new Handles<FrameHandle>();
  private readonly values = new Handles<Children>();

  constructor({ session, sources }: Launched) {
    this.session = session;
    this.sources = sources;
    this.walker = new Walker(session);
    this.teller = new Teller(session, sources);
  }

  /** The run has stopped: numbers of the stop before stand for nothing any more. */
  arrive(stop: Stop): void {
    this.stop = stop;
    this.previous = this.stoppedAt;
    this.stoppedAt = this.session.position;
    this.frames.renew();
    this.values.renew();
  }

  /** Our thread for the client's number. */
  thread(threadId: number): number {
    if (this.session.vm.threads[threadId - 1] === undefined) throw errors.noThread(threadId);
    return threadId - 1;
  }

  /** All threads, hardware agents included. */
  threads(): DebugProtocol.Thread[] {
    return this.session.vm.threads.map(({ id, name }) => ({ id: id + 1, name }));
  }

  /** A page of a call stack, innermost frame first. */
  stackTrace(args: DebugProtocol.StackTraceArguments): DebugProtocol.StackTraceResponse['body'] {
    const thread = this.thread(args.threadId);
    const frames = this.session.vm.frames(thread);
    if (frames.length === 0) return { stackFrames: this.endedFrames(thread), totalFrames: 1 };
    const start = args.startFrame ?? 0;
    const count = args.levels === undefined || args.levels === 0 ? frames.length : args.levels;
    const stackFrames = frames.slice(start, start + count).map((frame, index): DebugProtocol.StackFrame => {
      const id = this.frames.create({ thread, index: start + index });
      const name = frame.note === null ? frame.name : `${frame.name}: ${frame.note}`;
      if (frame.span === null) return { id, name, line: 0, column: 0, presentationHint: 'subtle' };
      const { file, line, column, endLine, endColumn } = frame.span;
      return { id, name, source: this.sources.source(file), line, column, endLine, endColumn };
    });
    return { stackFrames, totalFrames: frames.length };
  }

  /** A thread that has ended is shown where the scenario declares it. */
  private endedFrames(thread: number): DebugProtocol.StackFrame[] {
    const { scenario } = this.session.program;
    const { kind, index } = this.session.vm.threads[thread] ?? { kind: 'task', index: 0 };
    const span = (kind === 'device' ? scenario.devices[index] : scenario.tasks[index])?.span ?? scenario.span;
    const id = this.frames.create({ thread, index: 0 });
    const source = this.sources.source(span.file);
    return [
      { id, name: 'has ended', source, line: span.line, column: span.column, presentationHint: 'subtle' },
    ];
  }

  /** Scopes of a frame; their variables are made when they are opened. */
  scopes(frameId: number): DebugProtocol.Scope[] {
    const { thread, index } = this.frame(frameId);
    const frame = this.session.vm.frames(thread)[index];
    if (frame === undefined) return [];
    return scopesOf(this.session, thread, frame).map(scope => this.scope(scope));
  }

  private scope({ name, hint, list }: ScopeOf): DebugProtocol.Scope {
    const children: Children = {
      count: 0,
      indexed: false,
      list: (start, count) => list().slice(start, start + count),
    };
    const scope = { name, variablesReference: this.values.create(children), expensive: name === 'Machine' };
    return hint === null ? scope : { ...scope, presentationHint: hint };
  }

  /** A page of the rows below a scope or value. */
  variables(args: DebugProtocol.VariablesArguments): DebugProtocol.Variable[] {
    const children = this.values.get(args.variablesReference);
    if (children === undefined) throw errors.noVariables(args.variablesReference);
    if (args.filter !== undefined && (args.filter === 'indexed') !== children.indexed) return [];
    const count = args.count === undefined || args.count === 0 ? ROWS_MAX : args.count;
    return children.list(args.start ?? 0, count).map(variable => this.variable(variable));
  }

  private variable(variable: Variable): DebugProtocol.Variable {
    const { name, value, type, evaluateName } = variable;
    const body: DebugProtocol.Variable = { name, value, ...this.below(variable.children) };
    if (type !== '') body.type = type;
    if (evaluateName !== null) body.evaluateName = evaluateName;
    return body;
  }

  private below(children: Children | null): { variablesReference: number; indexedVariables?: number } {
    if (children === null) return { variablesReference: 0 };
    const variablesReference = this.values.create(children);
    return children.indexed
      ? { variablesReference, indexedVariables: children.count }
      : { variablesReference };
  }

  /** The value of an expression, in a frame or outside of any. */
  evaluate(args: DebugProtocol.EvaluateArguments): DebugProtocol.EvaluateResponse['body'] {
    const text = args.expression.trim();
    const at = args.frameId === undefined ? null : this.frame(args.frameId);
    const thread = at?.thread ?? this.stop.thread;
    const frame = at === null ? null : (this.session.vm.frames(thread)[at.index] ?? null);
    const result = evaluateText(this.session, text, thread, frame);
    if ('problem' in result) throw errors.notEvaluated(text, result.problem);
    const { children, type, value } = result;
    return { result: value, type, ...this.below(children) };
  }

  /** Where breakpoints can be in a range of lines. */
  breakpointLocations(args: DebugProtocol.BreakpointLocationsArguments): DebugProtocol.BreakpointLocation[] {
    const file = this.sources.file(args.source.path ?? '');
    if (file === null) return [];
    const seen = new Set<string>();
    const last = args.endLine ?? args.line;
    return statementSites(this.session.program, file).flatMap(({ span }) => {
      const key = `${span.line}:${span.column}`;
      if (span.line < args.line || last < span.line || seen.has(key)) return [];
      seen.add(key);
      return [{ line: span.line, column: span.column }];
    });
  }

  /** A breakpoint as it was set. */
  breakpoint({ id, verified, message, site, kind }: Breakpoint): DebugProtocol.Breakpoint {
    if (!verified || site === null) return { id, verified: false, message };
    if (kind === 'function') return { id, verified: true };
    const { file, line, column } = site.span;
    return { id, verified: true, line, column, source: this.sources.source(file) };
  }

  /** Why the present stop is an exception. */
  exception(): DebugProtocol.ExceptionInfoResponse['body'] {
    if (this.stop.reason !== 'exception') throw errors.noException();
    return exceptionBody(this.session, this.stop);
  }

  /** Why each finding of the recorded path is one. */
  why(): WhyResponse {
    const findings = this.session.recordedFindings().map(finding => why(this.session, finding));
    return {
      findings: findings.map(({ property, message, position, cause, moments }) => ({
        property,
        message,
        position,
        cause,
        moments: moments.map(moment => this.moment(moment)),
      })),
    };
  }

  private moment({ kind, position, thread, fn, span, text }: Moment): WhyMoment {
    const path = span === null ? null : this.sources.path(span.file);
    return { kind, position, thread, fn, path, line: span?.line ?? null, text };
  }

  /** Where on the recorded path the session is. */
  position(): PositionResponse {
    const { position, length } = this.session;
    return { position, length };
  }

  /** The verdict on the run so far. */
  verdict(): VerdictBody {
    const { scenario, kernel } = this.session.program;
    const { status, text, violated, missing } = verdict(this.session);
    return { scenario: scenario.name, kernel, status, text, violated, missing };
  }

  /** A tree of the views. */
  tree(request: TreeRequest): TreeResponse {
    const filePath = (file: string) => this.sources.path(file);
    switch (request) {
      case 'shootdown/pageTables':
        return { nodes: pageTableNodes(this.session, this.previous, filePath) };
      case 'shootdown/tlbs':
        return { nodes: tlbNodes(this.session, this.previous, filePath) };
      case 'shootdown/callbacks':
        return { nodes: callbackNodes(this.session, this.stop.thread, filePath) };
    }
  }

  private frame(frameId: number): FrameHandle {
    const frame = this.frames.get(frameId);
    if (frame === undefined) throw errors.noFrame(frameId);
    return frame;
  }
}
