/**
 * refcount: when everything is at rest, no count of references may be above the number of references that
 * are held and counted in it. Looks at the state and keeps none. (Below zero, and used after zero, are judged
 * where the variable is changed.)
 */
import { type Field, type Type, typeWords } from '../../language/program';
import { THREAD } from '../layout';
import { framesOf } from '../stack';
import type { Violation } from '../types';
import type { Vm } from '../vm';

/** A count that is judged: of the objects of a struct, in one of their fields. */
interface Counted {
  readonly struct: string;
  readonly field: Field;
}

/** Counts above the references that are held. */
export function leaks(vm: Vm): Violation[] {
  return countedFields(vm).flatMap(counted => {
    const where = vm.layout.structs.get(counted.struct);
    if (where === undefined) return [];
    const held = heldReferences(vm, counted);
    const found: Violation[] = [];
    for (let object = 1; object <= where.count; object++) {
      const isInUse = where.inUse === null || vm.words.get(where.inUse + object - 1) !== 0;
      const count = vm.words.get(where.base + (object - 1) * where.struct.words + counted.field.offset);
      const references = held.get(object) ?? 0;
      if (isInUse && count > references) found.push(leak(counted, object, count, references));
    }
    return found;
  });
}

function leak({ struct, field }: Counted, object: number, count: number, held: number): Violation {
  const isPage = struct === 'page';
  const name = isPage ? `frame ${object - 1}` : `${struct}#${object}`;
  const message = `${field.name} of ${name} is ${count}, and ${held} references to it are left`;
  const frame = isPage ? object - 1 : null;
  return { property: 'refcount', message, thread: 0, address: null, frame, fn: null, span: field.span };
}

/** Counts of pages, and those in which some reference is counted. */
function countedFields({ program }: Vm): Counted[] {
  const structs = Object.values(program.structs);
  const used = new Set<string>();
  const note = (type: Type, counts: string | null): void => {
    const target = type.kind === 'list' || type.kind === 'array' ? type.of : type;
    if (counts !== null && target.kind === 'ref') used.add(`${target.struct}.${counts}`);
  };
  for (const { type, counts } of program.globals) note(type, counts);
  for (const { fields } of structs) for (const { type, counts } of fields) note(type, counts);
  return structs.flatMap(({ name, count, fields }) =>
    fields
      .filter(field => field.refcount && (count === 'page' || used.has(`${name}.${field.name}`)))
      .map(field => ({ struct: name, field })),
  );
}

/** How many references to each object are held and counted in a field of it. */
function heldReferences(vm: Vm, { struct, field }: Counted): Map<number, number> {
  const { words } = vm;
  const held = new Map<number, number>();
  const isPage = vm.layout.structs.get(struct)?.struct.count === 'page';
  const add = (object: number, count = 1): void => {
    if (object !== 0) held.set(object, (held.get(object) ?? 0) + count);
  };
  const leads = (type: Type): boolean =>
    isPage ? type.kind === 'page' || type.kind === 'table' : type.kind === 'ref' && type.struct === struct;
  const look = (type: Type, index: number): void => {
    if (leads(type)) add(words.get(index));
    if (type.kind === 'list')
      for (let item = 0; item < words.get(index); item++)
        look(type.of, index + 1 + item * typeWords(type.of));
    if (type.kind === 'array')
      for (let item = 0; item < type.length; item++) look(type.of, index + item * typeWords(type.of));
  };
  for (const global of vm.program.globals)
    if (global.counts === field.name) look(global.type, vm.globalAt(global.name));
  for (const where of vm.layout.structs.values()) {
    const fields = where.struct.fields.filter(({ counts }) => counts === field.name);
    for (let object = 0; fields.length > 0 && object < where.count; object++) {
      if (where.inUse !== null && words.get(where.inUse + object) === 0) continue;
      for (const each of fields) look(each.type, where.base + object * where.struct.words + each.offset);
    }
  }
  for (const thread of vm.threads) {
    if (words.get(vm.threadBase(thread.id) + THREAD.top) === 0) continue;
    for (const { fn, locals } of framesOf(vm, thread.id))
      for (const local of [...(fn?.params ?? []), ...(fn?.locals ?? [])])
        look(local.type, locals + local.slot);
  }
  if (isPage)
    for (let frame = 0; frame < vm.machine.frames.count; frame++)
      add(frame + 1, vm.machine.frames.references(frame));
  return held;
}
