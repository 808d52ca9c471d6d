/** Reports of explorations as read-only documents. */
import * as vscode from 'vscode';
import { type Explored, keyOf, type ScenarioTarget } from './exploration';

const scheme = 'shootdown-report';

/** Keeps the last report of each scenario, also after the scenario has changed: it says what was searched. */
export class ExploreReports implements vscode.Disposable {
  readonly #reports = new Map<string, string>();
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #provider: vscode.Disposable;

  constructor() {
    this.#provider = vscode.workspace.registerTextDocumentContentProvider(scheme, {
      onDidChange: this.#changed.event,
      provideTextDocumentContent: ({ query }) =>
        this.#reports.get(query) ?? 'This report is gone: explore the scenario again.\n',
    });
  }

  /** Keeps a report; an open document of it changes. */
  keep(explored: Explored): void {
    this.#reports.set(keyOf(explored), explored.report);
    this.#changed.fire(uriOf(explored));
  }

  /** Whether a scenario was explored at all. */
  has(target: ScenarioTarget): boolean {
    return this.#reports.has(keyOf(target));
  }

  /** Shows the report of a scenario. */
  async show(target: ScenarioTarget): Promise<void> {
    const document = await vscode.workspace.openTextDocument(uriOf(target));
    await vscode.window.showTextDocument(document, { preview: false });
  }

  /** Ends the provider. */
  dispose(): void {
    this.#provider.dispose();
    this.#changed.dispose();
  }
}

function uriOf(target: ScenarioTarget): vscode.Uri {
  return vscode.Uri.from({ scheme, path: `/${target.scenario}.report`, query: keyOf(target) });
}
