/** What the commands are given of the world, and how they refuse. */
import type { Readable, Writable } from 'node:stream';

/** Where text goes, and where the shipped files are. */
export interface Terminal {
  /** Folder with `dist/`, `models/` and `scenarios/`. */
  readonly home: string;
  /** Width for lanes. */
  readonly columns: number;
  out(text: string): void;
  err(text: string): void;
  /** Shows a line of progress in place of the one before, where there is a terminal; empty clears it. */
  readonly status?: (line: string) => void;
  /** Hears of Ctrl-C instead of ending there; returns how to stop hearing. */
  readonly onInterrupt?: (listener: () => void) => () => void;
  /** Raw streams, for the Debug Adapter Protocol. */
  readonly stdin: Readable;
  readonly stdout: Writable;
}

/** What every command's exit code means. */
export const exitCodes = { expected: 0, differs: 1, wrongInput: 2, incomplete: 3 } as const;

/** A mistake in the input or the arguments: a sentence for the user, and exit code 2. */
export class Refusal extends Error {}

/** A system error in words: the path and what is wrong with it. */
export function refuseFile(path: string, problem: unknown): Refusal {
  const code = problem instanceof Error && 'code' in problem ? String(problem.code) : '';
  const words: Record<string, string> = {
    ENOENT: 'there is no such file',
    EISDIR: 'this is a folder, and a file is expected',
    EACCES: 'the file may not be read',
    ENOTDIR: 'there is no such file',
  };
  const text = words[code] ?? (problem instanceof Error ? problem.message : String(problem));
  return new Refusal(`${path}: ${text}`);
}
