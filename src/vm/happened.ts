/** What must be said with a verdict because it makes the verdict say less than it seems to. */
import type { FunctionCode, Program } from '../language/program';

/** What is noted of an instruction once it has happened on some path. */
export const NOTED = {
  executed: 1,
  /** It asked for a frame, and there was none left. */
  noFrame: 2,
  /** Its access was given up for SIGSEGV. */
  killed: 4,
} as const;

/** Places named in one sentence. */
const PLACES_MAX = 3;

/** What of `NOTED` is true of an instruction of a function. */
export type Noted = (fn: FunctionCode, pc: number) => number;

/**
 * Sentences about a search or a run: allocations for which no frame was left, accesses that were given up,
 * and, where all there was has been looked at, tasks that nobody started.
 */
export function happened(program: Program, noted: Noted, isWhole: boolean): string[] {
  const { scenario } = program;
  const starved = placesOf(program, noted, NOTED.noFrame);
  const killed = placesOf(program, noted, NOTED.killed);
  const unstarted = scenario.tasks.filter(({ parent, fn: key }) => {
    const fn = program.functions[key];
    const isEntered = fn?.code.some((_, pc) => noted(fn, pc) !== 0) ?? true;
    return isWhole && parent !== null && !isEntered;
  });
  const frames = `${scenario.machine.frames} frames did not suffice`;
  return [
    ...unstarted.map(({ name }) => `task ${name} was never started: nothing that it does was judged`),
    ...(starved === ''
      ? []
      : [`${frames}: allocations failed ${starved}; raise 'frames' to see them succeed`]),
    ...(killed === '' ? [] : [`accesses ended in SIGSEGV ${killed}`]),
  ];
}

/** `in pgd_alloc (fork.mmu:60), __pte_alloc (memory.mmu:12)`; empty if there are none. */
function placesOf(program: Program, noted: Noted, what: number): string {
  const places = new Set<string>();
  for (const fn of Object.values(program.functions))
    for (const [pc, { span }] of fn.code.entries())
      if ((noted(fn, pc) & what) !== 0) places.add(`${fn.name} (${fileName(span.file)}:${span.line})`);
  if (places.size === 0) return '';
  const named = [...places].slice(0, PLACES_MAX).join(', ');
  const more = places.size - PLACES_MAX;
  return `in ${named}${more > 0 ? ` and ${more} other place${more === 1 ? '' : 's'}` : ''}`;
}

function fileName(path: string): string {
  return path.replace(/^.*[\\/]/, '');
}
