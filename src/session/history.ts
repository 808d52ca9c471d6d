/**
 * What a run has done, by position. A position is a number of steps made; what the step from p - 1 to p did
 * is kept at p. Everything asked about a moment is found by looking at what lies at or before it, so a step
 * back needs no undoing here.
 */
import type { Span } from '../base/span';
import type { Mark } from '../base/words';
import type { Violation, VmEvent } from '../vm/types';

/** One step of the path. */
export interface Step<State> {
  readonly thread: number;
  readonly choice: number;
  /** Journal mark before the step. */
  readonly mark: Mark;
  /** State of the scheduler before and after it. */
  readonly before: State;
  readonly after: State;
  /** How many choices it offered. */
  readonly choices: number;
}

/** Something that happened, with the code that did it. */
export interface Recorded {
  readonly position: number;
  readonly thread: number;
  readonly event: VmEvent;
  /** The function and the source of the statement that was running; null for hardware that runs no code. */
  readonly fn: string | null;
  readonly span: Span | null;
  /** Names of the frames, innermost first; only where a trace shows them. */
  readonly stack: readonly string[];
  /** Of a call: its arguments `start` and `end`, if it has them. */
  readonly range: { readonly start: number; readonly end: number } | null;
}

/** A watched violation and when it was found. */
export interface Finding {
  readonly position: number;
  readonly violation: Violation;
}

/** A limit of the scenario that was reached. */
export interface LimitReached {
  readonly position: number;
  readonly text: string;
}

/** The recorded path and what happened along it. */
export class History<State> {
  readonly steps: Step<State>[] = [];
  readonly events: Recorded[] = [];
  readonly findings: Finding[] = [];
  readonly limits: LimitReached[] = [];

  /** Forgets all that lies after `position`: another path begins there. */
  cut(position: number): void {
    this.steps.length = Math.min(this.steps.length, position);
    this.events.length = countUpTo(this.events, position);
    this.findings.length = countUpTo(this.findings, position);
    this.limits.length = countUpTo(this.limits, position);
  }

  /** The events of the step that led to `position`. */
  eventsAt(position: number): readonly Recorded[] {
    return at(this.events, position);
  }

  /** What was found by it. */
  findingsAt(position: number): readonly Finding[] {
    return at(this.findings, position);
  }
}

function at<Thing extends { readonly position: number }>(list: readonly Thing[], position: number): Thing[] {
  return list.slice(countUpTo(list, position - 1), countUpTo(list, position));
}

/** How many of a list ordered by position lie at or before `position`. */
export function countUpTo(list: readonly { readonly position: number }[], position: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle]?.position ?? 0) <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
