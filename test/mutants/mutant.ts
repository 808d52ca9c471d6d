/** What is changed in the models, and what a search makes of it. */
import type { PropertyId } from '../../src/language/properties';
import type { grounds } from './grounds';
import type { Change } from './mutate';

/** A change of the models, searched on a scenario that holds without it. */
export interface Mutant extends Change {
  readonly name: string;
  readonly scenario: keyof typeof grounds;
  /** The property that is found first, or that nothing can go wrong within the bounds of the scenario. */
  readonly finds: PropertyId | 'harmless';
}
