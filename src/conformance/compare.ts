/**
 * Holds what a model did against what was recorded. The rules are those of the recordings: callbacks, ranges,
 * flushes and frees in the recorded order; a recorded stack is a subsequence of the model's; what a rule
 * forgives is counted.
 */
import {
  type EntryChange,
  hasMore,
  type Item,
  itemText,
  normalState,
  type RecordedStep,
  recordedSteps,
  shortState,
  tokenState,
} from './notation';
import type { PlayedStep } from './play';
import { callbackTokens, probes } from './probes';
import type { RecordedEvent, Recording, Registration } from './recording';

/** What was forgiven, how often. */
export interface Forgiven {
  /** Rows of frees that came in another order. */
  readonly freeOrder: number;
  /** Rows of frees of which the recording names only the first. */
  readonly freeCut: number;
  /** Items about mappings of the program, heap or stack, whose extent is not compared. */
  readonly elsewhere: number;
  /** Entries of watched mappings that were not sampled. */
  readonly notSampled: number;
  /** States with soft-dirty, special or execute bits, or the number of a swap slot, which no model keeps. */
  readonly bits: number;
  /** Stacks in which the model shows functions that a compiler had inlined. */
  readonly inlined: number;
  /** Records that were cut off after the first of a very long operation. */
  readonly notKept: number;
}

/** The first thing that differs. */
export interface Difference {
  /** Number of the token in the recorded sequence, from 0; for the records of `all`, that of its token. */
  readonly token: number;
  readonly expected: string;
  readonly got: string;
}

/** Equal, or the first difference; and what was forgiven on the way. */
export interface Comparison {
  readonly difference: Difference | null;
  readonly forgiven: Forgiven;
}

type Tally = { -readonly [name in keyof Forgiven]: number };

/** Compares the sequence of one registration; of `all` also the records: stacks, and whole entry states. */
export function compare(
  recording: Recording,
  registration: Registration,
  played: readonly PlayedStep[],
): Comparison {
  const tally: Tally = {
    freeOrder: 0,
    freeCut: 0,
    elsewhere: 0,
    notSampled: 0,
    bits: 0,
    inlined: 0,
    notKept: 0,
  };
  const steps = recordedSteps(recording, registration);
  const difference =
    compareSequence(recording, steps, played, tally) ??
    (registration === 'all' ? compareRecords(recording, steps, played, tally) : null);
  return { difference, forgiven: tally };
}

/** The entries that were sampled, in their order, and their states when the operation began. */
export function beginning({ events }: Recording): Readonly<Record<string, string>> {
  return events.find(({ name }) => name === 'op_begin')?.pte_changed ?? {};
}

/* Sequences. */

function compareSequence(
  recording: Recording,
  steps: readonly RecordedStep[],
  played: readonly PlayedStep[],
  tally: Tally,
): Difference | null {
  const first = beginning(recording);
  const entries = Object.keys(first);
  const pages = recording.mappings.reduce((sum, mapping) => sum + mapping.pages, 0);
  tally.notSampled += pages - entries.length;
  const atFirst = differentStates(first, entries, played[0]?.states[0] ?? [], tally);
  if (atFirst !== null) return { token: 0, ...atFirst };
  const known = new Map(entries.map(name => [name, shortState(first[name] ?? '')]));
  for (let index = 0; ; index++) {
    const [wanted, came] = [steps[index], played[index]];
    if (wanted === undefined || came === undefined) return null;
    const { token } = wanted;
    const changes = wanted.changes.map(change => spread(change, entries, known));
    const states = came.states.map(state => state.map(tokenState));
    if (!happened(changes, states, entries)) {
      const expected = wanted.changes.map(({ text }) => text).join(' ') || 'no entry changes';
      const got = changesText(states, entries) || 'no entry changes';
      // Where the item differs too, the sequences have parted, and what comes next says more.
      const parted = sameItem(wanted.item, came.item, null) ? '' : ` before ${playedText(came.item)}`;
      return { token, expected: `${expected} before ${wanted.text}`, got: got + (parted || ` before it`) };
    }
    if (!sameItem(wanted.item, came.item, tally)) {
      return { token, expected: wanted.text, got: playedText(came.item) };
    }
    if (wanted.item === null) return null;
  }
}

function playedText(item: Item | null): string {
  return item === null ? 'the end' : itemText(item);
}

function sameItem(wanted: Item | null, came: Item | null, tally: Tally | null): boolean {
  if (wanted === null || came === null) return wanted === came;
  if (wanted.kind === 'free') return came.kind === 'free' && sameFrees(wanted, came, tally);
  if (wanted.kind === 'event' && came.kind === 'event' && wanted.extent === 'other' && tally !== null) {
    tally.elsewhere++;
  }
  return JSON.stringify(wanted) === JSON.stringify(came);
}

/** The same pages; the order inside a row may be another. */
function sameFrees(
  wanted: Item & { kind: 'free' },
  came: Item & { kind: 'free' },
  tally: Tally | null,
): boolean {
  if (wanted.count !== came.count) return false;
  const left = [...came.pages];
  for (const page of wanted.pages) {
    const at = left.indexOf(page);
    if (at < 0) return false;
    left.splice(at, 1);
  }
  if (tally !== null) {
    if (wanted.pages.length < wanted.count) tally.freeCut++;
    if (wanted.pages.some((page, index) => page !== came.pages[index])) tally.freeOrder++;
  }
  return true;
}

/* Changes of entries. */

/** A change with its entries by index. */
interface Spread {
  readonly entries: ReadonlySet<number>;
  readonly from: string;
  readonly to: string;
}

/** Says which entries a change is about: of a row, those that were in the state it begins with. */
function spread(change: EntryChange, entries: readonly string[], known: Map<string, string>): Spread {
  const { from, to, isRow } = change;
  let names = change.entries;
  if (isRow) {
    const [first = 0, last = 0] = change.entries.map(name => entries.indexOf(name));
    names = entries.slice(first, last + 1).filter(name => known.get(name) === from);
  }
  for (const name of names) known.set(name, to);
  return { entries: new Set(names.map(name => entries.indexOf(name))), from, to };
}

/**
 * Whether the model's states pass through the recorded changes, in their order, and through no other in the
 * end. The recorder looked at few moments, the model at all; changes that it saw at one moment stand beside
 * each other, so several may be one.
 */
function happened(
  changes: readonly Spread[],
  states: readonly (readonly string[])[],
  entries: readonly string[],
): boolean {
  const dead = new Set<number>();
  const from = (state: number, change: number): boolean => {
    if (change === changes.length) return differing(states[state], states.at(-1)).length === 0;
    const key = state * (changes.length + 1) + change;
    if (dead.has(key)) return false;
    for (let next = state + 1; next < states.length; next++) {
      const changed = differing(states[state], states[next]);
      for (let count = 1; change + count <= changes.length; count++) {
        const together = changes.slice(change, change + count);
        if (!isUnion(together, changed, states[state], states[next])) continue;
        if (from(next, change + count)) return true;
      }
    }
    dead.add(key);
    return false;
  };
  return entries.length === 0 || from(0, 0);
}

function differing(before: readonly string[] = [], after: readonly string[] = []): number[] {
  return after.flatMap((state, index) => (state === before[index] ? [] : [index]));
}

/** A token's state without the table that is missing. */
function plainState(state = ''): string {
  return state.startsWith('none') ? 'none' : state;
}

/** Whether exactly these entries have changed, each as one of the changes says. */
function isUnion(
  changes: readonly Spread[],
  changed: readonly number[],
  before: readonly string[] = [],
  after: readonly string[] = [],
): boolean {
  const size = changes.reduce((sum, { entries }) => sum + entries.size, 0);
  // What changed alike at one moment is one token, so two tokens that say the same are two moments.
  const kinds = new Set(changes.map(({ from, to }) => `${from} ${to}`));
  if (kinds.size < changes.length) return false;
  if (size !== changed.length) return false;
  return changed.every(index => {
    const change = changes.find(({ entries }) => entries.has(index));
    return (
      change !== undefined &&
      plainState(before[index]) === change.from &&
      plainState(after[index]) === change.to
    );
  });
}

/** The model's changes as tokens. */
function changesText(states: readonly (readonly string[])[], entries: readonly string[]): string {
  const tokens: string[] = [];
  for (let index = 1; index < states.length; index++) {
    const [before = [], after = []] = [states[index - 1], states[index]];
    const groups = new Map<string, string[]>();
    for (const entry of differing(before, after)) {
      const how = `${plainState(before[entry])}->${plainState(after[entry])}`;
      groups.set(how, [...(groups.get(how) ?? []), entries[entry] ?? '']);
    }
    for (const [how, names] of groups) {
      const row = names.length > 3 ? `${names[0]}..${names.at(-1)}` : names.join(',');
      tokens.push(`pte(${row}: ${how})`);
    }
  }
  return tokens.join(' ');
}

/* Records. */

/** An item of the model with what is needed to hold a record against it. */
interface Told {
  readonly token: number;
  readonly text: string;
  readonly kind: string;
  readonly page: string | null;
  readonly stack: readonly string[];
  readonly states: readonly (readonly string[])[];
}

/** Holds each record against the item it tells of: the stack, and the state of every sampled entry. */
function compareRecords(
  recording: Recording,
  steps: readonly RecordedStep[],
  played: readonly PlayedStep[],
  tally: Tally,
): Difference | null {
  const entries = Object.keys(beginning(recording));
  const now: Record<string, string> = {};
  const told = steps.flatMap((step, index) => toldBy(step, played[index]));
  const events = recording.events.filter(event => kindOf(event) !== null || event.type === 'mark');
  const records = events.filter(event => kindOf(event) !== null);
  if (recording.events_in_all === undefined && records.length !== told.length) {
    return recordDifference(
      told.length,
      `${records.length} records`,
      `${told.length} tokens that have records`,
    );
  }
  tally.notKept += Math.max(0, told.length - records.length);
  let at = 0;
  for (const event of events) {
    Object.assign(now, event.pte_changed);
    const kind = kindOf(event);
    const item = kind === null ? undefined : told[at++];
    if (kind !== null) {
      if (item === undefined || item.kind !== kind) {
        return recordDifference(item?.token ?? steps.length, `a record ${kind}`, item?.text ?? 'the end');
      }
      const wrong =
        differentStates(now, entries, item.states.at(-1) ?? [], tally) ??
        differentStack(event.stack ?? [], stackFor(told, item, event), tally);
      if (wrong !== null) return { token: item.token, ...atItem(wrong, item.text) };
    }
    Object.assign(now, event.pte_after);
  }
  return null;
}

function recordDifference(token: number, expected: string, got: string): Difference {
  return { token, expected, got };
}

function atItem({ expected, got }: Omit<Difference, 'token'>, text: string): Omit<Difference, 'token'> {
  return { expected: `${expected} at ${text}`, got };
}

/** The kind of item that a record tells of; null for those that have no token, and for marks. */
function kindOf({ type, name }: RecordedEvent): string | null {
  if (type === 'free') return 'free';
  if (type === 'cb') return callbackTokens.get(name) ?? name;
  if (type !== 'probe') return null;
  return [...probes.values()].find(({ event }) => event === name)?.token ?? null;
}

const withRecords = new Set(
  [...probes.values()].flatMap(({ token, event }) => (event === null ? [] : [token])),
);

function toldBy({ item, token, text }: RecordedStep, played: PlayedStep | undefined): Told[] {
  if (item === null || played === undefined || played.item === null) return [];
  const { states, stacks } = played;
  const came = played.item;
  if (came.kind === 'free') {
    return stacks.map((stack, index) => ({
      token,
      text,
      kind: 'free',
      page: came.pages[index] ?? null,
      stack,
      states,
    }));
  }
  const isProbe = [...callbackTokens.values()].includes(came.name) || withRecords.has(came.name);
  return isProbe ? [{ token, text, kind: came.name, page: null, stack: stacks[0] ?? [], states }] : [];
}

/** Of a row of frees, the stack of the page that the record names. */
function stackFor(told: readonly Told[], item: Told, event: RecordedEvent): readonly string[] {
  if (event.type !== 'free') return item.stack;
  const named = told.find(({ token, page }) => token === item.token && page?.endsWith(pageOf(event)));
  return named?.stack ?? item.stack;
}

function pageOf({ page = '' }: RecordedEvent): string {
  return page.replace(/#new\d+/g, '#new');
}

/** The sampled entries that a model has in another state than was recorded. */
function differentStates(
  recorded: Readonly<Record<string, string>>,
  entries: readonly string[],
  states: readonly string[],
  tally: Tally,
): Omit<Difference, 'token'> | null {
  for (const [index, entry] of entries.entries()) {
    const wanted = recorded[entry];
    if (wanted === undefined) continue;
    if (hasMore(wanted)) tally.bits++;
    const came = states[index] ?? 'nothing';
    if (normalState(wanted) !== normalState(came)) {
      return { expected: `entry ${entry} is ${wanted}`, got: came };
    }
  }
  return null;
}

/** Where the hardware enters the kernel, and what calls a kernel thread: below these a model has nothing. */
const entrySymbols = new Set([
  'system_call_fastpath',
  'page_fault',
  'ret_from_fork',
  'kthread',
  'stub_clone',
  'stub_execve',
  'stub_vfork',
  'retint_signal',
  'int_signal',
]);

/** A recorded stack as a model has it: without entry symbols, and without the names of a function's parts. */
export function kernelStack(stack: readonly string[]): string[] {
  const part = /\.(isra|part|cold|constprop)(\.\d+)?$/;
  const names = stack
    // What calls a part of a function is the rest of it.
    .filter((name, index) => !(part.test(name) && stack[index + 1] === name.replace(part, '')))
    .map(name => name.replace(part, ''));
  let end = names.length;
  while (end > 0 && entrySymbols.has(names[end - 1] ?? '')) end--;
  return names.slice(0, end);
}

function differentStack(
  recorded: readonly string[],
  came: readonly string[],
  tally: Tally,
): Omit<Difference, 'token'> | null {
  const wanted = kernelStack(recorded);
  let index = 0;
  for (const name of came) if (name === wanted[index]) index++;
  if (index < wanted.length) {
    return {
      expected: `${wanted[index]} in the stack ${wanted.join(' < ')}`,
      got: came.join(' < ') || 'no stack',
    };
  }
  if (came.length > wanted.length) tally.inlined++;
  return null;
}
