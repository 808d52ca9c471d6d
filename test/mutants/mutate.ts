/** Models with one thing changed, and searches of small scenarios that run on them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { outcomeOf, startSearch } from '../../src/explore/explore';
import { usualSearch } from '../../src/explore/job';
import { compileScenarioFile } from '../../src/language/compile';
import type { ModelSet } from '../../src/language/module';
import type { Program } from '../../src/language/program';
import { sourcesOf } from '../language/models';
import { root } from '../language/small';

/** A change of one place in the models. */
export interface Change {
  /** The file, below models/. */
  readonly file: string;
  /** The function whose text is changed; without it, of a driver's file any place. */
  readonly fn?: string;
  /** What stands there, exactly once, and what is to stand there instead. */
  readonly find?: string;
  readonly replace?: string;
  /** Statements that are left out wherever they stand there, such as a lock that is never taken. */
  readonly drops?: readonly string[];
}

/** A scenario that holds with the models as they are. */
export interface Ground {
  readonly kernel: string;
  /** What follows `kernel` in the scenario. */
  readonly body: string;
  /** The driver that its tasks bind, if the scenario binds none. */
  readonly driver?: string;
  /** Declarations of the scenario's file. */
  readonly declarations?: string;
  /** Changes that are made before any other, each proved harmless by a mutant of its own. */
  readonly changes?: readonly Change[];
}

/** What came of a search. */
export interface Found {
  readonly verdict: 'holds' | 'violated' | 'incomplete';
  readonly properties: readonly string[];
  readonly incomplete: string | null;
  readonly states: number;
}

/** No search here comes near these: one that does is `incomplete`, which no test expects. */
const limits = { statesMax: 200_000, depthMax: 10_000, memoryMax: 2 ** 28, secondsMax: 15 };

const read = (file: string) => readFileSync(join(root, 'models', file), 'utf8');

/** Makes a change in a text. Throws if what is to be changed is not there. */
function changed(text: string, { find, replace = '', drops = [] }: Change, where: string): string {
  let result = text;
  for (const drop of drops) {
    // A longer name may end in the same.
    if (!result.includes(` ${drop}`)) throw new Error(`${where}: there is no ${drop}`);
    result = result.replaceAll(` ${drop}`, ' skip;');
  }
  if (find === undefined) return result;
  const parts = result.split(find);
  if (parts.length !== 2) throw new Error(`${where}: ${parts.length - 1} places with ${find}`);
  return parts.join(replace);
}

/** The text of a function of a kernel, as the scenario's file can put it in the place of the kernel's. */
function overrideOf({ file, fn = '' }: Change, kernel: string): string {
  const folder = file.slice(0, file.indexOf('/'));
  const pattern = new RegExp(`^(?:override )?((?:\\w+ )?fn ${fn}\\([^]*?^\\})$`, 'm');
  const text = pattern.exec(read(file))?.[1];
  if (text === undefined) throw new Error(`${file}: no function ${fn}`);
  const isHidden =
    folder !== kernel && sourcesOf(`models/${kernel}`).some(other => other.text.includes(`fn ${fn}(`));
  if (isHidden) throw new Error(`${file}: ${kernel} has a ${fn} of its own`);
  return `override ${text}`;
}

/** Every driver's text with what it imports, after a change of either. */
function changedDriver(driver: string, changes: readonly Change[]): string {
  const textAfter = (file: string) =>
    changes
      .filter(change => change.file === file)
      .reduce((text, change) => changed(text, change, file), read(file));
  const whole = textAfter(`drivers/${driver}.mmu`);
  const common = /^import "(.*)"\n/m.exec(whole);
  const own = common === null ? whole : whole.replace(common[0], '');
  const opening = `driver ${driver} {\n`;
  if (!own.includes(opening)) throw new Error(`drivers/${driver}.mmu: no ${opening}`);
  return own.replace(opening, () => opening + (common === null ? '' : textAfter(`drivers/${common[1]}`)));
}

/** The file of a scenario with changed models. */
function textOf(ground: Ground, change: Change | null): string {
  const { kernel, body, declarations = '', changes: always = [] } = ground;
  const changes = change === null ? always : [...always, change];
  const isDriver = ({ file }: Change) => file.startsWith('drivers/');
  const functions = new Map<string, string>();
  for (const each of changes.filter(each => !isDriver(each))) {
    const key = each.fn ?? '';
    const text = functions.get(key) ?? overrideOf(each, kernel);
    functions.set(key, changed(text, each, `${each.file}, ${key}`));
  }
  const driver = ground.driver ?? /driver (\S+)/.exec(body)?.[1];
  const drivers = driver !== undefined && changes.some(isDriver) ? [changedDriver(driver, changes)] : [];
  if (drivers.length === 0 && changes.some(isDriver)) throw new Error('no driver is bound');
  const scenario = `scenario ground {\n  kernel ${kernel}\n${body}\n}\n`;
  return [...functions.values(), ...drivers, declarations, scenario].join('\n');
}

/** The program of a scenario with changed models. Throws if it does not compile. */
export function programOf(ground: Ground, change: Change | null, models: ModelSet): Program {
  const text = textOf(ground, change);
  const compiled = compileScenarioFile({ path: 'mutant.mmu', text }, { models, imports: () => undefined });
  const [scenario] = compiled.scenarios;
  const errors = compiled.problems.filter(({ severity }) => severity === 'error');
  if (scenario === undefined || errors.length > 0)
    throw new Error(errors.map(({ message }) => message).join('\n'));
  return scenario.program();
}

/** Searches a program as users do. */
export function explore(program: Program): Found {
  const clock = () => performance.now() / 1000;
  const search = startSearch(program, { ...usualSearch, limits, clock });
  while (!search.advance(10_000));
  const { verdict, incomplete, findings } = outcomeOf(program, search);
  const properties = [...new Set(findings.map(({ violation }) => violation.property))];
  return { verdict, properties, incomplete, states: search.progress.states };
}
