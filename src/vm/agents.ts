/** Threads without code of their own: interrupts of a CPU, kworkers, and the agents of IOMMUs and devices. */
import { defined } from '../base/assert';
import type { Thread } from '../language/threads';
import { interruptHandlers } from './builtins/hardware';
import { pushInterrupt } from './instructions';
import { THREAD } from './layout';
import * as stack from './stack';
import type { Blocked, StepResult } from './types';
import type { Vm } from './vm';

/** One step of a thread that has no frame. */
export function agentStep(vm: Vm, id: number): StepResult['status'] {
  const thread = defined(vm.threads[id], 'the thread');
  switch (thread.kind) {
    case 'cpu':
      return takeInterrupt(vm, thread);
    case 'kworker':
      return takeWork(vm, thread);
    case 'ats':
      return hardware(vm, vm.machine.atsChoices(thread.index), choice =>
        vm.machine.atsStep(thread.index, choice),
      );
    case 'commands':
      return hardware(vm, 1, () => vm.machine.commandStep(thread.index));
    case 'ppr':
      return hardware(vm, vm.machine.pprChoices(thread.index), choice =>
        vm.machine.pprStep(thread.index, choice),
      );
    case 'timer':
      return giveUp(vm, thread);
    case 'caches':
      return vm.caches.step();
    case 'daemon':
      return takePass(vm, thread);
    default:
      return isToCome(vm, thread) ? idle(vm, 'is not forked yet') : 'finished';
  }
}

/** Whether a thread is a task that still has to be forked. */
function isToCome(vm: Vm, thread: Thread): boolean {
  return vm.isForked(thread) && vm.words.get(vm.threadBase(thread.id) + THREAD.started) === 0;
}

/** Starts a task that is forked: the next step it makes is its first. */
export function startTask(vm: Vm, task: number): void {
  const thread = vm.threads[task - 1];
  if (thread?.kind !== 'task' || !isToCome(vm, thread)) {
    const what = task === 0 ? 'NULL' : (thread?.name ?? 'it');
    vm.violate('assertion', `start_task: ${what} is no task that waits to be forked`);
    return;
  }
  const cpu = vm.threads.find(each => each.kind === 'cpu' && each.cpu === thread.cpu);
  if (cpu !== undefined && vm.words.get(vm.threadBase(cpu.id) + THREAD.top) !== 0) {
    vm.block(`waits for the interrupt on cpu${cpu.index} to return`, [cpu.id]);
    return;
  }
  vm.start(thread);
}

/** Begins the next pass of a daemon. One that has made them all rests for good. */
function takePass(vm: Vm, thread: Thread): StepResult['status'] {
  const left = vm.threadBase(thread.id) + THREAD.passes;
  const daemon = vm.program.daemons[thread.index];
  if (daemon === undefined || vm.words.get(left) === 0) return 'finished';
  vm.words.put(left, vm.words.get(left) - 1);
  stack.push(vm, thread.id, vm.functionNamed(daemon.fn), []);
  return 'stepped';
}

/** What a hardware agent, or the hardware under a frame, is doing; null for plain code. */
export function agentNote(vm: Vm, id: number): { readonly name: string; readonly text: string } | null {
  const thread = defined(vm.threads[id], 'the thread');
  if (vm.words.get(vm.threadBase(id) + THREAD.top) !== 0) return null;
  switch (thread.kind) {
    case 'cpu':
      return {
        name: 'interrupts',
        text: pendingOn(vm, thread.index) === 0 ? 'none pending' : 'an interrupt is pending',
      };
    case 'kworker':
      return { name: 'worker_thread', text: `${workCount(vm, thread.index)} work items queued` };
    case 'ats':
      return { name: 'ATS', text: `${vm.machine.requests(thread.index).length} requests outstanding` };
    case 'commands':
      return {
        name: 'command processor',
        text: `${vm.machine.commandQueue(thread.index).length} commands queued`,
      };
    case 'daemon': {
      const left = vm.words.get(vm.threadBase(id) + THREAD.passes);
      return left === 0 ? null : { name: 'kthread', text: `${left} passes to make` };
    }
    case 'ppr':
      return {
        name: 'page-request writer',
        text: `${vm.machine.pprLog(thread.index).length} requests in the log`,
      };
    case 'timer':
      return {
        name: 'time-outs',
        text: `${vm.machine.timeoutChoices(thread.index)} threads could give up waiting`,
      };
    case 'caches':
      return { name: 'fills and evictions', text: `${vm.machine.evictions().length} entries held` };
    default:
      return null;
  }
}

function hardware(vm: Vm, choices: number, step: (choice: number) => string): StepResult['status'] {
  if (choices === 0) return idle(vm, 'has nothing to do');
  const outcome = step(vm.choose(choices, null));
  return outcome === 'blocked' ? idle(vm, 'has nothing it can do now') : 'stepped';
}

/** A thread that polls for a completion has polled long enough: the choice says which one. */
function giveUp(vm: Vm, { index }: Thread): StepResult['status'] {
  const choices = vm.machine.timeoutChoices(index);
  if (choices === 0) return idle(vm, 'no completion is waited for');
  vm.machine.timeoutStep(index, vm.choose(choices, null));
  return 'stepped';
}

function idle(vm: Vm, text: string): 'blocked' {
  vm.block(text, [], true);
  return 'blocked';
}

/** The same, for what a search meets in every state: it makes nothing new. */
function rest(vm: Vm, why: Blocked): 'blocked' {
  vm.why = why;
  return 'blocked';
}

const noInterrupt: Blocked = { text: 'no interrupt is pending', waitsFor: [], idle: true };
const noWork: Blocked = { text: 'no work is queued', waitsFor: [], idle: true };

/**
 * Pushes the handler of a pending interrupt on whatever runs on the CPU; the CPU's own thread if no task
 * does.
 */
function takeInterrupt(vm: Vm, thread: Thread): StepResult['status'] {
  const cpu = thread.index;
  const pending = pendingOn(vm, cpu);
  if (pending === 0) return rest(vm, noInterrupt);
  const task = vm.threads.find(each => each.kind === 'task' && each.cpu === cpu);
  const target = task === undefined || isToCome(vm, task) ? thread : task;
  if (vm.words.get(vm.threadBase(target.id) + THREAD.irqOff) > 0) {
    vm.block(`an interrupt is pending, and ${target.name} has interrupts off`, [target.id]);
    return 'blocked';
  }
  const bit = 31 - Math.clz32(pending & -pending);
  vm.words.put(vm.layout.pendingInterrupts + cpu, pending & ~(1 << bit));
  pushInterrupt(vm, target.id, cpu, defined(interruptHandlers(vm)[bit], 'the interrupt handler'));
  return 'stepped';
}

function pendingOn(vm: Vm, cpu: number): number {
  return vm.words.get(vm.layout.pendingInterrupts + cpu);
}

function queueAt(vm: Vm, queue: number): number {
  return defined(vm.layout.workqueues[queue], 'the work queue');
}

function workCount(vm: Vm, queue: number): number {
  return vm.words.get(queueAt(vm, queue));
}

/** Starts the oldest work item of a queue. */
function takeWork(vm: Vm, thread: Thread): StepResult['status'] {
  const base = queueAt(vm, thread.index);
  const count = vm.words.get(base);
  if (count === 0) return rest(vm, noWork);
  const fn = vm.words.get(base + 1) - 1;
  const argument = vm.words.get(base + 2);
  for (let index = 1; index < 2 * count - 1; index++)
    vm.words.put(base + index, vm.words.get(base + index + 2));
  vm.words.put(base + 2 * count - 1, 0);
  vm.words.put(base + 2 * count, 0);
  vm.words.put(base, count - 1);
  stack.push(vm, thread.id, fn, [argument]);
  return 'stepped';
}

/** Queues a work item; 0 if the queue is full. */
export function queueWork(vm: Vm, queue: number, fn: number, argument: number): number {
  const base = queueAt(vm, queue);
  const count = vm.words.get(base);
  if (count >= (vm.program.workqueues[queue]?.capacity ?? 0)) return 0;
  vm.words.put(base + 1 + 2 * count, fn);
  vm.words.put(base + 2 + 2 * count, argument);
  vm.words.put(base, count + 1);
  return 1;
}

/** Blocks until a queue is empty and its kworker has nothing under way. */
export function flushWorkqueue(vm: Vm, queue: number): number {
  const worker = vm.threads.find(thread => thread.kind === 'kworker' && thread.index === queue);
  if (worker === undefined) return 0;
  const busy = vm.words.get(vm.threadBase(worker.id) + THREAD.top) !== 0;
  if (busy || workCount(vm, queue) > 0) vm.block(`waits until ${worker.name} is done`, [worker.id]);
  return 0;
}
