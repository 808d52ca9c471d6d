/**
 * The language's front door: files in, modules, programs and problems out. Nothing here throws on what a user
 * wrote,
 * and nothing reads a file.
 */
import { assert } from '../base/assert';
import type { Span } from '../base/span';
import { compileDeclarations } from './declare';
import type { Binding, Declaration, KernelChoice, Scenario } from './generated/ast';
import { link, mergeFunctions, type Part, runningDaemons } from './link';
import { compileDriver, parseFile, readDrivers, recursion } from './models';
import type { Declarations, DriverModule, ModelSet, SourceFile, Use } from './module';
import { nearestName } from './names';
import { docOf, spanOf, spanOfProperty } from './parse';
import { distinctProblems, type Problem, problems } from './problems';
import type { Program, ScenarioCode } from './program';
import { checkReplay } from './replay';
import { type CompiledScenario, compileScenario } from './scenario';
import { driverScope, kernelChain, kernelNamed, kernelScope, Scope } from './scope';
import { THREADS_MAX, threadsOf } from './threads';
import { plainName } from './types';
import type { Unit } from './unit';

/** A scenario of a file. */
export interface ScenarioHandle {
  readonly name: string;
  /** The kernel it runs on, after aliases and the choice of whoever asked. */
  readonly kernel: string;
  /** The kernel that it names itself, or that stands for what it names; empty if it names none. */
  readonly ownKernel: string;
  readonly span: Span;
  readonly doc: string;
  readonly tasks: readonly { readonly name: string; readonly span: Span }[];
  /** The drivers that it binds, each once. */
  readonly drivers: readonly string[];
  /** Mistakes in anything the scenario uses. With one, there is no program. */
  readonly problems: readonly Problem[];
  /** The linked program; made on first use. */
  readonly program: () => Program;
}

/** What a file of scenarios is compiled with. */
export interface ScenarioOptions {
  readonly models: ModelSet;
  /** The file that an import names, if it can be read. */
  readonly imports: (path: string) => SourceFile | undefined;
  /** Takes the place of the scenarios' own `kernel`. */
  readonly kernel?: string;
  /**
   * Drivers to bind to the first process of each scenario besides its own, in this order. They get no device:
   * their `bind` is called with null and PASID 0.
   */
  readonly subscribers?: readonly string[];
  /** Takes the place of every driver that the scenarios bind; `X.f()` of a bound X is then of this one. */
  readonly driver?: string | undefined;
}

/** What came of a file of scenarios. */
export interface CompiledFile {
  readonly scenarios: readonly ScenarioHandle[];
  readonly problems: readonly Problem[];
  readonly uses: readonly Use[];
}

/** The file and what it imports. */
interface Files {
  readonly declarations: readonly Declaration[];
  readonly all: readonly SourceFile[];
  readonly scenarios: readonly Scenario[];
  readonly problems: readonly Problem[];
  readonly isBroken: boolean;
}

/** The declarations of the file for one kernel. */
interface FileModule {
  readonly unit: Unit;
  readonly declarations: Declarations;
  readonly drivers: ReadonlyMap<string, DriverModule>;
  readonly problems: readonly Problem[];
}

/** Compiles a file of scenarios. */
export function compileScenarioFile(file: SourceFile, options: ScenarioOptions): CompiledFile {
  const files = readFiles(file, options);
  const modules = new Map<string, FileModule>();
  const uses: Use[] = [];
  const found: Problem[] = [...files.problems];
  const names = new Set<string>();
  const scenarios = files.scenarios.map(node => {
    const own: Problem[] = [];
    const span = spanOfProperty(node, 'name');
    if (names.has(node.name)) own.push(problems.alreadyDeclared(span, node.name, 'in this file'));
    names.add(node.name);
    const kernel = kernelOf(node, options, own, uses);
    // On a broken kernel everything else is broken too.
    const broken = kernel === null ? [] : kernelErrors(options.models, kernel);
    own.push(...broken);
    const module =
      kernel === null || broken.length > 0
        ? undefined
        : (modules.get(kernel) ?? compileFile(file, files, kernel, options));
    if (module && kernel !== null) modules.set(kernel, module);
    const handle = makeHandle({ node, kernel: kernel ?? '', module, options, files, own, uses });
    // A text that cannot be read has told its mistakes; what is missing is missing because of them.
    if (!files.isBroken) found.push(...own, ...handle.problems);
    return handle;
  });
  for (const { unit, problems: ofFile } of modules.values()) {
    uses.push(...unit.uses);
    found.push(...ofFile);
  }
  return { scenarios, problems: distinctProblems(found), uses };
}

function kernelErrors(models: ModelSet, kernel: string): Problem[] {
  return kernelChain(models, kernel).flatMap(part =>
    part.problems.filter(({ severity }) => severity === 'error'),
  );
}

function readFiles(file: SourceFile, options: ScenarioOptions): Files {
  const declarations: Declaration[] = [];
  const found: Problem[] = [];
  const all: SourceFile[] = [];
  let scenarios: readonly Scenario[] = [];
  let isBroken = false;
  const read = (source: SourceFile) => {
    if (all.some(({ path }) => path === source.path)) return;
    all.push(source);
    const { tree, problems: syntax } = parseFile(source);
    found.push(...syntax);
    isBroken ||= syntax.length > 0;
    if (!tree) return;
    // What a driver's file imports is the driver's own: compileModels looks for that.
    const holdsScenario = tree.declarations.some(node => node.$type === 'Scenario');
    const isDriverFile = source === file && !holdsScenario;
    for (const node of isDriverFile ? [] : tree.imports) {
      const imported = options.imports(node.path ?? '');
      if (imported) read(imported);
      else {
        found.push(problems.unknownImport(spanOf(node), node.path ?? ''));
        isBroken = true;
      }
    }
    declarations.push(...tree.declarations.filter(node => node.$type !== 'Scenario'));
    // The scenarios of an imported file are its own.
    if (source === file) scenarios = tree.declarations.filter(node => node.$type === 'Scenario');
  };
  read(file);
  const named = scenarios.filter(({ name }) => name !== undefined);
  return { declarations: isBroken ? [] : declarations, all, scenarios: named, problems: found, isBroken };
}

/** The kernel a scenario names, or stands for what it names. */
function kernelOf(node: Scenario, options: ScenarioOptions, own: Problem[], uses: Use[]): string | null {
  const choice = node.items?.find((item): item is KernelChoice => item.$type === 'KernelChoice');
  const name = options.kernel ?? choice?.name;
  const span = choice ? spanOfProperty(choice, 'name') : spanOfProperty(node, 'name');
  if (name === undefined) {
    own.push(problems.noKernel(span, node.name));
    return null;
  }
  const { kernels } = options.models;
  const direct = kernelNamed(options.models, name);
  if (direct) {
    if (choice && options.kernel === undefined) {
      uses.push({ span, definition: direct.span, name, kind: 'kernel' });
    }
    return name;
  }
  for (const kernel of Object.values(kernels)) {
    const alias = kernel.aliases.find(other => other.name === name);
    if (!alias) continue;
    own.push(problems.kernelAlias(span, name, kernel.name, alias.note));
    uses.push({ span, definition: kernel.span, name, kind: 'kernel' });
    return kernel.name;
  }
  const known = Object.keys(kernels);
  own.push(problems.unknownKernel(span, name, known, nearestName(name, known)));
  return null;
}

/** The kernel a scenario itself names or stands for, whichever it is compiled for. */
function ownKernel(node: Scenario, models: ModelSet): string | null {
  const name = node.items?.find((item): item is KernelChoice => item.$type === 'KernelChoice')?.name;
  const kernels = Object.values(models.kernels);
  const named = kernels.find(kernel => kernel.aliases.some(alias => alias.name === name));
  return named?.name ?? name ?? null;
}

function compileFile(
  file: SourceFile,
  files: Files,
  kernel: string,
  { models }: ScenarioOptions,
): FileModule {
  const scope = new Scope(kernelScope(models, kernel));
  const unit: Unit = {
    name: baseName(file.path),
    kind: 'scenario',
    prefix: '',
    scope,
    problems: [],
    uses: [],
  };
  const drivers = new Map<string, DriverModule>();
  for (const source of files.isBroken ? [] : files.all) {
    for (const driver of readDrivers(source, null).drivers) {
      if (drivers.has(driver.name)) {
        const span = spanOfProperty(driver.node, 'name');
        unit.problems.push(problems.alreadyDeclared(span, driver.name, 'in this file'));
      }
      const compiled = compileDriver(driver, kernel, models);
      drivers.set(driver.name, compiled);
      unit.uses.push(...compiled.uses);
    }
  }
  const nodes = files.declarations.filter(node => {
    if (node.$type === 'KernelManifest') unit.problems.push(problems.onlyInFolder(spanOf(node)));
    return node.$type !== 'Driver' && node.$type !== 'KernelManifest';
  });
  const declarations = compileDeclarations(unit, nodes);
  const chain = kernelChain(models, kernel);
  const parts = [...chain, { name: unit.name, declarations }];
  const { functions } = mergeFunctions({ parts, functions: [] });
  const ownDrivers = [...drivers.values()].flatMap(driver => driver.problems);
  const loops = recursion(functions, declarations.functions);
  const found = [...chain.flatMap(part => part.problems), ...unit.problems, ...ownDrivers, ...loops];
  return { unit, declarations, drivers, problems: found };
}

function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}

interface HandleInput {
  readonly node: Scenario;
  readonly kernel: string;
  readonly module: FileModule | undefined;
  readonly options: ScenarioOptions;
  readonly files: Files;
  readonly own: Problem[];
  readonly uses: Use[];
}

function makeHandle(input: HandleInput): ScenarioHandle {
  const { node, kernel, module, options, files, own, uses } = input;
  const used = new Map<string, DriverModule>();
  let compiled: CompiledScenario | undefined;
  if (module && !files.isBroken) {
    const unit: Unit = {
      name: node.name,
      kind: 'scenario',
      prefix: '',
      scope: new Scope(module.unit.scope),
      problems: own,
      uses,
    };
    compiled = compileWithDrivers(unit, input, module, used);
  }
  const found = [...files.problems, ...(files.isBroken ? [] : [...(module?.problems ?? []), ...own])];
  for (const driver of used.values()) found.push(...driver.problems);
  let program: Program | undefined;
  const drivers = [...new Set(bindingsOf(node).map(each => each.driver))];
  const driver = options.driver !== undefined && !drivers.includes(options.driver) ? options.driver : null;
  const makeProgram = () => {
    assert(compiled !== undefined && module !== undefined, 'program: the scenario has problems');
    const parts = partsOf(module, [...used.values()], options.models, kernel);
    const { code, functions, globals } = compiled;
    const scenario = { ...code, kernel: ownKernel(node, options.models) ?? kernel, driver };
    program ??= link({ kernel, parts, scenario, functions, globals });
    return program;
  };
  const errors = () => distinctProblems(found).filter(({ severity }) => severity === 'error');
  if (compiled && module && errors().length === 0) {
    const parts = partsOf(module, [...used.values()], options.models, kernel);
    const late = [...checkThreads(compiled.code, parts), ...checkPasses(compiled.code, parts)];
    if (compiled.code.replay.length > 0) late.push(...checkReplay(makeProgram()));
    own.push(...late);
    found.push(...late);
  }
  const problemsOf = errors();
  return {
    name: node.name,
    kernel,
    ownKernel: ownKernel(node, options.models) ?? '',
    span: spanOf(node),
    doc: docOf(node),
    tasks: taskSpans(node),
    drivers,
    problems: problemsOf,
    program: () => {
      assert(problemsOf.length === 0, 'program: the scenario has problems');
      return makeProgram();
    },
  };
}

function bindingsOf(node: Scenario): Binding[] {
  return (node.items ?? []).flatMap(item => (item.$type === 'Process' ? item.bindings : []));
}

function taskSpans(node: Scenario): { name: string; span: Span }[] {
  const tasks = (node.items ?? []).filter(item => item.$type === 'Task');
  return tasks.map(task => ({ name: task.name, span: spanOf(task) }));
}

/**
 * Drivers are found in the file, then among the models; the first use of one fixes its place in the
 * program.
 */
function compileWithDrivers(
  unit: Unit,
  { node, kernel, options }: HandleInput,
  module: FileModule,
  used: Map<string, DriverModule>,
): CompiledScenario {
  const available = new Map<string, DriverModule>();
  for (const driver of Object.values(options.models.drivers)) {
    if (driver.kernel === kernel) available.set(driver.name, driver);
  }
  for (const driver of module.drivers.values()) available.set(driver.name, driver);
  const scopes = new Map<string, Scope>();
  const find = (name: string) => {
    const driver = available.get(name);
    if (!driver) return undefined;
    used.set(name, driver);
    const scope = scopes.get(name) ?? driverScope(driver);
    scopes.set(name, scope);
    return { scope, span: driver.span, problems: driver.problems };
  };
  const bound = bindingsOf(node);
  const rebound = (name: string) => options.driver ?? name;
  unit.scope.driverNamed = name => {
    // A name with '+' cannot be written in an expression: what is before it will do, if only one is bound.
    const variants = new Set(
      bound.map(({ driver }) => driver).filter(driver => driver.startsWith(`${name}+`)),
    );
    const isBound = bound.some(({ driver }) => driver === name);
    const [variant] = variants;
    if (isBound || variants.size === 1) return find(rebound(isBound ? name : (variant ?? name)))?.scope;
    return find(name)?.scope;
  };
  const subscribers = options.subscribers ?? [];
  return compileScenario(unit, node, kernel, {
    find: name => find(name),
    names: () => [...available.keys()],
    subscribers,
    rebound,
  });
}

/** What a scenario is linked from, in the order of precedence. */
function partsOf(
  module: FileModule,
  drivers: readonly DriverModule[],
  models: ModelSet,
  kernel: string,
): Part[] {
  const own = { name: module.unit.name, declarations: module.declarations };
  return [...kernelChain(models, kernel), ...drivers, own];
}

/** Daemons are known when all parts are: a driver may have one. */
function checkPasses({ passes }: ScenarioCode, parts: readonly Part[]): Problem[] {
  const daemons = parts.flatMap(({ declarations }) => declarations.daemons);
  const known = daemons.filter(daemon => daemon.passes !== null).map(({ name }) => plainName(name));
  return passes.flatMap(({ daemon, span }) => {
    if (known.includes(daemon)) return [];
    const runs = daemons.some(({ name }) => plainName(name) === daemon);
    return [
      runs
        ? problems.daemonMakesNoPasses(span, daemon)
        : problems.unknownDaemon(span, daemon, known, nearestName(daemon, known)),
    ];
  });
}

function checkThreads(scenario: ScenarioCode, parts: readonly Part[]): Problem[] {
  const workqueues = parts.flatMap(({ declarations }) => declarations.workqueues);
  const daemons = runningDaemons(parts, scenario);
  const { length } = threadsOf({ scenario, workqueues, daemons });
  return length > THREADS_MAX ? [problems.tooManyThreads(scenario.span, length, THREADS_MAX)] : [];
}

export type { CompiledExpression } from './evaluate';
export { compileExpression } from './evaluate';
export { compileModels } from './models';
export type { DriverModule, KernelModule, ModelSet, SourceFile, Use } from './module';
export type { Problem } from './problems';
