/**
 * All mistakes the language can tell a user about: one function each, with a code that never changes its
 * meaning.
 * A message says what is wrong and what was expected, in the user's own words, without a full stop.
 */
import type { Span } from '../base/span';
import { isIntegerOfC, nameForC } from './c-habits';

/** A mistake in a file. */
export interface Problem {
  readonly code: string;
  readonly severity: 'error' | 'warning';
  readonly span: Span;
  readonly message: string;
}

function error(code: string, span: Span, message: string): Problem {
  return { code, severity: 'error', span, message };
}

function warning(code: string, span: Span, message: string): Problem {
  return { code, severity: 'warning', span, message };
}

function hint(near: string | undefined): string {
  return near === undefined ? '' : `, did you mean '${near}'?`;
}

function quoted(names: readonly string[]): string {
  return names.map(name => `'${name}'`).join(', ');
}

/** Text. */
const textProblems = {
  unexpectedCharacters: (span: Span, text: string) =>
    error('MMU001', span, `unexpected characters ${JSON.stringify(text.slice(0, 20))}`),
  syntax: (span: Span, message: string) => error('MMU002', span, message),
  textTooLong: (span: Span, limit: number) =>
    error('MMU003', span, `the file is too long, at most ${limit} characters are read`),
  nestedTooDeeply: (span: Span, limit: number) =>
    error('MMU004', span, `nested too deeply, at most ${limit} levels of brackets are allowed`),
  malformedNumber: (span: Span, digits: string) =>
    error(
      'MMU005',
      span,
      `'${digits}' is not a number of at most 53 bits, expected one such as 12, 0xbeef or 4 pages`,
    ),
  missingSemicolon: (span: Span) => error('MMU006', span, "expected ';' at the end of the statement"),
  expressionTooDeep: (span: Span, limit: number) =>
    error('MMU007', span, `the expression has more than ${limit} operators in a row, use a local variable`),
  reservedName: (span: Span, name: string) =>
    error('MMU008', span, `the file contains the name '${name}', which is reserved`),
};

/** Names. */
const nameProblems = {
  unknownName: (span: Span, name: string, near?: string) =>
    error('MMU010', span, `unknown name '${name}'${hint(nameForC(name) ?? near)}`),
  unknownFunction: (span: Span, name: string, near?: string) =>
    error('MMU011', span, `unknown function '${name}'${hint(near)}`),
  unknownType: (span: Span, name: string, near?: string) =>
    error(
      'MMU012',
      span,
      `unknown type '${name}'${isIntegerOfC(name) ? ", expected a range such as 'int 0..255'" : hint(near)}`,
    ),
  unknownField: (span: Span, name: string, type: string, near?: string) =>
    error('MMU013', span, `'${type}' has no field '${name}'${hint(near)}`),
  noFields: (span: Span, type: string, name: string) =>
    error('MMU014', span, `a value of type '${type}' has no fields, and so no '${name}'`),
  unknownCallback: (span: Span, name: string, near?: string) =>
    error('MMU015', span, `this kernel has no callback '${name}'${hint(near)}`),
  unknownWorkqueue: (span: Span, name: string, near?: string) =>
    error('MMU016', span, `unknown workqueue '${name}'${hint(near)}`),
  unknownPer: (span: Span, name: string) =>
    error('MMU017', span, `unknown '${name}' after 'per', expected one of cpu, frame, device, iommu, task`),
  notConstant: (span: Span, name: string, near?: string) =>
    error('MMU018', span, `'${name}' is not a constant${hint(near)}`),
  alreadyDeclared: (span: Span, name: string, where: string) =>
    error('MMU019', span, `'${name}' is declared twice ${where}`),
  existsInKernel: (span: Span, name: string) =>
    error(
      'MMU020',
      span,
      `the kernel has '${name}' already, expected a new name, or 'override' for a function`,
    ),
  nothingToOverride: (span: Span, name: string, near?: string) =>
    error('MMU021', span, `there is no function '${name}' to override${hint(near)}`),
  overrideDiffers: (span: Span, name: string) =>
    error('MMU022', span, `'${name}' must have the role, parameters and result of the function it overrides`),
  overrideInDriver: (span: Span, name: string) =>
    error('MMU023', span, `a driver cannot override '${name}', expected that in a kernel or a scenario file`),
  isBuiltin: (span: Span, name: string) =>
    error('MMU024', span, `'${name}' is a builtin, expected another name`),
  constantCycle: (span: Span, name: string) => error('MMU025', span, `constant '${name}' depends on itself`),
  valueNotConstant: (span: Span, text: string) =>
    error('MMU026', span, `'${text}' is not known before the start, expected a constant`),
  notInDriver: (span: Span) =>
    error('MMU027', span, 'a driver cannot contain this, expected struct, var, fn, notifier, workqueue ...'),
  onlyInDriver: (span: Span, what: string) => error('MMU028', span, `expected '${what}' in a driver only`),
};

/** Types and values. */
const typeProblems = {
  wrongType: (span: Span, wanted: string, found: string) =>
    error('MMU030', span, `expected ${wanted} but found ${found}`),
  outOfRange: (span: Span, value: number, min: number, max: number) =>
    error('MMU031', span, `${value} is out of range, expected ${min}..${max}`),
  wrongOperands: (span: Span, operator: string, left: string, right: string) =>
    error('MMU032', span, `'${operator}' does not take ${left} and ${right}`),
  differentTypes: (span: Span, one: string, other: string) =>
    error('MMU033', span, `expected two values of one type but found ${one} and ${other}`),
  divisionByZero: (span: Span) => error('MMU034', span, 'division by zero'),
  notAValue: (span: Span, type: string) =>
    error(
      'MMU035',
      span,
      `a ${type} cannot be read or assigned as a whole, expected a use of it by a builtin`,
    ),
  notAnArray: (span: Span, type: string) => error('MMU036', span, `expected an array but found ${type}`),
  indexOutOfRange: (span: Span, index: number, length: number) =>
    error('MMU037', span, `index ${index} is out of range, expected 0..${length - 1}`),
  badRange: (span: Span, min: number, max: number) =>
    error('MMU038', span, `the range ${min}..${max} is empty or exceeds 32 bits`),
  rangeOfNoInt: (span: Span, name: string) =>
    error('MMU039', span, `only int has a range, and '${name}' is not int`),
  badSize: (span: Span, what: string, size: number, min: number, max: number) =>
    error('MMU040', span, `${what} ${size} is out of range, expected ${min}..${max}`),
  badItemType: (span: Span, type: string) =>
    error('MMU041', span, `a list cannot hold items of type ${type}`),
  notAPoolType: (span: Span, name: string, count: string) =>
    error('MMU042', span, `there is one '${name}' per ${count}, expected the type '${count}' to refer to it`),
  notAPool: (span: Span, name: string, near?: string) =>
    error('MMU043', span, `'${name}' is not a struct with a pool${hint(near)}`),
  notALock: (span: Span, name: string, near?: string) =>
    error('MMU044', span, `'${name}' is neither a lock of this struct nor a global lock${hint(near)}`),
  noInitialValue: (span: Span, name: string) =>
    error('MMU045', span, `'${name}' cannot have an initial value`),
  functionVariable: (span: Span, name: string) =>
    error('MMU046', span, `'${name}' cannot be a function, only parameters can`),
  badParameter: (span: Span, name: string) =>
    error('MMU047', span, `parameter '${name}' cannot have this type, expected a value`),
  badResult: (span: Span) => error('MMU048', span, 'a function cannot return this type, expected a value'),
  notALocal: (span: Span, type: string) =>
    error('MMU049', span, `a local variable cannot be a ${type}, expected a field or a global`),
  localWithoutType: (span: Span, name: string) =>
    error('MMU050', span, `the type of '${name}' is not clear, expected 'var ${name}: TYPE'`),
  functionAsValue: (span: Span, name: string) =>
    error(
      'MMU051',
      span,
      `function '${name}' is not a value, expected a call, or an argument that is a function`,
    ),
};

/** Steps. */
const stepProblems = {
  tooManyAccesses: (span: Span, accesses: readonly string[]) =>
    error(
      'MMU060',
      span,
      `${accesses.length} accesses to shared state in one step (${accesses.join(', ')}), ` +
        `expected at most one: read into a local first, or say 'atomic'`,
    ),
  callInExpression: (span: Span, name: string) =>
    error(
      'MMU061',
      span,
      `a call of '${name}' is a step of its own, ` +
        'expected it alone, as the whole right side, or as the whole condition',
    ),
  newInExpression: (span: Span) =>
    error('MMU062', span, "expected 'new' as the whole right side of an assignment"),
  callInAtomic: (span: Span) => error('MMU063', span, 'an atomic block cannot call functions, only builtins'),
  waitInAtomic: (span: Span) =>
    error('MMU064', span, 'only the first statement of an atomic block may wait or choose'),
  nestedAtomic: (span: Span) => error('MMU066', span, 'this is in an atomic block already'),
  longInAtomic: (span: Span, name: string) =>
    error('MMU067', span, `'${name}' takes several steps and cannot stand in an atomic block`),
  jumpOutsideLoop: (span: Span, word: string) =>
    error('MMU068', span, `'${word}' is not in a loop that it could leave from here`),
  unreachable: (span: Span) => warning('MMU069', span, 'this statement is never reached'),
  noEffect: (span: Span) =>
    error('MMU070', span, 'this statement has no effect, expected a call or an assignment'),
  ghostRead: (span: Span) =>
    error('MMU071', span, 'a ghost can be read by assert, never, always and sometimes only'),
  notAPlace: (span: Span, text: string) =>
    error('MMU072', span, `'${text}' is not a place, expected a variable, a field or an element`),
  notIterable: (span: Span, type: string) =>
    error('MMU073', span, `expected a list or a cpumask to go through but found ${type}`),
};

/** Functions. */
const functionProblems = {
  wrongArgumentCount: (span: Span, name: string, found: number, wanted: readonly string[]) =>
    error(
      'MMU080',
      span,
      `'${name}' takes ${wanted.length === 0 ? 'no arguments' : `(${wanted.join(', ')})`}, found ${found}`,
    ),
  notCallable: (span: Span, name: string) => error('MMU081', span, `'${name}' is not a function`),
  notAFunction: (span: Span, text: string) =>
    error('MMU082', span, `expected the name of a function but found '${text}'`),
  wrongFunction: (span: Span, name: string, wanted: string, found: string) =>
    error('MMU083', span, `expected ${wanted} but '${name}' is ${found}`),
  roleNotCallable: (span: Span, name: string, role: string) =>
    error('MMU084', span, `'${name}' is a function of role ${role} and cannot be called`),
  notAnInterrupt: (span: Span, name: string) =>
    error('MMU085', span, `'${name}' is not an interrupt handler, expected 'interrupt fn'`),
  wrongDeferred: (span: Span, name: string, wanted: number) =>
    error('MMU086', span, `'${name}' must take ${wanted} ${wanted === 1 ? 'argument' : 'arguments'} here`),
  onlyInDevice: (span: Span, name: string) =>
    error('MMU087', span, `'${name}' is for programs of devices, expected load or store`),
  onlyInTask: (span: Span, name: string) =>
    error('MMU088', span, `'${name}' is for tasks, expected dma_read or dma_write in programs of devices`),
  noResult: (span: Span, text: string) => error('MMU089', span, `'${text}' has no result`),
  returnWithoutValue: (span: Span, type: string) =>
    error('MMU090', span, `expected a value of type ${type} to return`),
  returnWithValue: (span: Span) =>
    error('MMU091', span, 'the function has no result, expected no value here'),
  missingReturn: (span: Span) => error('MMU092', span, 'the function can end without a result'),
  interruptSignature: (span: Span) =>
    error('MMU093', span, 'an interrupt handler has no parameters and no result'),
  faultSignature: (span: Span) =>
    error('MMU094', span, "expected 'fault fn NAME(address: addr, write: bool) -> bool'"),
  revokesOfPlain: (span: Span) => error('MMU095', span, "only 'syscall fn' and 'fault fn' have 'revokes'"),
  callbackParameters: (span: Span, name: string, wanted: readonly string[]) =>
    error('MMU096', span, `callback '${name}' takes (${wanted.join(', ')})`),
  refcountType: (span: Span, name: string) =>
    error('MMU098', span, `'${name}' cannot count references, expected an integer such as 'int 0..63'`),
  notARefcount: (span: Span, name: string, type: string, known: readonly string[]) =>
    error(
      'MMU099',
      span,
      `a value of type '${type}' has no count of references '${name}'` +
        (known.length === 0 ? '' : `, expected ${known.join(' or ')}`),
    ),
  recursion: (span: Span, names: readonly string[]) =>
    error('MMU097', span, `the calls ${names.join(' -> ')} form a cycle, and the stack is of fixed depth`),
};

/** Kernels and drivers. */
const modelProblems = {
  unknownKernel: (span: Span, name: string, known: readonly string[], near?: string) =>
    error('MMU100', span, `unknown kernel '${name}'${hint(near) || `, expected one of ${known.join(', ')}`}`),
  kernelAlias: (span: Span, name: string, kernel: string, note: string) =>
    warning('MMU101', span, `'${name}' stands for '${kernel}'${note === '' ? '' : `: ${note}`}`),
  noManifest: (span: Span, folder: string) =>
    error(
      'MMU102',
      span,
      `kernel folder '${folder}' has no 'kernel ${folder} { ... }', expected it in kernel.mmu`,
    ),
  kernelName: (span: Span, name: string, folder: string) =>
    error('MMU103', span, `kernel '${name}' is in a folder named '${folder}', expected the same name`),
  manifestTwice: (span: Span) => error('MMU104', span, 'a kernel has one manifest, and this is a second'),
  kernelCycle: (span: Span, name: string) => error('MMU105', span, `kernel '${name}' extends itself`),
  kernelLacks: (span: Span, what: string) => error('MMU106', span, `the kernel lacks ${what}`),
  notInKernel: (span: Span, what: string) => error('MMU107', span, `a kernel cannot contain a ${what}`),
  unknownDriver: (span: Span, name: string, kernel: string, near?: string) =>
    error('MMU108', span, `unknown driver '${name}' for kernel '${kernel}'${hint(near)}`),
  driverLacksBind: (span: Span, name: string, hasDevice: boolean) =>
    error(
      'MMU109',
      span,
      `driver '${name}' lacks 'fn bind(mm: mm${hasDevice ? ', device: device, pasid: int' : ''})'`,
    ),
  importInModel: (span: Span) => error('MMU110', span, 'only files of scenarios and drivers have imports'),
  unknownImport: (span: Span, path: string) => error('MMU111', span, `cannot read '${path}'`),
  driverNeedsKernel: (span: Span, name: string) =>
    error('MMU112', span, `there is no kernel to compile driver '${name}' for`),
  driverDoesNotFit: (span: Span, name: string, kernel: string, why: string) =>
    error('MMU114', span, `driver '${name}' does not fit kernel '${kernel}': ${why}`),
  driverIsBroken: (span: Span, name: string, count: number, where: string) =>
    error(
      'MMU115',
      span,
      `driver '${name}' has ${count === 1 ? 'a mistake' : `${count} mistakes`}: ${where}`,
    ),
  onlyInFolder: (span: Span) =>
    error('MMU113', span, 'a kernel is a folder, expected this in its file kernel.mmu'),
};

/** Scenarios. */
const scenarioProblems = {
  noKernel: (span: Span, name: string) =>
    error('MMU120', span, `scenario '${name}' names no kernel, expected 'kernel NAME'`),
  onlyOnce: (span: Span, what: string) =>
    error('MMU121', span, `a scenario has one '${what}', and this is a second`),
  unknownSetting: (span: Span, name: string, known: readonly string[], near?: string) =>
    error(
      'MMU122',
      span,
      `unknown setting '${name}'${hint(near) || `, expected one of ${known.join(', ')}`}`,
    ),
  settingNeedsNumber: (span: Span, name: string) =>
    error('MMU123', span, `expected a number after '${name}'`),
  settingTakesNone: (span: Span, name: string) => error('MMU124', span, `'${name}' takes no number`),
  settingsExclude: (span: Span, name: string, other: string) =>
    error('MMU160', span, `'${name}' contradicts '${other}'`),
  unknownDevice: (span: Span, name: string, near?: string) =>
    error('MMU125', span, `unknown device '${name}'${hint(near)}`),
  unknownProcess: (span: Span, name: string, near?: string) =>
    error('MMU126', span, `unknown process '${name}'${hint(near)}`),
  unknownMapping: (span: Span, name: string, near?: string) =>
    error('MMU127', span, `unknown mapping '${name}'${hint(near)}`),
  badRights: (span: Span, found: readonly string[], known: readonly string[]) =>
    error(
      'MMU128',
      span,
      `${found.length === 0 ? 'the mapping has no rights' : `unexpected ${quoted(found)}`}, ` +
        `expected one of ${known.join(', ')}`,
    ),
  badFlag: (span: Span, found: string, wanted: string) =>
    error('MMU146', span, `unexpected '${found}', expected ${wanted}`),
  unknownFlag: (span: Span, name: string, known: readonly string[], near?: string) =>
    error(
      'MMU147',
      span,
      `the kernel knows no mapping that is '${name}'${hint(near) || `, expected one of ${known.join(', ')}`}`,
    ),
  flagHasNoPages: (span: Span, name: string) =>
    error('MMU148', span, `'${name}' is said of a whole mapping, only 'touched' and 'read' of some pages`),
  badPages: (span: Span, text: string, pages: number) =>
    error('MMU149', span, `'${text}' are no pages of this mapping, expected pages of 0..${pages - 1}`),
  badPlacement: (span: Span, name: string, why: string) => error('MMU129', span, `mapping '${name}' ${why}`),
  ambiguousMapping: (span: Span, name: string) =>
    error('MMU130', span, `mapping '${name}' has another address in another process, expected another name`),
  unknownCpu: (span: Span, cpu: number, cpus: number) =>
    error('MMU131', span, `there is no cpu ${cpu}, expected 0..${cpus - 1}`),
  cpuTaken: (span: Span, cpu: number, task: string) =>
    error('MMU132', span, `cpu ${cpu} has task '${task}' already, expected one task per CPU`),
  badPasid: (span: Span, pasid: number, max: number) =>
    error('MMU133', span, `PASID ${pasid} is out of range, expected 0..${max}`),
  unknownProperty: (span: Span, name: string, near?: string) =>
    error('MMU134', span, `unknown property '${name}'${hint(near)}`),
  unknownThread: (span: Span, name: string, known: readonly string[]) =>
    error('MMU135', span, `unknown thread '${name}', expected one of ${quoted(known)}`),
  unknownReplayFunction: (span: Span, name: string, near?: string) =>
    error('MMU136', span, `no function or callback is named '${name}'${hint(near)}`),
  tooManyThreads: (span: Span, count: number, max: number) =>
    error(
      'MMU138',
      span,
      `the scenario has ${count} threads, expected at most ${max}: ` +
        'fewer tasks, cpus, device programs, IOMMUs, or devices with ATS',
    ),
  unknownDaemon: (span: Span, name: string, known: readonly string[], near?: string) =>
    error(
      'MMU140',
      span,
      known.length === 0
        ? `unknown daemon '${name}', this kernel has none that makes passes`
        : `unknown daemon '${name}'${hint(near) || `, expected one of ${known.join(', ')}`}`,
    ),
  daemonMakesNoPasses: (span: Span, name: string) =>
    error('MMU141', span, `daemon '${name}' runs by itself and makes no passes`),
  unknownFile: (span: Span, name: string, near?: string) =>
    error('MMU142', span, `unknown file '${name}'${hint(near)}`),
  unknownFileSystem: (span: Span, name: string, known: readonly string[], near?: string) =>
    error(
      'MMU143',
      span,
      `unknown file system '${name}'${hint(near) || `, expected one of ${known.join(', ')}`}`,
    ),
  kernelHasNone: (span: Span, what: string, fn: string) =>
    error('MMU144', span, `this kernel has no ${what}: it lacks fn ${fn}`),
  unknownParent: (span: Span, name: string, near?: string) =>
    error('MMU145', span, `unknown task '${name}'${hint(near)}, expected the task that forks this one`),
  nothingRuns: (span: Span, name: string) =>
    warning('MMU137', span, `scenario '${name}' has neither a task nor a device program`),
};

/** Every problem. */
export const problems = {
  ...textProblems,
  ...nameProblems,
  ...typeProblems,
  ...stepProblems,
  ...functionProblems,
  ...modelProblems,
  ...scenarioProblems,
};

/** Each problem once: the same mistake may be met for each scenario and kernel. */
export function distinctProblems(found: readonly Problem[]): Problem[] {
  const known = new Map<string, Problem>();
  for (const problem of found) {
    const { file, line, column } = problem.span;
    known.set(`${problem.code} ${file}:${line}:${column} ${problem.message}`, problem);
  }
  const files = new Map<string, number>();
  for (const { span } of found) if (!files.has(span.file)) files.set(span.file, files.size);
  const fileOf = ({ span }: Problem): number => files.get(span.file) ?? 0;
  return [...known.values()].sort(
    (a, b) => fileOf(a) - fileOf(b) || a.span.line - b.span.line || a.span.column - b.span.column,
  );
}
