/**
 * A scenario on every kernel and with every driver that it fits: what compiles without problems is a fit. So
 * one can see what a kernel or a driver changes while all else stays the same.
 */
import type { ModelSet } from '../language/module';
import type { Program } from '../language/program';
import { compileRun, type LaunchFiles, modelsOf } from '../session/load';

/** A way to run a scenario. */
export interface Fit {
  readonly scenario: string;
  readonly kernel: string;
  /** The driver in the place of the bound one; null where the scenario binds none, or several. */
  readonly driver: string | null;
  /** Whether the scenario itself says so. */
  readonly isOwn: boolean;
  readonly program: () => Program;
}

/** The fits of each scenario of a file, kernels first, drivers in the order of names. */
export function fitsOf(files: LaunchFiles, scenario?: string): Fit[] {
  const models = modelsOf(files);
  const handles = compileRun(files, undefined).scenarios;
  const wanted = handles.filter(({ name }) => scenario === undefined || name === scenario);
  return wanted.flatMap(own =>
    Object.keys(models.kernels).flatMap(kernel =>
      driversFor(models, kernel, own.drivers).flatMap(driver => {
        const { scenarios } = compileRun(files, kernel, driver ?? undefined);
        const handle = scenarios.find(({ name }) => name === own.name);
        if (handle === undefined || handle.problems.length > 0) return [];
        const isOwn = kernel === own.kernel && (driver === null || driver === own.drivers[0]);
        return [{ scenario: own.name, kernel, driver, isOwn, program: handle.program }];
      }),
    ),
  );
}

/** The drivers to try on a kernel. Where a scenario binds several, none can stand for another. */
function driversFor(models: ModelSet, kernel: string, bound: readonly string[]): (string | null)[] {
  if (bound.length !== 1) return [null];
  const known = Object.values(models.drivers).filter(driver => driver.kernel === kernel);
  return [...new Set([...known.map(({ name }) => name), ...bound])].sort();
}
