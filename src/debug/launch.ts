/** From a launch request to a session: the attributes are checked, the files compiled. */

import { isPropertyId, type PropertyId, propertyIds } from '../language/properties';
import { loadRun, problemText, type RunProblem, startSession } from '../session/load';
import type { ScheduleName, Session } from '../session/session';
import { filesOf } from '../session/sites';
import { parseSchedule, savedScheduler } from '../trace/saved-schedule';
import { errors } from './errors';
import type { LaunchArguments } from './requests';
import { Sources } from './sources';

const schedules: readonly ScheduleName[] = ['fair', 'random', 'manual', 'replay'];

/** A session and the files it was made from. */
export interface Launched {
  readonly session: Session;
  readonly sources: Sources;
}

/** Makes the session. Throws what the client is told; `tell` receives each problem of the files. */
export function launch(args: LaunchArguments, tell: (problem: RunProblem) => void): Launched {
  const { files } = args;
  if (typeof args.program !== 'string') throw errors.noProgram();
  const attributes = checked(args);
  if (files === undefined) throw errors.noFiles();
  const loaded = loadRun(files, { scenario: args.scenario, kernel: args.kernel, driver: args.driver });
  if ('problems' in loaded) {
    for (const problem of loaded.problems) tell(problem);
    const [first] = loaded.problems;
    throw errors.problems(
      first === undefined ? 'the scenario has problems' : problemText(first),
      first?.span ?? null,
      loaded.problems.length,
    );
  }
  const { program, warnings } = loaded;
  for (const warning of warnings) tell(warning);
  const saved = files.trace === null ? null : parseSchedule(files.trace);
  if (saved !== null && 'problem' in saved) throw errors.badTrace(saved.problem);
  if (attributes.schedule === 'replay' && saved === null && program.scenario.replay.length === 0)
    throw errors.noReplay(program.scenario.name);
  const replay = saved === null ? {} : { replay: savedScheduler(saved) };
  const started = startSession(program, { ...attributes, ...replay });
  if ('session' in started)
    return { session: started.session, sources: new Sources(files, filesOf(program)) };
  tell(started.problem);
  throw errors.setUp(problemText(started.problem), started.problem.span);
}

function checked(args: LaunchArguments) {
  const { scenario, kernel, driver, trace, schedule, seed, properties } = args;
  for (const [name, value] of Object.entries({ scenario, kernel, driver, trace }))
    if (value !== undefined && typeof value !== 'string') throw errors.badAttribute(name, value, 'a text');
  if (schedule !== undefined && !schedules.includes(schedule))
    throw errors.badAttribute('schedule', schedule, `one of ${schedules.join(', ')}`);
  if (seed !== undefined && !Number.isSafeInteger(seed))
    throw errors.badAttribute('seed', seed, 'a whole number');
  if (properties !== undefined && !Array.isArray(properties))
    throw errors.badAttribute('properties', properties, 'a list');
  return { schedule, seed, properties: properties === undefined ? null : properties.map(propertyId) };
}

function propertyId(id: string): PropertyId {
  if (isPropertyId(id)) return id;
  throw errors.badAttribute('properties', id, `some of ${propertyIds.join(', ')}`);
}
