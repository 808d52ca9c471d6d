/** Sessions of the toy fixtures, for tests. */

import type { Program } from '../../src/language/program';
import { loadRun } from '../../src/session/load';
import { Session, type SessionOptions } from '../../src/session/session';
import { launchFiles } from '../debug/fixture-files';

/** The program of a scenario of a fixture. */
export function programOf(file: string, scenario?: string, kernel?: string): Program {
  const loaded = loadRun(launchFiles(file), { scenario, kernel });
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  return loaded.program;
}

/** A session at the start of a scenario of a fixture. */
export function sessionOf(file: string, scenario?: string, options: SessionOptions = {}): Session {
  return new Session(programOf(file, scenario), options);
}

/** `function:line` of where a thread is; `-` if it runs no code. */
export function whereIs(session: Session, thread: number): string {
  const frame = session.vm.frames(thread)[0];
  return frame?.fn == null ? '-' : `${frame.name}:${frame.span?.line ?? 0}`;
}
