/** Why threads wait for one another, sleep where they may not, or find a variable as they should not. */
import { isPlace } from '../language/accesses';
import type { Expr, Instruction, Place } from '../language/program';
import { instructionOf, placeOf } from '../session/place';
import type { Session } from '../session/session';
import type { Frame } from '../vm/types';
import { type Moment, momentOf } from './moments';
import type { Seen } from './retrace';
import type { Case, Story } from './why';

/** deadlock: what each waits for, and since when each holds what another waits for. */
export function deadlock(about: Case): Story {
  const { session, seen, finding } = about;
  const { vm } = session;
  const threads = vm.threads.filter(({ id, name }) => {
    const blocked = vm.blocked(id);
    return blocked !== null && !blocked.idle && finding.violation.message.includes(`${name} `);
  });
  const isWanted = ({ thread, event }: Seen) =>
    event.type === 'lock' && threads.some(({ id }) => vm.blocked(id)?.waitsFor.includes(thread));
  const held = heldLocks(seen).filter(each => threads.some(({ id }) => id === each.thread) && isWanted(each));
  const took = held.map(each => momentOf(session, 'locked', `took ${lockText(each)}`, each));
  const waits = threads.map(({ id, name }): Moment => {
    const frames = vm.frames(id).filter(({ fn }) => fn !== null);
    const trace = frames.map(({ name: called, span }) => ({ name: called, span }));
    const top = trace[0];
    const text = vm.blocked(id)?.text ?? '';
    const place = { fn: top?.name ?? null, span: top?.span ?? null };
    return { kind: 'waits', position: finding.position, thread: name, ...place, text, trace };
  });
  return { moments: threads.length === 0 ? lockedBefore(about) : [...took, ...waits] };
}

/** A lock taken twice by one thread: the first time. */
function lockedBefore({ session, seen, finding }: Case): Moment[] {
  const { thread, message } = finding.violation;
  const first = heldLocks(seen).findLast(
    ({ event, thread: by }) => by === thread && event.type === 'lock' && message.includes(event.lock),
  );
  return first === undefined ? [] : [momentOf(session, 'locked', `took ${lockText(first)}`, first)];
}

/** The locks that are held at the end, as they were taken. */
function heldLocks(seen: readonly Seen[]): Seen[] {
  const held: Seen[] = [];
  for (const each of seen) {
    const { event, thread } = each;
    if (event.type === 'lock') held.push(each);
    if (event.type !== 'unlock') continue;
    const at = held.findLastIndex(
      ({ event: taken, thread: by }) => taken.type === 'lock' && taken.lock === event.lock && by === thread,
    );
    if (at >= 0) held.splice(at, 1);
  }
  return held;
}

function lockText({ event }: Seen): string {
  if (event.type !== 'lock') return '';
  return event.how === 'read' || event.how === 'write' ? `${event.lock} for ${event.how}` : event.lock;
}

/** sleep-in-atomic: where the thread entered the section in which it may not sleep. */
export function sleepInAtomic({ session, seen, finding }: Case): Story {
  const { thread } = finding.violation;
  const own = seen.filter(each => each.thread === thread && each.position <= finding.position);
  const section = own.findLast(({ event }) => event.type === 'section');
  if (section?.event.type !== 'section') return { moments: [] };
  const lock = own.findLast(({ event, position }) => event.type === 'lock' && position === section.position);
  const { why } = section.event;
  const texts = {
    lock: lock === undefined ? 'a spinlock was taken' : `${lockText(lock)} was taken`,
    preemption: 'preemption was turned off',
    interrupts: 'interrupts were turned off',
  };
  const moments = [momentOf(session, 'locked', `atomic since: ${texts[why]}`, section)];
  const callback = own.findLast(
    ({ event, position }) => event.type === 'callback' && position > section.position,
  );
  if (callback?.event.type === 'callback') {
    const { driver, callback: name } = callback.event;
    moments.push(momentOf(session, 'callback', `called: ${driver}.${name}`, callback));
  }
  return { moments };
}

/** data-race, assertion: who last wrote the variables that the statement reads, and under which locks. */
export function dataOf(about: Case): Story {
  const { session, finding } = about;
  const { violation, position } = finding;
  if (position === 0) return { moments: [] };
  session.goTo(position - 1);
  const variables = variablesOf(session, violation.thread);
  session.goTo(position);
  if (variables.length === 0) return { moments: [] };
  return { moments: lastWrites(about, variables) };
}

/** A shared variable, by its word of state. */
interface Variable {
  readonly name: string;
  readonly index: number;
}

/** A step about to be made: by whom, and where in the code. */
interface Standing {
  readonly thread: number;
  readonly span: Seen['span'];
  readonly key: string | undefined;
}

/** The last change of each variable before the violation, with the locks its thread held. */
function lastWrites({ session, seen, finding }: Case, variables: readonly Variable[]): Moment[] {
  const { vm } = session;
  const values = new Map<number, number>();
  const changed = new Map<number, Standing & { readonly position: number }>();
  let made: Standing | null = null;
  session.retrace(
    () => {},
    () => {
      const { position } = session;
      for (const { index } of variables) {
        const value = vm.words.get(index);
        const isNew = made !== null && position < finding.position && values.get(index) !== value;
        if (made !== null && isNew) changed.set(index, { ...made, position });
        values.set(index, value);
      }
      const thread = session.steps[position]?.thread;
      const place = thread === undefined ? null : placeOf(vm, thread);
      made = thread === undefined ? null : { thread, span: place?.span ?? null, key: place?.fn.key };
    },
  );
  return variables.flatMap(({ name, index }) => {
    const change = changed.get(index);
    if (change === undefined) return [];
    const { thread, position, span } = change;
    const locks = heldLocks(seen.filter(each => each.position <= position)).filter(
      by => by.thread === thread,
    );
    const under = locks.length === 0 ? 'without a lock' : `under ${locks.map(lockText).join(', ')}`;
    const call = callAt(seen, change);
    const event = { type: 'section', why: 'lock' } as const;
    const at: Seen = { position, thread, event, span, call, since: position };
    return [momentOf(session, 'written', `written: ${name}, ${under}`, at)];
  });
}

/** The call a thread was in, from what it did before. */
function callAt(
  seen: readonly Seen[],
  { thread, position, key }: Standing & { readonly position: number },
): Seen['call'] {
  const isIn = (each: Seen) => each.thread === thread && each.call?.fn.key === key;
  const before = seen.findLast(each => each.position <= position && isIn(each));
  return (before ?? seen.find(isIn))?.call ?? null;
}

/** The shared variables that the statement of a thread reads or writes. */
function variablesOf(session: Session, thread: number): Variable[] {
  const { vm } = session;
  const place = placeOf(vm, thread);
  const frame = vm.frames(thread).find(({ fn }) => fn !== null) ?? null;
  const instruction = place === null ? undefined : instructionOf(place);
  if (instruction === undefined) return [];
  const found = new Map<number, Variable>();
  for (const each of expressionsOf(instruction).flatMap(expr => placesIn(expr))) {
    const variable = variableOf(session, each, thread, frame);
    if (variable !== null) found.set(variable.index, variable);
  }
  return [...found.values()];
}

function variableOf(session: Session, place: Place, thread: number, frame: Frame | null): Variable | null {
  const { vm } = session;
  if (place.op === 'global') {
    const index = vm.layout.globals.get(place.name);
    return index === undefined ? null : { name: place.name, index };
  }
  if (place.op !== 'field') return null;
  const where = vm.layout.structs.get(place.struct);
  const field = where?.struct.fields.find(({ name }) => name === place.field);
  const object = vm.read(place.object, thread, frame);
  if (where === undefined || field === undefined || object < 1 || object > where.count) return null;
  const index = where.base + (object - 1) * where.struct.words + field.offset;
  return { name: `${place.struct}#${object}.${place.field}`, index };
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
