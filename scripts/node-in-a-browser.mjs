/**
 * What the debug adapter's package imports of Node, for the bundles of the browser. Only its dispatch is
 * used: an event emitter is all of it that runs; sockets, files and log files are never reached.
 */

/** As much of Node's `events` as is used. */
export class EventEmitter {
  /** @type {Map<string, ((...args: unknown[]) => void)[]>} */
  listenersOf = new Map();

  /**
   * @param {string} name
   * @param {(...args: unknown[]) => void} listener
   */
  on(name, listener) {
    this.listenersOf.set(name, [...(this.listenersOf.get(name) ?? []), listener]);
    return this;
  }

  /**
   * @param {string} name
   * @param {...unknown} args
   */
  emit(name, ...args) {
    const listeners = this.listenersOf.get(name) ?? [];
    for (const listener of listeners) listener(...args);
    return listeners.length > 0;
  }
}

const { URL } = globalThis;

export { URL };
