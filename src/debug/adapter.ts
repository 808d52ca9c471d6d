/**
 * The Debug Adapter Protocol spoken about a session. It only translates: a handful of lines per request, and
 * every request goes through `reply`, the one boundary, which answers with success or with an error of a
 * number and a sentence.
 *
 * `DebugSession` of the package is used for its dispatch and types alone; each of its requests is overridden,
 * here or in unsupported-requests.ts, because what it does with those that are not is to answer success
 * without a body.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { formatSpan } from '../base/span';
import type { Granularity } from '../session/motions';
import type { Stop } from '../session/stop';
import { BreakpointStore } from './breakpoint-store';
import { capabilities } from './capabilities';
import { Debuggee } from './debuggee';
import { AdapterError, errors } from './errors';
import { launch } from './launch';
import { Progress } from './progress';
import {
  type GoToArguments,
  goToRequest,
  isReverseRequest,
  isTreeRequest,
  type LaunchArguments,
  positionRequest,
  type ReverseArguments,
  verdictEvent,
  whyRequest,
} from './requests';
import { stoppedBody } from './stops';
import { UnsupportedRequests } from './unsupported-requests';

/** The adapter. It reads no file and knows no editor. */
export class ShootdownAdapter extends UnsupportedRequests {
  private debuggee: Debuggee | null = null;
  private readonly breakpoints = new BreakpointStore();
  private launchArguments: LaunchArguments | null = null;
  private readonly progress = new Progress((event, body) => this.tell(event, body));
  /** Grows with every launch: what an earlier run still has to say is dropped. */
  private generation = 0;

  protected override initializeRequest(
    response: DebugProtocol.InitializeResponse,
    args: DebugProtocol.InitializeRequestArguments,
  ): void {
    this.setDebuggerLinesStartAt1(true);
    this.setDebuggerColumnsStartAt1(true);
    this.progress.isWanted = args.supportsProgressReporting === true;
    this.reply(response, () => capabilities);
  }

  protected override launchRequest(response: DebugProtocol.LaunchResponse, args: LaunchArguments): void {
    const start = () => {
      if (this.debuggee !== null) throw errors.alreadyLaunched();
      this.prepare(args);
      return {};
    };
    // Breakpoints are checked against the program, so they are asked for when there is one.
    this.reply(response, start, () => this.tell('initialized', {}));
  }

  protected override configurationDoneRequest(response: DebugProtocol.ConfigurationDoneResponse): void {
    this.reply(
      response,
      () => void this.launched(),
      () => this.begin(),
    );
  }

  protected override restartRequest(
    response: DebugProtocol.RestartResponse,
    args: DebugProtocol.RestartArguments,
  ): void {
    const restart = () => {
      const before = this.launchArguments;
      if (before === null) throw errors.notLaunched();
      this.debuggee?.walker.pause();
      this.prepare({ ...before, ...(args.arguments as LaunchArguments | undefined) });
    };
    this.reply(response, restart, () => this.begin());
  }

  protected override terminateRequest(response: DebugProtocol.TerminateResponse): void {
    this.reply(
      response,
      () => this.end(),
      () => this.tell('terminated', {}),
    );
  }

  protected override disconnectRequest(response: DebugProtocol.DisconnectResponse): void {
    this.reply(response, () => this.end());
  }

  protected override setBreakPointsRequest(
    response: DebugProtocol.SetBreakpointsResponse,
    args: DebugProtocol.SetBreakpointsArguments,
  ): void {
    this.reply(response, () => ({ breakpoints: this.breakpoints.setLines(this.launched(), args) }));
  }

  protected override setFunctionBreakPointsRequest(
    response: DebugProtocol.SetFunctionBreakpointsResponse,
    args: DebugProtocol.SetFunctionBreakpointsArguments,
  ): void {
    this.reply(response, () => ({ breakpoints: this.breakpoints.setFunctions(this.launched(), args) }));
  }

  protected override setExceptionBreakPointsRequest(
    response: DebugProtocol.SetExceptionBreakpointsResponse,
    args: DebugProtocol.SetExceptionBreakpointsArguments,
  ): void {
    this.reply(response, () => this.breakpoints.setFilters(this.launched(), args.filters));
  }

  protected override breakpointLocationsRequest(
    response: DebugProtocol.BreakpointLocationsResponse,
    args: DebugProtocol.BreakpointLocationsArguments,
  ): void {
    this.reply(response, () => ({ breakpoints: this.launched().breakpointLocations(args) }));
  }

  protected override exceptionInfoRequest(response: DebugProtocol.ExceptionInfoResponse): void {
    this.reply(response, () => this.launched().exception());
  }

  protected override threadsRequest(response: DebugProtocol.ThreadsResponse): void {
    this.reply(response, () => ({ threads: this.launched().threads() }));
  }

  protected override stackTraceRequest(
    response: DebugProtocol.StackTraceResponse,
    args: DebugProtocol.StackTraceArguments,
  ): void {
    this.reply(response, () => this.launched().stackTrace(args));
  }

  protected override scopesRequest(
    response: DebugProtocol.ScopesResponse,
    args: DebugProtocol.ScopesArguments,
  ): void {
    this.reply(response, () => ({ scopes: this.launched().scopes(args.frameId) }));
  }

  protected override variablesRequest(
    response: DebugProtocol.VariablesResponse,
    args: DebugProtocol.VariablesArguments,
  ): void {
    this.reply(response, () => ({ variables: this.launched().variables(args) }));
  }

  protected override evaluateRequest(
    response: DebugProtocol.EvaluateResponse,
    args: DebugProtocol.EvaluateArguments,
  ): void {
    this.reply(response, () => this.launched().evaluate(args));
  }

  protected override loadedSourcesRequest(response: DebugProtocol.LoadedSourcesResponse): void {
    this.reply(response, () => ({ sources: this.launched().sources.all() }));
  }

  protected override sourceRequest(
    response: DebugProtocol.SourceResponse,
    args: DebugProtocol.SourceArguments,
  ): void {
    this.reply(response, () => {
      const path = args.source?.path ?? '';
      const content = this.launched().sources.text(path);
      if (content === null) throw errors.noSource(path);
      return { content };
    });
  }

  protected override continueRequest(
    response: DebugProtocol.ContinueResponse,
    args: DebugProtocol.ContinueArguments,
  ): void {
    const body = { allThreadsContinued: true };
    this.move(response, args, body, (debuggee, thread) => debuggee.walker.continue(thread));
  }

  protected override nextRequest(
    response: DebugProtocol.NextResponse,
    args: DebugProtocol.NextArguments,
  ): void {
    this.move(response, args, {}, ({ walker }, thread) => walker.next(thread, granularityOf(args)));
  }

  protected override stepInRequest(
    response: DebugProtocol.StepInResponse,
    args: DebugProtocol.StepInArguments,
  ): void {
    this.move(response, args, {}, ({ walker }, thread) => walker.stepIn(thread, granularityOf(args)));
  }

  protected override stepOutRequest(
    response: DebugProtocol.StepOutResponse,
    args: DebugProtocol.StepOutArguments,
  ): void {
    this.move(response, args, {}, ({ walker }, thread) => walker.stepOut(thread));
  }

  protected override stepBackRequest(
    response: DebugProtocol.StepBackResponse,
    args: DebugProtocol.StepBackArguments,
  ): void {
    this.move(response, args, {}, ({ walker }, thread) => walker.stepBack(thread, granularityOf(args)));
  }

  protected override reverseContinueRequest(
    response: DebugProtocol.ReverseContinueResponse,
    args: DebugProtocol.ReverseContinueArguments,
  ): void {
    this.move(response, args, {}, ({ walker }, thread) => walker.reverseContinue(thread));
  }

  protected override pauseRequest(response: DebugProtocol.PauseResponse): void {
    this.reply(response, () => this.launched().walker.pause());
  }

  protected override customRequest(command: string, response: DebugProtocol.Response, args: unknown): void {
    if (isReverseRequest(command)) {
      const into = command === 'shootdown/reverseInto';
      this.move(response, args as ReverseArguments, {}, ({ walker }, thread) =>
        into ? walker.reverseInto(thread) : walker.reverseOut(thread),
      );
      return;
    }
    if (command === goToRequest) {
      this.goTo(response, args as GoToArguments);
      return;
    }
    this.reply(response, () => {
      if (command === whyRequest) return this.launched().why();
      if (command === positionRequest) return this.launched().position();
      if (!isTreeRequest(command)) throw errors.unknownRequest(command);
      return this.launched().tree(command);
    });
  }

  private launched(): Debuggee {
    if (this.debuggee === null) throw errors.notLaunched();
    return this.debuggee;
  }

  /** Compiles and builds the initial state; nothing runs yet. */
  private prepare(args: LaunchArguments): void {
    const launched = launch(args, ({ code, span, message }) => {
      const place = span === null ? '' : `${formatSpan(span)}: `;
      const output = `${place}${code} ${message}\n`;
      this.tell('output', { category: 'stderr', output });
    });
    this.generation++;
    this.launchArguments = args;
    this.debuggee = new Debuggee(launched);
    this.debuggee.walker.onLog = text => this.tell('output', { category: 'console', output: `${text}\n` });
    this.breakpoints.applyTo(this.debuggee, args.noDebug === true);
  }

  /** The client has set its breakpoints: the run begins. */
  private begin(): void {
    const debuggee = this.launched();
    const { program, watched, schedule } = debuggee.session;
    const name = `${program.scenario.name} on ${program.kernel}, schedule ${schedule}`;
    const output = `${name}, ${watched.size} properties watched\n`;
    this.tell('output', { category: 'console', output });
    if (this.launchArguments?.stopOnEntry === true) {
      debuggee.session.breakpoints.showStart(0);
      this.arrive(debuggee, debuggee.stop);
    } else this.run(debuggee, () => debuggee.walker.continue(0), true);
  }

  private end(): void {
    this.generation++;
    this.debuggee?.walker.pause();
    this.debuggee = null;
  }

  private move(
    response: DebugProtocol.Response,
    { threadId }: { threadId: number },
    body: object,
    motion: (debuggee: Debuggee, thread: number) => Promise<Stop>,
  ): void {
    this.travel(response, body, debuggee => {
      const thread = debuggee.thread(threadId);
      return () => motion(debuggee, thread);
    });
  }

  private goTo(response: DebugProtocol.Response, { position }: GoToArguments): void {
    this.travel(response, {}, ({ session, walker }) => {
      const isThere = Number.isInteger(position) && 0 <= position && position <= session.length;
      if (!isThere) throw errors.noPosition(position, session.length);
      return () => walker.goTo(position);
    });
  }

  /** Answers at once, then moves; the stopped event comes when the motion has ended. */
  private travel(
    response: DebugProtocol.Response,
    body: object,
    prepare: (debuggee: Debuggee) => () => Promise<Stop>,
  ): void {
    let todo: (() => void) | undefined;
    const answer = () => {
      const debuggee = this.launched();
      if (debuggee.walker.running) throw errors.running();
      const motion = prepare(debuggee);
      const isContinue = response.command === 'continue';
      todo = () => this.run(debuggee, motion, isContinue);
      return body;
    };
    this.reply(response, answer, () => todo?.());
  }

  private run(debuggee: Debuggee, motion: () => Promise<Stop>, isContinue: boolean): void {
    const { generation } = this;
    const from = debuggee.session.position;
    const running = this.progress.around(debuggee.session.program.scenario.name, motion);
    running.then(
      stop => {
        if (generation !== this.generation) return;
        const isFinal = stop.reason === 'rest' || stop.reason === 'limit' || stop.reason === 'diverged';
        const isOver =
          isFinal && ((isContinue && stop.reason === 'rest') || debuggee.session.position === from);
        if (isOver) this.finish(debuggee, stop);
        else this.arrive(debuggee, stop);
      },
      error => {
        this.tell('output', { category: 'stderr', output: `${asAdapterError(error).message}\n` });
        if (generation === this.generation) this.tell('terminated', {});
      },
    );
  }

  private arrive(debuggee: Debuggee, stop: Stop): void {
    this.print(debuggee, stop);
    // A client keeps the reason of an earlier stop at its thread, until it hears that the thread went on.
    const isElsewhere = debuggee.stop.thread !== stop.thread;
    if (isElsewhere) this.tell('continued', { threadId: stop.thread + 1, allThreadsContinued: true });
    debuggee.arrive(stop);
    this.tell('stopped', stoppedBody(stop));
  }

  private finish(debuggee: Debuggee, stop: Stop): void {
    this.print(debuggee, stop);
    this.end();
    this.tell('terminated', {});
  }

  private print(debuggee: Debuggee, stop: Stop): void {
    for (const body of debuggee.teller.news()) this.tell('output', body);
    const isToldElsewhere = stop.reason === 'exception' || stop.reason === 'entry';
    const isSaid = isToldElsewhere || stop.text === '' || debuggee.stop.text === stop.text;
    if (!isSaid) this.tell('output', { category: 'console', output: `${stop.text}\n` });
    if (!isFinal(stop)) return;
    const lines = debuggee.teller.verdict();
    for (const body of lines) this.tell('output', body);
    if (lines.length > 0) this.tell(verdictEvent, debuggee.verdict());
  }

  private tell(event: string, body: object): void {
    this.sendEvent({ type: 'event', seq: 0, event, body });
  }

  /** The one boundary: whatever a handler throws becomes an answer. `after` runs when the answer is sent. */
  private reply<Body>(
    response: DebugProtocol.Response & { body?: Body },
    body: () => Body | Promise<Body>,
    after?: () => void,
  ): void {
    const answer = async (): Promise<void> => {
      try {
        response.body = await body();
      } catch (error) {
        return this.refuse(response, asAdapterError(error));
      }
      this.sendResponse(response);
      after?.();
    };
    answer().catch(error =>
      this.tell('output', { category: 'stderr', output: `${asAdapterError(error).message}\n` }),
    );
  }

  protected override refuse(response: DebugProtocol.Response, error: AdapterError): void {
    const { id, message, showUser, place } = error;
    response.success = false;
    response.message = message;
    const at = place && { file: place.file, line: `${place.line}`, column: `${place.column}` };
    response.body = { error: { id, format: message, showUser, ...(at ? { variables: at } : {}) } };
    this.sendResponse(response);
  }
}

function granularityOf({ granularity }: { granularity?: DebugProtocol.SteppingGranularity }): Granularity {
  return granularity === 'instruction' ? 'instruction' : 'statement';
}

/** Whether a run can not go on from there by itself. */
function isFinal({ reason }: Stop): boolean {
  return reason === 'rest' || reason === 'limit' || reason === 'diverged';
}

function asAdapterError(error: unknown): AdapterError {
  if (error instanceof AdapterError) return error;
  return errors.internal(error instanceof Error ? error.message : String(error));
}
