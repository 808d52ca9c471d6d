/**
 * Explores scenarios for the editor, one after the other, because each takes every core; and keeps what came
 * of them, as long as the texts that were searched are those of the editor.
 */
import { cpus } from 'node:os';
import * as vscode from 'vscode';
import { loadShippedModels } from '../cli/models';
import { nodeWorker } from '../cli/node-worker';
import type { JobAnswer, JobMessage } from '../explore/client';
import type { JobProgress } from '../explore/job';
import type { ModelSet } from '../language/module';
import { editedFiles, readAsEdited } from './debug-adapter';
import { type Exploration, type Explored, keyOf, type ScenarioTarget } from './exploration';
import { type ExploreLimits, exploreScenario, textsNow } from './explore-scenario';

/** How an exploration is followed and ended. */
export interface ExploreRequest {
  /** Goes on after a violation, so that what is never reached is known. */
  readonly isWhole: boolean;
  readonly token: vscode.CancellationToken;
  readonly onProgress: (progress: JobProgress) => void;
}

/** What came of an exploration; `isCurrent` is false when a text was changed meanwhile. */
export type CheckedExploration = Exploration & { readonly isCurrent: boolean };

/** Explorations and their results. */
export class Explorer implements vscode.Disposable {
  readonly #extensionUri: vscode.Uri;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #dropped = new vscode.EventEmitter<readonly Explored[]>();
  readonly #results = new Map<string, Explored>();
  #busy: readonly ScenarioTarget[] = [];
  readonly #end = new AbortController();
  readonly #disposables: vscode.Disposable[];
  #models: Promise<ModelSet> | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  /** A result came or went. */
  readonly onDidChange = this.#changed.event;
  /** Results that went, because a text they are about has changed. */
  readonly onDidDrop = this.#dropped.event;

  constructor(extensionUri: vscode.Uri) {
    this.#extensionUri = extensionUri;
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
  async explore(target: ScenarioTarget, request: ExploreRequest): Promise<CheckedExploration> {
    const { token } = request;
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
      return this.#explore(target, abort.signal, request);
    });
    this.#queue = turn.catch(() => undefined);
    const givenUp = new Promise<CheckedExploration>(resolve => {
      const cancelled = { kind: 'cancelled', states: 0, isCurrent: true } as const;
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
    for (const disposable of this.#disposables) disposable.dispose();
  }

  async #explore(
    target: ScenarioTarget,
    signal: AbortSignal,
    { isWhole, onProgress: tell }: ExploreRequest,
  ): Promise<CheckedExploration> {
    const uri = vscode.Uri.file(target.program);
    const path = (...parts: string[]) => vscode.Uri.joinPath(this.#extensionUri, ...parts).fsPath;
    const found = await exploreScenario(target, {
      files: editedFiles(vscode.workspace.getWorkspaceFolder(uri)),
      models: () => this.#shippedModels(),
      modelsRoot: path('models'),
      place: {
        worker: () => nodeWorker<JobMessage, JobAnswer>(path('dist', 'explore-worker.js')),
        clock: () => performance.now() / 1000,
        cores: cpus().length,
      },
      limits: limitsFor(uri),
      isWhole,
      signal,
      tell,
    });
    if (found.kind !== 'explored') return { ...found, isCurrent: true };
    // From now on changes are heard of, so none between this look and the next is missed.
    this.#results.set(keyOf(target), found.explored);
    const isCurrent = (await this.checked(target)) === found.explored;
    this.#changed.fire();
    return { ...found, isCurrent };
  }

  /** A text may have changed: saving it does not, and neither does taking a change back at once. */
  async #check(uri: vscode.Uri): Promise<void> {
    if (uri.scheme !== 'file') return;
    const using = this.all().filter(({ texts }) => texts.has(uri.fsPath));
    if (using.length === 0) return;
    const now = await readAsEdited(uri.fsPath).catch(() => undefined);
    this.#drop(using.filter(({ texts }) => texts.get(uri.fsPath) !== now));
  }

  #checkAll(): void {
    for (const result of this.all()) void this.checked(result);
  }

  /** They come with the extension and never change. */
  #shippedModels(): Promise<ModelSet> {
    this.#models ??= loadShippedModels(this.#extensionUri.fsPath);
    return this.#models;
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
async function isUnchanged({ program, texts }: Explored): Promise<boolean> {
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(program));
  const now = await textsNow(program, editedFiles(folder));
  return now?.size === texts.size && [...texts].every(([path, text]) => now.get(path) === text);
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
