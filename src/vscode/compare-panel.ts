/** The table of a comparison, in a tab. It draws what it is told; a click says which cell is meant. */
import * as vscode from 'vscode';
import { type SheetRow, sheetHeadings } from '../compare/sheet';

/** What the page is told. */
export type CompareNews =
  | { readonly type: 'start'; readonly headings: readonly string[] }
  | { readonly type: 'row'; readonly index: number; readonly row: SheetRow }
  /** One line above the table, and whether rows may still come. */
  | { readonly type: 'status'; readonly text: string; readonly isRunning: boolean };

/** What the page tells. */
export type CompareClick =
  | { readonly type: 'ready' }
  | { readonly type: 'debug'; readonly index: number; readonly column: 'run' | 'searched' }
  | { readonly type: 'again' }
  | { readonly type: 'cancel' };

/** A panel with a table. */
export class ComparePanel implements vscode.Disposable {
  readonly #panel: vscode.WebviewPanel;
  readonly #clicked = new vscode.EventEmitter<CompareClick>();
  readonly #disposables: vscode.Disposable[];
  /** What a page that is loaded again has to be told. */
  #rows: (SheetRow | undefined)[] = [];
  #status: CompareNews & { readonly type: 'status' } = { type: 'status', text: '', isRunning: true };

  readonly onDidClick = this.#clicked.event;
  readonly onDidDispose: vscode.Event<void>;

  constructor(extensionUri: vscode.Uri, title: string) {
    const media = vscode.Uri.joinPath(extensionUri, 'media');
    this.#panel = vscode.window.createWebviewPanel(
      'shootdown.compare',
      `Compare: ${title}`,
      { viewColumn: vscode.ViewColumn.Active },
      { enableScripts: true, localResourceRoots: [media] },
    );
    this.onDidDispose = this.#panel.onDidDispose;
    this.#disposables = [
      this.#clicked,
      this.#panel.webview.onDidReceiveMessage((click: CompareClick) => {
        if (click.type === 'ready') this.#tellAll();
        else this.#clicked.fire(click);
      }),
    ];
    this.#panel.webview.html = pageOf(this.#panel.webview, media, title);
  }

  /** Shows the panel, where it is. */
  reveal(): void {
    this.#panel.reveal();
  }

  /** Begins a table anew. */
  clear(): void {
    this.#rows = [];
    this.#tellAll();
  }

  /** Draws a row, in the place of an earlier one of its number. */
  show(index: number, row: SheetRow): void {
    this.#rows[index] = row;
    this.#tell({ type: 'row', index, row });
  }

  /** Says how it is getting on. */
  tell(text: string, isRunning: boolean): void {
    this.#status = { type: 'status', text, isRunning };
    this.#tell(this.#status);
  }

  /** Closes the panel. */
  dispose(): void {
    for (const disposable of this.#disposables) disposable.dispose();
    this.#panel.dispose();
  }

  #tellAll(): void {
    this.#tell({ type: 'start', headings: sheetHeadings });
    for (const [index, row] of this.#rows.entries()) if (row) this.#tell({ type: 'row', index, row });
    this.#tell(this.#status);
  }

  #tell(news: CompareNews): void {
    void this.#panel.webview.postMessage(news);
  }
}

/** The page: a strict policy, and nothing in it but what `media/` has. */
function pageOf(webview: vscode.Webview, media: vscode.Uri, title: string): string {
  const uri = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(media, name)).toString();
  const nonce = crypto.randomUUID();
  const policy = `default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="stylesheet" href="${uri('compare.css')}">
<title>${title}</title>
</head>
<body>
<header>
<h1>${title}</h1>
<p id="status" role="status"></p>
<button id="cancel" hidden>Cancel</button>
<button id="again" hidden>Compare Again</button>
</header>
<table><thead></thead><tbody></tbody></table>
<p class="hint">A click on a verdict debugs that kernel and driver: on every schedule, the counterexample.
The row in bold is the kernel and driver that the scenario names.</p>
<script nonce="${nonce}" src="${uri('compare.js')}"></script>
</body>
</html>
`;
}
