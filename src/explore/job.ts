/**
 * A search as a job: plain data in, plain data out, so that another thread can do it. `runJob` does it here,
 * in slices, with progress on the way, and can be cancelled at any time. `client.ts` has it done elsewhere.
 */
import { letMessagesIn } from '../base/pause';
import type { Program } from '../language/program';
import type { Outcome } from './explore';
import { outcomeOf, startSearch } from './explore';
import type { Finding, Search, SearchOptions } from './search';

/** What is to be searched, and how. Plain data. */
export interface ExploreJob {
  readonly program: Program;
  readonly options: JobOptions;
  /** Threads that search. No verdict, path or count depends on how many. 0: as many as there are cores. */
  readonly workers: number;
}

/** How a search is made, but for the clock of whoever makes it. */
export type JobOptions = Omit<SearchOptions, 'clock'>;

/** How a search is made for users who ask for nothing else, but for its limits. */
export const usualSearch: Omit<JobOptions, 'limits'> = {
  order: 'breadth',
  reductions: { local: true, guarded: true, deadLocals: true, independent: true },
  caches: 'demand',
  seed: 1,
  all: false,
};

/** How far a search has come. Plain data. */
export interface JobProgress {
  readonly states: number;
  readonly transitions: number;
  /** States found in a second, since the report of progress before. */
  readonly statesPerSecond: number;
  /** Length of the longest path, in steps of the search. */
  readonly depth: number;
  /** States found and not yet expanded. */
  readonly waiting: number;
  readonly seconds: number;
  /** Memory of the visited set, the paths and the frontier, at its largest so far. */
  readonly bytes: number;
}

/** What a search has shown. Plain data. */
export interface ExploreReport extends Outcome {
  /** What the scenario or the search could not do, where a limit was reached; null else. */
  readonly limit: string | null;
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  /** States in which nothing can go on. */
  readonly ends: number;
  /** States that were found and not expanded: what remained when the search was ended. */
  readonly waiting: number;
  readonly seconds: number;
  readonly bytes: number;
  /**
   * For each function, by its key, which of its instructions were ever executed, in ascending order; those of
   * the set-up too.
   */
  readonly covered: Readonly<Record<string, readonly number[]>>;
}

/** What a job needs of the world. */
export interface JobHost {
  /** Seconds since some moment. */
  readonly clock: () => number;
  /** Called a few times a second. */
  readonly onProgress?: (progress: JobProgress) => void;
  /** Asked between slices; once true, the search ends, and its report is `incomplete`. */
  readonly isCancelled?: () => boolean;
}

/** Seconds between two reports of progress, and of a slice. */
const PROGRESS_SECONDS = 0.25;
const SLICE_SECONDS = 0.02;
/** States searched between two looks at the clock. */
const STATES_PER_LOOK = 256;

/** Does a job on this thread. Rejects with `SetupError` if the initial state cannot be built. */
export async function runJob(job: ExploreJob, host: JobHost): Promise<ExploreReport> {
  const { program } = job;
  const start = host.clock();
  const search = startSearch(program, { ...job.options, clock: host.clock });
  let told = { seconds: 0, states: 0 };
  const tell = (seconds: number): void => {
    const { states } = search.progress;
    const statesPerSecond = (states - told.states) / Math.max(0.001, seconds - told.seconds);
    host.onProgress?.({ ...countsOf(search), statesPerSecond, seconds });
    told = { seconds, states };
  };
  for (;;) {
    const end = host.clock() + SLICE_SECONDS;
    let isOver = false;
    do isOver = search.advance(STATES_PER_LOOK);
    while (!isOver && host.clock() < end);
    if (isOver) break;
    const seconds = host.clock() - start;
    if (seconds - told.seconds >= PROGRESS_SECONDS) tell(seconds);
    await letMessagesIn();
    if (host.isCancelled?.()) {
      search.progress.stop('the search was cancelled');
      break;
    }
  }
  return reportOf(program, search, host.clock() - start);
}

function countsOf({ progress }: Search) {
  const { states, transitions, depth, waiting, bytes } = progress;
  return { states, transitions, depth, waiting, bytes };
}

function reportOf(program: Program, search: Search, seconds: number): ExploreReport {
  const { limit, ends, vm } = search.progress;
  const covered = vm.functions.map(({ fn, executed }) => [
    fn.key,
    [...executed.keys()].filter(pc => executed[pc] !== 0),
  ]);
  return {
    ...outcomeOf(program, search),
    ...countsOf(search),
    limit,
    ends,
    seconds,
    covered: Object.fromEntries(covered),
  };
}

/** The finding that a scenario is about: an expected one if there is any. */
export function mainFinding(program: Program, findings: readonly Finding[]): Finding | null {
  const { expect } = program.scenario;
  const wanted: readonly string[] = expect?.verdict === 'violated' ? expect.properties : [];
  return findings.find(({ violation }) => wanted.includes(violation.property)) ?? findings[0] ?? null;
}
