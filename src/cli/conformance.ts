/** `shootdown conformance`: holds the kernel models against what real kernels did. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type Cell, conform, scoreOf } from '../conformance/conformance';
import { modelOf, parseRecordings, type Recording } from '../conformance/recording';
import { outcomeOf, pageOf, textOf } from '../conformance/report';
import type { ModelSet, SourceFile } from '../language/compile';
import { nearestName } from '../language/names';
import { modelsOf } from '../session/load';
import { allModels } from './diff';
import { readRun } from './load';
import { readText } from './models';
import { exitCodes, Refusal, refuseFile, type Terminal } from './terminal';

/** Options of `conformance`. */
export interface ConformanceOptions {
  readonly op?: readonly string[];
  readonly kernel?: string;
  readonly models: readonly string[];
  readonly json?: boolean;
  readonly write?: boolean;
}

/** Where recordings, scenarios and the score lie, from the folder of Shootdown. */
const folder = join('test', 'conformance');

/** Plays recorded operations; the exit code says whether as many are equal as the score says. */
export async function conformance(
  files: readonly string[],
  options: ConformanceOptions,
  terminal: Terminal,
): Promise<number> {
  if (files.length === 1) throw new Refusal('expected a recording and a scenario, or neither');
  const [recording, scenario] = files;
  if (recording !== undefined && scenario !== undefined) {
    return conformPair(recording, scenario, options, terminal);
  }
  const wrong = await unrecorded(terminal.home, options);
  if (wrong !== null) throw new Refusal(wrong);
  const cells = await allCells(terminal.home, await allModels(options.models, terminal), options);
  if (cells.length === 0) throw new Refusal('no such operation was recorded of this kernel');
  print(cells, options, terminal);
  if (options.op !== undefined || options.kernel !== undefined) return codeOf(cells);
  return options.write ? await write(cells, terminal) : await judge(cells, terminal);
}

/** Which of the names that were given is no recorded one, in a sentence; null if all are. */
async function unrecorded(home: string, { op, kernel }: ConformanceOptions): Promise<string | null> {
  const recordings = await readRecordings(join(home, folder, 'recordings'));
  const ops = [...new Set(recordings.map(recording => recording.op))];
  const unknown = op?.find(name => !ops.includes(name));
  if (unknown !== undefined) {
    const near = nearestName(unknown, ops);
    return `no operation '${unknown}' was recorded${near === undefined ? '' : `, did you mean '${near}'?`}`;
  }
  const kernels = [...new Set(recordings.flatMap(recording => modelOf(recording) ?? []))];
  if (kernel === undefined || kernels.includes(kernel)) return null;
  return `nothing was recorded of kernel '${kernel}', expected one of ${kernels.join(', ')}`;
}

/** Every recorded operation on every kernel, in the order of names. */
export async function allCells(
  home: string,
  models: ModelSet,
  { op, kernel }: Pick<ConformanceOptions, 'op' | 'kernel'> = {},
): Promise<Cell[]> {
  const recordings = await readRecordings(join(home, folder, 'recordings'));
  const scenarios = await readScenarios(join(home, folder, 'ops'));
  return recordings
    .filter(recording => op === undefined || op.includes(recording.op))
    .flatMap(recording => {
      const file = scenarios.get(recording.op) ?? null;
      return conform(recording, { file, models, imports: () => undefined });
    })
    .filter(cell => kernel === undefined || cell.kernel === kernel);
}

/** The files that keep what the last run came to. */
export function resultFiles(home: string): { readonly score: string; readonly page: string } {
  return { score: join(home, folder, 'score.json'), page: join(home, 'docs', 'conformance.md') };
}

/** The texts of these files. */
export function resultTexts(cells: readonly Cell[]): { readonly score: string; readonly page: string } {
  return { score: `${JSON.stringify(scoreOf(cells), null, 2)}\n`, page: pageOf(cells) };
}

async function conformPair(
  recordingPath: string,
  scenarioPath: string,
  options: ConformanceOptions,
  terminal: Terminal,
): Promise<number> {
  if (recordingPath.endsWith('.mmu'))
    throw new Refusal(`${recordingPath}: that is a scenario: the recording comes first, then the scenario`);
  const recordings = await readPacked(recordingPath);
  const files = await readRun(scenarioPath, options, terminal);
  const imports = (wanted: string) => files.imports.find(({ name }) => name === wanted);
  const stage = { file: files.scenario, models: modelsOf(files), imports, kernel: options.kernel };
  const cells = recordings.flatMap(recording => conform(recording, stage));
  print(cells, options, terminal);
  return codeOf(cells);
}

async function readRecordings(path: string): Promise<Recording[]> {
  const names = await readdir(path).catch(() => {
    throw new Refusal(`${path}: there are no recordings here; name one, and a scenario`);
  });
  const lists = await Promise.all(names.sort().map(name => readPacked(join(path, name))));
  const key = (recording: Recording) => `${recording.op} ${modelOf(recording) ?? recording.kernel}`;
  return lists.flat().sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

async function readPacked(path: string): Promise<Recording[]> {
  const bytes = await readFile(path).catch((problem: unknown) => {
    throw refuseFile(path, problem);
  });
  try {
    const text = path.endsWith('.gz') ? await promisify(gunzip)(bytes) : bytes;
    return parseRecordings(text.toString('utf8'));
  } catch (problem) {
    throw refuseFile(path, problem);
  }
}

async function readScenarios(path: string): Promise<Map<string, SourceFile>> {
  const names = (await readdir(path)).filter(name => name.endsWith('.mmu'));
  const files = names.map(async name => {
    const text = await readText(join(path, name));
    return [basename(name, '.mmu'), { path: join(path, name), text }] as const;
  });
  return new Map(await Promise.all(files));
}

function print(cells: readonly Cell[], { json }: ConformanceOptions, terminal: Terminal): void {
  if (!json) terminal.out(textOf(cells, terminal.columns));
  else for (const cell of cells) terminal.out(`${JSON.stringify({ ...cell, text: outcomeOf(cell) })}\n`);
}

function codeOf(cells: readonly Cell[]): number {
  if (cells.some(({ outcome }) => outcome === 'differs')) return exitCodes.differs;
  return cells.some(({ outcome }) => outcome !== 'equal') ? exitCodes.incomplete : exitCodes.expected;
}

async function write(cells: readonly Cell[], terminal: Terminal): Promise<number> {
  const files = resultFiles(terminal.home);
  const texts = resultTexts(cells);
  await writeFile(files.score, texts.score);
  await writeFile(files.page, texts.page);
  terminal.err(`written: ${files.score}, ${files.page}\n`);
  return exitCodes.expected;
}

/** As many cells must be equal as were when the score was written: fewer is a loss, more is to be kept. */
async function judge(cells: readonly Cell[], terminal: Terminal): Promise<number> {
  const { score } = resultTexts(cells);
  const before = await readText(resultFiles(terminal.home).score).catch(() => '{}\n');
  if (score === before) return exitCodes.expected;
  const flat = (text: string) => text.replace(/\s+/g, ' ').trim();
  terminal.err(`the score is ${flat(score)}, and was ${flat(before)}: npm run conformance -- --write\n`);
  return exitCodes.differs;
}
