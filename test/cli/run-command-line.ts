/** The command line as a function: arguments in, exit code and text out. Needs the models of a build. */
import { PassThrough } from 'node:stream';
import { commandLine } from '../../src/cli/command-line';

/** What a call of `shootdown` printed, and its exit code. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Calls `shootdown` with these arguments in a terminal 100 columns wide. */
export async function shootdown(...args: string[]): Promise<Outcome> {
  let out = '';
  let err = '';
  const code = await commandLine(args, {
    home: process.cwd(),
    columns: 100,
    out: text => {
      out += text;
    },
    err: text => {
      err += text;
    },
    stdin: new PassThrough(),
    stdout: new PassThrough(),
  });
  return { code, out, err };
}
