/**
 * Replays a transcript: the `->` lines are sent, everything that comes back is recorded. A transcript is
 * script and expectation in one file. `#` begins a line of explanation.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { AdapterHost } from '../../src/debug/host';
import { fixtureFiles, modelsRoot, toyModels } from './fixture-files';

/** Requests after which the run goes on until it stops or ends. */
const motions = new Set([
  'configurationDone',
  'restart',
  'continue',
  'next',
  'stepIn',
  'stepOut',
  'stepBack',
  'reverseContinue',
  'shootdown/reverseInto',
  'shootdown/reverseOut',
  'shootdown/goToPosition',
]);

/** Requests that end a motion under way, so that it is not waited for. */
const interruptions = new Set(['pause', 'terminate', 'disconnect']);

interface Line {
  readonly kind: 'request' | 'comment';
  readonly text: string;
  readonly command: string;
  readonly args: object;
}

/** The transcript of a script, recorded anew. */
export async function replayTranscript(script: string): Promise<string> {
  const lines = script.split('\n').flatMap(parseLine);
  const recorder = new Recorder(script.includes('# capability: supportsConfigurationDoneRequest'));
  const host = new AdapterHost({
    files: fixtureFiles,
    models: async () => toyModels,
    modelsRoot,
    worker: null,
    send: message => recorder.receive(message),
  });
  for (const [index, line] of lines.entries()) {
    if (line.kind === 'comment') {
      recorder.lines.push(line.text);
      continue;
    }
    recorder.lines.push(`-> ${line.text}`);
    const seq = index + 1;
    const following = lines.slice(index + 1).find(({ kind }) => kind === 'request')?.command ?? '';
    const settled = recorder.settled(seq, line.command, interruptions.has(following));
    host.handleMessage({ type: 'request', seq, command: line.command, arguments: line.args });
    await settled;
  }
  host.dispose();
  return `${recorder.lines.join('\n')}\n`;
}

function parseLine(text: string): Line[] {
  if (text.startsWith('#')) return [{ kind: 'comment', text, command: '', args: {} }];
  const match = /^-> (\S+)(?: (\{.*\}))?$/.exec(text);
  if (match === null) return [];
  const [, command = '', json] = match;
  const args: object = json === undefined ? {} : JSON.parse(json);
  return [{ kind: 'request', text: text.slice(3), command, args }];
}

/** Writes down what comes, and says when the answer to a request is complete. */
class Recorder {
  readonly lines: string[] = [];
  private waiting: ((message: DebugProtocol.ProtocolMessage) => void) | undefined;

  constructor(private readonly showsCapabilities: boolean) {}

  receive(message: DebugProtocol.ProtocolMessage): void {
    this.lines.push(...messageLines(message, this.showsCapabilities));
    this.waiting?.(message);
  }

  settled(seq: number, command: string, isInterrupted: boolean): Promise<void> {
    return new Promise(resolve => {
      let answered = false;
      this.waiting = message => {
        if (message.type === 'response') {
          const response = message as DebugProtocol.Response;
          answered ||= response.request_seq === seq;
          if (!answered) return;
          const goesOn = (motions.has(command) && !isInterrupted) || command === 'pause';
          if (!response.success || !(goesOn || command === 'launch' || command === 'terminate')) resolve();
        } else if (answered) {
          const { event } = message as DebugProtocol.Event;
          if (event === 'stopped' || event === 'terminated' || event === 'initialized') resolve();
        }
      };
    });
  }
}

function messageLines(message: DebugProtocol.ProtocolMessage, showsCapabilities: boolean): string[] {
  if (message.type === 'event') {
    const { event, body } = message as DebugProtocol.Event;
    return bodyLines(`<- event ${event}`, body);
  }
  const { command, success, body, message: text } = message as DebugProtocol.Response;
  // The capabilities are the same every time: launch.txt shows them as an answer to `initialize`, the others
  // do not.
  if (command === 'initialize' && !showsCapabilities) return ['<- ok initialize ...'];
  if (success) return bodyLines(`<- ok ${command}`, body);
  return [`<- error ${command} ${body?.error?.id} ${text}`];
}

/** Short bodies on the line, long ones below it, an item of a list on each. */
function bodyLines(head: string, body: unknown): string[] {
  const line = `${head} ${JSON.stringify(body ?? {})}`;
  if (line.length <= 110 || typeof body !== 'object' || body === null) return [line];
  const lines = Object.entries(body).flatMap(([key, value]) => {
    if (!Array.isArray(value) || JSON.stringify(value).length < 100) return textLines(key, value);
    return [`   ${key}:`, ...value.flatMap(item => itemLines(item, '     '))];
  });
  return [head, ...lines];
}

function textLines(key: string, value: unknown): string[] {
  if (typeof value !== 'string' || !value.includes('\n')) return [`   ${key}: ${JSON.stringify(value)}`];
  return [
    `   ${key}:`,
    ...value
      .replace(/\n$/, '')
      .split('\n')
      .map(line => `     | ${line}`),
  ];
}

/** Tree nodes are drawn as trees, without what is empty. */
function itemLines(item: unknown, indent: string): string[] {
  if (typeof item !== 'object' || item === null || !('children' in item))
    return [indent + JSON.stringify(item)];
  const { children, ...rest } = item;
  const kept = Object.entries(rest).filter(
    ([, value]) => value !== '' && value !== null && !(Array.isArray(value) && value.length === 0),
  );
  const below = Array.isArray(children) ? children.flatMap(child => itemLines(child, `${indent}  `)) : [];
  return [indent + JSON.stringify(Object.fromEntries(kept)), ...below];
}
