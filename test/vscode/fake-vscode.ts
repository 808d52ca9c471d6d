/**
 * As much of the `vscode` module as exploring uses, for tests without an editor: real events, files from
 * disk, and lists of what was shown. A test plays the user through `desk`.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { URI, UriUtils } from 'langium';

const { contributes } = JSON.parse(readFileSync('package.json', 'utf8'));

type Listener<T> = (value: T) => unknown;

export class Disposable {
  static from(...all: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => {
      for (const each of all) each.dispose();
    });
  }
  constructor(readonly dispose: () => void) {}
}

export class EventEmitter<T> {
  private listeners: Listener<T>[] = [];
  readonly event = (listener: Listener<T>): Disposable => {
    this.listeners.push(listener);
    return new Disposable(() => {
      this.listeners = this.listeners.filter(each => each !== listener);
    });
  };
  fire(value: T): void {
    for (const listener of [...this.listeners]) listener(value);
  }
  dispose(): void {
    this.listeners = [];
  }
}

export class CancellationTokenSource {
  private readonly cancelled = new EventEmitter<void>();
  readonly token = {
    isCancellationRequested: false,
    onCancellationRequested: this.cancelled.event,
  };
  cancel(): void {
    this.token.isCancellationRequested = true;
    this.cancelled.fire();
  }
}

export const Uri = Object.assign(URI, { joinPath: UriUtils.joinPath });

export class Position {
  constructor(
    readonly line: number,
    readonly character: number,
  ) {}
}

export class Range {
  readonly start: Position;
  readonly end: Position;
  constructor(...at: number[] | [Position, Position]) {
    const [a, b, c, d] = at;
    this.start = a instanceof Position ? a : new Position(Number(a), Number(b));
    this.end = b instanceof Position ? b : new Position(Number(c), Number(d));
  }
}

export class Location {
  constructor(
    readonly uri: URI,
    readonly range: Range,
  ) {}
}

export class Diagnostic {
  source = '';
  code = '';
  relatedInformation: { location: Location; message: string }[] = [];
  constructor(
    readonly range: Range,
    readonly message: string,
    readonly severity: number,
  ) {}
}

export class DiagnosticRelatedInformation {
  constructor(
    readonly location: Location,
    readonly message: string,
  ) {}
}

export class CodeLens {
  constructor(
    readonly range: Range,
    readonly command: { title: string; command: string; arguments: unknown[] },
  ) {}
}

export class MarkdownString {
  constructor(public value: string) {}
  appendCodeblock(text: string, language: string): this {
    this.value += `\n\`\`\`${language}\n${text}\n\`\`\`\n`;
    return this;
  }
}

export class TestMessage {
  location: Location | undefined;
  expectedOutput: string | undefined;
  actualOutput: string | undefined;
  stackTrace: { label: string }[] = [];
  static diff(message: string, expected: string, actual: string): TestMessage {
    return Object.assign(new TestMessage(message), { expectedOutput: expected, actualOutput: actual });
  }
  constructor(readonly message: string | MarkdownString) {}
}

export class TestMessageStackFrame {
  constructor(
    readonly label: string,
    readonly uri?: URI,
    readonly position?: Position,
  ) {}
}

export class TestRunRequest {
  constructor(
    readonly include?: readonly TestItem[],
    readonly exclude?: readonly TestItem[],
    readonly profile?: object,
    readonly continuous = false,
  ) {}
}

export class StatementCoverage {
  constructor(
    readonly executed: boolean,
    readonly location: Range,
  ) {}
}

export class FileCoverage {
  static fromDetails(uri: URI, details: StatementCoverage[]): FileCoverage {
    return new FileCoverage(uri, details);
  }
  constructor(
    readonly uri: URI,
    readonly details: StatementCoverage[],
  ) {}
}

export const DiagnosticSeverity = { Error: 0, Warning: 1, Information: 2, Hint: 3 };
export const ProgressLocation = { Notification: 15 };
export const TestRunProfileKind = { Run: 1, Debug: 2, Coverage: 3 };
export const FileType = { File: 1, Directory: 2 };
export class FileSystemError extends Error {}
export const ViewColumn = { Active: -1 };
export const QuickPickItemKind = { Separator: -1 };
export const DebugConfigurationProviderTriggerKind = { Initial: 1, Dynamic: 2 };
export class FunctionBreakpoint {}

/** Children of a row of the Test Explorer. */
class TestItems extends Map<string, TestItem> {
  add(item: TestItem): void {
    this.set(item.id, item);
  }
  replace(items: readonly TestItem[]): void {
    this.clear();
    for (const item of items) this.add(item);
  }
}

export class TestItem {
  readonly children = new TestItems();
  description = '';
  range: Range | undefined;
  sortText = '';
  constructor(
    readonly id: string,
    readonly label: string,
    readonly uri: URI,
  ) {}
}

/** What a run said of one test. */
export interface TestResult {
  readonly test: string;
  readonly state: 'skipped' | 'passed' | 'failed' | 'errored';
  readonly messages: readonly TestMessage[];
}

class TestRun {
  readonly results: TestResult[] = [];
  readonly coverage: FileCoverage[] = [];
  output = '';
  hasEnded = false;
  enqueued(): void {}
  started(): void {}
  skipped(item: TestItem): void {
    this.tell(item, 'skipped', []);
  }
  passed(item: TestItem): void {
    this.tell(item, 'passed', []);
  }
  failed(item: TestItem, messages: TestMessage | TestMessage[]): void {
    this.tell(item, 'failed', messages);
  }
  errored(item: TestItem, messages: TestMessage | TestMessage[]): void {
    this.tell(item, 'errored', messages);
  }
  appendOutput(text: string): void {
    this.output += text;
  }
  addCoverage(file: FileCoverage): void {
    this.coverage.push(file);
  }
  end(): void {
    this.hasEnded = true;
  }
  private tell(item: TestItem, state: TestResult['state'], messages: TestMessage | TestMessage[]): void {
    this.results.push({ test: item.label, state, messages: [messages].flat() });
  }
}

type RunHandler = (request: TestRunRequest, token: CancellationTokenSource['token']) => Promise<void>;

class TestController {
  readonly items = new TestItems();
  readonly profiles = new Map<
    number,
    { handler: RunHandler; loadDetailedCoverage?: unknown; supportsContinuousRun?: boolean }
  >();
  readonly runs: TestRun[] = [];
  readonly invalidated: string[] = [];
  refreshHandler: (() => Promise<void>) | undefined;
  createRunProfile(_label: string, kind: number, handler: RunHandler) {
    const profile = { handler };
    this.profiles.set(kind, profile);
    return profile;
  }
  createTestItem(id: string, label: string, uri: URI): TestItem {
    return new TestItem(id, label, uri);
  }
  createTestRun(): TestRun {
    const run = new TestRun();
    this.runs.push(run);
    return run;
  }
  invalidateTestResults(items: TestItem[]): void {
    this.invalidated.push(...items.map(({ label }) => label));
  }
  dispose(): void {}
}

/** An open document. */
export interface FakeDocument {
  readonly uri: URI;
  readonly fileName: string;
  readonly languageId: string;
  text: string;
  getText(): string;
}

/** A page beside the editors: what it was told, and a way to click in it. */
export class WebviewPanel {
  readonly told: { type: string; [key: string]: unknown }[] = [];
  readonly heard = new EventEmitter<object>();
  private readonly disposed = new EventEmitter<void>();
  readonly onDidDispose = this.disposed.event;
  readonly webview = {
    html: '',
    cspSource: 'self',
    asWebviewUri: (uri: URI) => uri,
    postMessage: async (message: never) => this.told.push(structuredClone(message)),
    onDidReceiveMessage: this.heard.event,
  };
  constructor(readonly title: string) {}
  reveal(): void {}
  dispose(): void {
    this.disposed.fire();
  }
}

/** A message that was shown, and its buttons. */
export interface ShownMessage {
  readonly level: 'error' | 'warning' | 'information';
  readonly text: string;
  readonly buttons: readonly string[];
}

/** What the user sees and does. */
class Desk {
  readonly commands = new Map<string, (...args: unknown[]) => Promise<unknown>>();
  readonly messages: ShownMessage[] = [];
  readonly progress: string[] = [];
  readonly started: Record<string, unknown>[] = [];
  readonly diagnostics = new Map<string, readonly Diagnostic[]>();
  readonly files = new EventEmitter<URI>();
  readonly created = new EventEmitter<URI>();
  readonly changed = new EventEmitter<{ document: FakeDocument }>();
  readonly saved = new EventEmitter<FakeDocument>();
  readonly configured = new EventEmitter<{ affectsConfiguration(name: string): boolean }>();
  readonly focused = new EventEmitter<{ focused: boolean }>();
  readonly sessionStarted = new EventEmitter<object>();
  readonly sessionEnded = new EventEmitter<object>();
  readonly sessionTold = new EventEmitter<object>();
  readonly executed: unknown[][] = [];
  readonly panels: WebviewPanel[] = [];
  documents: FakeDocument[] = [];
  settings: Record<string, unknown> = {};
  folder: string | undefined;
  controller = new TestController();
  editor: { document: FakeDocument; selection: { active: Position } } | undefined;
  readonly shown: string[] = [];
  /** Presses a button of a message; none when it returns nothing. */
  answer: (message: ShownMessage) => string | undefined = () => undefined;
  /** Told when something with a Cancel button begins. */
  onWork: (cancel: () => void) => void = () => {};
  /** Chooses from a list. */
  pick: (labels: string[]) => string | undefined = () => undefined;
  contents = new Map<string, { provideTextDocumentContent(uri: URI): string }>();

  /** A new day at the desk: nothing open, nothing shown, the default settings. */
  reset(folder: string): void {
    this.folder = folder;
    this.documents = [];
    this.editor = undefined;
    this.settings = { workers: 1 };
    this.answer = () => undefined;
    this.onWork = () => {};
    this.pick = () => undefined;
    const lists = [this.messages, this.progress, this.started, this.shown, this.executed, this.panels];
    for (const list of [...lists, this.controller.runs, this.controller.invalidated]) list.length = 0;
    this.diagnostics.clear();
    this.controller.items.clear();
  }

  open(path: string, text: string): FakeDocument {
    const uri = URI.file(path);
    const document = { uri, fileName: path, languageId: 'mmu', text, getText: () => document.text };
    this.documents.push(document);
    this.editor = { document, selection: { active: new Position(0, 0) } };
    return document;
  }

  type(document: FakeDocument, text: string): void {
    document.text = text;
    this.changed.fire({ document });
  }

  run(command: string, ...args: unknown[]): Promise<unknown> {
    return this.commands.get(command)?.(...args) ?? Promise.reject(new Error(`no command ${command}`));
  }
}

export const desk = new Desk();

const never = () => new Disposable(() => {});

function show(level: ShownMessage['level']) {
  return async (text: string, ...items: unknown[]) => {
    const buttons = items.filter(item => typeof item === 'string');
    const message = { level, text, buttons };
    desk.messages.push(message);
    return desk.answer(message);
  };
}

export const window = {
  get activeTextEditor() {
    return desk.editor;
  },
  showErrorMessage: show('error'),
  showWarningMessage: show('warning'),
  showInformationMessage: show('information'),
  async withProgress(
    _options: object,
    work: (
      progress: { report(value: { message: string }): void },
      token: CancellationTokenSource['token'],
    ) => Promise<unknown>,
  ) {
    const source = new CancellationTokenSource();
    desk.onWork(() => source.cancel());
    return work({ report: ({ message }) => desk.progress.push(message) }, source.token);
  },
  onDidChangeWindowState: desk.focused.event,
  async showQuickPick<Item extends { label: string }>(items: Item[]) {
    const label = desk.pick(items.map(item => item.label));
    return items.find(item => item.label === label);
  },
  async showTextDocument(what: URI | FakeDocument) {
    desk.shown.push('getText' in what ? what.getText() : what.fsPath);
  },
  showSaveDialog: async () => undefined,
  createWebviewPanel: (_type: string, title: string) => {
    const panel = new WebviewPanel(title);
    desk.panels.push(panel);
    return panel;
  },
};

export const workspace = {
  get textDocuments() {
    return desk.documents;
  },
  createFileSystemWatcher: () => ({
    onDidChange: desk.files.event,
    onDidCreate: desk.created.event,
    onDidDelete: desk.files.event,
    dispose: () => {},
  }),
  onDidChangeTextDocument: desk.changed.event,
  onDidSaveTextDocument: desk.saved.event,
  onDidOpenTextDocument: never,
  onDidCloseTextDocument: never,
  onDidChangeConfiguration: desk.configured.event,
  onDidChangeWorkspaceFolders: never,
  workspaceFolders: undefined,
  getWorkspaceFolder: ({ fsPath }: URI) =>
    desk.folder && fsPath.startsWith(desk.folder) ? { uri: URI.file(desk.folder), name: '' } : undefined,
  getConfiguration: (section: string) => {
    const defaultOf = (name: string) => contributes.configuration.properties[`${section}.${name}`]?.default;
    return {
      get: (name: string) => desk.settings[name] ?? defaultOf(name),
      inspect: (name: string) => ({ defaultValue: defaultOf(name) }),
    };
  },
  asRelativePath: ({ fsPath }: URI) => relative(desk.folder ?? '/', fsPath),
  findFiles: async (): Promise<URI[]> => [],
  registerTextDocumentContentProvider: (scheme: string, provider: never) => {
    desk.contents.set(scheme, provider);
    return new Disposable(() => {});
  },
  async openTextDocument(uri: URI) {
    const text =
      desk.contents.get(uri.scheme)?.provideTextDocumentContent(uri) ?? readFileSync(uri.fsPath, 'utf8');
    return { uri, fileName: uri.fsPath, getText: () => text };
  },
  fs: {
    async writeFile({ fsPath }: URI, bytes: Uint8Array) {
      mkdirSync(dirname(fsPath), { recursive: true });
      writeFileSync(fsPath, bytes);
    },
    readFile: async ({ fsPath }: URI) => readFileSync(fsPath),
    readDirectory: async ({ fsPath }: URI) =>
      readdirSync(fsPath, { withFileTypes: true }).map(entry => [
        entry.name,
        entry.isDirectory() ? FileType.Directory : FileType.File,
      ]),
    stat: async ({ fsPath }: URI) => statSync(fsPath),
  },
};

export const commands = {
  registerCommand: (id: string, run: (...args: unknown[]) => Promise<unknown>) => {
    desk.commands.set(id, run);
    return new Disposable(() => {});
  },
  executeCommand: async (...args: unknown[]) => void desk.executed.push(args),
};

export const languages = {
  createDiagnosticCollection: () => ({
    clear: () => desk.diagnostics.clear(),
    set: ({ fsPath }: URI, diagnostics: readonly Diagnostic[]) => desk.diagnostics.set(fsPath, diagnostics),
    dispose: () => {},
  }),
  registerCodeLensProvider: never,
};

export const tests = {
  createTestController: () => {
    desk.controller = new TestController();
    return desk.controller;
  },
};

export const debug = {
  onDidStartDebugSession: desk.sessionStarted.event,
  onDidTerminateDebugSession: desk.sessionEnded.event,
  onDidReceiveDebugSessionCustomEvent: desk.sessionTold.event,
  async startDebugging(_folder: unknown, configuration: Record<string, unknown>) {
    desk.started.push(configuration);
    const session = { type: configuration.type, configuration };
    desk.sessionStarted.fire(session);
    desk.sessionEnded.fire(session);
    return true;
  },
};
