/**
 * Breakpoints of a session: on lines, with a condition, a hit count or a log message, and on functions.
 *
 * A breakpoint is hit by the step that arrives at it. Hits are remembered as positions of the path, so that a
 * hit count is the same after a step back and forth.
 */
import { nearestName } from '../language/names';
import type { Expr, FunctionCode, Program } from '../language/program';
import { type Compiled, compileExpressionFor, evaluateText } from './evaluate';
import { type HitCondition, parseHitCondition } from './hit-condition';
import { instructionOf, type Place, placeOf } from './place';
import type { Session } from './session';
import { functionsNamed, overriddenAt, type Site, sitesAt, statementSites } from './sites';

/** A breakpoint on a line, as asked for. */
export interface LineRequest {
  /** Chosen by the caller, unlike any other. */
  readonly id: number;
  readonly line: number;
  readonly column: number | null;
  readonly condition: string | null;
  readonly hitCondition: string | null;
  readonly logMessage: string | null;
}

/** A breakpoint on functions, as asked for. */
export interface FunctionRequest {
  /** Chosen by the caller, unlike any other. */
  readonly id: number;
  readonly name: string;
  readonly condition: string | null;
  readonly hitCondition: string | null;
}

/** A breakpoint as it was set. Without sites it is not verified, and `message` says why. */
export interface Breakpoint {
  readonly id: number;
  readonly kind: 'line' | 'function';
  readonly verified: boolean;
  readonly message: string;
  /** Where it was set; null if not verified. */
  readonly site: Site | null;
}

/** What came of arriving somewhere. */
export interface Hits {
  readonly ids: readonly number[];
  readonly kind: 'line' | 'function';
  readonly logs: readonly string[];
}

interface Active {
  readonly id: number;
  readonly kind: 'line' | 'function';
  readonly on: 'arrival' | 'call' | 'return';
  readonly sites: readonly Site[];
  readonly conditions: ReadonlyMap<FunctionCode, Expr>;
  readonly hitCondition: HitCondition | null;
  readonly logMessage: string | null;
  /** Positions at which it was hit (its condition held), in order. */
  readonly hits: number[];
}

/** The breakpoints that are set. */
export class Breakpoints {
  private readonly lines = new Map<string, Active[]>();
  private functions: Active[] = [];
  /** Threads that have made no step yet, and whose first statement was already reported. */
  private readonly starts = new Set<number>();

  constructor(private readonly session: Session) {}

  /** Replaces the breakpoints of a file, named as in the program's spans. */
  setLines(file: string, requests: readonly LineRequest[]): Breakpoint[] {
    const sites = statementSites(this.session.program, file);
    const active: Active[] = [];
    const answers = requests.map(request => this.setLine(file, sites, request, active));
    this.lines.set(file, active);
    return answers;
  }

  /** Replaces the function breakpoints. */
  setFunctions(requests: readonly FunctionRequest[]): Breakpoint[] {
    this.functions = [];
    return requests.map(request => this.setFunction(request));
  }

  /** Removes all breakpoints. */
  clear(): void {
    this.lines.clear();
    this.functions = [];
  }

  /** Whether nothing is set. */
  get isEmpty(): boolean {
    return this.functions.length === 0 && [...this.lines.values()].every(active => active.length === 0);
  }

  /**
   * What the step of `thread` that led to the present position hit. `forward`: hits are counted, logs are
   * made.
   */
  hitBy(thread: number, forward: boolean): Hits | null {
    if (this.isEmpty) return null;
    const place = placeOf(this.session.vm, thread);
    if (place === null) return null;
    const called = this.wasCalled(thread, place);
    const at = (active: Active): boolean => {
      if (
        !active.sites.some(site => site.fn === place.fn && (site.pc === place.pc || active.on === 'return'))
      )
        return false;
      if (active.on === 'call') return called;
      return active.on === 'arrival' || instructionOf(place)?.op === 'return';
    };
    return this.judge(thread, place, at, forward);
  }

  /**
   * What a thread hits that is about to make its first step: it never arrived, it was there from the start.
   */
  hitAtStart(thread: number): Hits | null {
    if (this.session.hasStepped(thread) || this.starts.has(thread)) return null;
    this.starts.add(thread);
    const place = placeOf(this.session.vm, thread);
    if (place === null) return null;
    const at = ({ on, sites }: Active) =>
      on !== 'return' && sites.some(site => site.fn === place.fn && site.pc === place.pc);
    return this.judge(thread, place, at, true);
  }

  /** The user has been shown where a thread begins, or has gone back. */
  showStart(thread: number): void {
    this.starts.add(thread);
  }

  /** After a step back, breakpoints at the first statements count again. */
  forgetStarts(): void {
    this.starts.clear();
  }

  /** Another path begins at `position`: later hits never happened. */
  cut(position: number): void {
    for (const active of this.all()) {
      while ((active.hits.at(-1) ?? 0) > position) active.hits.pop();
    }
  }

  private judge(
    thread: number,
    place: Place,
    at: (active: Active) => boolean,
    forward: boolean,
  ): Hits | null {
    const ids: number[] = [];
    const logs: string[] = [];
    let kind: Hits['kind'] = 'line';
    for (const active of this.all()) {
      if (!at(active) || !this.isHit(active, thread, place, forward)) continue;
      if (active.logMessage !== null) {
        if (forward) logs.push(this.logText(active.logMessage, thread));
        continue;
      }
      ids.push(active.id);
      kind = active.kind;
    }
    return ids.length + logs.length > 0 ? { ids, kind, logs } : null;
  }

  private isHit(active: Active, thread: number, place: Place, forward: boolean): boolean {
    const { vm, position } = this.session;
    const condition = active.conditions.get(place.fn);
    if (condition !== undefined) {
      const frame = vm.frames(thread).find(each => each.fn !== null) ?? null;
      if (vm.read(condition, thread, frame) === 0) return false;
    }
    if (forward) noteHit(active.hits, position);
    if (active.hitCondition === null) return true;
    return active.hitCondition(active.hits.findLastIndex(hit => hit <= position) + 1);
  }

  private logText(message: string, thread: number): string {
    return message.replace(/\{([^{}]*)\}/g, (_, text: string) => {
      const frame = this.session.vm.frames(thread).find(each => each.fn !== null) ?? null;
      const result = evaluateText(this.session, text, thread, frame);
      return 'problem' in result ? `{${result.problem}}` : result.value;
    });
  }

  private wasCalled(thread: number, place: Place): boolean {
    if (place.pc !== 0) return false;
    return this.session
      .eventsHere()
      .some(({ event }) => event.type === 'call' && event.thread === thread && event.fn === place.fn);
  }

  private setLine(file: string, sites: readonly Site[], request: LineRequest, active: Active[]): Breakpoint {
    const { program } = this.session;
    const replaced = overriddenAt(program, file, request.line);
    if (replaced !== null) {
      const text = `'${replaced.key}' of this file is overridden by ${replaced.by}, so it does not run`;
      return unverified(request.id, 'line', text);
    }
    if (sites.length === 0)
      return unverified(request.id, 'line', `scenario '${program.scenario.name}' runs no code of this file`);
    const chosen = sitesAt(sites, request.line, request.column);
    const [site] = chosen;
    if (site === undefined)
      return unverified(request.id, 'line', 'no statement begins at or after this line');
    const options = this.options(chosen, request.condition, request.hitCondition);
    if ('problem' in options) return unverified(request.id, 'line', options.problem);
    const { id, logMessage } = request;
    active.push({ id, kind: 'line', on: 'arrival', sites: chosen, ...options, logMessage, hits: [] });
    return { id, kind: 'line', verified: true, message: '', site };
  }

  private setFunction(request: FunctionRequest): Breakpoint {
    const { program } = this.session;
    const onReturn = request.name.endsWith(':return');
    const name = onReturn ? request.name.slice(0, -':return'.length) : request.name;
    const named = functionsNamed(program, name.trim());
    const sites = named.map(fn => ({ fn, pc: 0, span: fn.code[0]?.span ?? fn.span }));
    const [site] = sites;
    if (site === undefined)
      return unverified(
        request.id,
        'function',
        `no function or callback of kernel ${program.kernel} is named '${name}'${didYouMean(program, name)}`,
      );
    const options = this.options(sites, request.condition, request.hitCondition);
    if ('problem' in options) return unverified(request.id, 'function', options.problem);
    const { id } = request;
    const on = onReturn ? 'return' : 'call';
    this.functions.push({ id, kind: 'function', on, sites, ...options, logMessage: null, hits: [] });
    return { id, kind: 'function', verified: true, message: '', site };
  }

  private options(
    sites: readonly Site[],
    condition: string | null,
    hitText: string | null,
  ): { conditions: Map<FunctionCode, Expr>; hitCondition: HitCondition | null } | { problem: string } {
    const hitCondition = hitText === null ? null : parseHitCondition(hitText);
    if (hitText !== null && hitCondition === null)
      return {
        problem: `'${hitText}' is no hit condition, expected a number, perhaps after >=, >, <=, < or %`,
      };
    const conditions = new Map<FunctionCode, Expr>();
    for (const { fn } of sites) {
      if (condition === null) break;
      const compiled: Compiled = compileExpressionFor(this.session.program, condition, fn.key);
      if ('problem' in compiled) return { problem: `condition '${condition}': ${compiled.problem}` };
      conditions.set(fn, compiled.expr);
    }
    return { conditions, hitCondition };
  }

  private *all(): Iterable<Active> {
    for (const active of this.lines.values()) yield* active;
    yield* this.functions;
  }
}

/** The name that was meant, if one is near. */
function didYouMean({ functions, notifiers }: Program, name: string): string {
  const known = [
    ...notifiers.flatMap(({ callbacks }) => Object.keys(callbacks)),
    ...Object.values(functions).map(fn => fn.name),
  ];
  const near = nearestName(name.trim(), known);
  return near === undefined ? '' : `, did you mean '${near}'?`;
}

/** Keeps the positions in order. They mostly come so; after a step back, some may be there already. */
function noteHit(hits: number[], position: number): void {
  const before = hits.findLastIndex(hit => hit <= position);
  if (before < 0 || hits[before] !== position) hits.splice(before + 1, 0, position);
}

function unverified(id: number, kind: 'line' | 'function', message: string): Breakpoint {
  return { id, kind, verified: false, message, site: null };
}
