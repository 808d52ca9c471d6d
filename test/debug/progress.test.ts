/** Long motions show progress after half a second, short ones never. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Progress } from '../../src/debug/progress';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

async function progressOf(milliseconds: number, isWanted: boolean): Promise<string[]> {
  const events: string[] = [];
  const progress = new Progress(event => events.push(event));
  progress.isWanted = isWanted;
  const motion = () => new Promise<void>(resolve => setTimeout(resolve, milliseconds));
  const running = progress.around('run', motion);
  await vi.advanceTimersByTimeAsync(milliseconds);
  await running;
  return events;
}

test.each([
  [400, true, []],
  [600, true, ['progressStart', 'progressEnd']],
  [600, false, []],
])('a motion of %i ms, wanted: %s', async (milliseconds, isWanted, expected) => {
  expect(await progressOf(milliseconds, isWanted)).toEqual(expected);
});
