/**
 * Saved schedules: which thread ran for how many steps, as text that survives a change of the program
 * elsewhere. After each run stands where its thread was (function and instruction), as a checksum: a replay
 * that diverges says where.
 *
 *     shootdown schedule 1
 *     scenario first
 *     kernel linux-3.18
 *     machine 3fa91c
 *     code munmap=1b2c3d do_munmap=9f8e7d zap_pte_range=a1b2c3
 *     t0 12 steps @ zap_pte_range+3
 *     gpu choose 1 @ -
 *     caches: fill gpu atc A + 1 page pasid 1 @ -
 *
 * The machine and the functions that were run have fingerprints: a program that is another one in these is
 * refused before the first step, by name; any other change only counts where the replay diverges.
 *
 * What caches do on their own is saved by its name: its number depends on all else that they could do.
 */
import type { FunctionCode } from '../language/program';
import { THREAD } from '../vm/layout';
import type { Divergence, Pick, Scheduler, ScheduleState } from '../vm/schedule';
import { choiceOf, fair } from '../vm/schedule';
import type { Vm } from '../vm/vm';
import { fingerprintOf, machineFingerprint } from './fingerprint';

/** One run of a thread: steps with the first choice, or one step with another one, by number or name. */
export interface SavedRun {
  readonly line: number;
  readonly thread: string;
  readonly steps: number;
  readonly choice: number | string;
  readonly place: string;
}

/** A schedule read from text. */
export interface SavedSchedule {
  readonly path: string;
  readonly scenario: string;
  readonly kernel: string;
  readonly runs: readonly SavedRun[];
  /** Fingerprint of the machine, and of the functions that were run; null and none in what has none. */
  readonly machine: { readonly line: number; readonly print: string } | null;
  readonly code: readonly { readonly line: number; readonly key: string; readonly print: string }[];
}

/** A run that can be walked along its path; a session is one. */
export interface WalkedRun {
  readonly vm: Vm;
  readonly position: number;
  readonly steps: readonly { readonly thread: number; readonly choice: number }[];
  goTo(position: number): void;
}

const HEADER = 'shootdown schedule 1';

/** The path of a run up to its present position, as text. */
export function formatSchedule(run: WalkedRun): string {
  const { vm } = run;
  const end = run.position;
  const { scenario, kernel } = vm.program;
  const lines = [HEADER, `scenario ${scenario.name}`, `kernel ${kernel}`];
  lines.push(`machine ${machineFingerprint(vm.program)}`, ...codeLines(run));
  for (let from = 0; from < end; ) {
    const to = endOfRun(run, from, end);
    const { thread, choice } = run.steps[from] ?? { thread: 0, choice: 0 };
    run.goTo(from);
    const what = thread === vm.cachesThread ? `: ${nameOf(vm, choice)}` : ` ${runText(to - from, choice)}`;
    run.goTo(to);
    lines.push(`${vm.threads[thread]?.shortName ?? ''}${what} @ ${placeOf(vm, thread)}`);
    from = to;
  }
  run.goTo(end);
  return `${lines.join('\n')}\n`;
}

/** Columns of the lines of fingerprints. */
const CODE_COLUMNS = 100;

/** The functions that the steps up to the present position ran, with their fingerprints. */
function codeLines(run: WalkedRun): string[] {
  const { vm } = run;
  const functions = new Map<string, string>();
  for (let at = 0, end = run.position; at <= end; at++) {
    run.goTo(at);
    const fn = functionOf(vm, run.steps[at]?.thread ?? 0);
    if (at < end && fn !== null) functions.set(keyOf(fn), fingerprintOf(fn));
  }
  const lines: string[] = [];
  for (const [key, print] of [...functions].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const last = lines.at(-1);
    const longer = `${last ?? 'code'} ${key}=${print}`;
    if (last !== undefined && longer.length <= CODE_COLUMNS) lines[lines.length - 1] = longer;
    else lines.push(`code ${key}=${print}`);
  }
  return lines;
}

function runText(steps: number, choice: number): string {
  if (choice !== 0) return `choose ${choice}`;
  return steps === 1 ? '1 step' : `${steps} steps`;
}

/** What the caches would do now. */
function nameOf(vm: Vm, choice: number): string {
  return vm.choiceCount(vm.cachesThread).names?.[choice] ?? '';
}

function endOfRun(run: WalkedRun, from: number, end: number): number {
  const { steps, vm } = run;
  const first = steps[from];
  if (first === undefined || first.choice !== 0 || first.thread === vm.cachesThread) return from + 1;
  let to = from + 1;
  while (to < end && steps[to]?.thread === first.thread && steps[to]?.choice === 0) to++;
  return to;
}

/** Reads a saved schedule. */
export function parseSchedule(file: { path: string; text: string }): SavedSchedule | { problem: string } {
  const lines = file.text.split(/\r?\n/);
  if (lines[0]?.trim() !== HEADER)
    return { problem: `${file.path}:1: expected '${HEADER}', so this is no saved schedule` };
  const heads = new Map<string, { line: number; text: string }>();
  const code: { line: number; key: string; print: string }[] = [];
  const runs: SavedRun[] = [];
  for (const [index, text] of lines.entries()) {
    const trimmed = text.trim();
    const line = index + 1;
    if (index === 0 || trimmed === '' || trimmed.startsWith('//')) continue;
    const [, name, value = ''] = /^(scenario|kernel|machine) (\S+)$/.exec(trimmed) ?? [];
    if (name !== undefined) heads.set(name, { line, text: value });
    else if (trimmed.startsWith('code ')) code.push(...printsIn(trimmed, line));
    else {
      const run = parseRun(trimmed, line);
      if (run === null)
        return { problem: `${file.path}:${line}: expected 'THREAD N steps @ PLACE', found '${trimmed}'` };
      runs.push(run);
    }
  }
  const machine = heads.get('machine');
  return {
    path: file.path,
    scenario: heads.get('scenario')?.text ?? '',
    kernel: heads.get('kernel')?.text ?? '',
    runs,
    machine: machine === undefined ? null : { line: machine.line, print: machine.text },
    code,
  };
}

function printsIn(text: string, line: number): { line: number; key: string; print: string }[] {
  return [...text.matchAll(/ (\S+)=([0-9a-f]+)/g)].map(([, key = '', print = '']) => ({ line, key, print }));
}

function parseRun(text: string, line: number): SavedRun | null {
  const named = /^([^:]+): (.+) @ (\S+)$/.exec(text);
  if (named !== null) {
    const [, thread = '', choice = '', place = '-'] = named;
    return { line, thread, steps: 1, choice, place };
  }
  const run = /^(.+?) (?:(\d{1,9}) steps?|choose (\d{1,9})) @ (\S+)$/.exec(text);
  if (run === null) return null;
  const [, thread = '', steps, choice, place = '-'] = run;
  return { line, thread, steps: Number(steps ?? 1), choice: Number(choice ?? 0), place };
}

/** Plays a saved schedule, then goes on as `fair`. */
export function savedScheduler(saved: SavedSchedule): Scheduler {
  const after = fair();
  return {
    initial: { line: 0, count: 0, depth: 0, top: '', fair: -1 },
    pick: (now, state) =>
      typeof state === 'number' ? after.pick(now, state) : pickSaved(now, saved, state, after),
  };
}

function pickSaved(
  vm: Vm,
  saved: SavedSchedule,
  state: Exclude<ScheduleState, number>,
  after: Scheduler,
): Pick {
  let { line, count } = state;
  const mismatch = line === 0 && count === 0 ? mismatchOf(vm, saved) : null;
  if (mismatch !== null) {
    const problem = `${saved.path}:${mismatch.line}: ${mismatch.text}`;
    return { problem, place: { file: saved.path, line: mismatch.line } };
  }
  for (;;) {
    const run = saved.runs[line];
    if (run === undefined) return after.pick(vm, after.initial);
    const thread = vm.threads.find(each => each.shortName === run.thread);
    if (thread === undefined) return diverged(saved, run, `there is no thread '${run.thread}'`);
    if (count < run.steps) return pickRun(vm, saved, run, thread.id, { ...state, line, count });
    const place = placeOf(vm, thread.id);
    if (place !== run.place)
      return diverged(saved, run, `${run.thread} should be at ${run.place} now, but is at ${place}`);
    line++;
    count = 0;
  }
}

function pickRun(
  vm: Vm,
  saved: SavedSchedule,
  run: SavedRun,
  thread: number,
  state: Exclude<ScheduleState, number>,
): Pick {
  const { count: choices } = vm.choiceCount(thread);
  if (choices === 0) {
    const text = vm.blocked(thread)?.text ?? 'has ended';
    return diverged(saved, run, `after ${state.count} of ${run.steps} steps ${run.thread} ${text}`);
  }
  const choice = choiceOf(vm, thread, run.choice);
  if (typeof choice !== 'number') return diverged(saved, run, choice.problem);
  return { thread, choice, state: { ...state, count: state.count + 1 } };
}

/** Where the functions are as they were, the initial state or what no step of the schedule ran is not. */
function diverged(saved: SavedSchedule, run: SavedRun, what: string): Divergence {
  const why = 'the program is not the one the schedule was saved from';
  const problem = `${saved.path}:${run.line}: the schedule diverges: ${what} (${why})`;
  return { problem, place: { file: saved.path, line: run.line } };
}

/** Why a program is not the one that a schedule was saved from; null if it may be. */
function mismatchOf(
  { program }: Vm,
  saved: SavedSchedule,
): { readonly line: number; readonly text: string } | null {
  const { scenario, kernel } = program;
  if (saved.scenario !== '' && saved.scenario !== scenario.name)
    return { line: 1, text: `the schedule is of scenario '${saved.scenario}', not of '${scenario.name}'` };
  if (saved.kernel !== '' && saved.kernel !== kernel)
    return { line: 1, text: `the schedule is of kernel ${saved.kernel}, not of ${kernel}` };
  if (saved.machine !== null && saved.machine.print !== machineFingerprint(program)) {
    const { line } = saved.machine;
    return { line, text: 'the machine, a mapping or a task has changed since the schedule was saved' };
  }
  const functions = new Map(Object.values(program.functions).map(fn => [keyOf(fn), fn]));
  for (const { line, key, print } of saved.code) {
    const fn = functions.get(key);
    if (fn === undefined) return { line, text: `the schedule runs ${key}, which is not there any more` };
    const at = `${fn.span.file.replace(/^([a-zA-Z]:)?[\\/].*[\\/]/, '')}:${fn.span.line}`;
    if (fingerprintOf(fn) !== print)
      return { line, text: `${key} (${at}) has changed since the schedule was saved` };
  }
  return null;
}

/** `zap_pte_range+3`, or `-` for a thread that runs no code. */
function placeOf(vm: Vm, thread: number): string {
  const fn = functionOf(vm, thread);
  if (fn === null) return '-';
  const base = vm.threadBase(thread);
  const frame = base + THREAD.words + vm.words.get(base + THREAD.top) - 1;
  return `${keyOf(fn)}+${vm.words.get(frame + 1)}`;
}

/** The innermost function of a thread; null for one that runs no code. */
function functionOf(vm: Vm, thread: number): FunctionCode | null {
  const base = vm.threadBase(thread);
  const top = vm.words.get(base + THREAD.top);
  return top === 0 ? null : (vm.functions[vm.words.get(base + THREAD.words + top - 1) - 1]?.fn ?? null);
}

function keyOf({ key }: FunctionCode): string {
  return key.replace(/\s/g, '');
}
