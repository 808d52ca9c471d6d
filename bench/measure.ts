/** What is measured. Each figure is the median of several samples, each long enough for the clock. */
import { join } from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { diskFiles, loadShippedModels } from '../src/cli/models';
import { nodeWorker } from '../src/cli/node-worker';
import { AdapterHost, readLaunchFiles } from '../src/debug/host';
import type { Program } from '../src/language/program';
import { loadRun } from '../src/session/load';
import { Session } from '../src/session/session';
import { Vm } from '../src/vm/vm';

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly unit: string;
}

type Path = Session['steps'];

/** Samples of each figure, and the least time one sample of a rate takes. */
const samples = { launches: 9, rates: 7, milliseconds: 200 };

/** Measures a scenario; `home` is the folder with `dist/` and `models/`. */
export async function measure(home: string, program: string): Promise<Row[]> {
  const compiled = await compile(home, program);
  const path = pathOf(compiled);
  const launches: number[] = [];
  for (let i = 0; i < samples.launches; i++) launches.push(await launch(home, program));
  return [
    row('launch request to first stop', 'ms', launches),
    row(
      'building the initial state',
      'per CPU second',
      rates(() => setUp(compiled)),
    ),
    row(
      'steps of a straight run',
      'per CPU second',
      rates(() => straightRun(compiled, path)),
    ),
    row(
      'steps, each undone and made again',
      'per CPU second',
      rates(() => stepsAndUndos(compiled, path)),
    ),
    row(
      'steps of a recorded session',
      'per CPU second',
      rates(() => recordedRun(compiled)),
    ),
    row(
      'steps back in a recorded session',
      'per CPU second',
      rates(() => walkBack(compiled)),
    ),
  ];
}

function row(what: string, unit: string, values: readonly number[]): Row {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  return { what, unit, median: at(sorted.length >> 1), least: at(0), most: at(sorted.length - 1) };
}

/** How often something was done, and the milliseconds of processor time that took. */
interface Work {
  readonly count: number;
  readonly milliseconds: number;
}

/**
 * Things per second of processor time, which depends little on what else the machine is doing. Each sample
 * adds up runs until it is long enough, after one run to warm up.
 */
function rates(work: () => Work): number[] {
  work();
  return Array.from({ length: samples.rates }, () => {
    let count = 0;
    let milliseconds = 0;
    while (milliseconds < samples.milliseconds) {
      const done = work();
      count += done.count;
      milliseconds += done.milliseconds;
    }
    return (count * 1000) / milliseconds;
  });
}

function timed(work: () => number): Work {
  const before = process.cpuUsage();
  const count = work();
  const { user, system } = process.cpuUsage(before);
  return { count, milliseconds: (user + system) / 1000 };
}

async function compile(home: string, program: string): Promise<Program> {
  const files = await readLaunchFiles(
    diskFiles(() => []),
    { program, models: await loadShippedModels(home), modelsRoot: join(home, 'models') },
  );
  const loaded = loadRun(files, {});
  if ('problems' in loaded) throw new Error(loaded.problems.map(problem => problem.message).join('\n'));
  return loaded.program;
}

function setUp(program: Program): Work {
  return timed(() => {
    for (let i = 0; i < 20; i++) new Vm(program);
    return 20;
  });
}

/** The path of a run: what the scheduler chose, so that choosing is not measured. */
function pathOf(program: Program): Path {
  const session = new Session(program, {});
  session.playToEnd();
  return session.steps;
}

function straightRun(program: Program, path: Path): Work {
  const vm = new Vm(program);
  return timed(() => {
    for (const { thread, choice } of path) vm.step(thread, choice);
    return path.length;
  });
}

/** The same path, with each step taken back once and made again. */
function stepsAndUndos(program: Program, path: Path): Work {
  const vm = new Vm(program);
  return timed(() => {
    for (const { thread, choice } of path) {
      const mark = vm.words.mark();
      vm.step(thread, choice);
      vm.words.undo(mark);
      vm.step(thread, choice);
    }
    return path.length;
  });
}

/** With the history that makes a run walkable: events, call stacks, violations. */
function recordedRun(program: Program): Work {
  const session = new Session(program, {});
  return timed(() => {
    session.playToEnd();
    return session.position;
  });
}

/** Back to the start of a recorded run, one step at a time. */
function walkBack(program: Program): Work {
  const session = new Session(program, {});
  session.playToEnd();
  return timed(() => {
    let count = 0;
    while (session.back() !== null) count += 1;
    return count;
  });
}

/** Milliseconds from the launch request, sent to a new adapter with a new worker, to the stop on entry. */
async function launch(home: string, program: string): Promise<number> {
  const stopped = signal();
  const models = await loadShippedModels(home);
  const initialized = signal();
  const host = new AdapterHost({
    files: diskFiles(() => []),
    models: async () => models,
    modelsRoot: join(home, 'models'),
    worker: () => nodeWorker(join(home, 'dist', 'worker.js')),
    send: message => {
      if (isEvent(message, 'initialized')) initialized.tell();
      if (isEvent(message, 'stopped')) stopped.tell();
    },
  });
  let seq = 0;
  const request = (command: string, args: object) => {
    seq += 1;
    const message: DebugProtocol.Request = { seq, type: 'request', command, arguments: args };
    host.handleMessage(message);
  };
  request('initialize', { adapterID: 'mmu-notifier', pathFormat: 'path' });
  const start = performance.now();
  request('launch', { program, stopOnEntry: true });
  await initialized.told;
  request('configurationDone', {});
  await stopped.told;
  const milliseconds = performance.now() - start;
  host.dispose();
  return milliseconds;
}

function isEvent(message: DebugProtocol.ProtocolMessage, name: string): boolean {
  return message.type === 'event' && 'event' in message && message.event === name;
}

/** Something that is waited for and happens once. */
function signal() {
  let tell = () => {};
  const told = new Promise<void>(resolve => {
    tell = resolve;
  });
  return { told, tell: () => tell() };
}
