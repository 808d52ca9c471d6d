import { Words } from '../base/words';
import type { MachineEvent, MachineHooks } from './observer';
import type { SearchAccess } from './search-access';

/** Who must know what becomes of entries before caches forget it. */
export interface EntryWatch {
  /** An entry of a table is about to change, by whomever. */
  entryChanging(frame: number, slot: number, old: number, value: number): void;
  /** It has changed. */
  entryChanged(): void;
}

/** What every part of the machine is connected to: the state, who judges, and who watches. */
export class Wires {
  words = new Words(0, 0);
  hooks: MachineHooks = silent;
  /** Accesses with the caches of a search; undefined where caches are concrete. */
  searched: SearchAccess | undefined = undefined;
  /** Set together with `searched`. */
  watch: EntryWatch | undefined = undefined;
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
