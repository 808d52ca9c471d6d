/**
 * Where an adapter lives: in a worker, or inline where there is none. The host forwards messages both ways,
 * and on a launch reads the files, so that the adapter reads none.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { WorkerPort } from '../base/worker-port';
import type { ImportedFile, LaunchFile, LaunchFiles } from '../session/load';
import { errors } from './errors';
import type { LaunchArguments } from './requests';
import { serveAdapter } from './serve';

/** How a host reads files. */
export interface FileAccess {
  /** The text of a file. Rejects, with a reason for people, when there is none. */
  readFile(path: string): Promise<string>;
  /** The user's own models for a scenario: from its folder, its `models/`, and the model path. */
  readModels(scenarioPath: string): Promise<Pick<LaunchFiles, 'kernels' | 'drivers'>>;
  /** Path of what a file at `from` calls `name`. */
  resolve(from: string, name: string): string;
}

/** What a host hands in. */
export interface HostOptions {
  readonly files: FileAccess;
  /** The shipped models, compiled; asked for at each launch. */
  readonly models: () => Promise<LaunchFiles['models']>;
  /** Folder of the shipped models' sources. */
  readonly modelsRoot: string;
  /** Makes the worker; null where there is none. */
  readonly worker: (() => WorkerPort) | null;
  readonly send: (message: DebugProtocol.ProtocolMessage) => void;
}

/** Hosts one adapter. */
export class AdapterHost {
  private seq = 1;
  private readonly port: WorkerPort;
  /** Requests that were forwarded and not answered yet. */
  private readonly pending = new Map<number, DebugProtocol.Request>();
  private isDisposed = false;

  constructor(private readonly options: HostOptions) {
    this.port = options.worker?.() ?? inlinePort();
    this.port.onMessage(message => this.sendOn(message as DebugProtocol.ProtocolMessage));
    this.port.onExit(why => this.workerEnded(why));
  }

  /** Takes a message of the client. */
  handleMessage(message: object): void {
    const request = message as DebugProtocol.Request;
    const needsFiles =
      request?.type === 'request' && (request.command === 'launch' || request.command === 'restart');
    if (needsFiles && isObject(request.arguments)) void this.launch(request);
    else this.forward(message);
  }

  /** Ends the worker. */
  dispose(): void {
    this.isDisposed = true;
    this.port.end();
  }

  /** Adds the files to the arguments. A restart carries them one level deeper, and may carry none. */
  private async launch(request: DebugProtocol.Request): Promise<void> {
    const isRestart = request.command === 'restart';
    const given = request.arguments as { arguments?: unknown };
    const args = (isRestart ? given.arguments : given) as LaunchArguments | undefined;
    if (!isObject(args)) return this.forward(request);
    const { program, trace } = args;
    // The adapter says what is wrong with attributes.
    const isReadable = typeof program === 'string' && (trace === undefined || typeof trace === 'string');
    if (!isReadable) return this.forward(request);
    try {
      const { modelsRoot } = this.options;
      const models = await this.options.models();
      const files = await readLaunchFiles(this.options.files, { program, trace, models, modelsRoot });
      const full = { ...args, files };
      const complete: DebugProtocol.Request = {
        ...request,
        arguments: isRestart ? { ...given, arguments: full } : full,
      };
      this.forward(complete);
    } catch (error) {
      this.refuse(request, errors.unreadable(reasonOf(error)));
    }
  }

  private forward(message: object): void {
    const request = message as DebugProtocol.Request;
    if (request?.type === 'request') this.pending.set(request.seq, request);
    if (!this.isDisposed) this.port.post(message);
  }

  private sendOn(message: DebugProtocol.ProtocolMessage): void {
    if (message.type === 'response') this.pending.delete((message as DebugProtocol.Response).request_seq);
    // The host answers some requests itself, so it numbers all messages.
    if (!this.isDisposed) this.options.send({ ...message, seq: this.seq++ });
  }

  private refuse(
    request: DebugProtocol.Request,
    error: { id: number; message: string; showUser: boolean },
  ): void {
    const response: DebugProtocol.Response = {
      type: 'response',
      seq: 0,
      request_seq: request.seq,
      command: request.command,
      success: false,
      message: error.message,
      body: { error: { id: error.id, format: error.message, showUser: error.showUser } },
    };
    this.sendOn(response);
  }

  private workerEnded(why: string): void {
    if (this.isDisposed) return;
    for (const request of [...this.pending.values()]) this.refuse(request, errors.internal(why));
    const output = { category: 'stderr', output: `the debugger's worker ended: ${why}\n` };
    this.sendOn({ type: 'event', seq: 0, event: 'output', body: output } as DebugProtocol.OutputEvent);
    this.sendOn({ type: 'event', seq: 0, event: 'terminated' } as DebugProtocol.TerminatedEvent);
  }
}

/** The adapter on this thread. Messages go out later than they come in, as they do from a worker. */
function inlinePort(): WorkerPort {
  let listener: (message: unknown) => void = () => {};
  const receive = serveAdapter(message => listener(message));
  return {
    post: message => receive(message as DebugProtocol.ProtocolMessage),
    onMessage: heard => {
      listener = heard;
    },
    onExit: () => {},
    end: () => receive({ type: 'request', seq: 0, command: 'disconnect' } as DebugProtocol.Request),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Files that may import one another; more are a mistake. */
const IMPORTS_MAX = 100;

/** Reads the scenario file, what it imports, the user's models, and a saved schedule. */
export async function readLaunchFiles(
  files: FileAccess,
  {
    program,
    trace,
    models,
    modelsRoot,
  }: {
    readonly program: string;
    readonly trace?: string | undefined;
    readonly models: LaunchFiles['models'];
    readonly modelsRoot: string;
  },
): Promise<LaunchFiles> {
  const scenario = { path: program, text: await read(files, program) };
  const imports = await readImports(files, scenario);
  const { kernels, drivers } = await files.readModels(program);
  const path = trace === undefined ? null : files.resolve(program, trace);
  const saved = path === null ? null : { path, text: await read(files, path) };
  return { scenario, imports, kernels, drivers, models, modelsRoot, trace: saved };
}

/** The text of a file that must be there: the reason why it is not names it. */
async function read(files: FileAccess, path: string): Promise<string> {
  try {
    return await files.readFile(path);
  } catch (error) {
    throw new Error(`${path}: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Imports of imports too, each once. One that cannot be read is left to the compiler, which says where it is
 * missed.
 */
async function readImports(files: FileAccess, scenario: LaunchFile): Promise<ImportedFile[]> {
  const found: ImportedFile[] = [];
  const seen = new Set([scenario.path]);
  const waiting: LaunchFile[] = [scenario];
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    for (const name of importedNames(file.text)) {
      const path = files.resolve(file.path, name);
      if (seen.has(path) || seen.size > IMPORTS_MAX) continue;
      seen.add(path);
      const text = await files.readFile(path).catch(() => null);
      if (text === null) continue;
      const read = { name, path, text };
      found.push(read);
      waiting.push(read);
    }
  }
  return found;
}

function importedNames(text: string): string[] {
  return [...text.matchAll(/^\s*import\s+"([^"\n]+)"/gm)].map(match => match[1] ?? '');
}
