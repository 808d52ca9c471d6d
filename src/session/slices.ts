/**
 * Long runs are cut into slices, so that requests are served in between; in a worker as in the extension
 * host.
 */

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

/**
 * Goes on after the messages that wait have been served. A timer would wait for milliseconds, a promise not
 * at all.
 */
function letMessagesIn(): Promise<void> {
  return new Promise(resolve => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
