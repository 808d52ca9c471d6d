/**
 * Saved schedules: which thread ran for how many steps, as text that survives a change of the program
 * elsewhere. After each run stands where its thread was (function and instruction), as a checksum: a replay
 * that diverges says where.
 *
 *     shootdown schedule 1
 *     scenario first
 *     kernel linux-3.18
 *     t0 12 steps @ zap_pte_range+3
 *     gpu choose 1 @ -
 *     caches: fill gpu atc A + 1 page pasid 1 @ -
 *
 * What caches do on their own is saved by its name: its number depends on all else that they could do.
 */
import { THREAD } from '../vm/layout';
import type { Divergence, Pick, Scheduler, ScheduleState } from '../vm/schedule';
import { choiceOf, fair } from '../vm/schedule';
import type { Vm } from '../vm/vm';

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
  const lines = [HEADER, `scenario ${vm.program.scenario.name}`, `kernel ${vm.program.kernel}`];
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
  let [scenario, kernel] = ['', ''];
  const runs: SavedRun[] = [];
  for (const [index, text] of lines.entries()) {
    const trimmed = text.trim();
    if (index === 0 || trimmed === '' || trimmed.startsWith('//')) continue;
    const head = /^(scenario|kernel) (\S+)$/.exec(trimmed);
    if (head !== null) {
      if (head[1] === 'scenario') scenario = head[2] ?? '';
      else kernel = head[2] ?? '';
      continue;
    }
    const named = /^([^:]+): (.+) @ (\S+)$/.exec(trimmed);
    if (named !== null) {
      const [, thread = '', choice = '', place = '-'] = named;
      runs.push({ line: index + 1, thread, steps: 1, choice, place });
      continue;
    }
    const run = /^(.+?) (?:(\d{1,9}) steps?|choose (\d{1,9})) @ (\S+)$/.exec(trimmed);
    if (run === null)
      return { problem: `${file.path}:${index + 1}: expected 'THREAD N steps @ PLACE', found '${trimmed}'` };
    const [, thread = '', steps, choice, place = '-'] = run;
    runs.push({ line: index + 1, thread, steps: Number(steps ?? 1), choice: Number(choice ?? 0), place });
  }
  return { path: file.path, scenario, kernel, runs };
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
  const mismatch = checkScenario(vm, saved);
  if (mismatch !== null) return { problem: mismatch, place: { file: saved.path, line: 1 } };
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

/**
 * The program changed since the schedule was saved: that, or a step is not a function of the state, which is
 * our bug.
 */
function diverged(saved: SavedSchedule, run: SavedRun, what: string): Divergence {
  const why = 'the program is not the one the schedule was saved from';
  const problem = `${saved.path}:${run.line}: the schedule diverges: ${what} (${why})`;
  return { problem, place: { file: saved.path, line: run.line } };
}

function checkScenario(vm: Vm, saved: SavedSchedule): string | null {
  const { scenario } = vm.program;
  if (saved.scenario !== '' && saved.scenario !== scenario.name)
    return `${saved.path}: the schedule is of scenario '${saved.scenario}', not of '${scenario.name}'`;
  if (saved.kernel !== '' && saved.kernel !== vm.program.kernel)
    return `${saved.path}: the schedule is of kernel ${saved.kernel}, not of ${vm.program.kernel}`;
  return null;
}

/** `zap_pte_range+3`, or `-` for a thread that runs no code. */
function placeOf(vm: Vm, thread: number): string {
  const base = vm.threadBase(thread);
  const top = vm.words.get(base + THREAD.top);
  if (top === 0) return '-';
  const frame = base + THREAD.words + top - 1;
  const fn = vm.functions[vm.words.get(frame) - 1]?.fn;
  return fn === undefined ? '-' : `${fn.key.replace(/\s/g, '')}+${vm.words.get(frame + 1)}`;
}
