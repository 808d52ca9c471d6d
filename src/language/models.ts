/** Compiles kernels and drivers. */
import { findCycles } from './call-graph';
import { compileDeclarations } from './declare';
import type { Declaration, Driver, KernelManifest } from './generated/ast';
import { mergeFunctions } from './link';
import type { DriverModule, KernelModule, ModelSet, ModuleFunction, SourceFile } from './module';
import { nearestName } from './names';
import { docOf, parse, point, spanOf, spanOfProperty } from './parse';
import { type Problem, problems } from './problems';
import { kernelChain, kernelNamed, kernelScope, Scope } from './scope';
import { missingSetUp } from './set-up-functions';
import { recordUse, type Unit } from './unit';

/** Texts of kernels by folder, and of drivers. */
export interface ModelFiles {
  readonly kernels: Readonly<Record<string, readonly SourceFile[]>>;
  readonly drivers: readonly SourceFile[];
}

interface Kernel {
  readonly name: string;
  readonly manifest: KernelManifest | null;
  readonly files: readonly SourceFile[];
  readonly declarations: readonly Declaration[];
  readonly problems: Problem[];
  /** A text could not be read: what is missing then, is missing because of that. */
  readonly isBroken: boolean;
}

type ParsedFile = ReturnType<typeof parse>;

/** Texts parsed last, by path: an editor asks for the same models again at every key. */
const parsed = new Map<string, { readonly text: string; readonly result: ParsedFile }>();

/** How many texts are remembered. */
const PARSED_MAX = 256;

/** Parses a file once, however many kernels it is compiled for. */
export function parseFile({ path, text }: SourceFile): ParsedFile {
  const known = parsed.get(path);
  if (known?.text === text) return known.result;
  const result = parse(text, path);
  if (parsed.size >= PARSED_MAX) parsed.clear();
  parsed.set(path, { text, result });
  return result;
}

/**
 * Compiles all kernels, and all drivers for every kernel. Models in `base` that are not given anew are kept,
 * but for
 * kernels and drivers that rest on a kernel that is.
 */
export function compileModels(
  files: ModelFiles,
  base: ModelSet = { kernels: {}, drivers: {} },
): { models: ModelSet; problems: Problem[] } {
  const sources = kernelSources(files, base);
  const kernels: Record<string, KernelModule> = { ...base.kernels };
  for (const name of sources.keys()) delete kernels[name];
  const models: ModelSet = { kernels, drivers: {} };
  const busy = new Set<string>();
  const compile = (name: string) => {
    const source = sources.get(name);
    if (!source || busy.has(name)) return;
    busy.add(name);
    const extended = source.manifest?.base;
    if (extended !== undefined) compile(extended);
    kernels[name] = compileKernel(source, models, busy);
  };
  for (const name of sources.keys()) compile(name);
  const drivers = compileDrivers(files.drivers, models, base, new Set(sources.keys()));
  const found = [...sources.keys()].flatMap(name => kernels[name]?.problems ?? []);
  return {
    models: { kernels, drivers: drivers.modules },
    problems: [...found, ...drivers.problems],
  };
}

/* Kernels. */

/** Kernels to compile: those given, and those of the base that extend one of them. */
function kernelSources(files: ModelFiles, base: ModelSet): Map<string, Kernel> {
  const sources = new Map<string, Kernel>();
  for (const [folder, folderFiles] of Object.entries(files.kernels)) {
    const kernel = readKernel(folder, folderFiles);
    sources.set(kernel.name, kernel);
  }
  for (const kernel of Object.values(base.kernels)) {
    const restsOnNew = kernelChain(base, kernel.name).some(({ name }) => sources.has(name));
    if (restsOnNew && !sources.has(kernel.name))
      sources.set(kernel.name, readKernel(kernel.name, kernel.files));
  }
  return sources;
}

function readKernel(folder: string, files: readonly SourceFile[]): Kernel {
  const found: Problem[] = [];
  const declarations: Declaration[] = [];
  let manifest: KernelManifest | null = null;
  let isBroken = false;
  for (const file of files) {
    const { tree, problems: syntax } = parseFile(file);
    found.push(...syntax);
    // What could be made out of a text with mistakes would only make more of them elsewhere.
    isBroken ||= syntax.length > 0;
    if (syntax.length > 0) continue;
    for (const use of tree?.imports ?? []) found.push(problems.importInModel(spanOf(use)));
    for (const node of tree?.declarations ?? []) {
      if (node.$type !== 'KernelManifest') declarations.push(node);
      else if (manifest) found.push(problems.manifestTwice(spanOf(node)));
      else manifest = node;
    }
  }
  if (!manifest && !isBroken) found.push(problems.noManifest(point(files[0]?.path ?? folder, 1, 1), folder));
  if (manifest && manifest.name !== folder) {
    found.push(problems.kernelName(spanOfProperty(manifest, 'name'), manifest.name, folder));
  }
  return { name: folder, manifest, files, declarations, problems: found, isBroken };
}

function compileKernel(kernel: Kernel, models: ModelSet, waiting: ReadonlySet<string>): KernelModule {
  const { manifest, name } = kernel;
  const found = [...kernel.problems];
  const span = manifest ? spanOfProperty(manifest, 'name') : point(kernel.files[0]?.path ?? name, 1, 1);
  let base = manifest?.base ?? null;
  const isBaseMissing = base !== null && !models.kernels[base];
  const below = new Scope(null);
  const uses: Unit['uses'] = [];
  const unit: Unit = { name, kind: 'kernel', prefix: '', scope: new Scope(below), problems: found, uses };
  if (manifest && base !== null) {
    const baseSpan = spanOfProperty(manifest, 'base');
    const extended = kernelNamed(models, base);
    if (extended) recordUse(unit, baseSpan, extended.span, base, 'kernel');
    else {
      const known = Object.keys(models.kernels);
      // What is being compiled further up waits for this one.
      const isCycle = waiting.has(base);
      found.push(
        isCycle
          ? problems.kernelCycle(baseSpan, base)
          : problems.unknownKernel(baseSpan, base, known, nearestName(base, known)),
      );
      base = null;
    }
  }
  const chain = base === null ? [] : kernelChain(models, base);
  for (const { declarations } of chain) below.add(declarations);
  const accepted = kernel.declarations.filter(node => {
    const isForeign = node.$type === 'Driver' || node.$type === 'Scenario';
    if (isForeign) found.push(problems.notInKernel(spanOf(node), node.$type.toLowerCase()));
    return !isForeign;
  });
  const declarations = compileDeclarations(unit, accepted);
  const aliases = (manifest?.aliases ?? []).map(alias => ({ name: alias.name, note: alias.note ?? '' }));
  const module = { name, base, aliases, span, declarations, problems: found, uses, files: kernel.files };
  if (kernel.isBroken) return { ...module, problems: kernel.problems };
  // Without what it extends, everything is missing.
  if (isBaseMissing) return module;
  found.push(...missingParts(module, unit.scope));
  const parts = [...chain, module].map(part => ({ name: part.name, declarations: part.declarations }));
  const { functions } = mergeFunctions({ parts, functions: [] });
  found.push(...recursion(functions, declarations.functions));
  return module;
}

/** Cycles of calls that go through a function of this module. */
export function recursion(
  functions: ReadonlyMap<string, ModuleFunction>,
  own: readonly ModuleFunction[],
): Problem[] {
  const ownKeys = new Set(own.map(({ header }) => header.key));
  const found: Problem[] = [];
  for (const cycle of findCycles(functions)) {
    const mine = cycle.keys.find(key => ownKeys.has(key));
    if (mine === undefined) continue;
    const following = cycle.names[cycle.names.indexOf(mine) + 1];
    const site = own
      .find(({ header }) => header.key === mine)
      ?.calls.find(call => following !== undefined && call.key.includes(following));
    found.push(problems.recursion(site?.span ?? cycle.span, cycle.names));
  }
  return found;
}

/** What the rest of the product relies on in every kernel. */
const neededFields: readonly {
  readonly struct: string;
  readonly fields: Readonly<Record<string, string>>;
}[] = [
  { struct: 'mm', fields: { pgd: 'table' } },
  { struct: 'vma', fields: { vm_mm: 'mm', vm_start: 'addr', vm_end: 'addr', vm_write: 'bool' } },
  { struct: 'task', fields: { mm: 'mm' } },
  { struct: 'mmu_notifier', fields: { ops: 'ops', mm: 'mm' } },
];

function missingParts(kernel: Pick<KernelModule, 'span' | 'declarations'>, scope: Scope): Problem[] {
  const { span } = kernel;
  const found: Problem[] = [];
  for (const { struct, fields } of neededFields) {
    const known = scope.struct(struct);
    if (!known) found.push(problems.kernelLacks(span, `struct ${struct}`));
    for (const [name, type] of Object.entries(fields)) {
      const field = known?.fields.find(other => other.name === name);
      const shown = field?.type.kind === 'ref' ? field.type.struct : field?.type.kind;
      if (known && shown !== type) found.push(problems.kernelLacks(span, `field ${struct}.${name}: ${type}`));
    }
  }
  found.push(...missingSetUp(span, scope));
  const faults = scope.names('values').filter(name => {
    const value = scope.value(name);
    return value?.kind === 'function' && value.header.role === 'fault';
  });
  if (new Set(faults).size === 0) found.push(problems.kernelLacks(span, "a 'fault fn'"));
  if (new Set(faults).size > 1) {
    found.push(problems.kernelLacks(span, `a single 'fault fn', it has ${faults.join(' and ')}`));
  }
  return found;
}

/* Drivers. */

/** A driver as it was read. */
export interface DriverSource {
  readonly name: string;
  readonly node: Driver;
  readonly file: SourceFile;
  /** Files whose declarations the driver takes in as its own. */
  readonly imports: readonly SourceFile[];
  readonly syntax: readonly Problem[];
}

/**
 * The drivers in a file, with what it imports from the library. Imports of a file of scenarios (null) are
 * not theirs.
 */
export function readDrivers(
  file: SourceFile,
  library: readonly SourceFile[] | null,
): { drivers: DriverSource[]; problems: readonly Problem[] } {
  const { tree, problems: syntax } = parseFile(file);
  const nodes = (tree?.declarations ?? []).filter(node => node.$type === 'Driver');
  if (nodes.length === 0) return { drivers: [], problems: syntax };
  const imports: SourceFile[] = [];
  const found = library ? [...syntax, ...takeImports(file, library, imports)] : syntax;
  const drivers = nodes.map(node => ({ name: node.name, node, file, imports, syntax: found }));
  return { drivers, problems: found };
}

/**
 * Adds what a file imports, and what that imports; a file beside it before one of the same name elsewhere.
 */
function takeImports(file: SourceFile, library: readonly SourceFile[], taken: SourceFile[]): Problem[] {
  const found: Problem[] = [];
  for (const node of parseFile(file).tree?.imports ?? []) {
    const name = node.path;
    const beside = file.path.replace(/[^/\\]*$/, '') + name;
    const imported =
      library.find(({ path }) => path === beside) ??
      library.find(({ path }) => path.split(/[/\\]/).at(-1) === name);
    if (!imported) found.push(problems.unknownImport(spanOf(node), name));
    else if (imported !== file && !taken.includes(imported)) {
      taken.push(imported);
      found.push(...parseFile(imported).problems, ...takeImports(imported, library, taken));
    }
  }
  return found;
}

function compileDrivers(
  files: readonly SourceFile[],
  models: ModelSet,
  base: ModelSet,
  fresh: ReadonlySet<string>,
): { modules: Record<string, DriverModule>; problems: Problem[] } {
  const modules: Record<string, DriverModule> = {};
  const found: Problem[] = [];
  const given = new Set<string>();
  const library = [
    ...files,
    ...Object.values(base.drivers).flatMap(driver => [driver.file, ...driver.imports]),
  ];
  for (const file of files) {
    const { drivers, problems: syntax } = readDrivers(file, library);
    found.push(...syntax);
    for (const source of drivers) {
      given.add(source.name);
      const compiled = Object.keys(models.kernels).map(kernel => compileDriver(source, kernel, models));
      for (const module of compiled) modules[`${module.kernel}/${module.name}`] = module;
      if (compiled.length === 0) found.push(problems.driverNeedsKernel(spanOf(source.node), source.name));
      if (syntax.length > 0 || !compiled.every(hasErrors)) continue;
      const sound = compiled.filter(({ kernel }) => !models.kernels[kernel]?.problems.some(isError));
      found.push(...fewestProblems(sound));
    }
  }
  keepDrivers(modules, models, base, fresh, given);
  return { modules, problems: found };
}

/** Drivers of the base that are not given anew; compiled again for kernels that are. */
function keepDrivers(
  modules: Record<string, DriverModule>,
  models: ModelSet,
  base: ModelSet,
  fresh: ReadonlySet<string>,
  given: ReadonlySet<string>,
): void {
  const kept = new Map<string, DriverModule>();
  for (const driver of Object.values(base.drivers)) {
    if (given.has(driver.name)) continue;
    kept.set(driver.name, kept.get(driver.name) ?? driver);
    if (!fresh.has(driver.kernel)) modules[`${driver.kernel}/${driver.name}`] = driver;
  }
  // Parsing them is what takes long; without a kernel of the user there is no need to.
  if (fresh.size === 0) return;
  for (const [name, { file, imports }] of kept) {
    const source = readDrivers(file, imports).drivers.find(driver => driver.name === name);
    for (const kernel of source ? fresh : []) {
      if (source && models.kernels[kernel])
        modules[`${kernel}/${name}`] = compileDriver(source, kernel, models);
    }
  }
}

function hasErrors({ problems: found }: DriverModule): boolean {
  return found.some(isError);
}

function isError({ severity }: Problem): boolean {
  return severity === 'error';
}

/** The problems for the kernel the driver fits best. */
function fewestProblems(modules: readonly DriverModule[]): readonly Problem[] {
  const sorted = [...modules].sort((a, b) => a.problems.length - b.problems.length);
  return sorted[0]?.problems ?? [];
}

/** Compiles a driver for one kernel. */
export function compileDriver(source: DriverSource, kernel: string, models: ModelSet): DriverModule {
  const { node, name, file, imports } = source;
  const scope = new Scope(kernelScope(models, kernel));
  const unit: Unit = { name, kind: 'driver', prefix: `${name}.`, scope, problems: [], uses: [] };
  unit.problems.push(...source.syntax);
  const imported = imports.flatMap(each => parseFile(each).tree?.declarations ?? []);
  const own = [...imported.filter(each => !isFileOnly(each)), ...node.declarations];
  const declarations = compileDeclarations(unit, source.syntax.length > 0 ? [] : own);
  const chain = kernelChain(models, kernel);
  const parts = [
    ...chain.map(part => ({ name: part.name, declarations: part.declarations })),
    { name, declarations },
  ];
  const { functions } = mergeFunctions({ parts, functions: [] });
  unit.problems.push(...recursion(functions, declarations.functions));
  return {
    name,
    kernel,
    span: spanOfProperty(node, 'name'),
    doc: docOf(node),
    declarations,
    problems: unit.problems,
    uses: unit.uses,
    file,
    imports,
  };
}

/** What only the top of a file may hold; an imported file's is not taken in. */
function isFileOnly({ $type }: Declaration): boolean {
  return $type === 'Driver' || $type === 'Scenario' || $type === 'KernelManifest';
}
