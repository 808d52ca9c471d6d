/**
 * The language server: problems while typing, go to definition into the models of the scenario's kernel,
 * references,
 * hover, completion, outline. Runs wherever a connection can be made; what it needs of the world is in the
 * host.
 */

import { TextDocument, URI } from 'langium';
import {
  CompletionItemKind,
  type Connection,
  DiagnosticSeverity,
  type DocumentSymbol,
  type InitializeResult,
  type Location,
  type Range,
  SymbolKind,
  type TextDocumentPositionParams,
  TextDocumentSyncKind,
  TextDocuments,
} from 'vscode-languageserver';
import type { Span } from '../base/span';
import {
  type Analysis,
  analyse,
  hoverAt,
  type Offer,
  type Outlined,
  offersOf,
  outlineOf,
  type Position,
  referencesAt,
  useAt,
} from './analysis';
import { type ModelFiles, parseFile } from './models';
import type { ModelSet, SourceFile } from './module';
import type { Problem } from './problems';

/**
 * What the server needs of the world. Paths are those of the file system, or whole URIs where there is
 * none.
 */
export interface ServerHost {
  /** Folder of the shipped models' sources: their paths are relative to it. */
  readonly modelsRoot: string;
  /** The shipped models, compiled. */
  models(): Promise<ModelSet>;
  /** Rejects when there is no such file. */
  readFile(path: string): Promise<string>;
  /** The user's own models that a scenario at this path sees. */
  readModels(scenarioPath: string): Promise<ModelFiles>;
  /** Path of a file that the file at `from` imports by this name. */
  resolve(from: string, name: string): string;
}

/** Typing is waited out for so long before a file is checked. */
const DELAY_MILLISECONDS = 150;

const initializeResult: InitializeResult = {
  capabilities: {
    textDocumentSync: TextDocumentSyncKind.Incremental,
    definitionProvider: true,
    referencesProvider: true,
    hoverProvider: true,
    documentSymbolProvider: true,
    completionProvider: { triggerCharacters: ['.'] },
  },
};

/** Serves a connection. The host is made from the client's initialization options. */
export function startServer(connection: Connection, makeHost: (options: unknown) => ServerHost): void {
  const server = new Server(connection, makeHost);
  server.listen();
}

/** The path of a document. */
function pathOf(uri: string): string {
  const parsed = URI.parse(uri);
  return parsed.scheme === 'file' ? parsed.fsPath : uri;
}

/** Open documents, and what was found out about them. */
class Server {
  private readonly connection: Connection;
  private readonly makeHost: (options: unknown) => ServerHost;
  private readonly documents = new TextDocuments(TextDocument);
  private readonly analyses = new Map<
    string,
    { readonly version: number; readonly analysis: Promise<Analysis> }
  >();
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();
  /** For each document the files that have problems because of it. */
  private readonly reported = new Map<string, Set<string>>();
  private host: ServerHost | undefined;
  /** Read once: they come with the product. */
  private shipped: Promise<ModelSet> | undefined;

  constructor(connection: Connection, makeHost: (options: unknown) => ServerHost) {
    this.connection = connection;
    this.makeHost = makeHost;
  }

  listen(): void {
    const { connection, documents } = this;
    connection.onInitialize(({ initializationOptions }) => {
      this.host = this.makeHost(initializationOptions);
      return initializeResult;
    });
    documents.onDidChangeContent(({ document }) => this.schedule(document.uri));
    documents.onDidClose(({ document }) => this.close(document.uri));
    connection.onDidChangeWatchedFiles(() => this.refresh());
    connection.onDefinition(params => this.ask(params, [], (...at) => this.definition(...at)));
    connection.onReferences(params => this.ask(params, [], (...at) => this.references(...at)));
    connection.onHover(params => this.ask(params, null, (...at) => this.hover(...at)));
    connection.onCompletion(params => this.ask(params, [], analysis => offersOf(analysis).map(toCompletion)));
    connection.onDocumentSymbol(({ textDocument }) => {
      const document = documents.get(textDocument.uri);
      if (!document) return [];
      return outlineOf({ path: pathOf(document.uri), text: document.getText() }).map(toSymbol);
    });
    documents.listen(connection);
    connection.listen();
  }

  /* Analysis. */

  private schedule(uri: string): void {
    clearTimeout(this.timers.get(uri));
    const check = () => {
      this.check(uri).catch((problem: unknown) => this.connection.console.error(String(problem)));
    };
    this.timers.set(uri, setTimeout(check, DELAY_MILLISECONDS));
  }

  /** A file changed on disk, perhaps a model: every open document may mean something else now. */
  private refresh(): void {
    this.analyses.clear();
    for (const uri of this.documents.keys()) this.schedule(uri);
  }

  private close(uri: string): void {
    clearTimeout(this.timers.get(uri));
    this.timers.delete(uri);
    this.analyses.delete(uri);
    for (const file of this.reported.get(uri) ?? []) {
      void this.connection.sendDiagnostics({ uri: file, diagnostics: [] });
    }
    this.reported.delete(uri);
  }

  private analysisOf(document: TextDocument): Promise<Analysis> {
    const known = this.analyses.get(document.uri);
    if (known?.version === document.version) return known.analysis;
    const analysis = this.analyse(document);
    this.analyses.set(document.uri, { version: document.version, analysis });
    return analysis;
  }

  private async analyse(document: TextDocument): Promise<Analysis> {
    const { host } = this;
    if (!host) throw new Error('assertion failed: analyse: not initialized');
    const file = { path: pathOf(document.uri), text: document.getText() };
    this.shipped ??= host.models();
    const [shipped, files] = await Promise.all([this.shipped, host.readModels(viewpointOf(file.path))]);
    const imports = await this.readImports(host, file);
    const kernels = Object.entries(files.kernels).map(([name, sources]) => [
      name,
      sources.map(this.asEdited),
    ]);
    return analyse({
      file,
      files: { kernels: Object.fromEntries(kernels), drivers: files.drivers.map(this.asEdited) },
      shipped,
      imports: name => imports.get(name),
    });
  }

  /** The text in the editor counts, not that on disk. */
  private readonly asEdited = (file: SourceFile): SourceFile => {
    const text = this.edited(file.path);
    return text === undefined || text === file.text ? file : { path: file.path, text };
  };

  private edited(path: string): string | undefined {
    return this.documents
      .all()
      .find(({ uri }) => pathOf(uri) === path)
      ?.getText();
  }

  /** Files that are imported, by the name that is written. */
  private async readImports(host: ServerHost, file: SourceFile): Promise<Map<string, SourceFile>> {
    const found = new Map<string, SourceFile>();
    const read = async (from: SourceFile): Promise<void> => {
      for (const { path: name } of parseFile(from).tree?.imports ?? []) {
        if (!name || found.has(name)) continue;
        const path = host.resolve(from.path, name);
        const text = this.edited(path) ?? (await host.readFile(path).catch(() => undefined));
        if (text === undefined) continue;
        const imported = { path, text };
        found.set(name, imported);
        await read(imported);
      }
    };
    await read(file);
    return found;
  }

  /* Problems. */

  private async check(uri: string): Promise<void> {
    const document = this.documents.get(uri);
    if (!document || !this.host) return;
    const { problems, file } = await this.analysisOf(document);
    if (this.documents.get(uri)?.version !== document.version) return;
    const byFile = new Map<string, Problem[]>([[uri, []]]);
    for (const problem of problems) {
      const target = problem.span.file === file.path ? uri : this.uriOf(problem.span.file);
      // A file that is open reports its own problems.
      if (target !== uri && this.documents.get(target)) continue;
      byFile.set(target, [...(byFile.get(target) ?? []), problem]);
    }
    for (const old of this.reported.get(uri) ?? []) if (!byFile.has(old)) byFile.set(old, []);
    this.reported.set(uri, new Set(byFile.keys()));
    for (const [target, found] of byFile) {
      void this.connection.sendDiagnostics({ uri: target, diagnostics: found.map(toDiagnostic) });
    }
  }

  /* Questions. */

  private async ask<T>(
    { textDocument, position }: TextDocumentPositionParams,
    nothing: T,
    answer: (analysis: Analysis, position: Position) => T,
  ): Promise<T> {
    const document = this.documents.get(textDocument.uri);
    if (!document || !this.host) return nothing;
    const analysis = await this.analysisOf(document);
    const file = this.knownPath(analysis.file.path);
    return answer(analysis, { file, line: position.line + 1, column: position.character + 1 });
  }

  /** A shipped model is known by its path under the folder of models. */
  private knownPath(path: string): string {
    const root = this.host?.modelsRoot ?? '';
    if (root === '' || !path.startsWith(root)) return path;
    const below = path.slice(root.length);
    const plain = root.includes('://') ? decodeURIComponent(below) : below;
    return plain.replace(/^[/\\]+/, '').replaceAll('\\', '/');
  }

  private uriOf(path: string): string {
    const root = this.host?.modelsRoot ?? '';
    if (path.includes('://')) return path;
    const isAbsolute = path.startsWith('/') || /^[A-Za-z]:|^\\\\/.test(path);
    if (isAbsolute) return URI.file(path).toString();
    return root.includes('://') ? `${root}/${path}` : URI.file(`${root}/${path}`).toString();
  }

  private locationOf(span: Span): Location {
    return { uri: this.uriOf(span.file), range: toRange(span) };
  }

  private definition(analysis: Analysis, position: Position): Location[] {
    const use = useAt(analysis, position);
    return use ? [this.locationOf(use.definition)] : [];
  }

  private references(analysis: Analysis, position: Position): Location[] {
    return referencesAt(analysis, position).map(span => this.locationOf(span));
  }

  private hover(analysis: Analysis, position: Position) {
    const value = hoverAt(analysis, position, path => this.edited(path));
    return value === undefined ? null : { contents: { kind: 'markdown' as const, value } };
  }
}

/** A file in a folder of models sees what a scenario beside that folder sees. */
function viewpointOf(path: string): string {
  const match = /^(.*[/\\])models[/\\]/.exec(path);
  return match ? `${match[1]}scenario.mmu` : path;
}

function toRange({ line, column, endLine, endColumn }: Span): Range {
  return {
    start: { line: line - 1, character: column - 1 },
    end: { line: endLine - 1, character: endColumn - 1 },
  };
}

function toDiagnostic({ code, severity, span, message }: Problem) {
  const level = severity === 'error' ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning;
  return { code, severity: level, source: 'mmu', message, range: toRange(span) };
}

const completionKinds: Readonly<Record<Offer['kind'], CompletionItemKind>> = {
  keyword: CompletionItemKind.Keyword,
  function: CompletionItemKind.Function,
  variable: CompletionItemKind.Variable,
  type: CompletionItemKind.Struct,
  property: CompletionItemKind.Constant,
};

function toCompletion({ name, kind, doc }: Offer) {
  return { label: name, kind: completionKinds[kind], documentation: doc };
}

const symbolKinds: Readonly<Partial<Record<Outlined['kind'], SymbolKind>>> = {
  Scenario: SymbolKind.Module,
  Driver: SymbolKind.Module,
  KernelManifest: SymbolKind.Package,
  FunctionDeclaration: SymbolKind.Function,
  DaemonDeclaration: SymbolKind.Function,
  NotifierDeclaration: SymbolKind.Interface,
  StructDeclaration: SymbolKind.Struct,
  EnumDeclaration: SymbolKind.Enum,
  ConstantDeclaration: SymbolKind.Constant,
  Process: SymbolKind.Namespace,
  Task: SymbolKind.Function,
  DeviceProgram: SymbolKind.Function,
  Expect: SymbolKind.Event,
};

function toSymbol({ name, kind, doc, span, nameSpan, children }: Outlined): DocumentSymbol {
  return {
    name,
    kind: symbolKinds[kind] ?? SymbolKind.Variable,
    detail: doc.split('\n')[0] ?? '',
    range: toRange(span),
    selectionRange: toRange(nameSpan),
    children: children.map(toSymbol),
  };
}
