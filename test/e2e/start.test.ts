/** `npm start` in front of the login page, and what it leaves behind: nothing. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { childEnvironment, root } from '../../scripts/setup.mjs';

type Ending = { code: number | null; output: string };

function runStart(...options: string[]): Promise<Ending> {
  const script = join(root, 'scripts', 'start.mjs');
  // A command that does not exist stands for a machine without VS Code.
  const env = childEnvironment({ CODE_PATH: 'no-such-command' });
  const child = spawn(process.execPath, [script, ...options], { cwd: root, env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk));
  return new Promise(resolve => child.on('close', code => resolve({ code, output })));
}

test('the address and the password that npm start prints work, and the server ends with it', async () => {
  const { code, output } = await runStart('--check');
  expect(output).toContain('the password is accepted');
  expect(code).toBe(0);
  const address = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
  await expect(fetch(`${address}/healthz`)).rejects.toThrow();
});

test('without VS Code, npm start -- --desktop says what is missing', async () => {
  const { code, output } = await runStart('--desktop');
  expect(output).toContain('no VS Code found');
  expect(code).toBe(1);
});
