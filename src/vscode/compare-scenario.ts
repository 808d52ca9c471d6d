/**
 * Compares kernels and drivers on one scenario, in the worker that explores: first every row as it is played,
 * because that is quick, then the searches, one row after the other.
 */
import { letMessagesIn } from '../base/pause';
import { type ComparedRow, playedRow, searchedBy } from '../compare/compare';
import { type Fit, fitsOf } from '../compare/fits';
import { shownOf } from '../explain/answer';
import { startJob } from '../explore/client';
import { usualSearch } from '../explore/job';
import type { Program } from '../language/program';
import { type LaunchFiles, loadRun, type RunProblem } from '../session/load';
import { formatSchedule } from '../trace/saved-schedule';
import { progressText } from './exploration';
import { type ExploreLimits, type ExploreWorld, jobOf } from './explore-scenario';

/** What is compared, and how long each search may take. Plain data. */
export interface CompareTask {
  /** What the scenario is made from, but for the shipped models. */
  readonly files: Omit<LaunchFiles, 'models'>;
  readonly scenario: string;
  readonly limits: ExploreLimits;
}

/** What came of comparing; the rows were told on the way. */
export type Comparison =
  | { readonly kind: 'compared' }
  | { readonly kind: 'problems'; readonly problems: readonly RunProblem[] }
  | { readonly kind: 'cancelled' };

/** A row of the table, whether new or found out more about. */
export interface RowNews {
  readonly index: number;
  readonly row: ComparedRow;
}

/** What comparing needs of the world. */
export interface CompareWorld extends ExploreWorld {
  readonly show: (news: RowNews) => void;
}

/** Compares. What is wrong with the files is a result; only our own bugs are thrown. */
export async function compareScenario(task: CompareTask, world: CompareWorld): Promise<Comparison> {
  const { signal, tell, show } = world;
  const files = { ...task.files, models: world.models };
  tell('compiles');
  const fits = fitsOf(files, task.scenario);
  if (fits.length === 0) return { kind: 'problems', problems: problemsOf(files, task.scenario) };
  const rows: ComparedRow[] = [];
  for (const [index, fit] of fits.entries()) {
    if (await isCancelled(signal)) return { kind: 'cancelled' };
    tell(`plays ${index + 1} of ${fits.length}`);
    const row = playedRow(fit);
    rows.push(row);
    show({ index, row });
  }
  for (const [index, row] of rows.entries()) {
    if (await isCancelled(signal)) return { kind: 'cancelled' };
    const place = `${index + 1} of ${fits.length}, ${nameOf(row)}`;
    tell(place);
    const fit = fits[index];
    if (!fit) continue;
    const searched = await searchedBy(() =>
      search(fit.program(), task, { ...world, tell: told(tell, place) }),
    );
    if (signal.aborted) return { kind: 'cancelled' };
    show({ index, row: { ...row, searched } });
  }
  return { kind: 'compared' };
}

/** Messages are heard between rows only. */
async function isCancelled(signal: AbortSignal): Promise<boolean> {
  await letMessagesIn();
  return signal.aborted;
}

function nameOf({ kernel, driver }: Pick<Fit, 'kernel' | 'driver'>): string {
  return driver === null ? kernel : `${kernel} with ${driver}`;
}

function told(tell: (text: string) => void, place: string): (text: string) => void {
  return text => tell(`${place}: ${text}`);
}

async function search(program: Program, task: CompareTask, { place, signal, tell }: CompareWorld) {
  const running = startJob(jobOf(program, { ...task, isWhole: true }), place);
  running.onProgress(progress => tell(progressText(progress)));
  const cancel = () => running.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const report = await running.report;
    const shown = signal.aborted ? null : shownOf(program, report, usualSearch.caches);
    return { report, trace: shown && formatSchedule(shown.session) };
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** Why a scenario fits no kernel, its own least of all. */
function problemsOf(files: LaunchFiles, scenario: string): readonly RunProblem[] {
  const loaded = loadRun(files, { scenario });
  if ('problems' in loaded) return loaded.problems;
  return [{ code: 'no-fit', span: null, message: `${scenario} fits no kernel` }];
}
