/**
 * Explores one scenario: reads its files as the editor has them, compiles them, has the search done by a
 * worker, and turns its report into what the editor shows. Knows no editor.
 */
import type { Span } from '../base/span';
import { Sources } from '../debug/sources';
import { reasonsOf } from '../explain/why';
import { type JobPlace, type RunningJob, startJob } from '../explore/client';
import {
  type ExploreJob,
  type ExploreReport,
  type JobProgress,
  mainFinding,
  usualSearch,
} from '../explore/job';
import type { Finding } from '../explore/search';
import type { ModelSet } from '../language/module';
import type { Program } from '../language/program';
import { type LaunchFiles, loadRun } from '../session/load';
import { followPath } from '../session/path';
import type { Session } from '../session/session';
import { filesOf } from '../session/sites';
import { formatSchedule } from '../trace/saved-schedule';
import { lanes } from '../view/lanes';
import { SetupError } from '../vm/vm';
import {
  count,
  type Exploration,
  type Explored,
  type FoundViolation,
  type Moment,
  type ScenarioTarget,
} from './exploration';
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

function jobOf(program: Program, { limits, isWhole }: ExploreTask): ExploreJob {
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
  const spanOf = (span: Span | null) => span && { ...span, file: sources.path(span.file) };
  const violationOf = ({ violation, path }: Finding): FoundViolation => {
    const { property, message, span } = violation;
    return { property, message, steps: path?.length ?? null, span: spanOf(span) };
  };
  const shown = mainFinding(program, report.findings);
  const session = shown?.path ? followPath(program, shown.path, usualSearch.caches) : null;
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
    at: spanOf(scenario.expect?.span ?? scenario.span) ?? scenario.span,
    violations: report.findings.map(violationOf),
    shown: shown && violationOf(shown),
    moments: session && shown ? momentsOf(session, shown, spanOf) : [],
    trace: session && formatSchedule(session),
    report: reportText(program, report, session),
    statements: searchedStatements(program, report.covered).map(({ span, isReached }) => ({
      span: { ...span, file: sources.path(span.file) },
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

/** The steps that led to the violation; its headline is said elsewhere. */
function momentsOf(
  session: Session,
  { violation }: Finding,
  spanOf: (span: Span | null) => Span | null,
): Moment[] {
  const found = session.findings().find(each => each.violation.property === violation.property);
  if (found === undefined) return [];
  return reasonsOf(session, found)
    .slice(1)
    .map(({ text, span }) => ({ text, span: spanOf(span) }));
}

/** The way to the violation if there is one, then the verdict, its figures, and what it rests on. */
function reportText(program: Program, report: ExploreReport, session: Session | null): string {
  const { findings, assumptions, states, transitions, depth } = report;
  const way = session === null ? [] : [lanes(session, { columns: COLUMNS })];
  const found = findings.map(({ violation, path }) => {
    const steps = path === null ? 'on no way' : `in ${count(path.length)} steps`;
    return `  ${violation.property} ${steps}: ${violation.message}`;
  });
  const rate = count(report.states / Math.max(report.seconds, 0.001));
  const lines = [
    `${program.scenario.name} on ${program.kernel}: ${report.text}`,
    ...found,
    `  ${count(states)} states, ${count(transitions)} transitions, depth ${count(depth)}`,
    `  ${report.seconds.toFixed(2)} s, ${rate} states/s`,
    ...(report.limit === null ? [] : [`  ${count(report.waiting)} states were not expanded`]),
    ...assumptions.map(assumption => `  assumes: ${assumption}`),
  ];
  return `${[...way, ...lines].join('\n')}\n`;
}
