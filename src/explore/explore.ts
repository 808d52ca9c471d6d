/**
 * Every interleaving of a scenario: starts a search, and says what its outcome is worth.
 *
 * With the caches of a `search` every fill and eviction that real caches could make counts, whatever their
 * capacities, so that what holds is proved; a path that is found is made again with real caches before it is
 * believed. With caches on `demand` the machine fills them when an access asks them to, and drops nothing but
 * what it must. Real caches also fill on speculation and drop entries whenever they like. So where there is a
 * page table that a cache could have read, such a search without violation is no proof, and its verdict is
 * `incomplete`. With `explicit` caches both are steps of the search, and what holds is proved for caches of
 * these capacities.
 */
import { expectationOf, unsaidText } from '../language/expectation';
import type { Program } from '../language/program';
import { devicesOf } from '../machine/config';
import type { CacheMode } from '../vm/types';
import { assumptionsOf, hasTranslations } from './assumptions';
import { BreadthFirst } from './breadth-first';
import { DepthFirst } from './depth-first';
import { RandomWalk } from './random-walk';
import type { Finding, Progress, Search, SearchOptions } from './search';

/** What a search says about a scenario. */
export interface Outcome {
  readonly verdict: 'holds' | 'violated' | 'incomplete';
  /** Why the search is not a proof; null where it is one, or where there is a violation. */
  readonly incomplete: string | null;
  readonly findings: readonly Finding[];
  /** Whether this is what the scenario expects: 0 as expected, 1 differs, 3 not known. */
  readonly exitCode: 0 | 1 | 3;
  /** One sentence about `exitCode`. */
  readonly text: string;
  /** What the verdict rests on, a sentence each. */
  readonly assumptions: readonly string[];
}

/**
 * The caches that a search is made with: those asked for, unless these cannot be unlimited ones that fill as
 * they like, because what the hardware keeps beside translations, or in which pieces, counts too.
 */
export function cachesFor(program: Program, caches: CacheMode): CacheMode {
  return caches === 'search' && beyondSearch(program) !== null ? 'demand' : caches;
}

/** What unlimited caches do not have of a machine; null if nothing. */
function beyondSearch({ scenario }: Program): string | null {
  const splits = devicesOf(scenario.machine).find(device => device.splits);
  if (splits !== undefined) return `${splits.name} splits translations`;
  const negative = scenario.machine.iommus.find(iommu => iommu.cachesAbsent);
  return negative === undefined ? null : `${negative.name} caches that a walk found nothing`;
}

/** Starts a search of a program. Throws `SetupError` if the initial state cannot be built. */
export function startSearch(program: Program, asked: SearchOptions): Search {
  const options = { ...asked, caches: cachesFor(program, asked.caches) };
  return options.reductions.guarded ? new GuardedSearch(program, options) : plainSearch(program, options);
}

/**
 * A search that merges accesses under their lock, which is right as long as nobody makes one without it.
 * Once a data race was found, it begins again without that merging.
 */
class GuardedSearch implements Search {
  private search: Search;
  private isGuarded = true;

  constructor(
    private readonly program: Program,
    private readonly options: SearchOptions,
  ) {
    this.search = plainSearch(program, options);
  }

  get progress(): Progress {
    return this.search.progress;
  }

  atLevel(): BreadthFirst | null {
    return this.search.atLevel?.() ?? null;
  }

  advance(states: number): boolean {
    const isOver = this.search.advance(states);
    const isRace = this.progress.findings.some(({ violation }) => violation.property === 'data-race');
    if (!this.isGuarded || !isRace) return isOver;
    const reductions = { ...this.options.reductions, guarded: false };
    this.search = plainSearch(this.program, { ...this.options, reductions });
    this.isGuarded = false;
    return false;
  }
}

function plainSearch(program: Program, options: SearchOptions): Search {
  switch (options.order) {
    case 'breadth':
      return new BreadthFirst(program, options);
    case 'depth':
      return new DepthFirst(program, options);
    case 'random':
      return new RandomWalk(program, options);
  }
}

/** The outcome of a search that is over. */
export function outcomeOf(program: Program, { progress }: Search): Outcome {
  const isWhole = progress.complete && progress.limit === null;
  const never = isWhole ? neverWitnessed(program, progress) : [];
  const findings = [...progress.findings, ...never];
  const incomplete = findings.length > 0 ? null : whyIncomplete(program, progress);
  const verdict = findings.length > 0 ? 'violated' : incomplete === null ? 'holds' : 'incomplete';
  return {
    verdict,
    incomplete,
    findings,
    ...compare(program, progress, findings, incomplete),
    assumptions: assumptionsOf(program, progress),
  };
}

/** A `sometimes` that holds in no state. */
function neverWitnessed({ scenario }: Program, progress: Progress): Finding[] {
  if (scenario.unwatched.some(({ property }) => property === 'assertion')) return [];
  const missing = progress.vm.claims.sometimes.filter((_, index) => !progress.witnessed[index]);
  return missing.map(violation => ({ violation, path: null }));
}

function whyIncomplete(program: Program, progress: Progress): string | null {
  const [unshown] = progress.unshown.keys();
  if (unshown !== undefined)
    return `internal error: real caches do not show the violation of ${unshown} that was found`;
  if (progress.limit !== null) return `${progress.limit}${remained(progress)}`;
  if (!progress.complete) return 'the search was ended before all states were visited';
  const beyond = beyondSearch(program);
  const isNegative = program.scenario.machine.iommus.some(iommu => iommu.cachesAbsent);
  if (isNegative || (beyond !== null && progress.options.caches === 'demand'))
    return `${beyond}, of which only what an access asks for was searched`;
  const isProof = progress.options.caches !== 'demand' || !hasTranslations(program);
  return isProof ? null : 'caches that fill on speculation or evict were not searched';
}

/** What was found and not looked at, where a limit was reached. */
function remained({ waiting, options, isStopped }: Progress): string {
  if (waiting === 0 || !isStopped || options.order === 'random') return '';
  const states = waiting === 1 ? 'state was' : 'states were';
  return `; ${waiting.toLocaleString('en')} ${states} found and not expanded`;
}

function compare(
  program: Program,
  progress: Progress,
  findings: readonly Finding[],
  incomplete: string | null,
): Pick<Outcome, 'exitCode' | 'text'> {
  const found = [...new Set(findings.map(({ violation }) => violation.property))];
  const list = found.join(', ');
  const expected = expectationOf(program);
  if (incomplete !== null) {
    const isWhole = progress.complete && progress.limit === null && progress.options.caches === 'demand';
    const seen = isWhole ? 'no violation in any interleaving with fills on demand' : 'no violation was found';
    return { exitCode: 3, text: `incomplete: ${seen}, but ${incomplete}` };
  }
  if (expected === null) {
    const text = found.length > 0 ? `violated: ${list}` : 'holds';
    return { exitCode: 0, text: `${text} (${unsaidText(program)})` };
  }
  if (expected.verdict === 'holds') {
    if (found.length > 0) return { exitCode: 1, text: `violated: ${list}; expected that all holds` };
    return { exitCode: 0, text: 'holds, as expected' };
  }
  const missing = expected.properties.filter(id => !found.some(property => property === id));
  if (missing.length === 0) return { exitCode: 0, text: `violated: ${list}, as expected` };
  const also = found.length > 0 ? `; violated: ${list}` : '';
  const missed = `${missing.join(', ')} was not violated, though expected${also}`;
  const why = whyIncomplete(program, progress);
  return why === null
    ? { exitCode: 1, text: missed }
    : { exitCode: 3, text: `incomplete: ${missed}; ${why}` };
}
