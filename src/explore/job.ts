/**
 * A search as a job: plain data in, plain data out, so that another thread can do it. `runJob` does it here,
 * in slices, with progress on the way, and can be cancelled at any time. `client.ts` has it done elsewhere.
 */
import { letMessagesIn } from '../base/pause';
import type { Program } from '../language/program';
import { happened, type Noted } from '../vm/happened';
import type { Vm } from '../vm/vm';
import { Crew, type StartShard } from './crew';
import type { Outcome } from './explore';
import { cachesFor, outcomeOf, startSearch } from './explore';
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
  caches: 'search',
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
  /** What makes the verdict say less than it seems to, a sentence each. */
  readonly notes: readonly string[];
  /** What the scenario or the search could not do, where a limit was reached; null else. */
  readonly limit: string | null;
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  /** Walks that came to their end, where walks are drawn; null else: `states` are their steps then. */
  readonly walks: number | null;
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
  /** Cores of this machine: what `workers: 0` means. */
  readonly cores?: number;
  /** Starts a thread to search beside this one; null where there are none. */
  readonly startShard?: StartShard | null;
  /** States from which on others search too; a good number is known. */
  readonly crewStates?: number;
}

/** Seconds between two reports of progress, and of a slice. */
const PROGRESS_SECONDS = 0.25;
const SLICE_SECONDS = 0.02;
/** States searched between two looks at the clock. */
const STATES_PER_LOOK = 256;

/** States from which on more threads are worth their start. */
const CREW_STATES = 50_000;

/** Does a job on this thread, and others. Rejects with `SetupError` if the initial state cannot be built. */
export async function runJob(asked: ExploreJob, host: JobHost): Promise<ExploreReport> {
  const { program } = asked;
  const caches = cachesFor(program, asked.options.caches);
  const job = { ...asked, options: { ...asked.options, caches } };
  const start = host.clock();
  const search = startSearch(program, { ...job.options, clock: host.clock });
  const crew = new LateCrew(job, host);
  const told = { seconds: 0, states: 0 };
  // Tells about progress now and then; true when the search was cancelled.
  const pause = (): boolean => {
    const seconds = host.clock() - start;
    const { states } = search.progress;
    if (seconds - told.seconds >= PROGRESS_SECONDS) {
      const statesPerSecond = (states - told.states) / (seconds - told.seconds);
      host.onProgress?.({ ...countsOf(search), statesPerSecond, seconds });
      [told.seconds, told.states] = [seconds, states];
    }
    if (host.isCancelled?.() && !search.progress.isStopped) search.progress.stop('the search was cancelled');
    return search.progress.isStopped;
  };
  try {
    for (let isOver = false; !isOver; ) {
      const end = host.clock() + SLICE_SECONDS;
      do isOver = search.advance(STATES_PER_LOOK);
      while (!isOver && host.clock() < end && !crew.isDue(search));
      if (isOver) break;
      const together = crew.isDue(search) ? search.atLevel?.() : null;
      if (together) await crew.get().search(together, pause);
      await letMessagesIn();
      if (pause()) break;
    }
    return reportOf(program, search, host.clock() - start, crew.executed);
  } finally {
    crew.end();
  }
}

/** Other threads, started when a search is large enough. */
class LateCrew {
  private crew: Crew | null = null;
  private readonly count: number;

  constructor(
    { workers, options }: ExploreJob,
    private readonly host: JobHost,
  ) {
    const wanted = workers === 0 ? (host.cores ?? 1) : workers;
    this.count = options.order === 'breadth' && host.startShard ? wanted - 1 : 0;
  }

  /** Whether a search is now to go on on several threads. */
  isDue(search: Search): boolean {
    const { states } = search.progress;
    return this.count > 0 && states >= (this.host.crewStates ?? CREW_STATES) && search.atLevel?.() != null;
  }

  get(): Crew {
    const { startShard } = this.host;
    if (startShard == null) throw new Error('there is no way to start a thread');
    this.crew ??= new Crew(this.count, startShard);
    return this.crew;
  }

  get executed(): readonly Uint8Array[] {
    return this.crew?.executed ?? [];
  }

  end(): void {
    this.crew?.end();
  }
}

function countsOf({ progress }: Search) {
  const { states, transitions, depth, waiting, bytes } = progress;
  return { states, transitions, depth, waiting, bytes };
}

function reportOf(
  program: Program,
  search: Search,
  seconds: number,
  others: readonly Uint8Array[],
): ExploreReport {
  const { limit, ends, vm, complete, walks } = search.progress;
  const noted = notedIn(vm, others);
  const covered = vm.functions.map(({ index, fn, executed }) => [
    fn.key,
    [...executed.keys()].filter(pc => executed[pc] !== 0 || (others[index]?.[pc] ?? 0) !== 0),
  ]);
  const notes = happened(program, noted, complete && limit === null);
  const outcome = outcomeOf(program, search);
  return {
    ...outcome,
    text: outcome.verdict === 'holds' ? withNotes(outcome.text, notes) : outcome.text,
    notes,
    ...countsOf(search),
    limit,
    walks,
    ends,
    seconds,
    covered: Object.fromEntries(covered),
  };
}

/** What was noted of an instruction, here or by another thread. */
function notedIn(vm: Vm, others: readonly Uint8Array[]): Noted {
  const keys = new Map(vm.functions.map(({ fn, index }) => [fn.key, index]));
  return ({ key }, pc) => {
    const index = keys.get(key) ?? -1;
    return (vm.functions[index]?.executed[pc] ?? 0) | (others[index]?.[pc] ?? 0);
  };
}

/** What holds because something did not happen must not be read without that. */
function withNotes(text: string, notes: readonly string[]): string {
  if (notes.length === 0) return text;
  return text.replace(/^holds/, `holds, with ${notes.length === 1 ? 'a note' : `${notes.length} notes`}`);
}

/** The finding that a scenario is about: an expected one if there is any, and of these the shortest. */
export function mainFinding(program: Program, findings: readonly Finding[]): Finding | null {
  const { expect } = program.scenario;
  const wanted: readonly string[] = expect?.verdict === 'violated' ? expect.properties : [];
  const rank = ({ violation, path }: Finding): number =>
    (wanted.includes(violation.property) ? 0 : 1) + (path === null ? 2 : 0);
  const length = ({ path }: Finding): number => path?.length ?? 0;
  const [first = null] = [...findings].sort((a, b) => rank(a) - rank(b) || length(a) - length(b));
  return first;
}
