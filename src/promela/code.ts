/**
 * Functions in Promela. All software threads are instances of one process type, which holds the code
 * of every function that can be reached: an instruction is a label and one indivisible step, a call
 * pushes a frame on the array `st` of the process (the return site, then the locals) and jumps, a
 * return jumps back by the number of its site.
 */
import { builtins } from '../language/builtins';
import type { Expr, FunctionCode, Instruction, Place, Program } from '../language/program';
import { builtinStatement, isChoice } from './effects';
import { onEnter, onLeave } from './monitors';
import { identifier, NotExportable, Values } from './values';

/** Everything the code generator must know. */
export interface Code {
  readonly program: Program;
  readonly functions: readonly FunctionCode[];
  readonly values: Values;
  /** What is not in it is left out, and reported when it is reached; null leaves out nothing. */
  readonly reached: Reached | null;
  /** Words of the stack of a process. */
  readonly stackWords: number;
}

/** The functions that work items run. */
export function workOf(program: Program): string[] {
  const queued = /"name":"queue_work","args":\[[^\]]*\{"op":"function","name":"([^"]+)"/g;
  const all = Object.values(program.functions).flatMap(({ code }) => [
    ...JSON.stringify(code).matchAll(queued),
  ]);
  return [...new Set(all.map(([, name]) => name ?? ''))];
}

/** For each function, by its key, the instructions that a search has executed. */
export type Reached = Readonly<Record<string, readonly number[]>>;

/** Finds the functions that threads which begin with `roots` can run, as far as a search has come to them. */
export function codeOf(program: Program, roots: readonly string[], reached: Reached | null): Code {
  const callbacks = program.notifiers.flatMap(notifier => Object.values(notifier.callbacks));
  const fault = Object.values(program.functions).find(({ role }) => role === 'fault')?.key;
  const uses = (fn: FunctionCode): string[] =>
    fn.code.flatMap((instruction, pc) => {
      if (reached !== null && !reached[fn.key]?.includes(pc)) return [];
      if (instruction.op === 'call') return [instruction.fn];
      if (instruction.op === 'callback') return callbacks;
      const isAccess =
        instruction.op === 'builtin' && (instruction.name === 'load' || instruction.name === 'store');
      return isAccess && fault !== undefined ? [fault] : [];
    });
  const found = new Map<string, FunctionCode>();
  const visit = (key: string): void => {
    const fn = program.functions[key];
    if (fn === undefined || found.has(key)) return;
    found.set(key, fn);
    for (const next of uses(fn)) visit(next);
  };
  for (const root of roots) visit(root);
  const functions = [...found.values()];
  const values = new Values(program, key => numberOf(program, key));
  return { program, functions, values, reached, stackWords: deepest(found, uses) };
}

/** Number of a function, from 1. */
export function numberOf(program: Program, key: string): number {
  return 1 + Object.keys(program.functions).indexOf(key);
}

function deepest(reached: ReadonlyMap<string, FunctionCode>, uses: (fn: FunctionCode) => string[]): number {
  const known = new Map<string, number>();
  let cycles = 0;
  const depth = (fn: FunctionCode): number => {
    const before = known.get(fn.key);
    if (before !== undefined) {
      if (before < 0) cycles = 1;
      return Math.max(0, before);
    }
    known.set(fn.key, -1);
    const below = uses(fn)
      .map(key => reached.get(key))
      .map(each => (each === undefined ? 0 : depth(each)));
    const words = fn.frameWords + 1 + Math.max(0, ...below);
    known.set(fn.key, words);
    return words;
  };
  const words = Math.max(1, ...[...reached.values()].map(depth));
  return words + (cycles > 0 ? 60 : 0);
}

/** Writes the process type of software threads. */
export class Software {
  private readonly sites: { readonly fn: string; readonly label: string }[] = [];

  constructor(
    private readonly code: Code,
    private readonly name: string,
  ) {}

  /**
   * The process type. Its threads begin with one of the functions `entries`; with none of them, it takes
   * interrupts, or the items of a work queue.
   */
  text(entries: readonly string[], queue: number | null): string {
    const { functions, stackWords } = this.code;
    const bodies = functions.map(fn => this.functionText(fn));
    // Sites are known once all bodies are written.
    const returns = functions.map(fn => this.returnText(fn));
    const starts = entries.map(key => `:: entry == ${this.number(key)} -> goto ${this.label(key, 0)}`);
    const idle = queue === null ? this.interrupts() : this.worker(queue);
    return `
proctype ${this.name}(byte me; byte cpu; byte gate; short entry) {
  int st[${stackWords}]; short fp; int rv; int rvh; short rt; byte nx;
${entries.length > 0 ? `  if\n  ${starts.join('\n  ')}\n  fi;` : idle}
${bodies.join('\n')}
${returns.map(text => text(queue)).join('\n')}
end_done:
  (false)
}
`;
  }

  private interrupts(): string {
    const handlers = this.code.functions.filter(({ role }) => role === 'interrupt');
    const all = Object.values(this.code.program.functions).filter(({ role }) => role === 'interrupt');
    const arms = handlers.map(fn => {
      const bit = all.indexOf(fn);
      const below = bit === 0 ? '' : ` && !(pending[cpu] & ${2 ** bit - 1})`;
      return `  :: d_step { (pending[cpu] & ${2 ** bit})${below} && irq_off[me] == 0 ->
        pending[cpu] = pending[cpu] & ~${2 ** bit}; irq_off[me] = irq_off[me] + 1; in_irq[cpu] = 1;
          ABANDON(cpu); ${[...this.entered(fn), 'skip'].join('; ')} }; goto ${this.label(fn.key, 0)}`;
    });
    return `end_irq:\n  if\n${arms.join('\n')}\n  :: (false)\n  fi;`;
  }

  private worker(queue: number): string {
    const items = this.code.functions.filter(fn => this.isWork(fn));
    const capacity = this.code.program.workqueues[queue]?.capacity ?? 1;
    const shift = `i = 0; do :: i < ${capacity - 1} -> wq_fn_${queue}[i] = wq_fn_${queue}[i + 1];
      wq_arg_${queue}[i] = wq_arg_${queue}[i + 1]; i++ :: else -> wq_fn_${queue}[i] = 0;
        wq_arg_${queue}[i] = 0; break od; wq_n_${queue} = wq_n_${queue} - 1; wq_busy_${queue} = 1`;
    const arms = items.map(
      fn =>
        `  :: d_step { wq_n_${queue} > 0 && wq_fn_${queue}[0] == ${this.number(fn.key)} ->
          st[1] = wq_arg_${queue}[0]; ${shift}; ${[...this.entered(fn, true), 'skip'].join('; ')} };
            goto ${this.label(fn.key, 0)}`,
    );
    return `end_worker_${queue}:\n  if\n${arms.join('\n')}\n  :: (false)\n  fi;`;
  }

  private isWork(fn: FunctionCode): boolean {
    return workOf(this.code.program).includes(fn.key);
  }

  private number(key: string): number {
    return numberOf(this.code.program, key);
  }

  private label(key: string, pc: number): string {
    const fn = this.code.program.functions[key];
    const instruction = fn?.code[pc];
    const idle =
      (instruction?.op === 'wait' && instruction.how === 'idle') ||
      (instruction?.op === 'builtin' && instruction.name.startsWith('dma_'));
    return `${idle ? 'end_' : ''}f${this.number(key)}_${pc}`;
  }

  private functionText(fn: FunctionCode): string {
    const lines = fn.code.map((instruction, pc) => this.lines(fn, pc, instruction));
    const text = lines.map((line, pc) => `${this.label(fn.key, pc)}:\n${jumpable(line)}`);
    return [`  /* ${fn.key} */`, ...text].join('\n');
  }

  /** One step; where there is no counterpart of it, Spin reports that it was reached. */
  private lines(fn: FunctionCode, pc: number, instruction: Instruction): string {
    try {
      const { reached } = this.code;
      const isLeftOut = reached !== null && !reached[fn.key]?.includes(pc) && !mayWait(instruction);
      if (isLeftOut) throw new NotExportable('not reached before');
      return instruction.joined ? this.region(fn, pc) : this.single(fn, pc, instruction);
    } catch (problem) {
      if (!(problem instanceof NotExportable)) throw problem;
      return `  /* not exported: ${problem.message} */\n  if :: UNEXPORTED; goto end_done fi;`;
    }
  }

  /** One instruction that is a step of its own. */
  private single(fn: FunctionCode, pc: number, instruction: Instruction): string {
    const to = (next: number) => `goto ${this.label(fn.key, next)}`;
    const { values } = this.code;
    const run = touchesShared(instruction) ? '!in_irq[gate]' : '';
    const step = (body: readonly string[], guard = '') => {
      const condition = [run, guard].filter(each => each !== '').join(' && ') || 'true';
      return `  d_step { ${condition} -> ${[...body, 'skip'].join('; ')} };`;
    };
    switch (instruction.op) {
      case 'set':
        return `${step(this.assign(instruction.target, instruction.value))} ${to(instruction.next)};`;
      case 'skip':
        return `${step([])} ${to(instruction.next)};`;
      case 'assert':
        return `${step([
          `if :: ${values.int(instruction.condition)} :: else ->
          V(assertion) fi`,
        ])} ${to(instruction.next)};`;
      case 'branch': {
        const condition = values.int(instruction.condition);
        const guard = run === '' ? '' : `${run} && `;
        return `  if\n  :: ${guard}(${condition}) -> ${to(instruction.then)}\n
          :: ${guard}!(${condition}) -> ${to(instruction.otherwise)}\n  fi;`;
      }
      case 'wait': {
        const sleeps = instruction.how === 'spin' ? [] : ['MIGHT_SLEEP'];
        return `${step(sleeps, `(${values.int(instruction.condition)})`)} ${to(instruction.next)};`;
      }
      case 'select':
        return this.select(fn, instruction, run);
      case 'either':
        return `  if\n${instruction.arms
          .map(
            next => `  :: d_step { ${run || 'true'} -> skip };
          ${to(next)}`,
          )
          .join('\n')}\n  fi;`;
      case 'choose':
        return this.choose(fn, instruction, run);
      case 'call':
        return this.call(fn, instruction, instruction.fn, run);
      case 'callback':
        return this.callback(fn, instruction, run);
      case 'return':
        return this.leave(fn, instruction.value, run);
      case 'builtin':
        return this.builtin(fn, pc, instruction, run);
      default:
        return this.each(fn, pc, instruction, run);
    }
  }

  private select(
    fn: FunctionCode,
    instruction: Instruction & { readonly op: 'select' },
    run: string,
  ): string {
    const { values } = this.code;
    const guard = run === '' ? '' : `${run} && `;
    const conditions = instruction.arms.map(arm => `(${values.int(arm.condition)})`);
    const arms = instruction.arms.map(
      (arm, index) => `  :: ${guard}${conditions[index]} -> goto ${this.label(fn.key, arm.next)}`,
    );
    const { otherwise } = instruction;
    if (otherwise !== null)
      arms.push(`  :: ${guard}!(${conditions.join(' || ')}) -> goto ${this.label(fn.key, otherwise)}`);
    return `  if\n${arms.join('\n')}\n  fi;`;
  }

  private choose(
    fn: FunctionCode,
    instruction: Instruction & { readonly op: 'choose' },
    run: string,
  ): string {
    const { from, to } = instruction;
    if (from.op !== 'const' || to.op !== 'const' || to.value - from.value > 31)
      throw new NotExportable('a choice between bounds that are no constants');
    const arms: string[] = [];
    for (let value = from.value; value <= Math.max(from.value, to.value); value++)
      arms.push(
        `  :: d_step { ${run || 'true'} ->
          ${this.assign(instruction.target, { op: 'const', value }).join('; ')} };
            goto ${this.label(fn.key, instruction.next)}`,
      );
    return `  if\n${arms.join('\n')}\n  fi;`;
  }

  /** Statements that store a value; the range of an integer is asserted. */
  private assign(target: Place, value: Expr): string[] {
    const { values } = this.code;
    const where = values.where(target);
    if (target.type.kind === 'addr') {
      const place = values.wide(where);
      const { low, high } = values.pair(value);
      // Both halves of the new value may read the old one.
      return [`t = ${low}`, `u = ${high}`, `${place.low} = t`, `${place.high} = u`];
    }
    const place = `${where.array}[${where.index}]`;
    if (value.op === 'new') {
      const name = identifier(value.struct);
      const count = Number(this.code.program.structs[value.struct]?.count ?? 0);
      const fields = [
        `i = 0; do :: i < ${count} && ${name}_in_use[i] -> i++ :: else -> break od; assert(i < ${count})`,
      ];
      return [...fields, `${name}_in_use[i] = 1`, `${place} = i + 1`];
    }
    const written = values.int(value);
    if (target.type.kind !== 'int' || value.op !== 'binary') return [`${place} = ${written}`];
    const { min, max } = target.type;
    return [`t = ${written}`, `if :: t < ${min} || t > ${max} -> V(assertion) :: else fi`, `${place} = t`];
  }

  /** Stores what a function has returned, or a builtin has left in `rv`. */
  private store(result: Place | null): string[] {
    if (result === null) return [];
    const where = this.code.values.where(result);
    if (result.type.kind === 'addr') {
      const place = this.code.values.wide(where);
      return [`${place.low} = rv`, `${place.high} = rvh`];
    }
    return [`${where.array}[${where.index}] = rv`];
  }

  private call(
    fn: FunctionCode,
    instruction: Instruction & { readonly op: 'call' | 'callback' },
    key: string,
    run: string,
    guard = '',
  ): string {
    const callee = this.code.program.functions[key];
    if (callee === undefined) throw new NotExportable(`the function ${key}`);
    const condition = [run, guard].filter(each => each !== '').join(' && ') || 'true';
    const site = this.site(fn, instruction, key);
    const push = this.push(fn, callee, instruction.args, site);
    return `  d_step { ${condition} -> ${push.join('; ')}; skip }; goto ${this.label(key, 0)};`;
  }

  /** A number for a place that is returned to, with the label of what happens there. */
  private site(
    fn: FunctionCode,
    instruction: Instruction & { readonly op: 'call' | 'callback' },
    key: string,
  ): number {
    const done = [
      `fp = fp - ${fn.frameWords + 1}`,
      ...this.store(instruction.result),
      'rv = 0',
      'rvh = 0',
      'rt = 0',
    ];
    this.sites.push({
      fn: key,
      label: `d_step { rt == ${this.sites.length + 1} -> ${done.join('; ')} };
        goto ${this.label(fn.key, instruction.next)}`,
    });
    return this.sites.length;
  }

  private push(fn: FunctionCode, callee: FunctionCode, args: readonly Expr[], site: number): string[] {
    const { values } = this.code;
    const top = fn.frameWords + 1;
    const lines = [`st[fp + ${top}] = ${site}`];
    for (const [index, param] of callee.params.entries()) {
      const arg = args[index];
      if (arg === undefined || param.type.kind === 'function') continue;
      const at = top + 1 + param.slot;
      if (param.type.kind === 'addr') {
        const { low, high } = values.pair(arg);
        lines.push(`st[fp + ${at}] = ${low}`, `st[fp + ${at + 1}] = ${high}`);
      } else lines.push(`st[fp + ${at}] = ${values.int(arg)}`);
    }
    return [...lines, `fp = fp + ${top}`, ...this.entered(callee)];
  }

  /** What properties note when a frame was pushed. */
  private entered(fn: FunctionCode, isWork = false): string[] {
    const lines = onEnter(this.code.program, fn, slot => [`st[fp + ${slot + 1}]`, `st[fp + ${slot + 2}]`]);
    if (fn.role !== 'syscall' && fn.role !== 'fault' && !isWork) return lines;
    if (this.code.program.structs.mmu_notifier === undefined) return lines;
    const open = ['op_frame[me] = fp + 1'];
    if (fn.revokes !== null) {
      const [from, to] = [this.code.values.pair(fn.revokes.from), this.code.values.pair(fn.revokes.to)];
      open.push(
        `from_l[me] = ${from.low}; from_h[me] = ${from.high}; to_l[me] = ${to.low}; to_h[me] = ${to.high}`,
      );
      open.push('NOTE_LEAVES()');
    }
    return [`if :: op_frame[me] == 0 -> ${open.join('; ')} :: else fi`, ...lines];
  }

  private callback(
    fn: FunctionCode,
    instruction: Instruction & { readonly op: 'callback' },
    run: string,
  ): string {
    const ops = this.code.values.int(instruction.ops);
    const having = this.code.program.notifiers.flatMap((notifier, index) => {
      const key = notifier.callbacks[instruction.callback];
      return key === undefined ? [] : [{ key, ops: index + 1 }];
    });
    const known = having.filter(each => this.code.functions.some(callee => callee.key === each.key));
    const arms = known.map(each => {
      const call = this.call(fn, instruction, each.key, run, `(${ops} == ${each.ops})`);
      return `  :: ${call.trim().replace(/;$/, '')}`;
    });
    for (const { key, ops: value } of having)
      if (!known.some(each => each.key === key))
        arms.push(`  :: (${ops} == ${value}) -> UNEXPORTED; goto end_done`);
    const none = having.map(each => `(${ops} == ${each.ops})`).join(' || ') || 'false';
    arms.push(
      `  :: d_step { ${run || 'true'} && !(${none}) -> V(assertion) };
        goto ${this.label(fn.key, instruction.next)}`,
    );
    return `  if\n${arms.join('\n')}\n  fi;`;
  }

  /** Leaves a function: the value in `rv`, the site in `rt`; the frame is cleared. */
  private leave(fn: FunctionCode, value: Expr | null, run: string): string {
    const { values, program } = this.code;
    const lines: string[] = [];
    if (value !== null) {
      if (fn.result?.kind === 'addr') {
        const { low, high } = values.pair(value);
        lines.push(`rv = ${low}`, `rvh = ${high}`);
      } else lines.push(`rv = ${values.int(value)}`);
    }
    const hooks = onLeave(program, fn);
    if (
      program.structs.mmu_notifier !== undefined &&
      (fn.role === 'syscall' || fn.role === 'fault' || this.isWork(fn))
    )
      hooks.unshift('if :: op_frame[me] == fp + 1 -> JUDGE_OPERATION() :: else fi');
    if (fn.role === 'interrupt') hooks.push('irq_off[me] = irq_off[me] - 1', 'in_irq[cpu] = 0');
    lines.push(...hooks, 'rt = st[fp]');
    for (let word = 0; word <= fn.frameWords; word++) lines.push(`st[fp + ${word}] = 0`);
    const guard = fn.role === 'interrupt' ? 'true' : hooks.length > 0 ? '!in_irq[gate]' : run || 'true';
    return `  d_step { ${guard} -> ${lines.join('; ')} }; goto r${this.number(fn.key)};`;
  }

  /** Where a function goes on after its return: by the site. */
  private returnText(fn: FunctionCode): (queue: number | null) => string {
    const arms = this.sites.filter(site => site.fn === fn.key).map(site => `  :: ${site.label}`);
    const number = this.number(fn.key);
    if (fn.role === 'interrupt') arms.push('  :: rt == 0 -> goto end_irq');
    if (fn.role === 'task' || fn.role === 'device' || fn.role === 'daemon')
      arms.push('  :: rt == 0 -> goto end_done');
    const isWork = this.isWork(fn);
    return queue => {
      const all = [...arms];
      if (isWork && queue !== null)
        all.push(
          `  :: d_step { rt == 0 -> rv = 0; rvh = 0; wq_busy_${queue} = 0 }; goto end_worker_${queue}`,
        );
      if (all.length === 0) all.push('  :: (false)');
      return `r${number}:\n  if\n${all.join('\n')}\n  fi;`;
    };
  }

  private builtin(
    fn: FunctionCode,
    pc: number,
    instruction: Instruction & { readonly op: 'builtin' },
    run: string,
  ): string {
    const { name, args, result, next } = instruction;
    if (name === 'load' || name === 'store') return this.access(fn, pc, instruction);
    if (name === 'dma_read' || name === 'dma_write') return this.dma(fn, pc, instruction);
    const to = `goto ${this.label(fn.key, next)}`;
    const condition = (guard: string) => [run, guard].filter(each => each !== '').join(' && ') || 'true';
    const sleeps = 'blocks' in builtins[name] && builtins[name].blocks === 'sleep' ? ['MIGHT_SLEEP'] : [];
    if (name === 'synchronize_srcu') return this.synchronize(fn, pc, instruction);
    const arms = builtinStatement(this.code.values, this.code.program, name, args).map(({ guard, body }) => {
      const lines = [
        ...sleeps,
        ...body,
        ...this.store(result),
        ...(body.some(line => line.includes('rv')) ? ['rv = 0', 'rvh = 0'] : []),
      ];
      return `d_step { ${condition(guard)} -> ${[...lines, 'skip'].join('; ')} }; ${to}`;
    });
    return arms.length === 1 ? `  ${arms[0]};` : `  if\n${arms.map(arm => `  :: ${arm}`).join('\n')}\n  fi;`;
  }

  /** synchronize_srcu: notes the readers of now, then waits for each of them to leave once. */
  private synchronize(
    fn: FunctionCode,
    _pc: number,
    instruction: Instruction & { readonly op: 'builtin' },
  ): string {
    const [place] = instruction.args;
    if (place === undefined || !('type' in place)) throw new NotExportable('synchronize_srcu');
    const { array } = this.code.values.where(place);
    return `  d_step { !in_irq[gate] -> MIGHT_SLEEP; t = 0; i = 0; do :: i < THREADS -> if
      :: ${array}[i] -> t = t | (1 << i) :: else fi; i++ :: else -> break od; grace[me] = t };
  d_step { !in_irq[gate] && grace[me] == 0 -> skip }; goto ${this.label(fn.key, instruction.next)};`;
  }

  private access(
    fn: FunctionCode,
    pc: number,
    instruction: Instruction & { readonly op: 'builtin' },
  ): string {
    const { values, program } = this.code;
    const [address, value] = instruction.args;
    if (address === undefined) throw new NotExportable(instruction.name);
    const { low, high } = values.pair(address);
    const write = instruction.name === 'store' ? 1 : 0;
    const written = value === undefined ? '0' : values.int(value);
    const here = `goto ${this.label(fn.key, pc)}`;
    const next = `goto ${this.label(fn.key, instruction.next)}`;
    const done = [...this.store(instruction.result), 'rv = 0'].join('; ');
    const fault = Object.values(program.functions).find(({ role }) => role === 'fault');
    const arms = [
      `  :: d_step { nx == 0 -> rv = 0 }; ${here}`,
      `  :: d_step { nx == 1 -> nx = 0; ${done} }; ${next}`,
    ];
    if (fault === undefined) arms.push(`  :: d_step { nx == 2 -> nx = 0; rv = 0; ${done} }; ${next}`);
    else {
      const back = `fp = fp - ${fn.frameWords + 1}; rt = 0; rvh = 0`;
      this.sites.push({
        fn: fault.key,
        label: `d_step { rt == ${this.sites.length + 1} && rv != 0 -> ${back}; rv = 0 }; ${here}\n
          :: d_step { rt == ${this.sites.length + 1} && rv == 0 -> ${back}; ${done} }; ${next}`,
      });
      const args: Expr[] = [address, { op: 'const', value: write }];
      arms.push(
        `  :: d_step { nx == 2 && !in_irq[gate] -> nx = 0; rv = 0;
          ${this.push(fn, fault, args, this.sites.length).join('; ')} }; goto ${this.label(fault.key, 0)}`,
      );
    }
    return `  d_step { !in_irq[gate] && !(pending[cpu] && irq_off[me] == 0) ->
      CPU_ACCESS(cpu, ${low}, ${high}, ${write}, ${written}); nx = wo; rv = (wo == 1 -> wl : 0) };
  if
${arms.join('\n')}
  fi;`;
  }

  private dma(fn: FunctionCode, pc: number, instruction: Instruction & { readonly op: 'builtin' }): string {
    const { values, program } = this.code;
    const run = program.scenario.devices.findIndex(device => device.fn === fn.key);
    const [address, value] = instruction.args;
    if (run < 0 || address === undefined) throw new NotExportable('DMA outside a device program');
    const { low, high } = values.pair(address);
    const write = instruction.name === 'dma_write' ? 1 : 0;
    const done = [...this.store(instruction.result), 'rv = 0'].join('; ');
    return `  d_step { DMA_READY_${run} ->
      DMA_STEP_${run}(${low}, ${high}, ${write}, ${value === undefined ? '0' : values.int(value)});
        nx = wo; rv = (wo == 1 -> wl : 0) };
  if
  :: d_step { nx == 0 -> rv = 0 }; goto ${this.label(fn.key, pc)}
  :: d_step { nx != 0 -> nx = 0; ${done} }; goto ${this.label(fn.key, instruction.next)}
  fi;`;
  }

  private each(fn: FunctionCode, _pc: number, instruction: Instruction, run: string): string {
    const { values } = this.code;
    const guard = run || 'true';
    switch (instruction.op) {
      case 'each_entry': {
        if (!instruction.present) throw new NotExportable("'for each entry' without 'present'");
        const to = values.pair(instruction.to);
        const { entry, address, cursor } = instruction;
        const fields = [entry, address, cursor].map(slot => `fp + ${slot + 1}`).join(', ');
        return this.either(
          `d_step { ${guard} ->
            EACH_ENTRY(${values.int(instruction.table)}, ${to.low}, ${to.high}, ${fields}); nx = wo }`,
          fn,
          instruction,
        );
      }
      case 'each_item': {
        const { array, index, type } = values.where(instruction.list);
        const capacity = type.kind === 'list' ? type.capacity : 0;
        const item = `st[fp + ${instruction.item + 1}]`;
        const body = `j = 0; do :: ${item} != 0 && j < ${array}_n[${index}]
          && ${array}_at[(${index}) * ${capacity} + j] != ${item} -> j++ :: else -> break od; if
            :: ${item} != 0 && j == ${array}_n[${index}] -> V(assertion) :: else fi; if
              :: ${item} != 0 -> j++ :: else fi; nx = (j < ${array}_n[${index}] -> 1 : 2);
                ${item} = (nx == 1 -> ${array}_at[(${index}) * ${capacity} + (j < ${capacity} -> j : 0)]
                  : 0)`;
        return this.either(`d_step { ${guard} -> ${body} }`, fn, instruction);
      }
      case 'each_cpu': {
        const item = `st[fp + ${instruction.item + 1}]`;
        const body = `t = ${values.int(instruction.mask)}; j = ${item}; do :: j < 8
          && !((t >> j) & 1) -> j++ :: else -> break od; ${item} = (j < 8 -> j + 1 : 0); nx = (j < 8 ->
            1 : 2)`;
        return this.either(`d_step { ${guard} -> ${body} }`, fn, instruction);
      }
      default:
        throw new NotExportable(`the instruction ${instruction.op}`);
    }
  }

  private either(
    step: string,
    fn: FunctionCode,
    { body, exit }: { readonly body: number; readonly exit: number },
  ): string {
    return `  ${step};
  if
  :: d_step { nx == 1 -> nx = 0 }; goto ${this.label(fn.key, body)}
  :: d_step { nx == 2 -> nx = 0 }; goto ${this.label(fn.key, exit)}
  fi;`;
  }

  /** An atomic block: instructions joined into one step, with jumps inside it. */
  private region(fn: FunctionCode, start: number): string {
    const inside: number[] = [];
    const exits: number[] = [];
    const visit = (pc: number): void => {
      if (inside.includes(pc)) return;
      inside.push(pc);
      const instruction = fn.code[pc];
      if (instruction === undefined) return;
      for (const next of nextOf(instruction)) if (instruction.joined) visit(next);
    };
    visit(start);
    const name = (pc: number) => `a${this.number(fn.key)}_${start}_${pc < 0 ? 'out' : pc}`;
    const go = (joined: boolean, next: number): string => {
      if (joined) return `goto ${name(next)}`;
      if (!exits.includes(next)) exits.push(next);
      return `nx = ${exits.indexOf(next) + 1}; goto ${name(-1)}`;
    };
    const guards: string[] = [];
    const lines = inside.map(pc => {
      const instruction = fn.code[pc];
      if (instruction === undefined) throw new NotExportable('a jump out of a function');
      return `    ${name(pc)}: ${this.inner(instruction, pc === start, guards, go)}`;
    });
    const guard = ['!in_irq[gate]', ...guards].join(' && ');
    const end = exits.map(
      (next, index) => `  :: d_step { nx == ${index + 1} -> nx = 0 }; goto ${this.label(fn.key, next)}`,
    );
    return `  d_step { ${guard} ->
      skip;\n${lines.join(';\n')};\n    ${name(-1)}: skip };\n  if\n${end.join('\n')}\n  fi;`;
  }

  /** One instruction inside an atomic block; only the first may wait. */
  private inner(
    instruction: Instruction,
    isFirst: boolean,
    guards: string[],
    go: (joined: boolean, next: number) => string,
  ): string {
    const { values } = this.code;
    const { joined } = instruction;
    const body = (lines: readonly string[], next: number) =>
      [...(lines.length === 0 ? ['skip'] : lines), go(joined, next)].join('; ');
    switch (instruction.op) {
      case 'set':
        return body(this.assign(instruction.target, instruction.value), instruction.next);
      case 'skip':
        return body([], instruction.next);
      case 'assert':
        return body(
          [`if :: ${values.int(instruction.condition)} :: else -> V(assertion) fi`],
          instruction.next,
        );
      case 'branch':
        return `if :: ${values.int(instruction.condition)} -> ${go(joined, instruction.then)}
          :: else -> ${go(joined, instruction.otherwise)} fi`;
      case 'wait':
        if (!isFirst) throw new NotExportable('waiting in the middle of an atomic block');
        guards.push(`(${values.int(instruction.condition)})`);
        return body(instruction.how === 'spin' ? [] : ['MIGHT_SLEEP'], instruction.next);
      case 'builtin': {
        if (isChoice(instruction.name)) throw new NotExportable(`${instruction.name} in an atomic block`);
        const [arm] = builtinStatement(values, this.code.program, instruction.name, instruction.args);
        if (arm === undefined || (arm.guard !== '' && !isFirst))
          throw new NotExportable('waiting in the middle of an atomic block');
        if (arm.guard !== '') guards.push(arm.guard);
        const lines = [
          ...arm.body,
          ...this.store(instruction.result),
          ...(arm.body.some(line => line.includes('rv')) ? ['rv = 0', 'rvh = 0'] : []),
        ];
        return body(lines, instruction.next);
      }
      default:
        throw new NotExportable(`'${instruction.op}' in an atomic block`);
    }
  }
}

/** Whether a thread can stand at an instruction for ever, so that a search may reach it and never make it. */
function mayWait(instruction: Instruction): boolean {
  if (instruction.op === 'wait' || instruction.op === 'select') return true;
  return (
    instruction.op === 'builtin' && ('blocks' in builtins[instruction.name] || /^dma_/.test(instruction.name))
  );
}

/** Spin refuses a jump to a `d_step`; to an `if` with nothing else in it, it does not. */
function jumpable(text: string): string {
  const line = text.trim();
  return line.startsWith('d_step') ? `  if :: ${line.replace(/;$/, '')} fi;` : text;
}

/** Where an instruction can go on within its function. */
function nextOf(instruction: Instruction): number[] {
  switch (instruction.op) {
    case 'branch':
      return [instruction.then, instruction.otherwise];
    case 'select':
      return [
        ...instruction.arms.map(arm => arm.next),
        ...(instruction.otherwise === null ? [] : [instruction.otherwise]),
      ];
    case 'either':
      return [...instruction.arms];
    case 'each_entry':
    case 'each_item':
    case 'each_cpu':
      return [instruction.body, instruction.exit];
    case 'return':
      return [];
    default:
      return [instruction.next];
  }
}

/** Whether an instruction does more than compute with locals. */
function touchesShared(instruction: Instruction): boolean {
  const text = JSON.stringify(instruction, (key, value: unknown) => (key === 'span' ? undefined : value));
  if (/"op":"(global|field|element|new|callback|implements)"/.test(text)) return true;
  if (instruction.op === 'each_entry' || instruction.op === 'each_item') return true;
  return [...text.matchAll(/"name":"(\w+)"/g)].some(([, name]) => !local.test(name ?? ''));
}

/** Builtins over the thread's own data. */
const local =
  /^(pte_|mk_|no_|null_|align_|m(in|ax)$|addr_end|table_page|entry_table|cpumask_[twe]|current|this_cpu)/;
