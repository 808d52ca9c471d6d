/** Saved schedules: they replay to the same state, and say where they diverge. */
import { expect, test } from 'vitest';
import type { FunctionCode } from '../../src/language/program';
import { Session } from '../../src/session/session';
import { fingerprintOf } from '../../src/trace/fingerprint';
import {
  formatSchedule,
  parseSchedule,
  type SavedSchedule,
  savedScheduler,
} from '../../src/trace/saved-schedule';
import { programOf } from '../session/run';

const program = programOf('unmap.mmu', 'in_time');

function saved(text: string): SavedSchedule {
  const schedule = parseSchedule({ path: 'x.trace', text });
  if ('problem' in schedule) throw new Error(schedule.problem);
  return schedule;
}

function replayOf(text: string, of = program): Session {
  const schedule = saved(text);
  return new Session(of, { replay: savedScheduler(schedule) });
}

test('a replay makes the same steps', () => {
  for (const seed of [1, 2, 3]) {
    const session = new Session(program, { schedule: 'random', seed });
    session.playToEnd();
    const again = replayOf(formatSchedule(session));
    expect(again.playToEnd().kind).toBe('rest');
    expect(again.vm.words.hash()).toBe(session.vm.words.hash());
    expect(again.steps.map(({ thread, choice }) => [thread, choice])).toEqual(
      session.steps.map(({ thread, choice }) => [thread, choice]),
    );
  }
});

test.each([
  [
    't0 3 steps @ zap_range+0',
    /x.trace:2: the schedule diverges.*t0 should be at zap_range\+0 now, but is at/,
  ],
  ['t9 3 steps @ -', /x.trace:2: the schedule diverges: there is no thread 't9'/],
  ['gpu 99 steps @ -', /x.trace:2: .*: after 1 of 99 steps gpu waits for its translation/],
  ['t0 choose 5 @ -', /x.trace:2: .*: the step offers 1 choices, 0 to 0, no choice 5/],
  [
    'caches: evict cpu0 tlb A @ -',
    /x.trace:2: .*: (caches have nothing to fill|there is no 'evict cpu0 tlb A' among its choices: 'fill )/,
  ],
  ['scenario other\nt0 1 step @ -', /the schedule is of scenario 'other', not of 'in_time'/],
  ['kernel other\nt0 1 step @ -', /the schedule is of kernel other, not of toy/],
])('%s diverges', (lines, expected) => {
  const advance = replayOf(`shootdown schedule 1\n${lines}\n`).playToEnd();
  expect(advance).toMatchObject({ kind: 'diverged', text: expect.stringMatching(expected) });
});

test.each([
  ['', /x.trace:1: expected 'shootdown schedule 1'/],
  [
    'shootdown schedule 1\nt0 many steps',
    /x.trace:2: expected 'THREAD N steps @ PLACE', found 't0 many steps'/,
  ],
])('%j is no schedule', (text, expected) => {
  expect(parseSchedule({ path: 'x.trace', text })).toMatchObject({
    problem: expect.stringMatching(expected),
  });
});

const other = programOf('unmap.mmu', 'too_late', 'toy');

/** The program with one function changed. */
function changed(name: string, change: (fn: FunctionCode) => FunctionCode): typeof program {
  const functions = Object.entries(program.functions).map(([key, fn]) => [
    key,
    fn.name === name ? change(fn) : fn,
  ]);
  return { ...program, functions: Object.fromEntries(functions) };
}

const moved = (fn: FunctionCode): FunctionCode => ({
  ...fn,
  doc: 'Says more.',
  span: { ...fn.span, line: fn.span.line + 7 },
  code: fn.code.map(each => ({ ...each, span: { ...each.span, line: each.span.line + 7 } })),
});

const longer = (fn: FunctionCode): FunctionCode => {
  const [first] = fn.code;
  return { ...fn, code: first === undefined ? [] : [...fn.code, first] };
};

function played(): string {
  const session = new Session(program);
  session.playToEnd();
  return formatSchedule(session);
}

test('a change of what was run is refused before the first step, by name', () => {
  const text = played();
  const session = replayOf(text, changed('zap_range', longer));
  expect(session.playToEnd()).toMatchObject({
    kind: 'diverged',
    text: expect.stringMatching(
      /^x\.trace:\d+: zap_range \(toy\/mm\.mmu:\d+\) has changed since the schedule was saved$/,
    ),
  });
  expect(session.position).toBe(0);
  const { zap_range, ...without } = program.functions;
  expect(zap_range).toBeDefined();
  const [line = 0] = text.split('\n').flatMap((each, index) => (/ zap_range=/.test(each) ? [index + 1] : []));
  const scheduler = savedScheduler(saved(text));
  const pick = scheduler.pick(
    Object.assign(Object.create(session.vm), { program: { ...program, functions: without } }),
    scheduler.initial,
  );
  expect(pick).toMatchObject({
    problem: `x.trace:${line}: the schedule runs zap_range, which is not there any more`,
  });
});

test('another machine is refused', () => {
  const { scenario } = program;
  const machine = { ...scenario.machine, frames: scenario.machine.frames + 1 };
  const session = replayOf(played(), { ...program, scenario: { ...scenario, machine } });
  expect(session.playToEnd()).toMatchObject({
    kind: 'diverged',
    text: expect.stringContaining('the machine, a mapping or a task has changed'),
  });
});

test('comments, moved lines and functions that were not run do not matter', () => {
  const text = played();
  const unused = Object.values(program.functions).find(({ key }) => !text.includes(` ${key}=`))?.name ?? '';
  expect(unused).not.toBe('');
  for (const same of [changed('zap_range', moved), changed(unused, longer)])
    expect(replayOf(text, same).playToEnd().kind).toBe('rest');
});

test('fingerprints do not depend on who compiled the program, or when', () => {
  const [zap, again] = [program, other].map(({ functions }) => functions.zap_range);
  expect(zap && again && fingerprintOf(zap) === fingerprintOf(again)).toBe(true);
  // Known values: a change here makes every saved schedule worthless, and must be one of the header too.
  expect(played().split('\n').slice(0, 5)).toMatchInlineSnapshot(`
    [
      "shootdown schedule 1",
      "scenario in_time",
      "kernel toy",
      "machine 32ca66",
      "code __mmu_notifier_invalidate_range_end=04165a __mmu_notifier_invalidate_range_start=61068f",
    ]
  `);
});
