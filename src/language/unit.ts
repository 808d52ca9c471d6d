/** One module while it is compiled: whose names it declares, where it reports, what it has resolved. */
import type { Span } from '../base/span';
import type { Use } from './module';
import type { Problem } from './problems';
import type { Scope } from './scope';

/** A kernel, driver or scenario file being compiled. */
export interface Unit {
  /** Kernel, driver or scenario file, for `module` of functions and messages. */
  readonly name: string;
  readonly kind: 'kernel' | 'driver' | 'scenario';
  /** What final names begin with: `driver.`, or nothing. */
  readonly prefix: string;
  readonly scope: Scope;
  readonly problems: Problem[];
  readonly uses: Use[];
}

/** Remembers what a name at a place stands for. */
export function recordUse(unit: Unit, span: Span, definition: Span, name: string, kind: string): void {
  unit.uses.push({ span, definition, name, kind });
}
