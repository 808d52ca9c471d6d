/** The three trees in the Run and Debug side bar. They keep nothing: each refresh asks the sessions. */
import * as vscode from 'vscode';
import type { TreeNode, TreeRequest, TreeResponse } from '../view/tree';
import { nameOf } from './paths';
import type { Sessions } from './sessions';
import { treeItem } from './tree-item';

/** A row: the scenario of a session, or a node below it. */
type Row =
  | { readonly kind: 'scenario'; readonly session: vscode.DebugSession; readonly key: string }
  | { readonly kind: 'node'; readonly node: TreeNode; readonly key: string };

/** Shows the tree that answers `request` as the view of this id; `memory` outlives the window. */
export function registerTree(
  id: string,
  request: TreeRequest,
  { sessions, memory }: { sessions: Sessions; memory: vscode.Memento },
): vscode.Disposable {
  const changed = new vscode.EventEmitter<undefined>();
  const treeDataProvider: vscode.TreeDataProvider<Row> = {
    onDidChangeTreeData: changed.event,
    getTreeItem: row => (row.kind === 'node' ? treeItem(row.node, row.key) : scenarioItem(row)),
    getChildren: row => (row ? childRows(row, request) : scenarioRows(sessions)),
    // Only scenarios are ever revealed, and they are at the top.
    getParent: () => undefined,
  };
  const view = vscode.window.createTreeView(id, { treeDataProvider, showCollapseAll: true });
  const watch = sessions.onDidChange(() => {
    changed.fire(undefined);
    showOnce(view, scenarioRows(sessions)[0], memory);
  });
  // VS Code may lose children that it asks for while a view appears.
  const appear = view.onDidChangeVisibility(({ visible }) => {
    if (visible) changed.fire(undefined);
  });
  return vscode.Disposable.from(view, watch, appear, changed);
}

/** VS Code adds views to this side bar closed; the first stop ever opens them, and then the user decides. */
async function showOnce(
  view: vscode.TreeView<Row>,
  row: Row | undefined,
  memory: vscode.Memento,
): Promise<void> {
  const key = `shown ${view.title}`;
  if (!row || memory.get(key)) return;
  await memory.update(key, true);
  await view.reveal(row, { select: false, focus: false, expand: true });
}

/** Keys come from the scenario, not the session, so that a second run opens what the first had open. */
function scenarioRows(sessions: Sessions): Row[] {
  const seen = new Map<string, number>();
  return sessions.all().map(session => {
    const name = `${session.configuration.program}#${session.configuration.scenario ?? ''}`;
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    return { kind: 'scenario', session, key: count === 0 ? name : `${name} ${count + 1}` };
  });
}

function scenarioItem({ session, key }: Row & { kind: 'scenario' }): vscode.TreeItem {
  const { scenario, program } = session.configuration;
  const item = new vscode.TreeItem(scenario ?? session.name, vscode.TreeItemCollapsibleState.Expanded);
  item.id = key;
  item.description = nameOf(String(program));
  item.tooltip = String(program);
  item.iconPath = new vscode.ThemeIcon('debug-alt');
  return item;
}

async function childRows(row: Row, request: TreeRequest): Promise<Row[]> {
  const nodes = row.kind === 'node' ? row.node.children : await requestNodes(row.session, request);
  return nodes.map(node => ({ kind: 'node', node, key: row.key }));
}

/** A session that ends while it is asked has nothing to show any more; that is no error. */
async function requestNodes(
  session: vscode.DebugSession,
  request: TreeRequest,
): Promise<readonly TreeNode[]> {
  try {
    const body: TreeResponse = await session.customRequest(request);
    return body.nodes;
  } catch {
    return [];
  }
}
