/** Where steps end, forward and back, in any schedule. */
import { expect, test } from 'vitest';
import { Walker } from '../../src/session/walker';
import { sessionOf, whereIs } from './run';

test('a step back undoes a step, for every thread and schedule', async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    for (const thread of [0, 2]) {
      const session = sessionOf('unmap.mmu', 'in_time', { schedule: 'random', seed });
      session.stopsAt = new Set();
      const walker = new Walker(session);
      const stops: { position: number; where: string; hash: string }[] = [];
      const note = () => ({
        position: session.position,
        where: whereIs(session, thread),
        hash: session.vm.words.hash(),
      });
      stops.push(note());
      for (let count = 0; count < 12; count++) {
        const stop = await walker.next(thread, 'statement');
        if (stop.reason !== 'step' || stop.thread !== thread) break;
        stops.push(note());
      }
      // The last step may have ended at no statement of the thread: it is undone like the others.
      const undone = session.position === stops.at(-1)?.position ? stops.slice(0, -1) : stops;
      for (const expected of undone.reverse()) {
        await walker.stepBack(thread, 'statement');
        expect(note()).toEqual(expected);
      }
    }
  }
});

test('forward after back is the recorded path, to the last bit', async () => {
  const session = sessionOf('unmap.mmu', 'in_time', { schedule: 'random', seed: 7 });
  session.playToEnd();
  const end = { position: session.position, hash: session.vm.words.hash(), events: session.events().length };
  session.goTo(10);
  while (session.position < end.position) session.forward();
  expect({
    position: session.position,
    hash: session.vm.words.hash(),
    events: session.events().length,
  }).toEqual(end);
});

test('a choice in a manual schedule begins another path', async () => {
  const session = sessionOf('unmap.mmu', 'in_time', { schedule: 'manual' });
  const walker = new Walker(session);
  await walker.next(0, 'statement');
  await walker.next(0, 'statement');
  const length = session.length;
  await walker.stepBack(0, 'statement');
  expect(session.length).toBe(length);
  await walker.next(2, 'instruction');
  expect(session.length).toBe(session.position);
  expect(session.steps.at(-1)?.thread).toBe(2);
});

test('next goes over calls, stepIn into them, stepOut back to the caller', async () => {
  const session = sessionOf('unmap.mmu', 'too_late', { schedule: 'manual' });
  const walker = new Walker(session);
  const places: string[] = [];
  const go = async (motion: Promise<unknown>) => {
    await motion;
    places.push(whereIs(session, 0));
  };
  await go(walker.stepIn(0, 'statement'));
  await go(walker.next(0, 'statement'));
  await go(walker.next(0, 'statement'));
  await go(walker.next(0, 'statement'));
  await go(walker.next(0, 'statement'));
  await go(walker.stepIn(0, 'statement'));
  await go(walker.stepIn(0, 'statement'));
  await go(walker.stepOut(0));
  await go(walker.stepOut(0));
  expect(places).toEqual([
    'munmap:2',
    'munmap:3',
    'munmap:4',
    'munmap:5',
    'munmap:6',
    'zap_range:40',
    'pte_table_of:66',
    'zap_range:41',
    'munmap:7',
  ]);
});

test('the stop at the end of a thread names the next one', async () => {
  const session = sessionOf('unmap.mmu', 'in_time', { schedule: 'fair' });
  const walker = new Walker(session);
  let stop = await walker.next(2, 'statement');
  while (stop.thread === 2 && stop.text === '') stop = await walker.next(2, 'statement');
  expect(stop).toMatchObject({ reason: 'step', thread: 0, text: 'gpu has ended; t0 [P] cpu0 can run next' });
  expect(await walker.next(2, 'statement')).toMatchObject({ thread: 0 });
});

test('at rest the stop says what the thread waits for', async () => {
  const session = sessionOf('unmap.mmu', 'in_time', { schedule: 'fair' });
  const walker = new Walker(session);
  expect(await walker.continue(4)).toMatchObject({
    reason: 'rest',
    text: 'nothing can run: amd commands has nothing it can do now',
  });
});

test('a limit ends a run, and says which', () => {
  const session = sessionOf('endless.mmu', 'endless', { stepsMax: 100 });
  const end = session.playToEnd();
  expect(end).toMatchObject({ kind: 'limit', text: expect.stringContaining('the limit of a run') });
  expect(session.position).toBe(100);
});

test('a run that never ends can be paused', async () => {
  const session = sessionOf('endless.mmu', 'endless');
  const walker = new Walker(session);
  const running = walker.continue(0);
  setTimeout(() => walker.pause(), 1);
  expect(await running).toMatchObject({ reason: 'pause', thread: 0 });
});
