/** A node of a tree as VS Code draws it. */
import * as vscode from 'vscode';
import type { TreeNode } from '../view/tree';

/** Nodes below which a branch opens by itself; larger ones stay closed until asked for. */
const openUpTo = 24;

/** Colours by meaning: what is freed is worse than what is stale, and both matter more than what changed. */
const colours = {
  freed: 'list.errorForeground',
  stale: 'list.warningForeground',
  changed: 'charts.blue',
} as const;

const icons = { freed: 'error', stale: 'warning', changed: null } as const;

/** How a node looks. `key` keeps the ids of two sessions apart. */
export function treeItem(node: TreeNode, key: string): vscode.TreeItem {
  // The highlight is the one way of VS Code to mark a label of a tree.
  const highlights: [number, number][] = node.marks.includes('changed') ? [[0, node.label.length]] : [];
  const item = new vscode.TreeItem({ label: node.label, highlights }, collapsibleState(node));
  item.id = `${key}/${node.id}`;
  item.description = node.description;
  // Side bars are narrow, and cut rows off.
  item.tooltip = [`${node.label} ${node.description}`.trim(), node.tooltip].filter(Boolean).join('\n');
  item.iconPath = icon(node);
  item.contextValue = ['node', ...(node.breakpoint ? ['callback'] : []), ...node.marks].join(' ');
  item.accessibilityInformation = { label: spoken(node) };
  if (node.moment !== undefined) {
    item.command = { command: 'shootdown.goToPosition', title: 'Go There', arguments: [node.moment] };
  } else if (node.origin) {
    item.command = {
      command: 'shootdown.showOrigin',
      title: 'Show Where It Came From',
      arguments: [node.origin],
    };
  }
  return item;
}

function collapsibleState(node: TreeNode): vscode.TreeItemCollapsibleState {
  if (node.children.length === 0) return vscode.TreeItemCollapsibleState.None;
  return countNodes(node) <= openUpTo
    ? vscode.TreeItemCollapsibleState.Expanded
    : vscode.TreeItemCollapsibleState.Collapsed;
}

function countNodes(node: TreeNode): number {
  return node.children.reduce((sum, child) => sum + countNodes(child), node.children.length);
}

/** An entry gets the icon of its mark; what holds such an entry keeps its own, in the colour of the mark. */
function icon(node: TreeNode): vscode.ThemeIcon {
  const mark = (['freed', 'stale', 'changed'] as const).find(each => node.marks.includes(each));
  if (!mark) return new vscode.ThemeIcon(node.icon);
  const id = node.children.length > 0 ? node.icon : (icons[mark] ?? node.icon);
  return new vscode.ThemeIcon(id, new vscode.ThemeColor(colours[mark]));
}

/** A screen reader gets in words what others see in colour. */
function spoken(node: TreeNode): string {
  return [node.label, node.description, ...node.marks].filter(Boolean).join(', ');
}
