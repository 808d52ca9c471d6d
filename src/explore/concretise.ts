/**
 * Turns a path of a search with the caches of a search into one that the machine makes with its real caches:
 * the fills that the search implied become steps of the thread `caches`, at the latest moment at which a copy
 * could be made that is used later, and so do the evictions without which an access would be answered.
 *
 * The path is made again backward to find out when each copy that was used could be filled, then forward on a
 * machine with real caches. That this shows the same violation is for the caller to see: what comes out is
 * an attempt, which a search that is right makes good.
 */

import { fromWords, highWord, lowWord } from '../base/address';
import { unreachable } from '../base/assert';
import type { Program } from '../language/program';
import type { PropertyId } from '../language/properties';
import { pieceFrame } from '../machine/frames';
import type { Copy } from '../machine/held';
import type { MayHold, Position, Space } from '../machine/may-hold';
import { D, LEAF, levelOf, MARK, NX, U, W } from '../machine/register-bits';
import type { SearchAccess, Speculative, Taken } from '../machine/search-access';
import type { CacheAction } from '../machine/speculation';
import type { Violation } from '../vm/types';
import { Vm } from '../vm/vm';
import type { PathStep } from './search';

/** Steps that an access may take on the machine for one of the search. */
const ACCESS_STEPS = 64;

/** A path on the machine with real caches, and the violation that it ends with. */
export interface Concrete {
  readonly path: readonly PathStep[];
  readonly violation: Violation;
}

/** A step of the search: what it came to in the caches. */
interface Made {
  readonly step: PathStep;
  readonly mark: number;
  /** What an access came to; null for other steps. */
  readonly taken: Taken | null;
  /** The read that the step made, for an access or for nobody. */
  readonly read: Speculative | null;
  /** Copies that the step added to what caches may hold, made by its read. */
  readonly copies: readonly Copy[];
  /** Whether the step is the violation. */
  readonly isWrong: boolean;
}

/** A copy that must be in a cache before some step, and of what. */
interface Demand {
  readonly space: Space;
  readonly copy: Copy;
}

/** Something to do before a step of the path: one read of a table, or a request of a device. */
type Fill =
  | { readonly kind: 'read'; readonly read: Speculative; readonly copy: Copy }
  | { readonly kind: 'request'; readonly space: Space; readonly copy: Copy };

/** The path on a machine with real caches that shows the same violation; null if there is none. */
export function concretise(
  program: Program,
  path: readonly PathStep[],
  violation: Violation,
): Concrete | null {
  // An access that can walk by itself does so, as that is how it would be told. But a walk fills caches, and
  // what it needs evicted may be needed later.
  for (const walks of [true, false]) {
    const plan = new Planner(program, path, walks, violation).plan();
    const concrete = new Player(program, plan).play(violation.property);
    if (concrete !== null) return concrete;
  }
  return null;
}

/** What comes before each step, and the step. */
interface Planned {
  readonly fills: readonly Fill[];
  readonly made: Made;
  /** The pointers by which the access walks to its copy itself; null if it finds the copy in a cache. */
  readonly walk: readonly Copy[] | null;
}

/** Makes the path in the search's way, and finds when what it uses can be filled. */
class Planner {
  private readonly vm: Vm;
  private readonly searched: SearchAccess;
  private readonly mayHold: MayHold;

  constructor(
    program: Program,
    private readonly path: readonly PathStep[],
    private readonly walks: boolean,
    private readonly violation: Violation,
  ) {
    this.vm = new Vm(program, 'search');
    const { searched } = this.vm.machine;
    if (searched === undefined) throw new Error('Planner: the caches are those of a search');
    this.searched = searched;
    this.mayHold = searched.mayHold;
  }

  plan(): Planned[] {
    const steps = this.path.map(step => this.make(step));
    const planned: Planned[] = [];
    let demands: Demand[] = [];
    for (const made of steps.reverse()) {
      demands = demands.filter(demand => !made.copies.some(copy => this.isMade(demand, copy)));
      this.vm.words.undo(made.mark);
      const own = this.demandOf(made);
      const fills: Fill[] = [];
      const walk = own !== null && this.walks ? this.walkTo(made, own) : null;
      const all = demands.map(demand => this.asBefore(demand));
      if (made.isWrong) all.push(...this.judgedCopies());
      if (own !== null && walk === null) all.push(own);
      demands = [];
      for (const demand of all) this.resolve(demand, fills, demands);
      planned.push({ fills, made, walk });
    }
    return planned.reverse();
  }

  private make(step: PathStep): Made {
    const { vm, searched } = this;
    const mark = vm.words.mark();
    searched.taken = null;
    searched.lastRead = null;
    const before = this.heldNow();
    const { violations } = vm.step(step.thread, step.choice);
    const isWrong = violations.some(({ property }) => property === this.violation.property);
    const { taken, lastRead: read } = searched;
    const copies =
      read === null ? [] : this.heldNow().filter(copy => !before.some(other => isEqual(other, copy)));
    return { step, mark, taken, read, copies, isWrong };
  }

  private heldNow(): Copy[] {
    const { held } = this.mayHold;
    return Array.from({ length: held.count() }, (_, at) => held.copy(at));
  }

  /** What a step must find in a cache. */
  private demandOf({ taken, read, step }: Made): Demand | null {
    if (taken === null) {
      const isCaches = step.thread === this.vm.cachesThread;
      return isCaches && read !== null ? this.pointerTo(read.space, read.position) : null;
    }
    const { space, possibility } = taken;
    if (possibility.kind === 'wait') return null;
    if (possibility.kind === 'read') return this.pointerTo(space, possibility.position);
    const { device } = space;
    const cache = device?.hasAts() ? this.mayHold.atcOf(device) : space.cache;
    return { space, copy: { ...possibility.copy, cache } };
  }

  /** Copies that must be there because the violation is that they are. */
  private judgedCopies(): Demand[] {
    const { property, address, frame } = this.violation;
    if (property !== 'stale-after-return' || address === null) return [];
    const [low, high] = [lowWord(address), highWord(address)];
    return this.mayHold.allSpaces().flatMap(space =>
      this.mayHold
        .leaves(space, low, high)
        .filter(copy => pieceFrame(copy.frame, low, high, levelOf(copy.flags)) === frame)
        .map(copy => ({ space, copy })),
    );
  }

  /** The pointer by which a walk comes to a position; null for a root. */
  private pointerTo(space: Space, position: Position): Demand | null {
    const { level, table, gathered, low, high } = position;
    if (table < 0 || level === this.mayHold.format.levels) return null;
    const flags = gathered | ((level + 1) << 4) | 1;
    return { space, copy: { cache: space.cache, tag: space.tag, flags, low, high, frame: table } };
  }

  /** The pointers on the way from the root to a copy that an access uses and can make itself. */
  private walkTo({ taken }: Made, { space, copy }: Demand): Copy[] | null {
    if (taken === null || taken.possibility.kind !== 'hit') return null;
    if (taken.write && space.device !== null) return null;
    const fills = space.root === 0 ? null : this.descend(space, this.mayHold.start(space), copy);
    return fills?.map(fill => fill.copy).filter(({ flags }) => (flags & LEAF) === 0) ?? null;
  }

  private isMade({ copy, space }: Demand, made: Copy): boolean {
    if (made.tag !== copy.tag || !isFor(made, copy) || !grants(made, copy)) return false;
    return made.cache === copy.cache || made.cache === space.cache;
  }

  /** The demand as it is before the step just taken back: a frame that was freed then is not dangling yet. */
  private asBefore({ space: { agent, device, pasid }, copy }: Demand): Demand {
    const space =
      device === null ? this.mayHold.cpuSpace(agent.index) : this.mayHold.deviceSpace(device, pasid);
    const unmarked = { ...copy, flags: copy.flags & ~MARK };
    const isNew = (copy.flags & MARK) !== 0 && !this.mayBe(space, copy) && this.mayBe(space, unmarked);
    return { space, copy: isNew ? unmarked : copy };
  }

  private mayBe(space: Space, copy: Copy): boolean {
    const { low, high } = copy;
    if ((copy.flags & LEAF) !== 0)
      return this.mayHold.leaves(space, low, high).some(other => isFor(other, copy) && grants(other, copy));
    return this.mayHold.positions(space, low, high).some(({ level, table, gathered }) => {
      const isSame = level === levelOf(copy.flags) - 1 && table === copy.frame;
      return isSame && gathered === (copy.flags & (W | U | NX | MARK));
    });
  }

  /** Plans the fills that give a copy now, or passes the demand on to an earlier moment. */
  private resolve(demand: Demand, fills: Fill[], later: Demand[]): void {
    const { space, copy } = demand;
    const { device } = space;
    if (device !== null && copy.cache === this.mayHold.atcOf(device)) {
      const { low, high, cache } = { ...copy, cache: space.cache };
      const sources = this.mayHold.leaves(space, low, high);
      const source = sources.find(
        other => other.cache === cache && isFor(other, copy) && grants(other, copy),
      );
      if (source === undefined) {
        later.push(demand);
        return;
      }
      this.resolve({ space, copy: source }, fills, later);
      fills.push({ kind: 'request', space, copy });
      return;
    }
    const chain = this.chain(space, copy);
    if (chain === null) {
      later.push(demand);
      return;
    }
    if (chain.from !== null) this.resolve({ space, copy: chain.from }, fills, later);
    for (const fill of chain.fills) fills.push(fill);
  }

  /** The reads that make a copy now: from the root, or from a pointer that may be held. */
  private chain(space: Space, copy: Copy): { from: Copy | null; fills: Fill[] } | null {
    const { held } = this.mayHold;
    const starts: { from: Copy | null; position: Position }[] = [];
    if (space.root !== 0) starts.push({ from: null, position: this.mayHold.start(space) });
    for (let at = 0; at < held.count(); at++) {
      const pointer = held.copy(at);
      if (held.isLeaf(at) || pointer.cache !== space.cache || pointer.tag !== space.tag) continue;
      if (held.covers(at, copy.low, copy.high) && !isEqual(pointer, copy))
        starts.push({ from: pointer, position: this.mayHold.behindCopy(pointer) });
    }
    for (const { from, position } of starts) {
      const fills = this.descend(space, position, copy);
      if (fills !== null) return { from, fills };
    }
    return null;
  }

  private descend(space: Space, start: Position, wanted: Copy): Fill[] | null {
    const fills: Fill[] = [];
    const { low, high } = wanted;
    for (let position = start; position.level >= levelOf(wanted.flags); ) {
      if (!this.mayHold.isSound(position)) return null;
      const copy = this.mayHold.silentCopy(space, position, low, high);
      if (copy === null) return null;
      fills.push({ kind: 'read', read: { space, position, low, high }, copy });
      if (isFor(copy, wanted) && grants(copy, wanted)) return fills;
      if ((copy.flags & LEAF) !== 0) return null;
      position = this.mayHold.behindCopy(copy);
    }
    return null;
  }
}

/** Makes the planned path on a machine with real caches. */
class Player {
  private readonly vm: Vm;
  private readonly path: PathStep[] = [];
  private readonly found: { readonly violation: Violation; readonly length: number }[] = [];

  constructor(
    program: Program,
    private readonly planned: readonly Planned[],
  ) {
    this.vm = new Vm(program, 'explicit');
  }

  play(property: PropertyId): Concrete | null {
    for (const { fills, made, walk } of this.planned) {
      for (const fill of fills) this.fill(fill);
      if (!this.make(made, walk)) break;
    }
    if (this.vm.runnable().length === 0) this.keep(this.vm.atRest());
    const cycle = this.vm.deadlock();
    if (cycle !== null) this.keep([cycle]);
    const first = this.found.find(({ violation }) => violation.property === property);
    return first === undefined
      ? null
      : { path: this.path.slice(0, first.length), violation: first.violation };
  }

  private make({ step, taken, read }: Made, walk: readonly Copy[] | null): boolean {
    if (taken !== null) return this.access(step.thread, taken, walk);
    if (step.thread === this.vm.cachesThread) return read === null || this.speculate(read);
    return this.step(step.thread, step.choice);
  }

  private access(thread: number, taken: Taken, walk: readonly Copy[] | null): boolean {
    const { possibility, space } = taken;
    switch (possibility.kind) {
      case 'hit':
        this.clearFor(taken, possibility.copy, action => walk === null || isOn(walk, action));
        return this.run(thread, space);
      case 'wait':
        this.clearFor(taken, null, () => false);
        return this.step(thread, 0);
      case 'read':
        this.clearFor(taken, null, action => leadsTo(possibility.position, action));
        return this.readFor(thread, taken, possibility.result !== 'more');
      default:
        return unreachable(possibility);
    }
  }

  /** The walk's step, or for a device with a cache of its own its request and the answer. */
  private readFor(thread: number, { space }: Taken, isLast: boolean): boolean {
    const { device } = space;
    if (device === null || !device.hasAts()) return this.step(thread, 0);
    const program = this.programOf(thread);
    if (program?.hasRequest() !== true && !this.step(thread, 0)) return false;
    if (!isLast) return this.answer(device.index);
    for (let steps = 0; steps < ACCESS_STEPS; steps++) {
      if (program?.hasRequest() !== true) return true;
      if (!this.answer(device.index)) return false;
    }
    return false;
  }

  /** Steps of a thread until its access is over, or in flight; and of the agent that answers its request. */
  private run(thread: number, space: Space): boolean {
    const before = this.placeOf(thread);
    for (let steps = 0; steps < ACCESS_STEPS; steps++) {
      const program = this.programOf(thread);
      if (program?.hasRequest() === true) {
        if (!this.answer(space.device?.index ?? 0)) return false;
        continue;
      }
      if (!this.step(thread, 0)) return false;
      if (program?.stageName() === 'in-flight') return true;
      if (program === undefined && this.placeOf(thread) !== before) return true;
      if (program !== undefined && program.stageName() === 'idle') return false;
    }
    return false;
  }

  /** One step of the agent that answers the requests of a device. */
  private answer(device: number): boolean {
    const agent = this.vm.threads.find(({ kind, index }) => kind === 'ats' && index === device);
    return agent !== undefined && this.step(agent.id, 0);
  }

  private programOf(thread: number) {
    const { kind, index } = this.vm.threads[thread] ?? { kind: 'task', index: 0 };
    return kind === 'device' ? this.vm.machine.programs[index] : undefined;
  }

  /** Where a thread is: frame and instruction. */
  private placeOf(thread: number): number {
    const frames = this.vm.frames(thread);
    return frames.length * 65536 + (frames[0]?.pc ?? 0);
  }

  private step(thread: number, choice: number): boolean {
    const result = this.vm.step(thread, choice);
    if (result.status !== 'stepped' || result.limit !== null) return false;
    this.path.push({ thread, choice });
    this.keep(result.violations);
    return true;
  }

  private keep(violations: readonly Violation[]): void {
    for (const violation of violations) this.found.push({ violation, length: this.path.length });
  }

  /** A read that nobody asks for. What it fills may be there already: then any read from there will do. */
  private speculate(read: Speculative): boolean {
    const address = fromWords(read.low, read.high);
    const found = this.reads(read.space, read.position);
    const choice = found.find(({ action }) => action.address === address) ?? found[0];
    return choice === undefined || this.step(this.vm.cachesThread, choice.index);
  }

  private reads(space: Space, { table, level, gathered }: Position) {
    const actions = this.vm.caches.actions().map((action, index) => ({ action, index }));
    return actions.filter(({ action: { walk, device, pasid } }) => {
      if (walk === null || walk.agent.kind !== space.agent.kind || walk.agent.index !== space.agent.index)
        return false;
      if (device >= 0 && pasid !== space.pasid) return false;
      const { from } = walk;
      return from.table === table && from.level === level && from.gathered === gathered;
    });
  }

  /** Fills what was planned, unless it is there. */
  private fill(fill: Fill): void {
    if (fill.kind === 'request') {
      const { low, high, frame } = fill.copy;
      const address = fromWords(low, high);
      const index = this.vm.caches.actions().findIndex(action => {
        if (action.kind !== 'fill' || action.cache !== 'atc' || action.frame !== frame) return false;
        return (
          action.owner === fill.space.device?.index &&
          action.address === address &&
          action.pasid === fill.space.pasid
        );
      });
      if (index >= 0) this.step(this.vm.cachesThread, index);
      return;
    }
    const address = fromWords(fill.copy.low, fill.copy.high);
    const found = this.reads(fill.read.space, fill.read.position);
    const choice = found.find(({ action }) => action.kind === 'fill' && action.address === address);
    if (choice !== undefined) this.step(this.vm.cachesThread, choice.index);
  }

  /** Evicts what would answer an access otherwise than by a copy, or take its walk elsewhere. */
  private clearFor(taken: Taken, wanted: Copy | null, isWay: (pointer: CacheAction) => boolean): void {
    for (;;) {
      const actions = this.vm.caches.actions();
      const index = actions.findIndex(action =>
        isInTheWay(taken, action, wanted, isWay, this.flagsOf(action)),
      );
      if (index < 0 || !this.step(this.vm.cachesThread, index)) return;
    }
  }

  private flagsOf({ cache, owner, slot }: CacheAction): number {
    return this.vm.machine.flagsIn(cache, owner, slot);
  }
}

/** Whether a cached pointer is one of these. */
function isOn(walk: readonly Copy[], { level, frame }: CacheAction): boolean {
  return walk.some(copy => levelOf(copy.flags) === level && copy.frame === frame);
}

/** Whether a walk with a cached pointer, and no deeper one, goes on at a position. */
function leadsTo({ level, table }: Position, pointer: CacheAction): boolean {
  return pointer.level > level + 1 || (pointer.level === level + 1 && pointer.frame === table);
}

function isInTheWay(
  { space, low, high, write }: Taken,
  action: CacheAction,
  wanted: Copy | null,
  isWay: (pointer: CacheAction) => boolean,
  flags: number,
): boolean {
  if (action.kind !== 'evict') return false;
  const isOurs =
    space.device === null
      ? action.device < 0 && action.owner === space.agent.index
      : action.device === space.device.index && action.pasid === space.pasid;
  const address = fromWords(low, high);
  const size = 4096 * 512 ** (action.level - 1);
  if (!isOurs || address < action.address || action.address + size <= address) return false;
  if (!action.leaf) return !isWay(action);
  const need = space.device === null ? (write ? U | W | D : U) : write ? W : 0;
  if ((flags & need) !== need) return false;
  return wanted === null || action.frame !== wanted.frame || ((flags ^ wanted.flags) & MARK) !== 0;
}

/** Whether two copies are of an entry of the same level for the same address, leading to the same frame. */
function isFor(copy: Copy, other: Copy): boolean {
  if (((copy.flags ^ other.flags) & LEAF) !== 0 || levelOf(copy.flags) !== levelOf(other.flags)) return false;
  return copy.frame === other.frame && copy.low === other.low && copy.high === other.high;
}

/** Whether the flags of a copy do for another. */
function grants({ flags }: Copy, { flags: other }: Copy): boolean {
  const rights = W | U | D;
  if (((flags ^ other) & MARK) !== 0) return false;
  if ((other & LEAF) === 0) return ((flags ^ other) & (rights | NX)) === 0;
  return (flags & other & rights) === (other & rights);
}

function isEqual(copy: Copy, other: Copy): boolean {
  return (
    copy.cache === other.cache && copy.flags === other.flags && copy.tag === other.tag && isFor(copy, other)
  );
}
