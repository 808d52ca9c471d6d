/** The debug adapter over standard input and output, and over a port: a real child process. Needs a build. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';

const scenario = join(process.cwd(), 'scenarios', 'invalidate-range-repairs-munmap.mmu');
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill();
});

interface Message {
  readonly type: string;
  readonly command?: string;
  readonly event?: string;
  readonly success?: boolean;
  readonly message?: string;
  readonly body?: Record<string, unknown>;
}

/** Speaks the protocol with nothing but the framing rules of its specification. */
class Client {
  readonly #waiting: ((message: Message) => boolean)[] = [];
  readonly #seen: Message[] = [];
  readonly #output: Writable;
  #seq = 0;

  constructor(input: Readable, output: Writable) {
    this.#output = output;
    let rest = Buffer.alloc(0);
    input.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const head = /^Content-Length: (\d+)\r\n\r\n/.exec(rest.subarray(0, 100).toString('latin1'));
        const length = Number(head?.[1]);
        if (!head || rest.length < head[0].length + length) return;
        const text = rest.subarray(head[0].length, head[0].length + length).toString('utf8');
        rest = rest.subarray(head[0].length + length);
        this.#receive(JSON.parse(text) as Message);
      }
    });
  }

  raw(text: string): void {
    this.#output.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  }

  async request(command: string, args: object = {}): Promise<Message> {
    this.#seq += 1;
    const answer = this.wait(message => message.type === 'response' && message.command === command);
    this.raw(JSON.stringify({ seq: this.#seq, type: 'request', command, arguments: args }));
    return answer;
  }

  event(name: string): Promise<Message> {
    return this.wait(message => message.type === 'event' && message.event === name);
  }

  wait(isMeant: (message: Message) => boolean): Promise<Message> {
    const index = this.#seen.findIndex(isMeant);
    const [seen] = index < 0 ? [] : this.#seen.splice(index, 1);
    if (seen) return Promise.resolve(seen);
    return new Promise(resolve => {
      this.#waiting.push(message => {
        if (!isMeant(message)) return false;
        resolve(message);
        return true;
      });
    });
  }

  #receive(message: Message): void {
    const index = this.#waiting.findIndex(take => take(message));
    if (index < 0) this.#seen.push(message);
    else this.#waiting.splice(index, 1);
  }
}

function start(...args: string[]) {
  const child = spawn(process.execPath, ['dist/cli.js', 'dap', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  children.push(child);
  return child;
}

/** From the first request to a stop in the callback, and to the end. */
async function debugCallback(client: Client): Promise<void> {
  expect((await client.request('initialize', { adapterID: 'mmu-notifier' })).success).toBe(true);
  const launched = client.request('launch', { program: scenario });
  await client.event('initialized');
  await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'invalidate_range' }] });
  await client.request('configurationDone');
  expect(await launched).toMatchObject({ success: true });
  const stopped = await client.event('stopped');
  expect(stopped.body).toMatchObject({ reason: 'function breakpoint', allThreadsStopped: true });
  const threadId = stopped.body?.threadId;
  const { body } = await client.request('stackTrace', { threadId });
  const frames = body?.stackFrames as { name: string; source?: { path?: string } }[];
  expect(frames[0]?.name).toContain('invalidate_range');
  // Shipped models are real files, so that an editor without our views can show them.
  expect(frames[0]?.source?.path).toContain(join(process.cwd(), 'models'));
  const { body: tree } = await client.request('shootdown/tlbs');
  expect(tree?.nodes).not.toEqual([]);
  expect((await client.request('disconnect')).success).toBe(true);
}

test('a client over standard input and output stops in a callback', async () => {
  const child = start();
  await debugCallback(new Client(child.stdout, child.stdin));
  child.stdin.end();
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('malformed messages do not end the adapter', async () => {
  const child = start();
  const client = new Client(child.stdout, child.stdin);
  client.raw('{ "not json');
  client.raw('[1, 2, 3]');
  client.raw('{"type":"request"}');
  client.raw('{"seq":1,"type":"request","command":"noSuchCommand"}');
  const refused = await client.wait(message => message.command === 'noSuchCommand');
  expect(refused.success).toBe(false);
  await debugCallback(client);
});

test('a broken scenario is refused in the answer to launch, with its place', async () => {
  const child = start();
  const client = new Client(child.stdout, child.stdin);
  await client.request('initialize', { adapterID: 'mmu-notifier' });
  const program = join(process.cwd(), 'test/cli/broken/unknown-mapping.mmu');
  const answer = await client.request('launch', { program });
  expect(answer.success).toBe(false);
  expect(JSON.stringify(answer)).toContain('unknown-mapping.mmu:8:');
});

test('a port serves one client after the other, on loopback only', async () => {
  const child = start('--port', '0');
  const [line] = (await once(child.stderr, 'data')) as [Buffer];
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(line.toString())?.[1]);
  expect(port).toBeGreaterThan(0);
  for (let i = 0; i < 2; i++) {
    const socket = connect(port, '127.0.0.1');
    await debugCallback(new Client(socket, socket));
    socket.destroy();
  }
});
