/** A pause in long work, so that messages are served in between: in a worker as in the extension host. */

/**
 * Goes on after the messages that wait have been served. A timer would wait for milliseconds, a promise not
 * at all.
 */
export function letMessagesIn(): Promise<void> {
  return new Promise(resolve => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
