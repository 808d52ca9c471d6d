/** The scenarios of the Test Explorer: each that says what it expects is a test, below its file. */
import * as vscode from 'vscode';
import { type Outlined, outlineOf } from '../language/analysis';
import { readText } from './editor-files';
import { keyOf, type ScenarioTarget } from './exploration';
import { isFile, nameOf, pathOf, uriOf } from './paths';
import { rangeOf } from './places';

/** Files of a workspace that are looked into, and how long typing is waited out before a file is. */
const limits = { files: 1000, milliseconds: 300 };

/** The tests, kept as the files are. */
export class ScenarioTests implements vscode.Disposable {
  readonly controller: vscode.TestController;
  readonly #targets = new WeakMap<object, ScenarioTarget>();
  /** What each test expects, for when it tells no progress. */
  readonly #expects = new WeakMap<object, string>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #disposables: vscode.Disposable[];
  #discovered: Promise<void> | undefined;

  constructor() {
    this.controller = vscode.tests.createTestController('shootdown', 'Scenarios');
    this.controller.resolveHandler = item => (item ? undefined : this.discover());
    const refresh = () => {
      this.#discovered = undefined;
      return this.discover();
    };
    this.controller.refreshHandler = refresh;
    const watcher = vscode.workspace.createFileSystemWatcher('**/*.mmu');
    this.#disposables = [
      this.controller,
      watcher,
      watcher.onDidCreate(uri => this.#readSoon(uri)),
      watcher.onDidChange(uri => this.#readSoon(uri)),
      watcher.onDidDelete(uri => this.#readSoon(uri)),
      vscode.workspace.onDidOpenTextDocument(({ uri }) => this.#readSoon(uri)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.#readSoon(document.uri)),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.#readSoon(uri)),
      vscode.workspace.onDidChangeWorkspaceFolders(refresh),
    ];
    for (const { uri } of vscode.workspace.textDocuments) this.#readSoon(uri);
  }

  /** The scenario of a test; undefined for the item of a file, and for all that is no test. */
  target(item: object): ScenarioTarget | undefined {
    return this.#targets.get(item);
  }

  /** Says beside a test how far its search has come; null says what it expects again. */
  tell(item: vscode.TestItem, progress: string | null): void {
    item.description = progress ?? this.#expects.get(item) ?? '';
  }

  /** The test of a scenario, if it is one. */
  item(target: ScenarioTarget): vscode.TestItem | undefined {
    const uri = uriOf(target.program).toString();
    return this.controller.items.get(uri)?.children.get(keyOf(target));
  }

  /** The tests that items stand for: a file for those in it, none for all. Files are read before. */
  async tests(request: vscode.TestRunRequest): Promise<vscode.TestItem[]> {
    if (!request.include) await this.discover();
    const excluded = new Set(request.exclude);
    const leaves = (item: vscode.TestItem): vscode.TestItem[] => {
      if (excluded.has(item)) return [];
      return this.target(item) ? [item] : [...item.children].flatMap(([, child]) => leaves(child));
    };
    const chosen = request.include ?? [...this.controller.items].map(([, item]) => item);
    return [...new Set(chosen.flatMap(leaves))];
  }

  /** Reads every scenario file of the workspace, once. */
  discover(): Promise<void> {
    this.#discovered ??= this.#readAll();
    return this.#discovered;
  }

  /** Ends the tests. */
  dispose(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const disposable of this.#disposables) disposable.dispose();
  }

  async #readAll(): Promise<void> {
    const found = await vscode.workspace.findFiles('**/*.mmu', '**/node_modules/**', limits.files);
    const open = vscode.workspace.textDocuments.map(({ uri }) => uri).filter(isScenarioFile);
    const uris = new Map([...found, ...open].map(uri => [uri.toString(), uri]));
    for (const [id] of this.controller.items) if (!uris.has(id)) this.controller.items.delete(id);
    // One after the other, so that the editor is not kept from anything else.
    for (const uri of uris.values()) await this.#read(uri);
  }

  #readSoon(uri: vscode.Uri): void {
    if (!isScenarioFile(uri)) return;
    const id = uri.toString();
    clearTimeout(this.#timers.get(id));
    const read = () => {
      this.#timers.delete(id);
      void this.#read(uri);
    };
    this.#timers.set(id, setTimeout(read, limits.milliseconds));
  }

  async #read(uri: vscode.Uri): Promise<void> {
    const text = await textOf(uri);
    const scenarios = text === undefined ? [] : scenariosOf(pathOf(uri), text);
    const { items } = this.controller;
    if (scenarios.length === 0) {
      items.delete(uri.toString());
      return;
    }
    let file = items.get(uri.toString());
    if (!file) {
      file = this.controller.createTestItem(uri.toString(), nameOf(pathOf(uri)), uri);
      const [folder = ''] = vscode.workspace.asRelativePath(uri).match(/^.*(?=\/)/) ?? [];
      if (folder !== '') file.description = folder;
      items.add(file);
    }
    file.children.replace(scenarios.map(scenario => this.#test(uri, scenario)));
  }

  /** The test that is there already keeps its result. */
  #test(uri: vscode.Uri, { name, span, expect }: Scenario): vscode.TestItem {
    const target = { program: pathOf(uri), scenario: name };
    const test = this.item(target) ?? this.controller.createTestItem(keyOf(target), name, uri);
    this.#targets.set(test, target);
    this.#expects.set(test, expect);
    test.description = expect;
    test.range = rangeOf(span);
    test.sortText = String(span.line).padStart(6, '0');
    return test;
  }
}

/** A scenario that says what it expects. */
type Scenario = Pick<Outlined, 'name' | 'span'> & { readonly expect: string };

/** The scenarios of a text that can be tests. Of a text with mistakes, those that can be made out. */
export function scenariosOf(path: string, text: string): Scenario[] {
  // Most files of a folder of models hold no scenario; parsing takes longer than looking.
  if (!/\bscenario\b/.test(text)) return [];
  const scenarios = outlineOf({ path, text }).flatMap(({ kind, name, span, children }) => {
    const expect = children.find(child => child.kind === 'Expect');
    return kind === 'Scenario' && expect ? [{ name, span, expect: expect.name.replace(/\s+/g, ' ') }] : [];
  });
  // A second one of the same name is a mistake of the file.
  return [...new Map(scenarios.reverse().map(each => [each.name, each])).values()].reverse();
}

function isScenarioFile(uri: vscode.Uri): boolean {
  return isFile(uri) && uri.path.endsWith('.mmu');
}

/** The text in the editor, else that of the file if it is part of the workspace. */
async function textOf(uri: vscode.Uri): Promise<string | undefined> {
  const open = vscode.workspace.textDocuments.find(document => document.uri.toString() === uri.toString());
  if (open) return open.getText();
  if (!vscode.workspace.getWorkspaceFolder(uri)) return undefined;
  return readText(uri).catch(() => undefined);
}
