/**
 * Schedules: who goes next. A scheduler keeps no state of its own; what it must remember is a value that the
 * caller keeps
 * for each position of the path, so that a step back is also a step back of the schedule.
 */

import { formatSpan } from '../base/span';
import type { ReplayStep } from '../language/program';
import { isHardware, type Thread } from '../language/threads';
import type { Vm } from './vm';
import { waitChain } from './waits';

/** Choices named in a message at most. */
const NAMES_SHOWN = 8;

/** What a scheduler remembers between two steps: plain data. */
export type ScheduleState = number | ReplayState;

/**
 * Progress of a replay block: the line, the steps made for it, and the stack of its thread before the last of
 * them.
 */
export interface ReplayState {
  readonly line: number;
  readonly count: number;
  readonly depth: number;
  readonly top: string;
  /** State of the fair schedule that follows. */
  readonly fair: number;
}

/** A schedule that cannot be followed: why, and the line of it that could not be. */
export interface Divergence {
  readonly problem: string;
  readonly place: { readonly file: string; readonly line: number };
}

/** Who goes next, with which choice; nobody can; or the schedule cannot be followed. */
export type Pick =
  | { readonly thread: number; readonly choice: number; readonly state: ScheduleState }
  | Divergence
  | null;

/** A schedule. */
export interface Scheduler {
  readonly initial: ScheduleState;
  pick(vm: Vm, state: ScheduleState): Pick;
}

/** One step per agent in the order of the thread list; first choices; caches rest, time runs out last. */
export function fair(): Scheduler {
  return { initial: -1, pick: (vm, state) => pickFair(vm, typeof state === 'number' ? state : -1) };
}

/** Any enabled action, a function of the seed and the position in the path. */
export function random(seed: number): Scheduler {
  return {
    initial: 0,
    pick: (vm, state) => {
      const position = typeof state === 'number' ? state : 0;
      const runnable = vm.runnable();
      if (runnable.length === 0) return null;
      // Where all else is at rest, the caches would go on for ever.
      if (vm.choiceCount(vm.cachesThread).count > 0) runnable.push(vm.cachesThread);
      const thread = runnable[draw(seed, 2 * position, runnable.length)];
      if (thread === undefined) return null;
      const { count } = vm.choiceCount(thread);
      return { thread, choice: draw(seed, 2 * position + 1, count), state: position + 1 };
    },
  };
}

/** Follows the lines of a replay block, then goes on as `fair`. */
export function replay(lines: readonly ReplayStep[]): Scheduler {
  return {
    initial: { line: 0, count: 0, depth: 0, top: '', fair: -1 },
    pick: (vm, state) => (typeof state === 'number' ? pickFair(vm, state) : pickReplay(vm, lines, state)),
  };
}

function pickFair(vm: Vm, last: number): Pick {
  const count = vm.threads.length;
  let timer: Pick = null;
  for (let offset = 1; offset <= count; offset++) {
    const thread = (last + offset + count) % count;
    const kind = vm.threads[thread]?.kind;
    if (kind === 'caches' || (kind === 'timer' && timer !== null)) continue;
    if (vm.choiceCount(thread).count === 0) continue;
    if (kind !== 'timer') return { thread, choice: 0, state: thread };
    timer = { thread, choice: 0, state: thread };
  }
  // Time runs out only where nobody else can go on.
  return timer;
}

function pickReplay(vm: Vm, lines: readonly ReplayStep[], from: ReplayState): Pick {
  let state = from;
  for (;;) {
    const line = lines[state.line];
    if (line === undefined) return pickFair(vm, state.fair);
    const thread = vm.threads.find(each => each.shortName === line.thread || each.name === line.thread);
    if (thread === undefined) return diverged(line, `there is no thread '${line.thread}'`);
    const frames = vm.frames(thread.id).filter(frame => frame.fn !== null);
    const top = frames[0]?.fn?.key ?? '';
    if (reached(vm, line, thread.id, state, frames.length, top)) {
      state = { line: state.line + 1, count: 0, depth: 0, top: '', fair: -1 };
      continue;
    }
    const { count } = vm.choiceCount(thread.id);
    if (count === 0) {
      const helper = hardwareFor(vm, thread.id);
      if (helper === undefined) return diverged(line, stuckAt(vm, thread.id));
      return { thread: helper.id, choice: 0, state };
    }
    if (line.kind === 'choose' && (count > 1 || thread.kind === 'caches')) {
      const next = { line: state.line + 1, count: 0, depth: 0, top: '', fair: -1 };
      const choice = choiceOf(vm, thread.id, line.choice);
      if (typeof choice === 'number') return { thread: thread.id, choice, state: next };
      return diverged(line, choice.problem);
    }
    return {
      thread: thread.id,
      choice: 0,
      state: { ...state, count: state.count + 1, depth: frames.length, top },
    };
  }
}

/** Number of a choice that a thread's next step offers, by number or name; or why it is none. */
export function choiceOf(vm: Vm, thread: number, wanted: number | string): number | { problem: string } {
  const { count, names } = vm.choiceCount(thread);
  if (typeof wanted === 'number') {
    if (wanted < count) return wanted;
    return { problem: `the step offers ${count} choices, 0 to ${count - 1}, no choice ${wanted}` };
  }
  const choice = names?.indexOf(wanted) ?? -1;
  if (choice >= 0) return choice;
  if (names === null || names.length === 0) return { problem: 'its choices have no names' };
  const shown = names.slice(0, NAMES_SHOWN).map(name => `'${name}'`);
  const rest = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  return { problem: `there is no '${wanted}' among its choices: ${shown.join(', ')}${rest}` };
}

/** Whether a line is done. `state` tells how the thread's stack was before the last step. */
function reached(
  vm: Vm,
  line: ReplayStep,
  thread: number,
  state: ReplayState,
  depth: number,
  top: string,
): boolean {
  switch (line.kind) {
    case 'steps':
      return state.count >= line.count;
    case 'call':
      return state.count > 0 && depth > state.depth && isNamed(vm, top, line.fn);
    case 'return':
      return state.count > 0 && depth < state.depth && isNamed(vm, state.top, line.fn);
    case 'blocked':
      return vm.choiceCount(thread).count === 0;
    case 'done':
      return vm.finished(thread);
    case 'choose':
      return false;
  }
}

/** A hardware agent that can go on, if a thread waits for nothing but hardware: it gets what it asked for. */
function hardwareFor(vm: Vm, thread: number): Thread | undefined {
  const agents = vm.threads.filter(isHardware);
  const waitsFor = vm.blocked(thread)?.waitsFor ?? [];
  if (waitsFor.length === 0 || !waitsFor.every(other => agents.some(({ id }) => id === other)))
    return undefined;
  return agents.find(({ id }) => vm.choiceCount(id).count > 0);
}

/** Whether a function goes by this name: its own, with its driver's, or that of the callback it is. */
function isNamed(vm: Vm, key: string, name: string): boolean {
  const fn = vm.program.functions[key];
  return fn !== undefined && (fn.name === name || fn.key === name || fn.callback === name);
}

function stuckAt(vm: Vm, thread: number): string {
  const name = vm.threads[thread]?.name ?? '';
  return waitChain(vm, thread) || `${name} has ended`;
}

/** What a line wants to reach. */
function goalOf(line: ReplayStep): string {
  switch (line.kind) {
    case 'steps':
      return `its ${line.count} steps`;
    case 'call':
      return `the call of ${line.fn}`;
    case 'return':
      return `the return of ${line.fn}`;
    case 'blocked':
      return 'where it is blocked';
    case 'done':
      return 'its end';
    case 'choose':
      return 'a choice';
  }
}

function diverged(line: ReplayStep, text: string): Divergence {
  const problem = `${formatSpan(line.span)}: the replay cannot be followed to ${goalOf(line)}: ${text}`;
  return { problem, place: line.span };
}

/** A number below `count` drawn from (seed, position). */
function draw(seed: number, position: number, count: number): number {
  let x = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(position + 1, 0xc2b2ae35);
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return ((x ^ (x >>> 16)) >>> 0) % Math.max(1, count);
}
