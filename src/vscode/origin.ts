/** Shows where an entry of a tree came from: the line that made it, and in words what it did there. */
import * as vscode from 'vscode';
import type { TreeNode } from '../view/tree';
import { registerCommand } from './commands';
import { uriOf } from './paths';
import type { Sessions } from './sessions';

type Origin = NonNullable<TreeNode['origin']>;

/** The command behind a click on an entry. The mark stays until the next stop or the next entry. */
export function registerOrigin(sessions: Sessions): vscode.Disposable {
  const decoration = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new vscode.ThemeColor('editor.rangeHighlightBackground'),
    overviewRulerColor: new vscode.ThemeColor('editorOverviewRuler.infoForeground'),
    after: { color: new vscode.ThemeColor('editorCodeLens.foreground'), margin: '0 0 0 2em' },
  });
  let marked: vscode.TextEditor | undefined;
  const clear = () => {
    marked?.setDecorations(decoration, []);
    marked = undefined;
  };
  const command = registerCommand('shootdown.showOrigin', async (origin: Origin) => {
    clear();
    marked = await reveal(origin);
    const range = marked.document.lineAt(lineIn(marked.document, origin)).range;
    marked.setDecorations(decoration, [
      { range, renderOptions: { after: { contentText: `step ${origin.position}: ${origin.text}` } } },
    ]);
  });
  return vscode.Disposable.from(command, sessions.onDidChange(clear), decoration);
}

async function reveal(origin: Origin): Promise<vscode.TextEditor> {
  const document = await vscode.workspace.openTextDocument(uriOf(origin.path));
  const position = new vscode.Position(lineIn(document, origin), 0);
  return vscode.window.showTextDocument(document, {
    // The arrow keys go on moving through the tree.
    preserveFocus: true,
    preview: true,
    selection: new vscode.Range(position, position),
  });
}

/** The file may have been shortened since the run began. */
function lineIn(document: vscode.TextDocument, { line }: Origin): number {
  return Math.min(Math.max(line - 1, 0), document.lineCount - 1);
}
