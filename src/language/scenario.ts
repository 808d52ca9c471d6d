/** Compiles one scenario: its machine, processes, tasks, device programs, and what is expected of it. */
import type { Span } from '../base/span';
import { devicesOf, type MachineConfig } from '../machine/config';
import { PASIDS } from '../machine/device';
import { processPrefix } from './accesses';
import { Body } from './body';
import { compileFunction } from './functions';
import type {
  Binding,
  ConstantUse,
  DeviceProgram,
  Expect,
  Process,
  Scenario,
  ScenarioItem,
  Task,
} from './generated/ast';
import { machineOf } from './machine-config';
import { type PlacedMapping, placeMappings } from './mappings';
import type { FunctionHeader, ModuleFunction } from './module';
import { nearestName } from './names';
import { constantOf, numberOf } from './numbers';
import { docOf, spanOf, spanOfProperty, textOf } from './parse';
import { type Problem, problems } from './problems';
import type {
  DeviceProgram as DeviceCode,
  Expectation,
  Expr,
  Global,
  ScenarioCode,
  TaskConfig,
} from './program';
import { isPropertyId, propertyIds } from './properties';
import { compileReplay } from './replay';
import type { Scope } from './scope';
import { compileSetUp, declareFiles, globalPlace } from './set-up';
import { callSetUp } from './set-up-functions';
import { lowerClaim } from './statements';
import { sameType } from './types';
import { recordUse, type Unit } from './unit';
import { constant } from './value';

/** Passes of a daemon: they are counted in the state. */
const PASSES_MAX = 15;

/** What came of a scenario's items. */
export interface CompiledScenario {
  readonly code: ScenarioCode;
  readonly functions: readonly ModuleFunction[];
  readonly globals: readonly Global[];
}

/** A driver as the scenario sees it. */
export type FindDriver = (name: string) => FoundDriver | undefined;

/** The drivers there are, and those that are bound whatever the scenario says. */
interface Drivers {
  readonly find: FindDriver;
  readonly names: () => string[];
  readonly subscribers: readonly string[];
  /** The driver to bind where a scenario says this one. */
  readonly rebound: (name: string) => string;
}

interface FoundDriver {
  readonly scope: Scope;
  readonly span: Span;
  readonly problems: readonly Problem[];
}

interface Work {
  readonly unit: Unit;
  readonly node: Scenario;
  readonly kernel: string;
  readonly machine: MachineConfig;
  readonly findDriver: FindDriver;
  readonly driverNames: () => string[];
  readonly functions: ModuleFunction[];
  readonly processes: Map<string, Global>;
  readonly mappings: PlacedMapping[];
  readonly subscribers: readonly string[];
  readonly rebound: (name: string) => string;
}

/** Compiles the items of a scenario. `unit.scope` is its own, above that of the file. */
export function compileScenario(
  unit: Unit,
  node: Scenario,
  kernel: string,
  drivers: Drivers,
): CompiledScenario {
  const machineNode = only(unit, node.items, 'Machine', 'machine');
  const machine = machineOf(unit, machineNode);
  nameMachine(unit, machine, spanOf(machineNode ?? node));
  const processes = new Map<string, Global>();
  const functions: ModuleFunction[] = [];
  const [findDriver, driverNames] = [drivers.find, drivers.names];
  const mappings: PlacedMapping[] = [];
  const work: Work = {
    unit,
    node,
    kernel,
    machine,
    findDriver,
    driverNames,
    functions,
    processes,
    mappings,
    subscribers: drivers.subscribers,
    rebound: drivers.rebound,
  };
  const files = declareFiles(unit, node);
  for (const item of node.items) if (item.$type === 'Process') declareProcess(work, item);
  const tasks = compileTasks(work);
  const devices = compileDevices(work);
  const setup = compileSetUp({
    unit,
    node,
    processes,
    mappings,
    files,
    tasks,
    bind: (body, binding, process) => {
      setUpBinding(work, body, binding, process);
    },
    subscribe: body => {
      for (const name of work.subscribers) setUpSubscriber(work, body, name);
    },
  });
  functions.push(setup);
  if (tasks.length === 0 && devices.length === 0) {
    unit.problems.push(problems.nothingRuns(spanOfProperty(node, 'name'), node.name));
  }
  const replay = only(unit, node.items, 'Replay', 'replay');
  const code: ScenarioCode = {
    driver: null,
    name: node.name,
    doc: docOf(node),
    kernel,
    span: spanOf(node),
    machine,
    processes: [...processes].map(([name, { span }]) => ({ name, span })),
    mappings: mappings.map(({ name, process, address, pages }) => ({ name, process, address, pages })),
    files: [...files].map(([name, { span }]) => ({ name, span })),
    tasks,
    passes: passesOf(unit, node),
    devices,
    setup: setup.header.key,
    expect: expectationOf(unit, only(unit, node.items, 'Expect', 'expect')),
    unwatched: unwatchedOf(work),
    replay: compileReplay(unit, replay),
    claims: claimsOf(work),
  };
  return { code, functions, globals: [...processes.values(), ...files.values()] };
}

/** The item of a kind that a scenario may have once. */
function only<Kind extends ScenarioItem['$type']>(
  unit: Unit,
  items: readonly ScenarioItem[],
  kind: Kind,
  word: string,
): Extract<ScenarioItem, { $type: Kind }> | undefined {
  const isKind = (item: ScenarioItem): item is Extract<ScenarioItem, { $type: Kind }> => item.$type === kind;
  const [first, second] = items.filter(isKind);
  if (second) unit.problems.push(problems.onlyOnce(spanOf(second), word));
  return first;
}

/* Names. */

/** Devices and IOMMUs are constants; indices run over all IOMMUs in order. */
function nameMachine(unit: Unit, machine: MachineConfig, span: Span): void {
  const add = (name: string, kind: 'iommu' | 'device', index: number) => {
    const known = { value: 1 + index, type: { kind } } as const;
    unit.scope.values.set(name, { kind: 'constant', span, value: () => known });
  };
  machine.iommus.forEach(({ name }, index) => {
    add(name, 'iommu', index);
  });
  devicesOf(machine).forEach(({ name }, index) => {
    add(name, 'device', index);
  });
}

/** A process is a hidden global that holds its mm; the set-up fills it. */
function declareProcess(work: Work, node: Process): void {
  const { unit, processes } = work;
  const span = spanOfProperty(node, 'name');
  if (unit.scope.values.has(node.name)) {
    unit.problems.push(problems.alreadyDeclared(span, node.name, 'in this scenario'));
  }
  const global: Global = {
    name: processPrefix + node.name,
    type: { kind: 'ref', struct: 'mm' },
    initial: 0,
    guard: null,
    ghost: false,
    counts: null,
    module: unit.name,
    span,
  };
  unit.scope.values.set(node.name, { kind: 'global', span, global });
  processes.set(node.name, global);
  work.mappings.push(...placeMappings(unit, node));
}

/* Tasks and device programs. */

function compileTasks(work: Work): TaskConfig[] {
  const { unit, node, machine } = work;
  const tasks: TaskConfig[] = [];
  const nodes = node.items.filter(item => item.$type === 'Task');
  nodes.forEach((task, index) => {
    const span = spanOfProperty(task, 'name');
    const known = { value: 1 + index, type: { kind: 'task' } } as const;
    if (unit.scope.values.has(task.name)) {
      unit.problems.push(problems.alreadyDeclared(span, task.name, 'in this scenario'));
    }
    unit.scope.values.set(task.name, { kind: 'constant', span, value: () => known });
  });
  for (const task of nodes) {
    const cpu = constantOf(new Body(unit, 'setup', null), task.cpu);
    const other = tasks.find(known => known.cpu === cpu);
    if (cpu < 0 || machine.cpus <= cpu) {
      unit.problems.push(problems.unknownCpu(spanOf(task.cpu), cpu, machine.cpus));
    } else if (other) unit.problems.push(problems.cpuTaken(spanOf(task.cpu), cpu, other.name));
    const parent = checkParent(work, task, nodes);
    if (parent === null) checkProcess(work, task);
    const fn = `scenario.${node.name}.${task.name}`;
    work.functions.push(compileProgram(work, task, fn, task.name, 'task'));
    const process = parent === null ? (task.process ?? '') : `${rootProcess(task, nodes)}/${task.name}`;
    const span = spanOfProperty(task, 'name');
    tasks.push({ name: task.name, process, parent, cpu, fn, span });
  }
  return tasks;
}

/** The task that forks this one; null for a task that is there from the start. */
function checkParent({ unit }: Work, task: Task, nodes: readonly Task[]): string | null {
  if (task.parent === undefined) return null;
  const span = spanOfProperty(task, 'parent');
  const others = nodes.filter(other => other !== task);
  const parent = others.find(({ name }) => name === task.parent);
  if (parent) recordUse(unit, span, spanOfProperty(parent, 'name'), task.parent, 'task');
  else {
    const near = nearestName(
      task.parent,
      others.map(({ name }) => name),
    );
    unit.problems.push(problems.unknownParent(span, task.parent, near));
  }
  if (unit.scope.value('ret_from_fork')?.kind !== 'function') {
    unit.problems.push(problems.kernelHasNone(span, 'fork', 'ret_from_fork'));
  }
  return task.parent;
}

/** The process of the first of those that fork one another; of a circle, the name of a task in it. */
function rootProcess(task: Task, nodes: readonly Task[]): string {
  let first = task;
  for (let left = nodes.length; left > 0 && first.parent !== undefined; left--) {
    const parent = nodes.find(({ name }) => name === first.parent);
    if (!parent) break;
    first = parent;
  }
  return first.process ?? first.name;
}

function passesOf(unit: Unit, { items }: Scenario): ScenarioCode['passes'] {
  const passes: { daemon: string; count: number; span: Span }[] = [];
  for (const item of items) {
    if (item.$type !== 'DaemonPasses') continue;
    const span = spanOf(item);
    const count = numberOf(item.digits);
    if (count === null) unit.problems.push(problems.malformedNumber(span, item.digits));
    else if (count < 1 || PASSES_MAX < count) {
      unit.problems.push(problems.badSize(span, 'number of passes', count, 1, PASSES_MAX));
    }
    if (passes.some(({ daemon }) => daemon === item.daemon)) {
      unit.problems.push(problems.alreadyDeclared(span, item.daemon, 'in this scenario'));
    }
    passes.push({ daemon: item.daemon, count: count ?? 1, span });
  }
  return passes;
}

function checkProcess({ unit, processes }: Work, task: Task): void {
  const span = spanOfProperty(task, 'process');
  const name = task.process ?? '';
  const process = processes.get(name);
  if (process) recordUse(unit, span, process.span, name, 'process');
  else unit.problems.push(problems.unknownProcess(span, name, nearestName(name, processes.keys())));
}

function compileProgram(
  { unit }: Work,
  node: Task | DeviceProgram,
  key: string,
  name: string,
  role: 'task' | 'device',
): ModuleFunction {
  const span = spanOfProperty(node, role === 'task' ? 'name' : 'device');
  const header: FunctionHeader = { key, name, role, signature: [], result: null, span };
  return compileFunction(unit, {
    header,
    isOverride: false,
    span: spanOf(node),
    doc: docOf(node),
    block: node.body,
    revokes: null,
    driver: null,
    callback: null,
    paramSpans: [],
    prologue: body => {
      // A task that is forked comes into being in the kernel, and returns from there to its program.
      if (node.$type === 'Task' && node.parent !== undefined) callSetUp(body, span, 'ret_from_fork', []);
    },
  });
}

function compileDevices(work: Work): DeviceCode[] {
  const { unit, node } = work;
  const programs: DeviceCode[] = [];
  const bindings = node.items.flatMap(item => (item.$type === 'Process' ? item.bindings : []));
  for (const item of node.items) {
    if (item.$type !== 'DeviceProgram') continue;
    checkDevice(work, spanOfProperty(item, 'device'), item.device);
    const binding = bindings.find(other => other.device === item.device);
    const use = item.pasid ?? binding?.pasid;
    const pasid = use ? pasidOf(unit, use) : 0;
    const count = programs.filter(other => other.device === item.device).length;
    const name = count === 0 ? item.device : `${item.device}#${count + 1}`;
    const fn = `scenario.${node.name}.${name}`;
    work.functions.push(compileProgram(work, item, fn, name, 'device'));
    programs.push({ device: item.device, pasid, fn, span: spanOfProperty(item, 'device') });
  }
  return programs;
}

function pasidOf(unit: Unit, use: ConstantUse): number {
  const pasid = constantOf(new Body(unit, 'setup', null), use);
  if (0 <= pasid && pasid < PASIDS) return pasid;
  unit.problems.push(problems.badPasid(spanOf(use), pasid, PASIDS - 1));
  return 0;
}

/** Reference of a device, 0 if there is none of this name. */
function checkDevice({ unit, machine }: Work, span: Span, name: string): number {
  const devices = devicesOf(machine).map(device => device.name);
  const index = devices.indexOf(name);
  if (index < 0) unit.problems.push(problems.unknownDevice(span, name, nearestName(name, devices)));
  else {
    const meaning = unit.scope.values.get(name);
    if (meaning) recordUse(unit, span, meaning.span, name, 'device');
  }
  return 1 + index;
}

/* Bindings. */

/** Mistakes that a driver can be made without for another kernel: an unknown callback, or its parameters. */
const misfits: ReadonlySet<string> = new Set(['MMU015', 'MMU096']);

function setUpBinding(work: Work, body: Body, node: Binding, process: Global): void {
  const { unit } = work;
  const { device, pasid } = boundTo(work, node);
  const span = spanOfProperty(node, 'driver');
  const name = work.rebound(node.driver);
  const driver = work.findDriver(name);
  if (!driver) {
    const near = nearestName(name, work.driverNames());
    unit.problems.push(problems.unknownDriver(span, name, work.kernel, near));
    return;
  }
  recordUse(unit, span, driver.span, node.driver, 'driver');
  // The mistake is in the driver's file, which may be a shipped one; here is where the user chose it.
  const mistakes = driver.problems.filter(({ severity }) => severity === 'error');
  const [mistake] = mistakes;
  if (mistake !== undefined) {
    const misfit = mistakes.find(({ code }) => misfits.has(code));
    const where = `${mistake.span.file.replace(/^.*[\\/]/, '')}:${mistake.span.line}`;
    unit.problems.push(
      misfit === undefined
        ? problems.driverIsBroken(span, node.driver, mistakes.length, where)
        : problems.driverDoesNotFit(span, node.driver, work.kernel, misfit.message),
    );
    return;
  }
  const bind = driver.scope.value('bind');
  const header = bind?.kind === 'function' ? bind.header : undefined;
  const kinds = header?.signature.map(({ type }) => type.kind).join();
  const first = header?.signature[0]?.type;
  const isMm = first !== undefined && sameType(first, { kind: 'ref', struct: 'mm' });
  const hasDevice = node.device !== undefined;
  if (!header || kinds !== (hasDevice ? 'ref,device,int' : 'ref') || !isMm) {
    unit.problems.push(problems.driverLacksBind(span, node.driver, hasDevice));
    return;
  }
  if (!hasDevice) {
    emitCall(body, spanOf(node), header.key, [globalPlace(process)]);
    return;
  }
  const last = header.signature[2]?.type;
  if (last?.kind === 'int' && (pasid < last.min || last.max < pasid)) {
    unit.problems.push(problems.outOfRange(spanOf(node.pasid ?? node), pasid, last.min, last.max));
  }
  const args = [globalPlace(process), constant(device), constant(pasid)];
  emitCall(body, spanOf(node), header.key, args);
}

/** Device and PASID that a driver is bound to; a driver of software, as a hypervisor is, has none. */
function boundTo(work: Work, node: Binding): { readonly device: number; readonly pasid: number } {
  if (node.device === undefined || node.pasid === undefined) return { device: 0, pasid: 0 };
  const device = checkDevice(work, spanOfProperty(node, 'device'), node.device);
  return { device, pasid: pasidOf(work.unit, node.pasid) };
}

function emitCall(body: Body, span: Span, fn: string, args: readonly Expr[]): void {
  body.calls.push({ key: fn, span, isCall: true });
  body.emitNext(span, (next, joined) => ({ op: 'call', span, joined, fn, args, result: null, next }));
}

/** Binds a driver without a device to the first process. */
function setUpSubscriber({ findDriver, processes, unit }: Work, body: Body, name: string): void {
  const [process] = processes.values();
  const driver = findDriver(name);
  const bind = driver?.scope.value('bind');
  if (process === undefined || bind?.kind !== 'function') return;
  unit.problems.push(...(driver?.problems ?? []).filter(({ severity }) => severity === 'error'));
  const args = [globalPlace(process), constant(0), constant(0)];
  emitCall(body, process.span, bind.header.key, args);
}

/* Verdict. */

function checkProperty(unit: Unit, span: Span, name: string): void {
  if (isPropertyId(name)) return;
  unit.problems.push(problems.unknownProperty(span, name, nearestName(name, propertyIds)));
}

function expectationOf(unit: Unit, node: Expect | undefined): Expectation | null {
  if (!node) return null;
  for (const property of node.properties) checkProperty(unit, spanOf(property), property.name);
  const span = spanOf(node);
  if (node.verdict === 'holds') return { verdict: 'holds', span };
  return { verdict: 'violated', properties: node.properties.map(({ name }) => name), span };
}

function unwatchedOf({ unit, node }: Work): ScenarioCode['unwatched'] {
  return node.items
    .filter(item => item.$type === 'Unwatched')
    .map(item => {
      checkProperty(unit, spanOfProperty(item, 'property'), item.property);
      return { property: item.property, reason: item.reason };
    });
}

function claimsOf({ unit, node }: Work): ScenarioCode['claims'] {
  return node.items
    .filter(item => item.$type === 'Claim')
    .map(item => {
      const condition = lowerClaim(new Body(unit, 'plain', null), item.condition);
      return { kind: item.kind, condition, text: textOf(item.condition), span: spanOf(item) };
    });
}
