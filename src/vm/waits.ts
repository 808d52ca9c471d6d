/** Who waits for whom, from a thread down to what somebody must do for it. */

import { formatSpan, type Span } from '../base/span';
import type { Thread } from '../language/threads';
import type { Dma } from '../machine/dma';
import type { Vm } from './vm';

/**
 * What a thread waits for, followed link by link: `t0 waits for a completion; amd commands waits for gpu ats;
 * ...`. Empty for a thread that can go on or has ended.
 */
export function waitChain(vm: Vm, thread: number): string {
  const links: string[] = [];
  const seen = new Set<number>();
  let next: number | null = thread;
  while (next !== null && !seen.has(next)) {
    seen.add(next);
    const link: Link | null = linkOf(vm, next, seen);
    if (link === null) break;
    links.push(link.text);
    next = link.waitsFor;
  }
  return links.join('; ');
}

/** What one thread waits for, and the thread that must act for it, if it waits as well. */
interface Link {
  readonly text: string;
  readonly waitsFor: number | null;
}

function linkOf(vm: Vm, id: number, seen: ReadonlySet<number>): Link | null {
  const thread = vm.threads[id];
  const blocked = vm.blocked(id);
  if (thread === undefined || blocked === null) return null;
  const hardware = hardwareLink(vm, thread);
  if (hardware !== null) return hardware;
  const top = vm.frames(id).find(({ fn }) => fn !== null)?.fn?.key;
  const where = top === undefined ? '' : ` in ${top}`;
  const waiting = blocked.waitsFor.filter(other => !seen.has(other) && vm.blocked(other) !== null);
  // Of several the one that has something to do is what holds things up.
  const held = waiting.find(other => hasWork(vm, other)) ?? waiting[0] ?? null;
  return { text: `${thread.name}${where} ${blocked.text}`, waitsFor: held };
}

/** Whether an agent is held up, not just without work. */
function hasWork(vm: Vm, id: number): boolean {
  const thread = vm.threads[id];
  return thread !== undefined && hardwareLink(vm, thread) !== null;
}

/** A command processor waits for the completion of invalidations, that for DMA under way. */
function hardwareLink(vm: Vm, thread: Thread): Link | null {
  const { machine } = vm;
  if (thread.kind === 'commands') {
    const [head] = machine.commandQueue(thread.index);
    if (head === undefined) return null;
    const text = `${thread.name} waits at ${head.name}`;
    for (const device of machine.devices) {
      if (device.iommu.index !== thread.index) continue;
      const ats = vm.threads.find(({ kind, index }) => kind === 'ats' && index === device.index);
      if (device.isInvalidating()) {
        const what = `the invalidation in ${device.config.name}`;
        return { text: `${text} for ${what}`, waitsFor: ats?.id ?? null };
      }
      const dma = device.programs.find(program => program.mustFinish());
      if (!device.hasAts() && dma !== undefined)
        return { text: `${text} for ${dmaText(vm, dma)}`, waitsFor: null };
    }
    return { text, waitsFor: null };
  }
  if (thread.kind !== 'ats') return null;
  const device = machine.devices[thread.index];
  const dma = device?.programs.find(program => program.mustFinish());
  if (device === undefined || !device.isInvalidating() || dma === undefined) return null;
  return { text: `${thread.name} waits for ${dmaText(vm, dma)}`, waitsFor: null };
}

/** `the DMA of gpu under way (first.mmu:9): give gpu a step`. */
function dmaText(vm: Vm, dma: Dma): string {
  const thread = vm.threads.find(({ kind, index }) => kind === 'device' && index === dma.program);
  if (thread === undefined) return 'a DMA under way';
  const span = vm.frames(thread.id).find(frame => frame.span !== null)?.span ?? null;
  return `the DMA of ${thread.name} under way${placeText(span)}: give '${thread.shortName}' a step`;
}

function placeText(span: Span | null): string {
  return span === null
    ? ''
    : ` at ${formatSpan(span)
        .replace(/^.*[\\/]/, '')
        .replace(/:\d+$/, '')}`;
}
