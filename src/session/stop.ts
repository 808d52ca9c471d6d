/** Why a session stopped, in words for people. */
import type { Finding } from './history';

/** Reasons to stop. `rest`: nothing can run any more. `blocked`: the chosen thread cannot. */
export type StopReason =
  | 'entry'
  | 'step'
  | 'breakpoint'
  | 'function breakpoint'
  | 'exception'
  | 'pause'
  | 'goto'
  | 'rest'
  | 'blocked'
  | 'limit'
  | 'diverged';

/** A stop. `thread` is the one to look at: the one that stepped, or the next that can run. */
export interface Stop {
  readonly reason: StopReason;
  readonly thread: number;
  /** One sentence, or empty where the reason says all. */
  readonly text: string;
  /** What was found by the last step, for reason `exception`. */
  readonly findings: readonly Finding[];
  /** Ids of the breakpoints hit. */
  readonly breakpoints: readonly number[];
}

/** A stop without findings and breakpoints. */
export function plainStop(reason: StopReason, thread: number, text = ''): Stop {
  return { reason, thread, text, findings: [], breakpoints: [] };
}
