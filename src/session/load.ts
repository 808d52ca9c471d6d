/** From files to a program that can be run. Everything comes in as text, so that a worker needs no file system. */
import { formatSpan, type Span } from '../base/span';
import { compileModels, compileScenarioFile, type ModelSet } from '../language/compile';
import type { Program } from '../language/program';
import { SetupError } from '../vm/vm';
import { Session, type SessionOptions } from './session';

/** A file's path and text. */
export interface LaunchFile {
  readonly path: string;
  readonly text: string;
}

/** Everything a run is made from: plain data. */
export interface LaunchFiles {
  readonly scenario: LaunchFile;
  readonly imports: readonly LaunchFile[];
  /** The user's own kernels, by the name of their folder. */
  readonly kernels: Readonly<Record<string, readonly LaunchFile[]>>;
  /** The user's own drivers. */
  readonly drivers: readonly LaunchFile[];
  /** The shipped models, compiled. */
  readonly models: ModelSet;
  /** Folder of the shipped models' sources. */
  readonly modelsRoot: string;
  /** A saved schedule to replay. */
  readonly trace: LaunchFile | null;
}

/** Something wrong with the files. */
export interface RunProblem {
  readonly code: string;
  readonly span: Span | null;
  readonly message: string;
}

/** A program, or why there is none. */
export type Loaded = { readonly program: Program } | { readonly problems: readonly RunProblem[] };

/** Compiles a scenario: the named one, or the first of the file; under its own kernel or another one. */
export function loadRun(
  files: LaunchFiles,
  choice: { readonly scenario?: string | undefined; readonly kernel?: string | undefined },
): Loaded {
  const own = compileModels({ kernels: copyOf(files.kernels), drivers: [...files.drivers] }, files.models);
  const options = { models: own.models, imports: [...files.imports] };
  const compiled = compileScenarioFile(
    files.scenario,
    choice.kernel === undefined ? options : { ...options, kernel: choice.kernel },
  );
  const { scenarios } = compiled;
  if (scenarios.length === 0 && compiled.problems.length === 0)
    return { problems: [plain('no-scenario', `${files.scenario.path} holds no scenario`)] };
  const wanted = choice.scenario;
  const handle = wanted === undefined ? scenarios[0] : scenarios.find(({ name }) => name === wanted);
  if (handle === undefined) {
    const names = scenarios.map(({ name }) => name).join(', ');
    const text = `no scenario '${wanted ?? ''}' in ${files.scenario.path}, expected one of ${names}`;
    return { problems: compiled.problems.length > 0 ? compiled.problems : [plain('no-scenario', text)] };
  }
  // Problems of models the scenario does not use are not its business: they show where it uses them.
  const problems = [...compiled.problems, ...handle.problems];
  if (problems.length > 0) return { problems: [...problems, ...own.problems] };
  return { program: handle.program() };
}

/** Builds the initial state. That runs code of the kernel, and so may go wrong. */
export function startSession(
  program: Program,
  options: SessionOptions,
): { readonly session: Session } | { readonly problem: RunProblem } {
  try {
    return { session: new Session(program, options) };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return { problem: { code: 'set-up', span: error.span, message: error.message } };
  }
}

/** A problem as one line: `first.mmu:3:5: MMU012 unknown mapping 'B'`. */
export function problemText({ code, span, message }: RunProblem): string {
  return span === null ? message : `${formatSpan(span)}: ${code} ${message}`;
}

function plain(code: string, message: string): RunProblem {
  return { code, span: null, message };
}

function copyOf(kernels: LaunchFiles['kernels']): Record<string, LaunchFile[]> {
  return Object.fromEntries(Object.entries(kernels).map(([folder, sources]) => [folder, [...sources]]));
}
