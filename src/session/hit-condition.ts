/**
 * Hit conditions of breakpoints: `3` (the third time), `>= 3`, `> 3`, `< 3`, `<= 3`, `% 3` (every third
 * time).
 */

/** Whether a breakpoint stops at its hit number `count`, counted from 1. */
export type HitCondition = (count: number) => boolean;

/** Reads a hit condition; null if it is none. */
export function parseHitCondition(text: string): HitCondition | null {
  const match = /^\s*(==|=|>=|>|<=|<|%)?\s*(\d+)\s*$/.exec(text);
  if (match === null) return null;
  const limit = Number(match[2]);
  switch (match[1]) {
    case '>=':
      return count => count >= limit;
    case '>':
      return count => count > limit;
    case '<=':
      return count => count <= limit;
    case '<':
      return count => count < limit;
    case '%':
      return limit === 0 ? null : count => count % limit === 0;
    default:
      return count => count === limit;
  }
}
