/**
 * Runs a command in a process group that ends when the one who started it does, whatever way that was:
 * its standard input is a pipe from the starter, and a pipe is closed by the system even after SIGKILL.
 * Must be started detached, so that the group is its own.
 */
import { spawn } from 'node:child_process';

const [command = '', ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });

/** Asks the whole group to end, and ends it two seconds later. */
function endGroup() {
  process.on('SIGTERM', () => {});
  process.kill(-process.pid, 'SIGTERM');
  setTimeout(() => process.kill(-process.pid, 'SIGKILL'), 2000);
}

process.stdin.on('end', endGroup).on('error', endGroup).resume();
// Ctrl-C and SIGTERM come through the starter, which closes the pipe.
process.on('SIGINT', () => {});
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
child.on('error', problem => {
  console.error(problem.message);
  process.exit(1);
});
// What the command left behind in its group ends with it.
child.on('close', endGroup);
