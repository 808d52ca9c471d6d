/** The command `shootdown`: arguments in, text and an exit code out. All it does is in `command-line.ts`. */
import { join } from 'node:path';
import { commandLine } from './command-line';

/** A reader that went away, as in `shootdown run x.mmu | head`, is no mistake. */
function ignoreClosedPipe(problem: NodeJS.ErrnoException): void {
  if (problem.code !== 'EPIPE') throw problem;
}

/** Writes over the line of progress before. */
function showStatus(line: string): void {
  process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns ?? 100) - 1)}`);
}

process.stdout.on('error', ignoreClosedPipe);
process.stderr.on('error', ignoreClosedPipe);

const code = commandLine(process.argv.slice(2), {
  home: join(__dirname, '..'),
  columns: process.stdout.columns ?? 100,
  out: text => process.stdout.write(text),
  err: text => process.stderr.write(text),
  ...(process.stderr.isTTY ? { status: showStatus } : {}),
  onInterrupt: listener => {
    process.once('SIGINT', listener);
    return () => process.removeListener('SIGINT', listener);
  },
  stdin: process.stdin,
  stdout: process.stdout,
});
code.then(value => {
  process.exitCode = value;
});
