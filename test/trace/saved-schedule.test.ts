/** Saved schedules: they replay to the same state, and say where they diverge. */
import { expect, test } from 'vitest';
import { Session } from '../../src/session/session';
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
