/** The command `shootdown`: arguments in, text and an exit code out. All it does is in `command-line.ts`. */
import { join } from 'node:path';
import { commandLine } from './command-line';

/** A reader that went away, as in `shootdown run x.mmu | head`, is no mistake. */
function ignoreClosedPipe(problem: NodeJS.ErrnoException): void {
  if (problem.code !== 'EPIPE') throw problem;
}

process.stdout.on('error', ignoreClosedPipe);
process.stderr.on('error', ignoreClosedPipe);

const code = commandLine(process.argv.slice(2), {
  home: join(__dirname, '..'),
  columns: process.stdout.columns ?? 100,
  out: text => process.stdout.write(text),
  err: text => process.stderr.write(text),
  stdin: process.stdin,
  stdout: process.stdout,
});
code.then(value => {
  process.exitCode = value;
});
