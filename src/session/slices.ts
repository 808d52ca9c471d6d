/**
 * Long runs are cut into slices, so that requests are served in between; in a worker as in the extension
 * host.
 */
import { letMessagesIn } from '../base/pause';

/** How long a slice may take, in milliseconds. */
export const SLICE_MS = 10;

/** How many steps are made between two looks at the clock. */
const STEPS_PER_LOOK = 16;

/** Repeats `work` until it gives a result, letting messages in between slices; `paused` may end it there. */
export async function inSlices<Result>(
  work: () => Result | null,
  paused: () => Result | null,
): Promise<Result> {
  for (;;) {
    const end = performance.now() + SLICE_MS;
    do {
      for (let count = 0; count < STEPS_PER_LOOK; count++) {
        const result = work();
        if (result !== null) return result;
      }
    } while (performance.now() < end);
    await letMessagesIn();
    const result = paused();
    if (result !== null) return result;
  }
}
