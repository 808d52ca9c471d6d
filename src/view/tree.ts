/** Trees as the views show them: plain data, made from a session, sent over the Debug Adapter Protocol. */

/** A node of a tree view. */
export interface TreeNode {
  /** Stable over stops, so that a stop does not collapse the node; unique in its tree. */
  readonly id: string;
  readonly label: string;
  readonly description: string;
  readonly tooltip: string;
  /** Name of a VS Code product icon. */
  readonly icon: string;
  /**
   * `stale`: a cached translation the tables no longer back; `freed`: its frame was freed; `changed` since
   * the last stop.
   */
  readonly marks: readonly ('stale' | 'freed' | 'changed')[];
  /** Where it came from: the moment in the path at which it was made, and the source line that made it. */
  readonly origin: {
    readonly position: number;
    readonly path: string;
    readonly line: number;
    readonly text: string;
  } | null;
  /** Position of the recorded path that the node stands for: a click goes there. */
  readonly moment?: number;
  /** Name for a function breakpoint, where the node stands for a callback. */
  readonly breakpoint?: string;
  readonly children: readonly TreeNode[];
}

/** Custom requests of the adapter that answer `{ nodes: TreeNode[] }`. */
export const treeRequests = ['shootdown/pageTables', 'shootdown/tlbs', 'shootdown/callbacks'] as const;

/** Name of a request for a tree. */
export type TreeRequest = (typeof treeRequests)[number];

/** Body of the answer to a tree request. */
export interface TreeResponse {
  readonly nodes: readonly TreeNode[];
}
