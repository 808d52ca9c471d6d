/** Sessions that follow a path found elsewhere, step for step. */
import type { Program } from '../language/program';
import type { Scheduler } from '../vm/schedule';
import type { CacheMode } from '../vm/types';
import { Session } from './session';

/** One step of a path: who, and which of the choices that the step offers. */
interface PathStep {
  readonly thread: number;
  readonly choice: number;
}

/** A session at the end of a path of a search with such caches, with all that is found there. */
export function followPath(
  program: Program,
  path: readonly PathStep[],
  caches: CacheMode = 'demand',
): Session {
  const scheduler: Scheduler = {
    initial: 0,
    pick: (_, state) => {
      const at = typeof state === 'number' ? state : 0;
      const step = path[at];
      return step === undefined ? null : { ...step, state: at + 1 };
    },
  };
  const session = new Session(program, {
    schedule: 'replay',
    replay: scheduler,
    stepsMax: path.length + 1,
    explores: caches !== 'demand',
  });
  for (const _ of path) session.forward();
  // Where nothing can go on, the session says what is wrong with that.
  if (session.vm.runnable().length === 0) session.forward();
  return session;
}
