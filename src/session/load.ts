/**
 * From files to a program that can be run. Everything comes in as text, so that a worker needs no file
 * system.
 */
import { formatSpan, type Span } from '../base/span';
import { type CompiledFile, compileModels, compileScenarioFile, type ModelSet } from '../language/compile';
import type { Program } from '../language/program';
import { SetupError } from '../vm/vm';
import { Session, type SessionOptions } from './session';

/** A file's path and text. */
export interface LaunchFile {
  readonly path: string;
  readonly text: string;
}

/** An imported file, with the name that `import "name"` calls it by. */
export interface ImportedFile extends LaunchFile {
  readonly name: string;
}

/** Everything a run is made from: plain data. */
export interface LaunchFiles {
  readonly scenario: LaunchFile;
  readonly imports: readonly ImportedFile[];
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

/** A program, with what is to be said about it, or why there is none. */
export type Loaded =
  | { readonly program: Program; readonly warnings: readonly RunProblem[] }
  | { readonly problems: readonly RunProblem[] };

/** The user's models over the shipped ones. */
export function modelsOf({ kernels, drivers, models }: LaunchFiles): ModelSet {
  return compileModels({ kernels: copyOf(kernels), drivers: [...drivers] }, models).models;
}

/** Compiles every scenario of the file, with the user's models over the shipped ones. */
export function compileRun(
  files: LaunchFiles,
  kernel: string | undefined,
  driver?: string | undefined,
): CompiledFile {
  const imports = (wanted: string) => files.imports.find(({ name }) => name === wanted);
  const options = { models: modelsOf(files), imports, driver };
  return compileScenarioFile(files.scenario, kernel === undefined ? options : { ...options, kernel });
}

/**
 * What is wrong with the drivers of a file that holds no scenario, for one kernel; without one it is enough
 * that they fit some kernel. Null if the file declares no driver.
 */
export function checkDrivers(files: LaunchFiles, kernel: string | undefined): RunProblem[] | null {
  const { path } = files.scenario;
  const drivers = [...files.drivers.filter(each => each.path !== path), files.scenario];
  const { models, problems } = compileModels({ kernels: copyOf(files.kernels), drivers }, files.models);
  const own = Object.values(models.drivers).filter(driver => driver.file.path === path);
  if (own.length === 0) return null;
  if (kernel !== undefined) {
    const fitting = own.filter(driver => driver.kernel === kernel);
    if (fitting.length > 0) return fitting.flatMap(driver => driver.problems);
    const known = Object.keys(models.kernels).join(', ');
    const message = `unknown kernel '${kernel}', expected one of ${known}`;
    return [{ code: 'no-kernel', span: null, message }];
  }
  const paths = own.flatMap(driver => [driver.file, ...driver.imports]).map(file => file.path);
  return problems.filter(({ span }) => paths.includes(span.file));
}

/** Compiles a scenario: the named one, or the first of the file; with its own kernel and driver or others. */
export function loadRun(
  files: LaunchFiles,
  choice: {
    readonly scenario?: string | undefined;
    readonly kernel?: string | undefined;
    readonly driver?: string | undefined;
  },
): Loaded {
  const compiled = compileRun(files, choice.kernel, choice.driver);
  const { scenarios, problems } = compiled;
  const errors = problems.filter(({ severity }) => severity === 'error');
  const wanted = choice.scenario;
  const handle = wanted === undefined ? scenarios[0] : scenarios.find(({ name }) => name === wanted);
  if (handle === undefined) {
    if (errors.length > 0) return { problems: errors };
    const names = scenarios.map(({ name }) => name).join(', ');
    const path = files.scenario.path;
    const known = scenarios.length === 1 ? `'${names}'` : `one of ${names}`;
    const text =
      names === '' ? `${path} holds no scenario` : `no scenario '${wanted}' in ${path}, expected ${known}`;
    return { problems: [{ code: 'no-scenario', span: null, message: text }] };
  }
  if (handle.problems.length > 0) return { problems: handle.problems };
  return { program: handle.program(), warnings: problems.filter(({ severity }) => severity === 'warning') };
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

function copyOf(kernels: LaunchFiles['kernels']): Record<string, LaunchFile[]> {
  return Object.fromEntries(Object.entries(kernels).map(([folder, sources]) => [folder, [...sources]]));
}
