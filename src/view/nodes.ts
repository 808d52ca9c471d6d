/** Small parts that all trees are made of. */
import type { Recorded } from '../session/history';
import { threadName } from '../session/names';
import type { Session } from '../session/session';
import type { TreeNode } from './tree';

/** Path of a source as the client knows it, from the name that spans carry. */
export type FilePath = (file: string) => string;

/** Marks of a node. */
export type Marks = TreeNode['marks'];

/** A node with nothing but a name. */
export function leaf(id: string, label: string, icon: string): TreeNode {
  return { id, label, description: '', tooltip: '', icon, marks: [], origin: null, children: [] };
}

/** Where a recorded event came from. */
export function originOf(
  session: Session,
  recorded: Recorded | null,
  filePath: FilePath,
): TreeNode['origin'] {
  if (recorded === null || recorded.span === null) return null;
  const { position, span } = recorded;
  const by = threadName(session.vm, recorded.thread);
  const text = recorded.fn === null ? by : `${by} in ${recorded.fn}`;
  return { position, path: filePath(span.file), line: span.line, text };
}

/** Size of a huge leaf: `2 MiB`, `1 GiB`. */
export function sizeText(bytes: number): string {
  return bytes >= 2 ** 30 ? `${bytes / 2 ** 30} GiB` : `${bytes / 2 ** 20} MiB`;
}
