/**
 * Explores one scenario: compiles its files, has the search done by a worker, and turns its report into what
 * the editor shows. Reads no file and knows no editor.
 */
import type { Span } from '../base/span';
import { Sources } from '../debug/sources';
import { answerLines, notationOf, type Shown, shownOf } from '../explain/answer';
import { notReachedText } from '../explain/coverage';
import { momentLine } from '../explain/moments';
import { report as sanitizerReport } from '../explain/report';
import { why } from '../explain/why';
import { type JobPlace, startJob } from '../explore/client';
import { type ExploreJob, type ExploreReport, mainFinding, usualSearch } from '../explore/job';
import type { Finding } from '../explore/search';
import type { ModelSet } from '../language/module';
import type { Program } from '../language/program';
import { type LaunchFiles, loadRun } from '../session/load';
import { filesOf } from '../session/sites';
import { formatSchedule } from '../trace/saved-schedule';
import { SetupError } from '../vm/vm';
import { type Exploration, type Explored, type FoundViolation, progressText, textsOf } from './exploration';
import { searchedStatements } from './searched-statements';

/** Limits of a search in the editor. */
export interface ExploreLimits {
  readonly seconds: number;
  /** MiB. */
  readonly memory: number;
  readonly states: number;
  /** Threads that search; 0 for as many as there are processors. */
  readonly workers: number;
}

/** What is explored, and how. Plain data. */
export interface ExploreTask {
  /** What the scenario is made from, but for the shipped models. */
  readonly files: Omit<LaunchFiles, 'models'>;
  readonly scenario: string;
  readonly limits: ExploreLimits;
  /** Goes on after a violation, so that what is never reached is known. */
  readonly isWhole: boolean;
}

/** What an exploration needs of the world. */
export interface ExploreWorld {
  readonly models: ModelSet;
  /** Where the search is done. */
  readonly place: JobPlace;
  readonly signal: AbortSignal;
  /** Hears how it is getting on, in words. */
  readonly tell: (progress: string) => void;
}

/** Columns of a report. */
const COLUMNS = 80;

/** Steps of a path; what is longer is no counterexample for people. */
const DEPTH_MAX = 1_000_000;

/** Explores a scenario. What is wrong with its files is a result; only our own bugs are thrown. */
export async function exploreScenario(task: ExploreTask, world: ExploreWorld): Promise<Exploration> {
  const files = { ...task.files, models: world.models };
  const loaded = loadRun(files, { scenario: task.scenario });
  if ('problems' in loaded) return { kind: 'problems', problems: loaded.problems };
  try {
    return await search(loaded.program, task, world);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return { kind: 'problems', problems: [{ code: 'set-up', span: error.span, message: error.message }] };
  }
}

async function search(program: Program, task: ExploreTask, world: ExploreWorld): Promise<Exploration> {
  const { signal, tell } = world;
  if (signal.aborted) return { kind: 'cancelled', states: 0 };
  const running = startJob(jobOf(program, task), world.place);
  running.onProgress(progress => tell(progressText(progress)));
  signal.addEventListener('abort', () => running.cancel(), { once: true });
  const report = await running.report;
  if (signal.aborted && report.findings.length === 0) return { kind: 'cancelled', states: report.states };
  if (report.findings.length > 0) tell('makes the counterexample short');
  return { kind: 'explored', explored: exploredOf(program, { ...task.files, models: world.models }, report) };
}

/** The search of a program within limits. */
export function jobOf(
  program: Program,
  { limits, isWhole }: Pick<ExploreTask, 'limits' | 'isWhole'>,
): ExploreJob {
  const { states, memory, seconds, workers } = limits;
  const searchLimits = {
    statesMax: states,
    depthMax: DEPTH_MAX,
    memoryMax: memory * 2 ** 20,
    secondsMax: seconds,
  };
  return { program, options: { ...usualSearch, limits: searchLimits, all: isWhole }, workers };
}

function exploredOf(program: Program, files: LaunchFiles, report: ExploreReport): Explored {
  const { scenario, kernel } = program;
  const sources = new Sources(files, filesOf(program));
  const placed = (span: Span): Span => ({ ...span, file: sources.path(span.file) });
  const violationOf = ({ violation, path }: Finding): FoundViolation => {
    const { property, message, span } = violation;
    return { property, message, steps: path?.length ?? null, span: span && placed(span) };
  };
  const main = mainFinding(program, report.findings);
  const shown = shownOf(program, report, usualSearch.caches);
  const moments = shown === null ? [] : why(shown.session, shown.found).moments;
  return {
    program: files.scenario.path,
    scenario: scenario.name,
    kernel,
    verdict: report.verdict,
    expected: expectedText(program),
    standing: standings[report.exitCode],
    text: report.text,
    states: report.states,
    seconds: report.seconds,
    at: placed(scenario.expect?.span ?? scenario.span),
    violations: report.findings.map(violationOf),
    shown: main && { ...violationOf(main), ...(shown === null ? {} : { steps: shown.session.position }) },
    moments: moments.map(moment => ({
      text: momentLine(moment),
      span: moment.span && placed(moment.span),
    })),
    trace: shown && formatSchedule(shown.session),
    notation: shown && notationOf(shown.session, shown.found),
    report: reportText(program, report, shown),
    statements: searchedStatements(program, report.covered).map(({ span, isReached }) => ({
      span: placed(span),
      isReached,
    })),
    texts: textsOf(files),
  };
}

const standings = { 0: 'as expected', 1: 'differs', 3: 'not known' } as const;

function expectedText({ scenario: { expect } }: Program): string | null {
  if (expect === null) return null;
  return expect.verdict === 'holds' ? 'holds' : `violated ${expect.properties.join(', ')}`;
}

/** The answer, the violation as a sanitizer would report it, and what was not reached. */
function reportText(program: Program, report: ExploreReport, shown: Shown | null): string {
  const violation = shown === null ? [] : ['', ...sanitizerReport(shown.session, shown.found)];
  const unreached = notReachedText(program, report.covered);
  const rest = unreached.length === 0 ? [] : ['', 'Never reached, and so not checked:', ...unreached];
  const answer = answerLines(program, report, shown, { columns: COLUMNS, unreached: 'see below' });
  return `${[...answer, ...violation, ...rest].join('\n')}\n`;
}
