/**
 * What a real kernel did in one memory operation: every callback, CPU TLB flush and page free in one order,
 * with the state of the page-table entries and the kernel's call stack. The form is that of the recorder;
 * `notation.ts` reads the tokens.
 */

/** Which callbacks the subscriber had that listened: the four ways in which each operation was recorded. */
export const registrations = ['startend', 'range', 'all', 'two'] as const;

/** One of them. */
export type Registration = (typeof registrations)[number];

/** A mapping that was watched, by name and length. */
export interface RecordedMapping {
  readonly name: string;
  readonly pages: number;
}

/** States of entries by name: `A+0` to `p[A+0] RWADS`. */
export type EntryStates = Readonly<Record<string, string>>;

/** One record of the registration `all`. */
export interface RecordedEvent {
  readonly type: string;
  readonly name: string;
  readonly page?: string;
  /** Function names, innermost first. */
  readonly stack?: readonly string[];
  /** Entries seen changed since the record before, and those seen changed after it. */
  readonly pte_changed?: EntryStates;
  readonly pte_after?: EntryStates;
}

/** One operation on one kernel. */
export interface Recording {
  readonly kernel: string;
  readonly op: string;
  readonly setup: string;
  readonly operation: string;
  /** Whether the sequence is the same each time. */
  readonly steady: boolean;
  readonly mappings: readonly RecordedMapping[];
  readonly sequences: Readonly<Partial<Record<Registration, readonly string[]>>>;
  readonly events: readonly RecordedEvent[];
  /** How many records there were, if only the first of them were kept. */
  readonly events_in_all?: number;
}

/** A recording, or a list of them, from JSON. Throws a sentence when the text is something else. */
export function parseRecordings(text: string): Recording[] {
  const data: unknown = JSON.parse(text);
  const list: readonly unknown[] = Array.isArray(data) ? data : [data];
  return list.map(item => {
    if (!isRecording(item))
      throw new Error('this is no recording: kernel, op, mappings, sequences and events');
    return item;
  });
}

/** The kernel model that a recording is held against: the one before the series or the one after it. */
export function modelOf({ kernel }: Recording): string | null {
  if (!kernel.startsWith('3.18.')) return null;
  return kernel.endsWith('-after') ? 'linux-3.18+invalidate_range' : 'linux-3.18';
}

function isRecord(data: unknown): data is Readonly<Record<string, unknown>> {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}

function isListOf<T>(data: unknown, is: (item: unknown) => item is T): data is readonly T[] {
  return Array.isArray(data) && data.every(is);
}

function isText(data: unknown): data is string {
  return typeof data === 'string';
}

function isRecording(data: unknown): data is Recording {
  if (!isRecord(data)) return false;
  const { kernel, op, setup, operation, steady, mappings, sequences, events } = data;
  return (
    [kernel, op, setup, operation].every(isText) &&
    typeof steady === 'boolean' &&
    isListOf(mappings, isMapping) &&
    isRecord(sequences) &&
    Object.values(sequences).every(sequence => isListOf(sequence, isText)) &&
    isListOf(events, isEvent)
  );
}

function isMapping(data: unknown): data is RecordedMapping {
  return isRecord(data) && isText(data.name) && typeof data.pages === 'number';
}

function isEvent(data: unknown): data is RecordedEvent {
  if (!isRecord(data) || !isText(data.type) || !isText(data.name)) return false;
  const { stack, pte_changed, pte_after } = data;
  const areStates = [pte_changed, pte_after].every(
    states => states === undefined || (isRecord(states) && Object.values(states).every(isText)),
  );
  return areStates && (stack === undefined || isListOf(stack, isText));
}
