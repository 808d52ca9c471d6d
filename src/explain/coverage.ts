/**
 * What a search or a run has not reached: lines of the kernel, of drivers and of the scenario that the
 * program could have come to, as far as its calls show, and never did. What is in such a line was not
 * checked.
 *
 * The code that builds the initial state is left out: it runs once, before anything is judged.
 */
import type { FunctionCode, Program } from '../language/program';
import { placeText } from '../session/names';

/** Which instructions were executed: their indices in the code of each function, by its key. */
export type Covered = Readonly<Record<string, readonly number[]>>;

/** Lines of a file that were not reached, in order. */
export interface UncoveredFile {
  readonly file: string;
  readonly lines: readonly number[];
}

/** Code of a file that was not reached, as a report has it. */
export interface UnreachedFile {
  readonly file: string;
  /** Functions that were entered, and their lines that were not reached. */
  readonly functions: readonly { readonly name: string; readonly lines: readonly number[] }[];
  /** Names of functions that were never called. */
  readonly neverCalled: readonly string[];
}

/** For each file the lines that were not reached, for an editor's gutter. */
export function uncovered(program: Program, covered: Covered): UncoveredFile[] {
  return byFile(program, covered).map(({ file, lines }) => ({
    file,
    lines: [...lines].flatMap(([line, isReached]) => (isReached ? [] : [line])).sort(ascending),
  }));
}

/** The same by function, for a report. */
export function unreached(program: Program, covered: Covered): UnreachedFile[] {
  return byFile(program, covered).map(({ file, lines, names }) => {
    const functions = [...names].map(([name, own]) => {
      const missed = own.lines.filter(line => lines.get(line) === false);
      return { name, isCalled: own.isCalled, lines: [...new Set(missed)].sort(ascending) };
    });
    return {
      file,
      functions: functions
        .filter(fn => fn.isCalled && fn.lines.length > 0)
        .map(({ name, lines: missed }) => ({ name, lines: missed })),
      neverCalled: functions.filter(fn => !fn.isCalled).map(({ name }) => name),
    };
  });
}

/** `12, 15-17, 40`: lines in order, those in a row as a range. */
export function linesText(lines: readonly number[]): string {
  const ranges: { from: number; to: number }[] = [];
  for (const line of lines) {
    const last = ranges.at(-1);
    if (last !== undefined && line === last.to + 1) last.to = line;
    else ranges.push({ from: line, to: line });
  }
  return ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}

/** What was not reached as lines of text, for people. */
export function notReachedText(program: Program, covered: Covered): string[] {
  return unreached(program, covered).flatMap(({ file, functions, neverCalled }) => {
    const name = placeText({ file, line: 0 }).replace(/:0$/, '');
    const lines = functions.map(
      fn => `  ${fn.name}: ${fn.lines.length === 1 ? 'line' : 'lines'} ${linesText(fn.lines)}`,
    );
    const never = neverCalled.length === 0 ? [] : [`  never called: ${neverCalled.join(', ')}`];
    return [name, ...lines, ...never];
  });
}

/** `34 lines in 5 files`, of what was not reached; null if all was. */
export function notReachedCount(program: Program, covered: Covered): string | null {
  const files = uncovered(program, covered);
  const lines = files.reduce((sum, file) => sum + file.lines.length, 0);
  if (lines === 0) return null;
  const counted = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`;
  return `${counted(lines, 'line')} in ${counted(files.length, 'file')}`;
}

/** The code of a file. A line is reached if one of the functions made from it has reached it. */
interface FileCode {
  readonly file: string;
  readonly lines: Map<number, boolean>;
  readonly names: Map<string, { readonly lines: number[]; isCalled: boolean }>;
}

/** The files of which something was not reached. */
function byFile(program: Program, covered: Covered): FileCode[] {
  const own = program.scenario.span.file;
  // What the user wrote comes first.
  const rank = (file: string): number => (file === own ? 0 : 1);
  const files = new Map<string, FileCode>();
  for (const fn of reachable(program)) {
    const reached = new Set(covered[fn.key]);
    for (const [pc, { span }] of fn.code.entries()) {
      const at = files.get(span.file) ?? { file: span.file, lines: new Map(), names: new Map() };
      files.set(span.file, at);
      const isReached = reached.has(pc);
      at.lines.set(span.line, isReached || (at.lines.get(span.line) ?? false));
      const named = at.names.get(fn.name) ?? { lines: [], isCalled: false };
      at.names.set(fn.name, named);
      named.lines.push(span.line);
      named.isCalled ||= isReached;
    }
  }
  return [...files.values()]
    .filter(({ lines }) => [...lines.values()].includes(false))
    .sort((a, b) => rank(a.file) - rank(b.file) || (a.file < b.file ? -1 : 1));
}

/** Functions that calls, callbacks, faults, interrupts or work items of a scenario can lead to. */
export function reachable(program: Program): FunctionCode[] {
  const { functions, scenario, daemons } = program;
  const found = new Map<string, FunctionCode>();
  const waiting = [...scenario.tasks, ...scenario.devices, ...daemons].map(({ fn }) => fn);
  for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
    const fn = functions[key];
    if (fn === undefined || found.has(key)) continue;
    found.set(key, fn);
    waiting.push(...calledBy(program, fn));
  }
  return [...found.values()];
}

function calledBy(program: Program, fn: FunctionCode): string[] {
  const called: string[] = [];
  const faults = Object.values(program.functions).filter(({ role }) => role === 'fault');
  for (const instruction of fn.code) {
    if (instruction.op === 'call') called.push(instruction.fn);
    if (instruction.op === 'callback')
      called.push(...program.notifiers.flatMap(({ callbacks }) => callbacks[instruction.callback] ?? []));
    if (instruction.op === 'builtin' && (instruction.name === 'load' || instruction.name === 'store'))
      called.push(...faults.map(({ key }) => key));
  }
  JSON.stringify(fn.code, (_, value: unknown) => {
    if (typeof value === 'object' && value !== null && 'op' in value && value.op === 'function')
      if ('name' in value && typeof value.name === 'string') called.push(value.name);
    return value;
  });
  return called;
}

function ascending(a: number, b: number): number {
  return a - b;
}
