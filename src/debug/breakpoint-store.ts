/**
 * The breakpoints the client wants. They outlive a run: a restart applies them to the new one, under the same
 * numbers.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { propertyIds } from '../language/properties';
import type { FunctionRequest, LineRequest } from '../session/breakpoints';
import type { Debuggee } from './debuggee';

interface FileBreakpoints {
  readonly path: string;
  readonly requests: readonly LineRequest[];
}

/** Breakpoints by file, on functions, and the kinds of findings that stop. */
export class BreakpointStore {
  private nextId = 1;
  private readonly files = new Map<string, FileBreakpoints>();
  private functions: readonly FunctionRequest[] = [];
  private filters: ReadonlySet<string> = new Set<string>(propertyIds);
  /** A run without debugging stops at nothing. */
  private isOff = false;

  /** Replaces the breakpoints of a file. */
  setLines(debuggee: Debuggee, args: DebugProtocol.SetBreakpointsArguments): DebugProtocol.Breakpoint[] {
    const path = args.source.path ?? '';
    const requests = (args.breakpoints ?? []).map(
      ({ line, column, condition, hitCondition, logMessage }): LineRequest => ({
        id: this.nextId++,
        line,
        column: column ?? null,
        condition: textOrNull(condition),
        hitCondition: textOrNull(hitCondition),
        logMessage: textOrNull(logMessage),
      }),
    );
    this.files.set(path, { path, requests });
    return this.applyLines(debuggee, path, requests);
  }

  /** Replaces the breakpoints on functions. */
  setFunctions(
    debuggee: Debuggee,
    args: DebugProtocol.SetFunctionBreakpointsArguments,
  ): DebugProtocol.Breakpoint[] {
    this.functions = args.breakpoints.map(({ name, condition, hitCondition }) => ({
      id: this.nextId++,
      name,
      condition: textOrNull(condition),
      hitCondition: textOrNull(hitCondition),
    }));
    const set = debuggee.session.breakpoints.setFunctions(this.functions);
    if (this.isOff) debuggee.session.breakpoints.clear();
    return set.map(breakpoint => debuggee.breakpoint(breakpoint));
  }

  /** Which findings stop a run. */
  setFilters(debuggee: Debuggee, filters: readonly string[]): { breakpoints: DebugProtocol.Breakpoint[] } {
    this.filters = new Set(filters);
    if (!this.isOff) debuggee.session.stopsAt = this.filters;
    return { breakpoints: filters.map(() => ({ verified: true })) };
  }

  /** Gives a new run what the client has asked for so far. */
  applyTo(debuggee: Debuggee, noDebug: boolean): void {
    this.isOff = noDebug;
    debuggee.session.stopsAt = noDebug ? new Set() : this.filters;
    if (noDebug) return;
    for (const { path, requests } of this.files.values()) this.applyLines(debuggee, path, requests);
    debuggee.session.breakpoints.setFunctions(this.functions);
  }

  private applyLines(
    debuggee: Debuggee,
    path: string,
    requests: readonly LineRequest[],
  ): DebugProtocol.Breakpoint[] {
    const file = debuggee.sources.file(path);
    if (file !== null) {
      const set = debuggee.session.breakpoints.setLines(file, requests);
      if (this.isOff) debuggee.session.breakpoints.clear();
      return set.map(breakpoint => debuggee.breakpoint(breakpoint));
    }
    const { scenario } = debuggee.session.program;
    const message = `scenario '${scenario.name}' runs no code of this file`;
    return requests.map(({ id }) => ({ id, verified: false, message }));
  }
}

function textOrNull(text: string | undefined): string | null {
  return text === undefined || text.trim() === '' ? null : text;
}
