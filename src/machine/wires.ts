import { Words } from '../base/words';
import type { MachineEvent, MachineHooks } from './observer';

/** What every part of the machine is connected to: the state, who judges, and who watches. */
export class Wires {
  words = new Words(0, 0);
  hooks: MachineHooks = silent;
  /** Whether caches keep their entries sorted instead of by age. Set once, before there is any state. */
  sortsCaches = false;
  /** Events are made only while this is set. */
  sink: ((event: MachineEvent) => void) | undefined = undefined;
}

function ignore(): void {}

const silent: MachineHooks = {
  issued: ignore,
  accessed: ignore,
  walked: ignore,
  entryStoring: ignore,
  frameFreeing: ignore,
  pageResponse: ignore,
  deviceFailed: ignore,
};
