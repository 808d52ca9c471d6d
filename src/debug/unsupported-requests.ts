/**
 * The requests of the protocol that this adapter does not serve. The package would answer them with success
 * and no body.
 */
import { DebugSession } from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { malformedArgument } from './arguments';
import { type AdapterError, errors } from './errors';

/** Refuses what is not supported; what is, the adapter overrides. */
export abstract class UnsupportedRequests extends DebugSession {
  /** Answers with an error. */
  protected abstract refuse(response: DebugProtocol.Response, error: AdapterError): void;

  /** Malformed input is answered, and the adapter lives on. */
  override handleMessage(message: DebugProtocol.ProtocolMessage): void {
    const { type, command, arguments: args } = (message ?? {}) as Partial<DebugProtocol.Request>;
    if (type === 'response' || type === 'event') return;
    const wrong = whatIsWrong(type, command, args);
    if (wrong !== null) this.refuse(answerTo(message), errors.malformed(wrong));
    else {
      // The package reads the path format before it looks whether there is one.
      const given = command === 'initialize' ? { pathFormat: 'path', ...args } : (args ?? {});
      super.handleMessage({ ...message, arguments: given } as DebugProtocol.Request);
    }
  }

  protected override attachRequest(response: DebugProtocol.AttachResponse): void {
    this.unsupported(response);
  }
  protected override restartFrameRequest(response: DebugProtocol.RestartFrameResponse): void {
    this.unsupported(response);
  }
  protected override gotoRequest(response: DebugProtocol.GotoResponse): void {
    this.unsupported(response);
  }
  protected override terminateThreadsRequest(response: DebugProtocol.TerminateThreadsResponse): void {
    this.unsupported(response);
  }
  protected override setVariableRequest(response: DebugProtocol.SetVariableResponse): void {
    this.unsupported(response);
  }
  protected override setExpressionRequest(response: DebugProtocol.SetExpressionResponse): void {
    this.unsupported(response);
  }
  protected override stepInTargetsRequest(response: DebugProtocol.StepInTargetsResponse): void {
    this.unsupported(response);
  }
  protected override gotoTargetsRequest(response: DebugProtocol.GotoTargetsResponse): void {
    this.unsupported(response);
  }
  protected override completionsRequest(response: DebugProtocol.CompletionsResponse): void {
    this.unsupported(response);
  }
  protected override dataBreakpointInfoRequest(response: DebugProtocol.DataBreakpointInfoResponse): void {
    this.unsupported(response);
  }
  protected override setDataBreakpointsRequest(response: DebugProtocol.SetDataBreakpointsResponse): void {
    this.unsupported(response);
  }
  protected override readMemoryRequest(response: DebugProtocol.ReadMemoryResponse): void {
    this.unsupported(response);
  }
  protected override writeMemoryRequest(response: DebugProtocol.WriteMemoryResponse): void {
    this.unsupported(response);
  }
  protected override disassembleRequest(response: DebugProtocol.DisassembleResponse): void {
    this.unsupported(response);
  }
  protected override cancelRequest(response: DebugProtocol.CancelResponse): void {
    this.unsupported(response);
  }
  protected override setInstructionBreakpointsRequest(
    response: DebugProtocol.SetInstructionBreakpointsResponse,
  ): void {
    this.unsupported(response);
  }

  private unsupported(response: DebugProtocol.Response): void {
    this.refuse(response, errors.unknownRequest(response.command));
  }
}

/** Why a message is no request that could be served, in a sentence; null if it is one. */
function whatIsWrong(type: unknown, command: unknown, args: unknown): string | null {
  if (type !== 'request' || typeof command !== 'string') return "expected type 'request' and a command";
  if (args !== undefined && (typeof args !== 'object' || args === null))
    return `the arguments of '${command}' are no object`;
  const argument = malformedArgument(command, args);
  return argument === null ? null : `argument '${argument}' of '${command}' is not as the protocol has it`;
}

/** An empty response to something that may be no request at all. */
function answerTo(message: unknown): DebugProtocol.Response {
  const { seq, command } = (message ?? {}) as { seq?: unknown; command?: unknown };
  return {
    type: 'response',
    seq: 0,
    request_seq: typeof seq === 'number' ? seq : 0,
    command: typeof command === 'string' ? command : '',
    success: false,
  };
}
