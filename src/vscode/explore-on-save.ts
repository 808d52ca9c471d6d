/** Continuous runs of the Test Explorer: what is made from a file that was saved is explored again. */
import * as vscode from 'vscode';
import { keyOf } from './exploration';
import { pathOf } from './paths';
import type { TestRunParts } from './scenario-test-runs';

/**
 * Explores the tests of a request again whenever a file is saved that they are made from, until it is
 * cancelled. A test that was not explored yet may be made from any file.
 */
export function exploreOnSave(
  request: vscode.TestRunRequest,
  token: vscode.CancellationToken,
  { explorer, tests }: Pick<TestRunParts, 'explorer' | 'tests'>,
  explore: (request: vscode.TestRunRequest) => Promise<void>,
): Promise<void> {
  /** The files that each scenario was last made from. */
  const files = new Map<string, ReadonlySet<string>>();
  const remember = () => {
    for (const result of explorer.all()) files.set(keyOf(result), new Set(result.texts.keys()));
  };
  const onSave = async ({ uri, languageId }: vscode.TextDocument) => {
    if (languageId !== 'mmu') return;
    const { profile, include, exclude } = request;
    const items = (await tests.tests(request)).filter(item => {
      const target = tests.target(item);
      if (!target || explorer.isBusy(target)) return false;
      // One that was explored as it is now needs no other look.
      if (explorer.result(target)) return false;
      return target.program === pathOf(uri) || (files.get(keyOf(target))?.has(pathOf(uri)) ?? true);
    });
    // A request for everything stays one, as the tests of a new file belong to it.
    const kept = include ?? undefined;
    if (items.length > 0) await explore(new vscode.TestRunRequest(items, kept && exclude, profile, true));
  };
  remember();
  const watches = [explorer.onDidChange(remember), vscode.workspace.onDidSaveTextDocument(onSave)];
  return new Promise(resolve => {
    token.onCancellationRequested(() => {
      for (const watch of watches) watch.dispose();
      resolve();
    });
  });
}
