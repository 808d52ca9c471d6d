/**
 * Explores one scenario: reads its files as the editor has them, compiles them, has the search done by a
 * worker, and turns its report into what the editor shows. Knows no editor.
 */
import type { Span } from '../base/span';
import { type FileAccess, readLaunchFiles } from '../debug/host';
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

/** What an exploration needs of the world. */
export interface ExploreWorld {
  readonly files: FileAccess;
  readonly models: () => Promise<ModelSet>;
  /** Folder of the shipped models' sources. */
  readonly modelsRoot: string;
  /** Where the search is done. */
  readonly place: JobPlace;
  readonly limits: ExploreLimits;
  /** Goes on after a violation, so that what is never reached is known. */
  readonly isWhole: boolean;
  readonly signal: AbortSignal;
  readonly tell: (progress: JobProgress) => void;
}

/** Columns of a report. */
const COLUMNS = 100;

/** Explores a scenario. What is wrong with its files is a result; only our own bugs are thrown. */
export async function exploreScenario(target: ScenarioTarget, world: ExploreWorld): Promise<Exploration> {
  const { modelsRoot, signal } = world;
  if (signal.aborted) return { kind: 'cancelled', states: 0 };
  const models = await world.models();
  let files: LaunchFiles;
  try {
    files = await readLaunchFiles(world.files, { program: target.program, models, modelsRoot });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'problems', problems: [{ code: 'unreadable', span: null, message }] };
  }
  const loaded = loadRun(files, { scenario: target.scenario });
  if ('problems' in loaded) return { kind: 'problems', problems: loaded.problems };
  try {
    return await search(loaded.program, files, world);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return { kind: 'problems', problems: [{ code: 'set-up', span: error.span, message: error.message }] };
  }
}

async function search(program: Program, files: LaunchFiles, world: ExploreWorld): Promise<Exploration> {
  const { limits, isWhole, signal, place } = world;
  if (signal.aborted) return { kind: 'cancelled', states: 0 };
  const job: ExploreJob = {
    program,
    options: {
      ...usualSearch,
      limits: {
        statesMax: limits.states,
        depthMax: DEPTH_MAX,
        memoryMax: limits.memory * 2 ** 20,
        secondsMax: limits.seconds,
      },
      all: isWhole,
    },
    workers: limits.workers,
  };
  let states = 0;
  const ports: { end(): void }[] = [];
  const { worker } = place;
  const keptWorker = worker && (() => kept(worker(), ports));
  const running = startJob(job, { ...place, worker: keptWorker });
  running.onProgress(progress => {
    states = progress.states;
    world.tell(progress);
  });
  const report = await orCancelled(running, signal);
  // One that was cancelled and does not say so is in nobody's hands.
  if (report === null) for (const port of ports) port.end();
  const isOver = report !== null && (!signal.aborted || report.findings.length > 0);
  if (!isOver) return { kind: 'cancelled', states: report?.states ?? states };
  return { kind: 'explored', explored: exploredOf(program, files, report) };
}

function kept<Port extends { end(): void }>(port: Port, ports: { end(): void }[]): Port {
  ports.push(port);
  return port;
}

/** Steps of a path; what is longer is no counterexample for people. */
const DEPTH_MAX = 1_000_000;

/** How long a cancelled search may take to say how far it has come. */
const CANCEL_MILLISECONDS = 1_000;

/** The report; null for a search that was cancelled and does not answer. */
function orCancelled({ report, cancel }: RunningJob, signal: AbortSignal): Promise<ExploreReport | null> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel();
      setTimeout(() => resolve(null), CANCEL_MILLISECONDS);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    report.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
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

/** The texts that a search of this file would be about now; undefined if there is no such file. */
export async function textsNow(
  program: string,
  files: FileAccess,
): Promise<ReadonlyMap<string, string> | undefined> {
  const nothing = { program, models: { kernels: {}, drivers: {} }, modelsRoot: '' };
  return readLaunchFiles(files, nothing).then(textsOf, () => undefined);
}

function textsOf({ scenario, imports, kernels, drivers }: LaunchFiles): Map<string, string> {
  const files = [scenario, ...imports, ...Object.values(kernels).flat(), ...drivers];
  return new Map(files.map(({ path, text }) => [path, text]));
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
