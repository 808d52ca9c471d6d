/**
 * Locals that no way on reads before it writes them. A search sets them to 0, so that states which differ
 * only in what nobody will look at are one state.
 */
import type { Expr, FunctionCode, Instruction, Place, Program } from '../language/program';
import { typeWords } from '../language/program';
import { judgedFunctions } from '../vm/monitors/monitors';

/** Per instruction, the words of the frame that are dead when the thread is about to run it. */
export type DeadLocals = readonly (readonly number[])[];

/** Dead locals of every function, in the order of the program's. */
export function deadLocalsOf(program: Program): DeadLocals[] {
  return Object.values(program.functions).map(deadIn);
}

function deadIn(fn: FunctionCode): DeadLocals {
  const live = fn.code.map(() => new Set<number>());
  for (let changed = true; changed; ) {
    changed = false;
    for (let pc = fn.code.length - 1; pc >= 0; pc--) {
      const instruction = fn.code[pc];
      const before = live[pc];
      if (instruction === undefined || before === undefined) continue;
      const { size } = before;
      for (const slot of liveBefore(instruction, live)) before.add(slot);
      changed ||= before.size > size;
    }
  }
  // What a property asks a frame for when it is left are its arguments.
  const isAsked = fn.role !== 'plain' || judgedFunctions.has(fn.name);
  const kept = new Set(isAsked ? fn.params.flatMap(({ slot, type }) => wordsOf(slot, typeWords(type))) : []);
  const all = Array.from({ length: fn.frameWords }, (_, slot) => slot);
  return live.map(slots => all.filter(slot => !slots.has(slot) && !kept.has(slot)));
}

/** What is live before an instruction, given what is live before each of those that may follow. */
function liveBefore(instruction: Instruction, live: readonly ReadonlySet<number>[]): number[] {
  const at = (pc: number | null): number[] => (pc === null ? [] : [...(live[pc] ?? [])]);
  const without = (slots: number[], written: readonly number[]) =>
    slots.filter(slot => !written.includes(slot));
  switch (instruction.op) {
    case 'set':
      return [...read(instruction.value), ...store(instruction.target), ...after(instruction.target)];
    case 'choose':
      return [
        ...[instruction.from, instruction.to].flatMap(read),
        ...store(instruction.target),
        ...after(instruction.target),
      ];
    case 'call':
    case 'builtin':
      return [...instruction.args.flatMap(read), ...store(instruction.result), ...after(instruction.result)];
    case 'callback':
      return [
        ...[instruction.ops, ...instruction.args].flatMap(read),
        ...store(instruction.result),
        ...after(instruction.result),
      ];
    case 'branch':
      return [...read(instruction.condition), ...at(instruction.then), ...at(instruction.otherwise)];
    case 'return':
      return instruction.value === null ? [] : read(instruction.value);
    case 'wait':
    case 'assert':
      return [...read(instruction.condition), ...at(instruction.next)];
    case 'select':
      return [
        ...instruction.arms.flatMap(arm => [...read(arm.condition), ...at(arm.next)]),
        ...at(instruction.otherwise),
      ];
    case 'either':
      return instruction.arms.flatMap(at);
    case 'each_entry': {
      const { table, to, entry, address, cursor, body, exit } = instruction;
      const written = [entry, ...wordsOf(address, 2)];
      return [...read(table), ...read(to), ...wordsOf(cursor, 2), ...without(at(body), written), ...at(exit)];
    }
    case 'each_item':
      return [...read(instruction.list), instruction.item, ...at(instruction.body), ...at(instruction.exit)];
    case 'each_cpu':
      return [...read(instruction.mask), instruction.item, ...at(instruction.body), ...at(instruction.exit)];
    case 'skip':
      return at(instruction.next);
  }

  function after(target: Place | null): number[] {
    const next = 'next' in instruction ? at(instruction.next) : [];
    if (target?.op !== 'local') return next;
    return without(next, wordsOf(target.slot, typeWords(target.type)));
  }
}

/** Locals read to find out where to store. */
function store(target: Place | null): number[] {
  if (target === null || target.op === 'local' || target.op === 'global') return [];
  return target.op === 'field' ? read(target.object) : [...store(target.array), ...read(target.index)];
}

/** Locals read by an expression. */
function read(expr: Expr): number[] {
  switch (expr.op) {
    case 'const':
    case 'global':
    case 'new':
    case 'function':
      return [];
    case 'local':
      return wordsOf(expr.slot, typeWords(expr.type));
    case 'field':
      return read(expr.object);
    case 'element':
      return [...read(expr.array), ...read(expr.index)];
    case 'not':
    case 'negate':
      return read(expr.value);
    case 'binary':
    case 'and':
    case 'or':
      return [...read(expr.left), ...read(expr.right)];
    case 'if':
      return [expr.condition, expr.then, expr.otherwise].flatMap(read);
    case 'implements':
      return read(expr.ops);
    case 'builtin':
      return expr.args.flatMap(read);
  }
}

function wordsOf(slot: number, count: number): number[] {
  return Array.from({ length: count }, (_, word) => slot + word);
}
