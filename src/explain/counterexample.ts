/** What a search has found, as a session to walk: the path made short, at its end. */
import type { Finding } from '../explore/search';
import type { Program } from '../language/program';
import type { Finding as Found } from '../session/history';
import { followPath } from '../session/path';
import type { Session } from '../session/session';
import type { CacheMode } from '../vm/types';
import { minimise } from './minimise';

/** A session at the violation that a search has found; null for what never happened on any path. */
export function counterexample(
  program: Program,
  { violation, path }: Finding,
  caches: CacheMode,
): Session | null {
  if (path === null) return null;
  return followPath(program, minimise(program, { violation, path }, { caches }), caches);
}

/** The finding of a session that a search's finding is: of its property, the last one. */
export function findingOf(session: Session, { violation }: Finding): Found | null {
  const findings = session.findings();
  return findings.findLast(each => each.violation.property === violation.property) ?? null;
}
