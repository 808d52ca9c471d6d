/**
 * Plays an operation on a kernel under each registration and holds it against the recording. Nothing here
 * knows an operation by its name: a recording says what came, a scenario how to make it come.
 */
import { compileModels, compileScenarioFile, type ModelSet, type SourceFile } from '../language/compile';
import { kernelChain } from '../language/scope';
import { beginning, type Comparison, compare, type Difference, type Forgiven } from './compare';
import { play } from './play';
import { modelOf, type Recording, type Registration, registrations } from './recording';
import { driverText, subscribersOf } from './registration';

/** What came of one operation on one kernel under one registration. */
export interface Cell {
  readonly op: string;
  readonly kernel: string;
  readonly registration: Registration;
  readonly steady: boolean;
  readonly outcome: 'equal' | 'differs' | 'not playable';
  /** The first difference; null unless the outcome is that. */
  readonly difference: Difference | null;
  /** Why it could not be played; null if it was. */
  readonly problem: string | null;
  readonly forgiven: Forgiven | null;
}

/** A scenario file and what it needs; a null file says that nobody has written one. */
export interface Stage {
  readonly file: SourceFile | null;
  readonly models: ModelSet;
  readonly imports: (path: string) => SourceFile | undefined;
  /** The kernel to play on; by default the one that was recorded. */
  readonly kernel?: string | undefined;
}

/** One cell for each registration under which the operation was recorded. */
export function conform(recording: Recording, stage: Stage): Cell[] {
  const kernel = stage.kernel ?? modelOf(recording);
  return registrations
    .filter(registration => recording.sequences[registration] !== undefined)
    .map(registration => {
      const { op, steady } = recording;
      const head = { op, kernel: kernel ?? recording.kernel, registration, steady };
      const result = kernel === null ? noModel(recording) : cellOf(recording, registration, stage, kernel);
      return { ...head, ...result };
    });
}

/** How many steady cells are equal, by kernel: the score. */
export function scoreOf(cells: readonly Cell[]): Record<string, number> {
  const score: Record<string, number> = {};
  for (const { kernel, steady, outcome } of cells) {
    score[kernel] = (score[kernel] ?? 0) + (steady && outcome === 'equal' ? 1 : 0);
  }
  return score;
}

type Result = Pick<Cell, 'outcome' | 'difference' | 'problem' | 'forgiven'>;

function notPlayable(problem: string): Result {
  return { outcome: 'not playable', difference: null, problem, forgiven: null };
}

function noModel({ kernel }: Recording): Result {
  return notPlayable(`no kernel model stands for the recorded kernel ${kernel}`);
}

function cellOf(recording: Recording, registration: Registration, stage: Stage, kernel: string): Result {
  if (stage.file === null) return notPlayable('there is no scenario');
  const models = withListener(stage.models, registration, kernel);
  if (models === null) return notPlayable(`${kernel} lacks a callback of this registration`);
  const subscribers = subscribersOf(registration);
  const { scenarios, problems } = compileScenarioFile(stage.file, {
    models,
    imports: stage.imports,
    kernel,
    subscribers,
  });
  // A file may hold a scenario for each kernel; one that names another kernel stands in for the others.
  const scenario = scenarios.find(each => each.ownKernel === kernel) ?? scenarios[0];
  const [mistake] = [...(scenario?.problems ?? []), ...problems].filter(
    ({ severity }) => severity === 'error',
  );
  if (mistake !== undefined) return notPlayable(`${mistake.message} (line ${mistake.span.line})`);
  if (scenario === undefined) return notPlayable('the file holds no scenario');
  const played = play(scenario.program(), {
    mappings: recording.mappings,
    entries: beginning(recording),
    numbered: subscribers.length > 1,
  });
  if ('problem' in played) return notPlayable(played.problem);
  return resultOf(compare(recording, registration, played.steps));
}

function resultOf({ difference, forgiven }: Comparison): Result {
  return { outcome: difference === null ? 'equal' : 'differs', difference, problem: null, forgiven };
}

const listening = new WeakMap<ModelSet, Map<string, ModelSet | null>>();

/** The models, and the driver of a registration. */
function withListener(models: ModelSet, registration: Registration, kernel: string): ModelSet | null {
  const made = listening.get(models) ?? new Map<string, ModelSet | null>();
  listening.set(models, made);
  const key = `${kernel} ${registration}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const callbacks = kernelChain(models, kernel).flatMap(({ declarations }) => declarations.callbacks);
  const text = driverText(registration, callbacks);
  const file = { path: `listener_${registration}.mmu`, text: text ?? '' };
  const result = text === null ? null : compileModels({ kernels: {}, drivers: [file] }, models).models;
  made.set(key, result);
  return result;
}
