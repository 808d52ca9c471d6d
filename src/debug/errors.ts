/** Everything the adapter refuses, one function each, with a number of its own. */

import type { Span } from '../base/span';

/** A request that cannot be done: the client shows the sentence. */
export class AdapterError extends Error {
  constructor(
    readonly id: number,
    message: string,
    /** False for what goes wrong all the time, as a hover over a word that is no variable. */
    readonly showUser: boolean = true,
    /** Where in the files it is, if it is there. */
    readonly place: Pick<Span, 'file' | 'line' | 'column'> | null = null,
  ) {
    super(message);
  }
}

export const errors = {
  internal: (message: string) => new AdapterError(1001, `internal error: ${message}`),
  unknownRequest: (command: string) =>
    new AdapterError(1002, `the request '${command}' is not supported`, false),
  malformed: (what: string) => new AdapterError(1003, `malformed request: ${what}`, false),
  /** Not shown: clients ask for threads while a short run is just ending. */
  notLaunched: () => new AdapterError(1010, 'no scenario is running', false),
  alreadyLaunched: () => new AdapterError(1011, 'a scenario is running already'),
  noFiles: () =>
    new AdapterError(1012, 'the launch request came without the files that the host reads for it'),
  unreadable: (what: string) => new AdapterError(1013, `cannot read ${what}`),
  noProgram: () =>
    new AdapterError(1014, "the launch attribute 'program' is missing, expected the path of a scenario file"),
  badAttribute: (name: string, value: unknown, expected: string) =>
    new AdapterError(
      1015,
      `launch attribute '${name}': ${JSON.stringify(value)} is not allowed, expected ${expected}`,
    ),
  noReplay: (scenario: string) =>
    new AdapterError(1016, `scenario '${scenario}' has no replay block, and the launch names no 'trace'`),
  badTrace: (problem: string) => new AdapterError(1017, problem),
  /**
   * Not shown by the client, which would offer to edit launch.json: the extension shows the place instead.
   */
  problems: (first: string, place: Span | null, count: number) =>
    new AdapterError(1018, count > 1 ? `${first} (and ${count - 1} more problems)` : first, false, place),
  setUp: (message: string, place: Span | null) => new AdapterError(1019, message, false, place),
  noThread: (id: number) => new AdapterError(1020, `there is no thread ${id}`),
  noFrame: (id: number) => new AdapterError(1021, `frame ${id} belongs to an earlier stop`),
  noVariables: (id: number) => new AdapterError(1022, `variables ${id} belong to an earlier stop`),
  running: () => new AdapterError(1023, 'the run goes on; pause it first'),
  notEvaluated: (text: string, problem: string) => new AdapterError(1024, `'${text}': ${problem}`, false),
  noSource: (path: string) => new AdapterError(1025, `the source of ${path} is the file itself`),
  noPosition: (position: number, last: number) =>
    new AdapterError(1027, `there is no position ${position}, expected one from 0 to ${last}`),
  noException: () => new AdapterError(1026, 'the last stop was no violation'),
} as const;
