/** Values for people: what a variables view shows, made when it is looked at. */
import { FRAME_WORDS } from '../base/words';
import { type Field, type Type, typeWords } from '../language/program';
import { formatEntry } from '../machine/entry-format';
import { FREE } from '../machine/frames';
import { formatStored, formatValue } from '../vm/format';
import type { Frame } from '../vm/types';
import type { Vm } from '../vm/vm';
import type { Session } from './session';

/** Rows below a value, made a page at a time. */
export interface Children {
  readonly count: number;
  /** Whether they are the numbered items of a list, for paging by the client. */
  readonly indexed: boolean;
  list(start: number, count: number): Variable[];
}

/** A named value. */
export interface Variable {
  readonly name: string;
  readonly value: string;
  readonly type: string;
  readonly children: Children | null;
  /** An expression that gives this value where it is shown; null if there is none. */
  readonly evaluateName: string | null;
}

/** A plain row. */
export function row(name: string, value: string, children: Children | null = null, type = ''): Variable {
  return { name, value, type, children, evaluateName: null };
}

/** Children that are there at once. */
export function rows(list: readonly Variable[]): Children | null {
  if (list.length === 0) return null;
  return { count: list.length, indexed: false, list: (start, count) => list.slice(start, start + count) };
}

/** Parameters and locals of a frame that are the program's own. */
export function localsOf(session: Session, frame: Frame): Variable[] {
  const { vm } = session;
  if (frame.fn === null) return [];
  const seen = new Set<string>();
  const own = [...frame.fn.params, ...frame.fn.locals].filter(({ name, slot }) => {
    if (name.startsWith('$') || seen.has(`${name} ${slot}`)) return false;
    seen.add(`${name} ${slot}`);
    return true;
  });
  return own.map(({ name, type, slot }) => variableAt(vm, name, type, frame.locals + slot, name));
}

/** All global variables. */
export function globalsOf(session: Session): Variable[] {
  const { vm, program } = session;
  return program.globals.map(({ name, type }) =>
    variableAt(vm, name, type, vm.layout.globals.get(name) ?? 0, name),
  );
}

/** The objects of a pool that are in use; the whole pool of structs that every machine object has. */
export function objectsOf(session: Session, struct: string): Variable[] {
  const { vm } = session;
  const layout = vm.layout.structs.get(struct);
  if (layout === undefined) return [];
  const found: Variable[] = [];
  for (let object = 1; object <= layout.count; object++) {
    if (layout.inUse !== null && vm.words.get(layout.inUse + object - 1) === 0) continue;
    found.push(row(`${struct}#${object}`, `${struct}#${object}`, fieldsOf(vm, struct, object, null), struct));
  }
  return found;
}

/** A value that was evaluated. */
export function valueVariable(session: Session, name: string, type: Type, raw: number): Variable {
  const { vm } = session;
  const children = childrenOfValue(vm, type, raw, name);
  return { name, value: formatValue(vm, type, raw), type: typeText(type), children, evaluateName: name };
}

/** The value stored at a word index. */
function variableAt(vm: Vm, name: string, type: Type, index: number, expression: string | null): Variable {
  const isStored = type.kind === 'list' || type.kind === 'array';
  const children = isStored
    ? itemsOf(vm, type, index, expression)
    : childrenOfValue(vm, type, vm.value(type, index), expression);
  const value = formatStored(vm, type, index);
  return { name, value, type: typeText(type), children, evaluateName: expression };
}

/** Lists and arrays hold their items in state; nothing else does. */
function itemsOf(
  vm: Vm,
  type: Type & { readonly kind: 'list' | 'array' },
  index: number,
  expression: string | null,
): Children | null {
  const count = type.kind === 'list' ? vm.words.get(index) : type.length;
  const first = type.kind === 'list' ? index + 1 : index;
  const width = typeWords(type.of);
  const item = (at: number): Variable => {
    const name = expression !== null && type.kind === 'array' ? `${expression}[${at}]` : null;
    return variableAt(vm, `[${at}]`, type.of, first + at * width, name);
  };
  const list = (start: number, wanted: number): Variable[] =>
    Array.from({ length: Math.max(0, Math.min(wanted, count - start)) }, (_, at) => item(start + at));
  return count === 0 ? null : { count, indexed: true, list };
}

/** What a reference refers to: fields of an object, contents of a page, entries of a table. */
function childrenOfValue(vm: Vm, type: Type, raw: number, expression: string | null): Children | null {
  if (raw === 0) return null;
  switch (type.kind) {
    case 'ref':
      return fieldsOf(vm, type.struct, raw, expression);
    case 'page':
      return fieldsAndWords(vm, raw, expression);
    case 'table':
      return entriesOf(vm, raw - 1);
    case 'cpu':
    case 'task':
    case 'device':
    case 'iommu':
      return fieldsOf(vm, type.kind, raw, expression);
    default:
      return null;
  }
}

function fieldsOf(vm: Vm, struct: string, object: number, expression: string | null): Children | null {
  const layout = vm.layout.structs.get(struct);
  if (layout === undefined || object < 1 || object > layout.count) return null;
  if (layout.inUse !== null && vm.words.get(layout.inUse + object - 1) === 0) return null;
  const base = layout.base + (object - 1) * layout.struct.words;
  const { fields } = layout.struct;
  const variable = (field: Field): Variable => {
    const name = expression === null ? null : `${expression}.${field.name}`;
    return variableAt(vm, field.name, field.type, base + field.offset, name);
  };
  const list = (start: number, count: number) => fields.slice(start, start + count).map(variable);
  return fields.length === 0 ? null : { count: fields.length, indexed: false, list };
}

function fieldsAndWords(vm: Vm, page: number, expression: string | null): Children | null {
  const fields = fieldsOf(vm, 'page', page, expression);
  const words: Variable[] = [];
  for (let slot = vm.machine.nextPopulated(page - 1, 0, FRAME_WORDS); slot >= 0; ) {
    words.push(row(`word ${slot}`, `0x${(vm.machine.readWord(page - 1, slot) >>> 0).toString(16)}`));
    slot = vm.machine.nextPopulated(page - 1, slot + 1, FRAME_WORDS);
  }
  const isFree = vm.machine.frameKind(page - 1) === FREE;
  const contents = isFree ? [row('contents', 'freed')] : words;
  return rows([...(fields?.list(0, fields.count) ?? []), ...contents]);
}

function entriesOf(vm: Vm, frame: number): Children | null {
  if (vm.machine.frameKind(frame) === FREE) return null;
  const entries: Variable[] = [];
  for (let slot = vm.machine.nextPopulated(frame, 0, FRAME_WORDS); slot >= 0; ) {
    entries.push(row(`entry ${slot}`, formatEntry(vm.machine.readEntry(frame, slot)), null, 'pte'));
    slot = vm.machine.nextPopulated(frame, slot + 1, FRAME_WORDS);
  }
  return rows(entries);
}

/** A type as its declaration says it. */
export function typeText(type: Type): string {
  switch (type.kind) {
    case 'int':
      return `int ${type.min}..${type.max}`;
    case 'enum':
      return type.name;
    case 'ref':
      return type.struct;
    case 'list':
      return `list of ${typeText(type.of)} [${type.capacity}]`;
    case 'array':
      return `${typeText(type.of)} [${type.length}]`;
    default:
      return type.kind;
  }
}
