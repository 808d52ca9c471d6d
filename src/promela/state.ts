/** The variables of a program in Promela, and the assignments that make the initial state. */
import { FRAME_WORDS } from '../base/words';
import { type Program, type Type, typeWords } from '../language/program';
import { devicesOf } from '../machine/config';
import type { Vm } from '../vm/vm';
import { LOW_BITS, type Space } from './space';
import { identifier, NotExportable } from './values';

/** One variable: its name, how many there are of it, where the first lies and how far apart they are. */
interface Variable {
  readonly name: string;
  readonly type: Type;
  readonly count: number;
  readonly base: number;
  readonly stride: number;
}

function variablesOf(program: Program, vm: Vm): Variable[] {
  const variables: Variable[] = program.globals.map(({ name, type }) => {
    return { name: `g_${identifier(name)}`, type, count: 1, base: vm.globalAt(name), stride: 0 };
  });
  for (const { struct, base, count, inUse } of vm.layout.structs.values()) {
    if (count === 0) continue;
    const name = identifier(struct.name);
    if (inUse !== null)
      variables.push({ name: `${name}_in_use`, type: { kind: 'bool' }, count, base: inUse, stride: 1 });
    for (const field of struct.fields)
      variables.push({
        name: identifier(`${struct.name}_${field.name}`),
        type: field.type,
        count,
        base: base + field.offset,
        stride: struct.words,
      });
  }
  return variables;
}

/** The arrays that hold one variable, with their element type and the word each element has in the vm. */
function arraysOf({
  name,
  type,
  count,
  base,
  stride,
}: Variable): { name: string; type: string; words: number[]; part: Part }[] {
  const objects = Array.from({ length: count }, (_, index) => base + index * stride);
  switch (type.kind) {
    case 'addr':
      return [
        { name: `${name}_l`, type: 'int', words: objects, part: 'low' },
        { name: `${name}_h`, type: 'int', words: objects, part: 'high' },
      ];
    case 'rwsem':
      return [
        { name: `${name}_w`, type: 'byte', words: objects, part: 'word' },
        { name: `${name}_r`, type: 'int', words: objects.map(word => word + 1), part: 'word' },
      ];
    case 'srcu':
      return [
        {
          name,
          type: 'byte',
          words: objects.flatMap(word => Array.from({ length: 32 }, () => word)),
          part: 'nothing',
        },
      ];
    case 'list': {
      const width = typeWords(type.of);
      if (width !== 1) throw new NotExportable(`a list of ${type.of.kind}`);
      const items = objects.flatMap(word => Array.from({ length: type.capacity }, (_, at) => word + 1 + at));
      return [
        { name: `${name}_n`, type: 'byte', words: objects, part: 'word' },
        { name: `${name}_at`, type: 'short', words: items, part: 'word' },
      ];
    }
    case 'array': {
      const width = typeWords(type.of);
      const inner = objects.flatMap(word =>
        Array.from({ length: type.length }, (_, at) => word + at * width),
      );
      return arraysOf({ name, type: type.of, count: 1, base: 0, stride: 0 }).map(array => {
        const offset = array.words[0] ?? 0;
        return { ...array, words: inner.map(word => word + offset) };
      });
    }
    default:
      return [{ name, type: elementType(type), words: objects, part: 'word' }];
  }
}

type Part = 'word' | 'low' | 'high' | 'nothing';

function elementType(type: Type): string {
  switch (type.kind) {
    case 'bool':
      return 'bool';
    case 'int':
      if (type.min >= 0 && type.max <= 255) return 'byte';
      return type.min >= -32768 && type.max <= 32767 ? 'short' : 'int';
    case 'entry':
    case 'pte':
    case 'cpumask':
      return 'int';
    case 'ref':
    case 'page':
    case 'table':
      return 'short';
    default:
      return 'byte';
  }
}

/** Declarations of all variables. */
export function declarationsOf(program: Program, vm: Vm): string {
  const lines = variablesOf(program, vm)
    .flatMap(arraysOf)
    .map(({ name, type, words }) => `${type} ${name}[${Math.max(1, words.length)}];`);
  const queues = program.workqueues.map((queue, index) => {
    const size = queue.capacity;
    return `byte wq_n_${index}; short wq_fn_${index}[${size}]; int wq_arg_${index}[${size}];`;
  });
  return [...lines, ...queues, ''].join('\n');
}

/** Assignments that turn variables of zeros into the initial state of the vm. */
export function initialAssignments(program: Program, vm: Vm, space: Space): string[] {
  const lines: string[] = [];
  const put = (name: string, value: number) => {
    if (value !== 0) lines.push(`${name} = ${value};`);
  };
  for (const { name, words, part } of variablesOf(program, vm).flatMap(arraysOf))
    for (const [index, word] of words.entries()) put(`${name}[${index}]`, partOf(vm, word, part));
  for (let frame = 0; frame < vm.words.frames; frame++) {
    const kind = vm.machine.frameKind(frame);
    put(`kind[${frame}]`, kind > 1 ? 1 + vm.machine.tableLevel(frame) : kind);
    if (kind === 0) continue;
    for (const [index, slot] of space.slots.entries())
      if (slot < FRAME_WORDS)
        put(`mem[${frame * space.slots.length + index}]`, vm.machine.readWord(frame, slot));
  }
  for (const cpu of vm.machine.cpus.keys()) put(`cr3[${cpu}]`, (vm.machine.cr3(cpu) + 1) << 1);
  for (const device of devicesOf(program.scenario.machine).keys())
    for (let pasid = 0; pasid < space.pasids; pasid++)
      put(`gcr3[${device * space.pasids + pasid}]`, (vm.machine.gcr3(device, pasid) + 1) << 1);
  for (const subscriber of vm.monitors.subscribers.of(null)) lines.push(`hashed[${subscriber}] = 1;`);
  for (const device of devicesOf(program.scenario.machine).keys())
    for (let pasid = 0; pasid < space.pasids; pasid++)
      for (const { subscriber, released } of vm.monitors.subscribers.boundTo(device, pasid)) {
        put(`bound[${device * space.pasids + pasid}]`, subscriber);
        put(`released[${device * space.pasids + pasid}]`, released ? 1 : 0);
      }
  if (vm.machine.copies().length > 0) throw new NotExportable('caches that are filled before the first step');
  return lines;
}

function partOf(vm: Vm, word: number, part: Part): number {
  if (part === 'nothing') return 0;
  if (part === 'word') return vm.words.get(word);
  const value = vm.value({ kind: 'addr' }, word);
  const high = Math.floor(value / 2 ** LOW_BITS);
  return part === 'high' ? high : value - high * 2 ** LOW_BITS;
}
