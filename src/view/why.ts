/** Why the finding at hand is one, as a branch of the notifier tree: an item for each moment. */
import type { Moment, MomentKind } from '../explain/moments';
import { why } from '../explain/why';
import type { Finding } from '../session/history';
import { placeText } from '../session/names';
import type { Session } from '../session/session';
import { type FilePath, leaf } from './nodes';
import type { TreeNode } from './tree';

const icons: Readonly<Record<MomentKind, string>> = {
  filled: 'database',
  stale: 'edit',
  invalidation: 'circle-slash',
  callback: 'bell',
  freed: 'trash',
  locked: 'lock',
  waits: 'watch',
  request: 'mail',
  root: 'references',
  written: 'edit',
  copied: 'copy',
  stored: 'edit',
  read: 'eye',
  began: 'play',
  found: 'bug',
};

/**
 * The branch of the finding at this position; of the next one after it, or the last, where the session has
 * gone to another moment of its path. None if nothing was found.
 */
export function whyNodes(session: Session, filePath: FilePath): TreeNode[] {
  const finding = findingAt(session);
  if (finding === null) return [];
  const told = why(session, finding);
  const children = told.moments.map((moment, index) => momentNode(moment, index, session, filePath));
  const description = told.cause === null ? told.property : `${told.property}: ${told.cause}`;
  return [{ ...leaf('why', 'Why', 'lightbulb'), description, tooltip: told.message, children }];
}

function findingAt(session: Session): Finding | null {
  const findings = session.recordedFindings();
  const here = findings.find(({ position }) => position >= session.position);
  return here ?? findings.at(-1) ?? null;
}

function momentNode(moment: Moment, index: number, session: Session, filePath: FilePath): TreeNode {
  const { kind, position, thread, fn, span, text } = moment;
  const where = fn === null ? thread : `${thread} in ${fn}`;
  const isHere = position === session.position;
  const node = {
    ...leaf(`why/${index}`, text, icons[kind]),
    description: `step ${position}, ${where}`,
    tooltip: span === null ? where : `${where} (${placeText(span)})`,
    marks: isHere ? (['changed'] as const) : [],
    moment: position,
  };
  if (span === null) return node;
  return { ...node, origin: { position, path: filePath(span.file), line: span.line, text: where } };
}
