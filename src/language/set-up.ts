/** The set-up of a scenario: one function that builds the initial state by calling kernel and drivers. */
import { PAGE_SIZE } from '../base/address';
import type { Span } from '../base/span';
import { filePrefix } from './accesses';
import type { Body } from './body';
import { synthesize } from './functions';
import type { Binding, FileDeclaration, Scenario } from './generated/ast';
import { constantAddress, type PlacedMapping } from './mappings';
import type { FunctionHeader, ModuleFunction } from './module';
import { nearestName } from './names';
import { spanOf, spanOfProperty } from './parse';
import { problems } from './problems';
import type { Expr, Global, Place, TaskConfig } from './program';
import { callSetUp, type Named } from './set-up-functions';
import { recordUse, type Unit } from './unit';
import { constant } from './value';

/** What the set-up builds. */
export interface SetUp {
  readonly unit: Unit;
  readonly node: Scenario;
  readonly processes: ReadonlyMap<string, Global>;
  readonly mappings: readonly PlacedMapping[];
  readonly files: ReadonlyMap<string, Global>;
  readonly tasks: readonly TaskConfig[];
  /** Binds a device by its driver. */
  readonly bind: (body: Body, binding: Binding, process: Global) => void;
  /** Binds the drivers that whoever compiles the scenario adds to it. */
  readonly subscribe: (body: Body) => void;
}

/** Makes the set-up: swap and files, processes and their mappings, tasks, then the drivers' `bind`. */
export function compileSetUp(work: SetUp): ModuleFunction {
  const { unit, node } = work;
  const key = `scenario.${node.name}.setup`;
  const span = spanOfProperty(node, 'name');
  const header: FunctionHeader = { key, name: 'setup', role: 'setup', signature: [], result: null, span };
  return synthesize(unit, header, body => {
    for (const item of node.items) {
      if (item.$type === 'Swap') {
        const size = item.size ? constantAddress(body, item.size) : null;
        if (!isThere(work, spanOf(item), 'setup_swap', 'swap')) continue;
        callSetUp(body, spanOf(item), 'setup_swap', [constant(size ?? 0)]);
      }
      if (item.$type === 'FileDeclaration') setUpFile(work, body, item);
    }
    for (const item of node.items) if (item.$type === 'Process') setUpProcess(work, body, item.name);
    work.tasks.forEach((task, index) => {
      const process = work.processes.get(task.process);
      if (!process) return;
      const args = [constant(1 + index), globalPlace(process), constant(1 + task.cpu)];
      callSetUp(body, task.span, 'setup_task', args);
    });
    for (const item of node.items) {
      for (const binding of item.$type === 'Process' ? item.bindings : []) {
        const process = item.$type === 'Process' ? work.processes.get(item.name) : undefined;
        if (process) work.bind(body, binding, process);
      }
    }
    work.subscribe(body);
  });
}

/** A global as a place. */
export function globalPlace({ name, type }: Global): Place {
  return { op: 'global', name, type };
}

/** Makes the files of a scenario known: each is a hidden global that holds the kernel's object. */
export function declareFiles(unit: Unit, node: Scenario): Map<string, Global> {
  const files = new Map<string, Global>();
  for (const item of node.items) {
    if (item.$type !== 'FileDeclaration') continue;
    const span = spanOfProperty(item, 'name');
    if (unit.scope.values.has(item.name)) {
      unit.problems.push(problems.alreadyDeclared(span, item.name, 'in this scenario'));
    }
    const type = { kind: 'ref', struct: 'file' } as const;
    const name = filePrefix + item.name;
    const global = {
      name,
      type,
      initial: 0,
      guard: null,
      ghost: false,
      counts: null,
      module: unit.name,
      span,
    };
    unit.scope.values.set(item.name, { kind: 'global', span, global });
    files.set(item.name, global);
  }
  return files;
}

function isThere({ unit }: SetUp, span: Span, fn: string, what: string): boolean {
  if (unit.scope.value(fn)?.kind === 'function') return true;
  unit.problems.push(problems.kernelHasNone(span, what, fn));
  return false;
}

function setUpFile(work: SetUp, body: Body, node: FileDeclaration): void {
  const { unit } = work;
  const global = work.files.get(node.name);
  const span = spanOf(node);
  const size = constantAddress(body, node.size);
  const setup = unit.scope.value('setup_file');
  if (!global || !isThere(work, span, 'setup_file', 'files') || setup?.kind !== 'function') return;
  if (size !== null && (size < 0 || size % PAGE_SIZE !== 0)) {
    unit.problems.push(problems.badFlag(spanOf(node.size), `a file of ${size} bytes`, 'whole pages'));
  }
  const kind = setup.header.signature[1]?.type;
  const known = kind?.kind === 'enum' ? unit.scope.membersOf(kind.name) : [];
  const system = known.indexOf(node.system);
  const where = spanOfProperty(node, 'system');
  const meaning = unit.scope.value(node.system);
  if (system < 0) {
    const near = nearestName(node.system, known);
    unit.problems.push(problems.unknownFileSystem(where, node.system, known, near));
  } else if (meaning) recordUse(unit, where, meaning.span, node.system, 'constant');
  const args = [constant(size ?? 0), constant(Math.max(system, 0))];
  callSetUp(body, span, 'setup_file', args, { result: globalPlace(global) });
}

function setUpProcess(work: SetUp, body: Body, name: string): void {
  const process = work.processes.get(name);
  if (!process) return;
  const mm = globalPlace(process);
  callSetUp(body, process.span, 'setup_process', [], { result: mm });
  for (const mapping of work.mappings.filter(other => other.process === name)) {
    const { span, address, end } = mapping;
    const range = [mm, constant(address), constant(end - address)];
    callSetUp(body, span, 'setup_mmap', range, { named: namedOf(work, mapping) });
    for (const { first, end: last, write, span: where } of mapping.populated) {
      const pages = [mm, constant(address + first * PAGE_SIZE), constant((last - first) * PAGE_SIZE)];
      // A kernel that does not ask whether to write does what a first access would do.
      const isLess = mapping.write && !write;
      const asked = isLess ? { word: 'read', span: where } : null;
      callSetUp(body, span, 'setup_populate', pages, { named: { write: { value: flag(write), asked } } });
    }
  }
}

function namedOf(work: SetUp, mapping: PlacedMapping): Record<string, Named> {
  const { read, write, exec, shared, file, others, span } = mapping;
  const said = (value: boolean, word: string, isSaid = value): Named => ({
    value: flag(value),
    asked: isSaid ? { word, span } : null,
  });
  const named: Record<string, Named> = {
    read: said(read, 'none', !read),
    write: said(write, 'rw'),
    exec: said(exec, write ? 'rwx' : 'rx'),
    shared: said(shared, 'shared'),
  };
  for (const { name, span: where } of others)
    named[name] = { value: flag(true), asked: { word: name, span: where } };
  if (file === null) return named;
  const global = work.files.get(file.name);
  if (global) recordUse(work.unit, file.span, global.span, file.name, 'file');
  else {
    const near = nearestName(file.name, work.files.keys());
    work.unit.problems.push(problems.unknownFile(file.span, file.name, near));
  }
  const value = global ? globalPlace(global) : constant(0);
  named.file = { value, asked: { word: 'file', span: file.span } };
  named.pgoff = { value: constant(file.page), asked: null };
  return named;
}

function flag(value: boolean): Expr {
  return constant(value ? 1 : 0);
}
