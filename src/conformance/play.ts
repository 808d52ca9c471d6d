/**
 * Plays a scenario and notes what comes as a recorder would: the same tokens, the states of the same entries,
 * and the call stacks.
 */
import { PAGE_SIZE } from '../base/address';
import { processPrefix } from '../language/accesses';
import type { FunctionCode, Program } from '../language/program';
import { fair, replay } from '../vm/schedule';
import type { VmEvent } from '../vm/types';
import { SetupError, Vm } from '../vm/vm';
import type { Extent, Item } from './notation';
import { callbackTokens, calledPage, calledRange, probes } from './probes';
import type { EntryStates, RecordedMapping } from './recording';
import { type Place, Watch, type Watched } from './watch';

/** Steps of one play: far more than any recorded operation takes. */
const STEPS_MAX = 500_000;

/** What came, with the states of the watched entries since the item before: first there, last here. */
export interface PlayedStep {
  readonly item: Item | null;
  readonly states: readonly (readonly string[])[];
  /** Stack of the item; of pages freed together, that of each. */
  readonly stacks: readonly (readonly string[])[];
}

/** A scenario that was played to its end, or why it was not. */
export type Play =
  | { readonly steps: readonly PlayedStep[]; readonly entries: readonly Watched[] }
  | { readonly problem: string };

/** What is watched: mappings and entries, as the recording names them, and whether to number subscribers. */
export interface PlayOptions {
  readonly mappings: readonly RecordedMapping[];
  /** Entries by name, with their recorded states at the beginning. */
  readonly entries: EntryStates;
  readonly numbered: boolean;
}

/** Plays the scenario's own schedule, or else everyone in turn. */
export function play(program: Program, options: PlayOptions): Play {
  const lacks = options.mappings.find(
    ({ name, pages }) =>
      !program.scenario.mappings.some(mapping => mapping.name === name && mapping.pages === pages),
  );
  if (lacks !== undefined) {
    return { problem: `the scenario has no mapping ${lacks.name} of ${lacks.pages} pages, as was recorded` };
  }
  try {
    return run(new Recorder(new Vm(program), options));
  } catch (problem) {
    if (problem instanceof SetupError) return { problem: problem.message };
    throw problem;
  }
}

function run(recorder: Recorder): Play {
  const { vm } = recorder;
  const lines = vm.program.scenario.replay;
  const scheduler = lines.length > 0 ? replay(lines) : fair();
  let state = scheduler.initial;
  for (let steps = 0; !recorder.isOver; steps++) {
    if (steps >= STEPS_MAX) return { problem: `${STEPS_MAX} steps were made, which is the limit` };
    const pick = scheduler.pick(vm, state);
    if (pick === null) break;
    if ('problem' in pick) return { problem: pick.problem };
    const mark = vm.words.mark();
    vm.sink = event => recorder.hear(event);
    const result = vm.step(pick.thread, pick.choice);
    vm.sink = undefined;
    if (mark > 1 << 20) vm.words.forget();
    recorder.stepped();
    if (result.limit !== null) return { problem: result.limit };
    const found = result.violations.find(({ property }) => property === 'assertion');
    if (found !== undefined) return { problem: `${found.property}: ${found.message}` };
    state = pick.state;
  }
  const stuck = recorder.isOver ? null : vm.deadlock();
  if (stuck !== null) return { problem: `${stuck.property}: ${stuck.message}` };
  if (!recorder.hasBegun) return { problem: 'op_begin() was never reached' };
  return { steps: recorder.finish(), entries: recorder.entries };
}

/** Notes what comes from `op_begin()` to `op_end()`; without them, all of the run. */
class Recorder {
  hasBegun = false;
  isOver = false;
  readonly entries: readonly Watched[];
  private readonly places: readonly Place[];
  private readonly steps: PlayedStep[] = [];
  private watch: Watch | null = null;
  private states: string[][] = [];
  /** Whether an entry may have changed since it was last looked at. */
  private isTouched = false;
  private freed: { pages: string[]; stacks: string[][]; states: string[][] } | null = null;

  constructor(
    readonly vm: Vm,
    private readonly options: PlayOptions,
  ) {
    const { mappings } = vm.program.scenario;
    this.places = options.mappings.flatMap(({ name }) => mappings.find(each => each.name === name) ?? []);
    this.entries = Object.entries(options.entries).flatMap(
      ([name, first]) => this.watched(name, first) ?? [],
    );
    if (!Object.values(vm.program.functions).some(isMarked)) this.begin();
  }

  /** One event of a step. */
  hear(event: VmEvent): void {
    if (event.type === 'mark') {
      if (event.name === 'op_begin' && !this.hasBegun) this.begin();
      else if (event.name === 'op_end') this.isOver = true;
      return;
    }
    if (!this.hasBegun || this.isOver) return;
    if (event.type === 'callback') this.callback(event);
    if (event.type === 'call') this.call(event.fn, event.thread);
    if (event.type !== 'machine') return;
    const { type } = event.event;
    if (type === 'store-entry' || type === 'walk' || type === 'access') this.isTouched = true;
    if (type === 'store-entry') this.look();
    if (event.event.type !== 'free-frame') return;
    if (event.event.isKept) this.watch?.forget(event.event.frame);
    else this.free(event.event.frame, event.thread);
  }

  /** A step was made: the entries it touched are looked at. */
  stepped(): void {
    if (this.hasBegun && this.isTouched) this.look();
  }

  /** All that came; the last step has no item. */
  finish(): PlayedStep[] {
    this.look();
    this.endFree();
    this.steps.push({ item: null, states: this.states, stacks: [] });
    return this.steps;
  }

  private begin(): void {
    this.hasBegun = true;
    const [process] = this.vm.program.scenario.processes;
    const mm = process === undefined ? 0 : this.vm.words.get(this.vm.globalAt(processPrefix + process.name));
    this.watch = new Watch(this.vm, mm, this.entries, this.places);
    this.states = [this.watch.states()];
  }

  private look(): void {
    this.isTouched = false;
    const states = this.watch?.states() ?? [];
    const last = this.states.at(-1) ?? [];
    if (states.some((state, index) => state !== last[index])) this.states.push(states);
  }

  private put(item: Item, stack: string[]): void {
    this.look();
    this.endFree();
    this.steps.push({ item, states: this.states, stacks: [stack] });
    this.states = [this.states.at(-1) ?? []];
  }

  private callback(event: Extract<VmEvent, { callback: string }>): void {
    const name = callbackTokens.get(event.callback) ?? event.callback;
    const { start } = event;
    const end = event.end ?? (start === null ? null : start + PAGE_SIZE);
    const extent = start === null || end === null ? null : this.extent(start, end);
    // The first that registered is the first object of the pool.
    const sub = this.options.numbered ? event.subscriber - 1 : null;
    this.put({ kind: 'event', name, sub, extent }, this.stackOf(event.thread));
  }

  private call({ name, params }: FunctionCode, thread: number): void {
    const probe = probes.get(name);
    if (probe === undefined) return;
    const { vm } = this;
    const locals = vm.frames(thread)[0]?.locals ?? 0;
    if (probe.page !== undefined) {
      const page = this.watch?.nameOf(calledPage(vm, params, locals, probe.page)) ?? null;
      if (page !== null) this.put({ kind: 'page', name: probe.token, page }, this.stackOf(thread));
      return;
    }
    const range = calledRange(vm, { params, locals, reach: probe.reach });
    const extent = range === null ? null : this.extent(range.start, range.end);
    this.put({ kind: 'event', name: probe.token, sub: null, extent }, this.stackOf(thread));
  }

  private free(frame: number, thread: number): void {
    const name = this.watch?.nameOf(frame) ?? null;
    this.watch?.forget(frame);
    if (name === null) return;
    this.look();
    // An entry that changes between two frees ends their row.
    if (this.freed !== null && this.states.length > 1) this.endFree();
    const page = name.startsWith('hp[') ? `huge_page:${name}` : name;
    if (this.freed === null) {
      this.freed = { pages: [], stacks: [], states: this.states };
      this.states = [this.states.at(-1) ?? []];
    }
    this.freed.pages.push(page);
    this.freed.stacks.push(this.stackOf(thread));
  }

  private endFree(): void {
    if (this.freed === null) return;
    const { pages, stacks, states } = this.freed;
    this.freed = null;
    this.steps.push({ item: { kind: 'free', pages, count: pages.length }, states, stacks });
  }

  private extent(start: number, end: number): Extent {
    if (end === 0) return 'empty';
    if (start === 0 && end === -1) return 'ALL';
    const { mappings } = this.vm.program.scenario;
    const inside = ({ address, pages }: Place) => address <= start && start < address + pages * PAGE_SIZE;
    const place = this.places.find(inside);
    if (place !== undefined) {
      return { mapping: place.name, from: start - place.address, to: end - place.address };
    }
    const other = mappings.some(inside);
    return other ? 'other' : { mapping: `0x${start.toString(16)}`, from: 0, to: end - start };
  }

  /** As recorded, down to the system call; a task's own statements are no frame of the kernel's. */
  private stackOf(thread: number): string[] {
    return this.vm
      .frames(thread)
      .filter(({ fn }) => fn?.role !== 'task')
      .map(({ name }) => name);
  }

  private watched(entry: string, first: string): Watched | null {
    const [, name, page] = /^(.*)\+(\d+)$/.exec(entry) ?? [];
    const place = this.places.find(each => each.name === name);
    if (place === undefined) return null;
    return { name: entry, address: place.address + Number(page) * PAGE_SIZE, first };
  }
}

function isMarked({ code }: FunctionCode): boolean {
  return code.some(instruction => instruction.op === 'builtin' && instruction.name === 'op_begin');
}
