/**
 * Runs a command in a process group that ends when the one who started it does, whatever way that was:
 * its standard input is a pipe from the starter, and a pipe is closed by the system even after SIGKILL.
 * Must be started detached, so that the group is its own.
 */
import { spawn } from 'node:child_process';

const [command = '', ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });

let isEnding = false;

/** Asks the whole group to end, and ends it when it has not after two seconds. */
function endGroup() {
  if (isEnding) return;
  isEnding = true;
  process.kill(-process.pid, 'SIGTERM');
  setTimeout(killGroup, 2000);
}

function killGroup() {
  process.kill(-process.pid, 'SIGKILL');
}

process.stdin.on('end', endGroup).on('error', endGroup).resume();
process.on('SIGTERM', endGroup);
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

child.on('error', problem => {
  console.error(problem.message);
  process.exit(1);
});
child.on('close', code => {
  if (isEnding) return killGroup();
  // What the command left behind in its group ends with it.
  isEnding = true;
  process.kill(-process.pid, 'SIGTERM');
  process.exit(code ?? 1);
});
