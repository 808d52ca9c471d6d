/** The variables that a statement or a claim reads, and every change of them on the way to a violation. */
import { isPlace } from '../language/accesses';
import type { Expr, Instruction, Place, Type } from '../language/program';
import { instructionOf, placeOf } from '../session/place';
import type { Session } from '../session/session';
import type { Frame } from '../vm/types';
import type { Seen } from './retrace';

/** A variable, by its word of state. */
export interface Variable {
  readonly name: string;
  readonly index: number;
  readonly type: Type;
  /** Whether only its own thread can write it. */
  readonly isLocal: boolean;
  readonly isRefcount: boolean;
}

/** A variable got another value. */
export interface Change {
  readonly variable: Variable;
  readonly before: number;
  readonly after: number;
  /** The step that did it. */
  readonly seen: Seen;
}

/** A step about to be made: by whom, and where in the code. */
interface Standing {
  readonly thread: number;
  readonly span: Seen['span'];
  readonly key: string | undefined;
}

/** Every change of variables up to a position of the session, in order. */
export function changesOf(session: Session, seen: readonly Seen[], variables: readonly Variable[]): Change[] {
  const { vm } = session;
  const values = new Map<number, number>();
  const changes: Change[] = [];
  let made: Standing | null = null;
  session.retrace(
    () => {},
    () => {
      const { position } = session;
      for (const variable of variables) {
        const { index } = variable;
        const after = vm.words.get(index);
        const before = values.get(index);
        if (made !== null && before !== undefined && before !== after)
          changes.push({ variable, before, after, seen: seenAt(session, seen, { ...made, position }) });
        values.set(index, after);
      }
      const thread = session.steps[position]?.thread;
      const place = thread === undefined ? null : placeOf(vm, thread);
      made = thread === undefined ? null : { thread, span: place?.span ?? null, key: place?.fn.key };
    },
  );
  return changes;
}

function seenAt(session: Session, seen: readonly Seen[], at: Standing & { readonly position: number }): Seen {
  const { thread, position, span } = at;
  const event = { type: 'section', why: 'lock' } as const;
  return { position, thread, event, span, call: callAt(session, seen, at), since: position };
}

/** The call a thread was in, from what it did before. */
function callAt(
  { program }: Session,
  seen: readonly Seen[],
  { thread, position, key }: Standing & { readonly position: number },
): Seen['call'] {
  const isIn = (each: Seen) => each.thread === thread && each.call?.fn.key === key;
  const before = seen.findLast(each => each.position <= position && isIn(each));
  const known = (before ?? seen.find(isIn))?.call ?? null;
  const fn = key === undefined ? undefined : program.functions[key];
  return known ?? (fn === undefined ? null : { fn, caller: null, site: null, position: 0 });
}

/** The variables that the statement of a thread reads or writes. */
export function variablesOf(session: Session, thread: number): Variable[] {
  const place = placeOf(session.vm, thread);
  const instruction = place === null ? undefined : instructionOf(place);
  return instruction === undefined ? [] : variablesIn(session, expressionsOf(instruction), thread);
}

/** The variables in expressions, as a thread reads them now. */
export function variablesIn(session: Session, expressions: readonly Expr[], thread: number): Variable[] {
  const frame = session.vm.frames(thread).find(({ fn }) => fn !== null) ?? null;
  const found = new Map<number, Variable>();
  for (const each of expressions.flatMap(expr => placesIn(expr))) {
    const variable = variableOf(session, each, thread, frame);
    if (variable !== null) found.set(variable.index, variable);
  }
  return [...found.values()];
}

function variableOf(session: Session, place: Place, thread: number, frame: Frame | null): Variable | null {
  const { vm } = session;
  const shared = { isLocal: false, isRefcount: false };
  if (place.op === 'local') {
    const slot = [...(frame?.fn?.params ?? []), ...(frame?.fn?.locals ?? [])].find(
      each => each.slot === place.slot,
    );
    if (frame === null || slot === undefined) return null;
    return {
      name: slot.name,
      index: frame.locals + slot.slot,
      type: slot.type,
      isLocal: true,
      isRefcount: false,
    };
  }
  if (place.op === 'global') {
    const index = vm.layout.globals.get(place.name);
    const type = vm.program.globals.find(({ name }) => name === place.name)?.type;
    return index === undefined || type === undefined ? null : { name: place.name, index, type, ...shared };
  }
  if (place.op !== 'field') return null;
  return fieldVariable(session, place.struct, place.field, vm.read(place.object, thread, frame));
}

/** The field of an object, by its number from 1. */
export function fieldVariable(
  { vm }: Session,
  struct: string,
  fieldName: string,
  object: number,
): Variable | null {
  const where = vm.layout.structs.get(struct);
  const field = where?.struct.fields.find(({ name }) => name === fieldName);
  if (where === undefined || field === undefined || object < 1 || object > where.count) return null;
  const index = where.base + (object - 1) * where.struct.words + field.offset;
  const name = `${struct}#${object}.${fieldName}`;
  return { name, index, type: field.type, isLocal: false, isRefcount: field.refcount };
}

function expressionsOf(instruction: Instruction): Expr[] {
  switch (instruction.op) {
    case 'set':
      return [instruction.target, instruction.value];
    case 'branch':
    case 'wait':
    case 'assert':
      return [instruction.condition];
    case 'call':
    case 'builtin':
      return [...instruction.args, ...(instruction.result === null ? [] : [instruction.result])];
    case 'callback':
      return [instruction.ops, ...instruction.args];
    case 'return':
      return instruction.value === null ? [] : [instruction.value];
    case 'select':
      return instruction.arms.map(({ condition }) => condition);
    case 'choose':
      return [instruction.target, instruction.from, instruction.to];
    case 'each_entry':
      return [instruction.table, instruction.to];
    case 'each_item':
      return [instruction.list];
    case 'each_cpu':
      return [instruction.mask];
    case 'either':
    case 'skip':
      return [];
  }
}

/** The variables in an expression, those that lead to others first. */
function placesIn(expr: Expr): Place[] {
  const own = isPlace(expr) ? [expr] : [];
  return [...partsOf(expr).flatMap(placesIn), ...own];
}

function partsOf(expr: Expr): readonly Expr[] {
  switch (expr.op) {
    case 'const':
    case 'local':
    case 'global':
    case 'new':
    case 'function':
      return [];
    case 'field':
      return [expr.object];
    case 'element':
      return [expr.array, expr.index];
    case 'not':
    case 'negate':
      return [expr.value];
    case 'binary':
    case 'and':
    case 'or':
      return [expr.left, expr.right];
    case 'if':
      return [expr.condition, expr.then, expr.otherwise];
    case 'builtin':
      return expr.args;
    case 'implements':
      return [expr.ops];
  }
}
