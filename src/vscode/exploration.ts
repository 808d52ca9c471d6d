/** What exploring a scenario came to, as plain data: all that diagnostics, tests and messages show. */
import type { Span } from '../base/span';
import type { JobProgress } from '../explore/job';
import type { LaunchFiles, RunProblem } from '../session/load';

/** A scenario of a file. */
export interface ScenarioTarget {
  /** Path of the file. */
  readonly program: string;
  readonly scenario: string;
}

/** A moment on the way to a violation, and where it is in the sources. Files are paths. */
export interface Moment {
  readonly text: string;
  readonly span: Span | null;
}

/** A property that is violated. */
export interface FoundViolation {
  readonly property: string;
  readonly message: string;
  /** Steps of the way there; null for what never happens on any way. */
  readonly steps: number | null;
  readonly span: Span | null;
}

/** A statement of the code under study, and whether the search made it. */
export interface SearchedStatement {
  readonly span: Span;
  readonly isReached: boolean;
}

/** A search that is over. Files of spans are paths, those of shipped models too. */
export interface Explored extends ScenarioTarget {
  readonly kernel: string;
  readonly verdict: 'holds' | 'violated' | 'incomplete';
  /** What the scenario expects, in its own words; null when it does not say. */
  readonly expected: string | null;
  readonly standing: 'as expected' | 'differs' | 'not known';
  /** The verdict held against the expectation, in one sentence. */
  readonly text: string;
  readonly states: number;
  readonly seconds: number;
  /** The `expect` of the scenario, or its name. */
  readonly at: Span;
  readonly violations: readonly FoundViolation[];
  /** The violation that the counterexample shows; null without one. */
  readonly shown: FoundViolation | null;
  /** Why it is one, oldest moment first. */
  readonly moments: readonly Moment[];
  /** The counterexample as a saved schedule; null without one. */
  readonly trace: string | null;
  /** The violation as a sanitizer reports it, with a diagram of the way there; null without one. */
  readonly notation: string | null;
  /** Everything, as text for people. */
  readonly report: string;
  /** Which statements were made on some way. */
  readonly statements: readonly SearchedStatement[];
  /** The texts that were searched, by path; shipped models never change. */
  readonly texts: ReadonlyMap<string, string>;
}

/** What came of exploring: a result, mistakes in the files, or nothing, as it was cancelled. */
export type Exploration =
  | { readonly kind: 'explored'; readonly explored: Explored }
  | { readonly kind: 'problems'; readonly problems: readonly RunProblem[] }
  | { readonly kind: 'cancelled'; readonly states: number };

/** `20,502 states, 29,597 states/s, depth 161, 3,120 waiting`. */
export function progressText({ states, statesPerSecond, depth, waiting }: JobProgress): string {
  const rate = `${count(statesPerSecond)} states/s`;
  return `${count(states)} states, ${rate}, depth ${count(depth)}, ${count(waiting)} waiting`;
}

/** The verdict with its figures: `violated: deadlock, as expected; in 9 steps, 20,502 states in 0.7 s`. */
export function verdictText({ text, violations, shown, states, seconds }: Explored): string {
  const which = violations.length > 1 ? `${shown?.property} ` : '';
  const way = shown?.steps == null ? '' : `${which}in ${count(shown.steps)} steps, `;
  return `${text}; ${way}${count(states)} states in ${duration(seconds)}`;
}

/** `20,502`, whatever the language of the machine. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function duration(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

/** Name of the file that a counterexample is saved to, beside the scenario. */
export function traceName(scenario: string): string {
  return `${scenario}.trace`;
}

/** Tells scenarios apart, of all files. */
export function keyOf({ program, scenario }: ScenarioTarget): string {
  return `${program}#${scenario}`;
}

/** The items of each key, in their order. */
export function grouped<Item>(items: Iterable<Item>, key: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}

/** The texts that a scenario is made from, by path. */
export function textsOf({
  scenario,
  imports,
  kernels,
  drivers,
}: Omit<LaunchFiles, 'models'>): Map<string, string> {
  const files = [scenario, ...imports, ...Object.values(kernels).flat(), ...drivers];
  return new Map(files.map(({ path, text }) => [path, text]));
}
