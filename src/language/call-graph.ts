/** Finds cycles of calls: the stack of a thread is of fixed depth, so recursion is a mistake. */
import type { Span } from '../base/span';
import type { ModuleFunction } from './module';

/** A cycle of calls, with the place of one of them. */
export interface CallCycle {
  readonly names: readonly string[];
  readonly span: Span;
  readonly keys: readonly string[];
}

/** Splits `walk<zap_one,other<x>>` into the function and its arguments. */
export function splitKey(key: string): { readonly base: string; readonly args: readonly string[] } {
  const open = key.indexOf('<');
  if (open < 0) return { base: key, args: [] };
  const args: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let index = start; index < key.length; index++) {
    const char = key[index];
    if (char === '<') depth += 1;
    if ((char === ',' && depth === 0) || index === key.length - 1) {
      args.push(key.slice(start, index));
      start = index + 1;
    }
    if (char === '>') depth -= 1;
  }
  return { base: key.slice(0, open), args };
}

/** All functions a key mentions; parameters (`$name`) are left out. */
function mentioned(key: string): string[] {
  return key.split(/[<>,]/).filter(part => part !== '' && !part.startsWith('$'));
}

/**
 * The cycles in the static call graph, one for each call that closes one. Not counted are calls through
 * callbacks, the
 * fault entry, and calls of functions that allocate a frame: those may be recursive, and the stack's depth
 * decides.
 */
export function findCycles(functions: ReadonlyMap<string, ModuleFunction>): CallCycle[] {
  const done = new Set<string>();
  const path: string[] = [];
  const cycles: CallCycle[] = [];
  const visit = (key: string) => {
    const fn = functions.get(key);
    if (!fn || done.has(key) || fn.allocates || fn.header.role === 'fault') return;
    path.push(key);
    for (const call of fn.calls) {
      if (!call.isCall) continue;
      for (const callee of mentioned(call.key)) {
        const start = path.indexOf(callee);
        if (start < 0) visit(callee);
        else {
          const keys = path.slice(start);
          cycles.push({ names: [...keys, callee], keys, span: call.span });
        }
      }
    }
    path.pop();
    done.add(key);
  };
  for (const key of functions.keys()) visit(key);
  return cycles;
}
