/**
 * Explores scenarios for the editor, one after the other, because each takes every core; and keeps what came
 * of them, as long as the texts that were searched are those of the editor.
 */
import * as vscode from 'vscode';
import { readLaunchFiles } from '../debug/host';
import type { LaunchFiles } from '../session/load';
import type { Comparison, RowNews } from './compare-scenario';
import { editedFiles, readAsEdited } from './editor-files';
import { type Exploration, type Explored, keyOf, type ScenarioTarget, textsOf } from './exploration';
import type { ExploreLimits } from './explore-scenario';
import { ExploreThread } from './explore-thread';
import { isFile, pathOf, uriOf } from './paths';
import type { Platform } from './platform';

/** How an exploration is followed and ended. */
export interface ExploreRequest {
  /** Goes on after a violation, so that what is never reached is known. */
  readonly isWhole: boolean;
  readonly token: vscode.CancellationToken;
  /** Hears how it is getting on, in words. */
  readonly onProgress: (text: string) => void;
}

/** How a comparison is followed and ended. */
export interface CompareRequest extends Pick<ExploreRequest, 'token' | 'onProgress'> {
  readonly onRow: (news: RowNews) => void;
}

/** What came of a comparison, and the texts that were compared. */
export type CheckedComparison = Comparison & { readonly texts: ReadonlyMap<string, string> };

/** What came of an exploration; `isCurrent` is false when a text was changed meanwhile. */
export type CheckedExploration = Exploration & { readonly isCurrent: boolean };

/** How long the search of one cell of a comparison may take: there are many, and one more is a click away. */
const CELL_SECONDS = 10;

/** Explorations and their results. */
export class Explorer implements vscode.Disposable {
  readonly #modelsRoot: string;
  readonly #thread: ExploreThread;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #dropped = new vscode.EventEmitter<readonly Explored[]>();
  readonly #results = new Map<string, Explored>();
  #busy: readonly ScenarioTarget[] = [];
  readonly #end = new AbortController();
  readonly #disposables: vscode.Disposable[];
  #queue: Promise<unknown> = Promise.resolve();

  /** A result came or went. */
  readonly onDidChange = this.#changed.event;
  /** Results that went, because a text they are about has changed. */
  readonly onDidDrop = this.#dropped.event;

  constructor(extensionUri: vscode.Uri, platform: Platform) {
    this.#modelsRoot = pathOf(vscode.Uri.joinPath(extensionUri, 'models'));
    this.#thread = new ExploreThread(() => platform.explorePort());
    const watcher = vscode.workspace.createFileSystemWatcher('**/*.mmu');
    this.#disposables = [
      this.#changed,
      this.#dropped,
      watcher,
      watcher.onDidChange(uri => this.#check(uri)),
      // A new file may take the place of a shipped model.
      watcher.onDidCreate(() => this.#checkAll()),
      watcher.onDidDelete(uri => this.#check(uri)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.#check(document.uri)),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.#check(uri)),
      vscode.window.onDidChangeWindowState(({ focused }) => {
        if (focused) this.#checkAll();
      }),
      vscode.workspace.onDidChangeConfiguration(change => {
        if (change.affectsConfiguration('shootdown.modelPath')) this.#checkAll();
      }),
    ];
  }

  /** Results that are right for the texts as they are. */
  all(): readonly Explored[] {
    return [...this.#results.values()];
  }

  /** The result for a scenario, if it was explored as it is. */
  result(target: ScenarioTarget): Explored | undefined {
    return this.#results.get(keyOf(target));
  }

  /** The same, after a look at the files: those outside of the workspace are not watched. */
  async checked(target: ScenarioTarget): Promise<Explored | undefined> {
    const explored = this.result(target);
    if (explored && !(await isUnchanged(explored))) this.#drop([explored]);
    return this.result(target);
  }

  /** Whether a scenario is being explored, or waits for its turn. */
  isBusy(target: ScenarioTarget): boolean {
    return this.#busy.some(each => keyOf(each) === keyOf(target));
  }

  /** Whether anything is being explored. */
  get isExploring(): boolean {
    return this.#busy.length > 0;
  }

  /** Explores a scenario when those before it are done. One that is cancelled before does not wait. */
  explore(target: ScenarioTarget, request: ExploreRequest): Promise<CheckedExploration> {
    const cancelled = { kind: 'cancelled', states: 0, isCurrent: true } as const;
    return this.#inTurn(target, request.token, cancelled, signal => this.#explore(target, signal, request));
  }

  /** Compares kernels and drivers on a scenario, when what is explored before is done. */
  compare(target: ScenarioTarget, request: CompareRequest): Promise<CheckedComparison> {
    const cancelled = { kind: 'cancelled', texts: new Map<string, string>() } as const;
    return this.#inTurn(target, request.token, cancelled, signal => this.#compare(target, signal, request));
  }

  /** Each uses every processor, so they take turns. `cancelled` is what comes of one that has not begun. */
  async #inTurn<Result>(
    target: ScenarioTarget,
    token: vscode.CancellationToken,
    cancelled: Result,
    work: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const abort = new AbortController();
    const end = () => abort.abort();
    const watch = token.onCancellationRequested(end);
    if (token.isCancellationRequested) end();
    this.#end.signal.addEventListener('abort', end);
    const own = { ...target };
    this.#busy = [...this.#busy, own];
    let hasBegun = false;
    const turn = this.#queue.then(() => {
      hasBegun = true;
      return work(abort.signal);
    });
    this.#queue = turn.catch(() => undefined);
    const givenUp = new Promise<Result>(resolve => {
      abort.signal.addEventListener('abort', () => hasBegun || resolve(cancelled));
    });
    try {
      return await Promise.race([turn, givenUp]);
    } finally {
      this.#busy = this.#busy.filter(each => each !== own);
      watch.dispose();
      this.#end.signal.removeEventListener('abort', end);
    }
  }

  /** Ends every exploration. */
  dispose(): void {
    this.#end.abort();
    this.#thread.dispose();
    for (const disposable of this.#disposables) disposable.dispose();
  }

  async #explore(
    target: ScenarioTarget,
    signal: AbortSignal,
    { isWhole, onProgress: tell }: ExploreRequest,
  ): Promise<CheckedExploration> {
    const { program, scenario } = target;
    const read = await readFiles(program, this.#modelsRoot);
    if ('message' in read) {
      const problems = [{ code: 'unreadable', span: null, message: read.message }];
      return { kind: 'problems', problems, isCurrent: true };
    }
    const limits = limitsFor(uriOf(program));
    const found = await this.#thread.run({ files: read, scenario, limits, isWhole }, { signal, tell });
    if (found.kind !== 'explored') return { ...found, isCurrent: true };
    // From now on changes are heard of, so none between this look and the next is missed.
    this.#results.set(keyOf(target), found.explored);
    const isCurrent = (await this.checked(target)) === found.explored;
    this.#changed.fire();
    return { ...found, isCurrent };
  }

  async #compare(
    { program, scenario }: ScenarioTarget,
    signal: AbortSignal,
    { onProgress: tell, onRow: show }: CompareRequest,
  ): Promise<CheckedComparison> {
    const read = await readFiles(program, this.#modelsRoot);
    if ('message' in read) {
      const problems = [{ code: 'unreadable', span: null, message: read.message }];
      return { kind: 'problems', problems, texts: new Map() };
    }
    const limits = limitsFor(uriOf(program));
    const seconds = Math.min(limits.seconds, CELL_SECONDS);
    const task = { files: read, scenario, limits: { ...limits, seconds } };
    return { ...(await this.#thread.compare(task, { signal, tell, show })), texts: textsOf(read) };
  }

  /** A text may have changed: saving it does not, and neither does taking a change back at once. */
  async #check(uri: vscode.Uri): Promise<void> {
    if (!isFile(uri)) return;
    const using = this.all().filter(({ texts }) => texts.has(pathOf(uri)));
    if (using.length === 0) return;
    const now = await readAsEdited(pathOf(uri)).catch(() => undefined);
    this.#drop(using.filter(({ texts }) => texts.get(pathOf(uri)) !== now));
  }

  #checkAll(): void {
    for (const result of this.all()) void this.checked(result);
  }

  #drop(results: readonly Explored[]): void {
    const dropped = results.filter(each => this.#results.get(keyOf(each)) === each);
    if (dropped.length === 0) return;
    for (const each of dropped) this.#results.delete(keyOf(each));
    this.#dropped.fire(dropped);
    this.#changed.fire();
  }
}

/** Whether the same texts would be searched now: none has changed, and no new one takes part. */
export async function isUnchanged({ program, texts }: Pick<Explored, 'program' | 'texts'>): Promise<boolean> {
  const files = await readFiles(program, '');
  if ('message' in files) return false;
  const now = textsOf(files);
  return now.size === texts.size && [...texts].every(([path, text]) => now.get(path) === text);
}

/** What a scenario is made from, as the editor has it; or why it cannot be read. */
async function readFiles(
  program: string,
  modelsRoot: string,
): Promise<Omit<LaunchFiles, 'models'> | { readonly message: string }> {
  const folder = vscode.workspace.getWorkspaceFolder(uriOf(program));
  // The worker has the shipped models.
  const models = { kernels: {}, drivers: {} };
  try {
    const { models: _, ...files } = await readLaunchFiles(editedFiles(folder), {
      program,
      models,
      modelsRoot,
    });
    return files;
  } catch (problem) {
    return { message: problem instanceof Error ? problem.message : String(problem) };
  }
}

/** The settings `shootdown.explore`. What is no number there is the default. */
function limitsFor(uri: vscode.Uri): ExploreLimits {
  const settings = vscode.workspace.getConfiguration('shootdown.explore', uri);
  const limit = (name: keyof ExploreLimits) => {
    const value: unknown = settings.get(name);
    const isLimit = typeof value === 'number' && value >= 1;
    return isLimit ? Math.floor(value) : (settings.inspect<number>(name)?.defaultValue ?? 1);
  };
  return {
    seconds: limit('seconds'),
    memory: limit('memory'),
    states: limit('states'),
    workers: limit('workers'),
  };
}
