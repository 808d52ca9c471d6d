/**
 * The thread `caches`: what caches do on their own, fills and evictions, as choices of one agent.
 *
 * Nobody waits for it, and it keeps nobody from being at rest: real caches need not do any of this. `fair`
 * and replays make none of its steps by themselves.
 */
import { cpuName } from '../machine/config';
import type { SearchAccess } from '../machine/search-access';
import type { CacheAction } from '../machine/speculation';
import { addressText } from './format';
import type { StepResult } from './types';
import type { Vm } from './vm';

/** Choices of one step at most; with more fills possible, the others are not offered. */
const ACTIONS_MAX = 4096;

/** Finds what the caches of a vm can do, once a state. */
export class Caches {
  private readonly hash = new Int32Array(4);
  private readonly knownFor = new Int32Array(4);
  private known: readonly CacheAction[] | null = null;
  private isCut = false;

  constructor(private readonly vm: Vm) {}

  /** One action: the choice says which. */
  step(): StepResult['status'] {
    const { vm } = this;
    if (vm.machine.searched !== undefined) return this.speculate(vm.machine.searched);
    const actions = this.actions();
    if (actions.length === 0) {
      vm.block('have nothing to fill or to drop', [], true);
      return 'blocked';
    }
    const action = actions[vm.choose(actions.length, vm.wantsNames ? this.names(actions) : null)];
    if (this.isCut && vm.explores) vm.limit = `caches could fill more than ${ACTIONS_MAX} entries at once`;
    if (action !== undefined) vm.machine.act(action);
    return 'stepped';
  }

  /** Fills that change something, walks that would be findings, and evictions, in a fixed order. */
  actions(): readonly CacheAction[] {
    const { vm } = this;
    vm.words.hashInto(this.hash);
    if (this.known !== null && this.hash.every((word, index) => word === this.knownFor[index]))
      return this.known;
    const fills = vm.machine.fills(ACTIONS_MAX);
    this.isCut = fills.length >= ACTIONS_MAX;
    const wanted = fills.filter(action => action.kind === 'fill' || this.isFinding(action));
    this.known = [...wanted, ...vm.machine.evictions()];
    this.knownFor.set(this.hash);
    return this.known;
  }

  /** With the caches of a search all is implied but for reads that somebody notices. */
  private speculate(searched: SearchAccess): StepResult['status'] {
    const { vm } = this;
    const reads = searched.speculative();
    const read = reads[reads.length === 0 ? 0 : vm.choose(reads.length, null)];
    if (read === undefined) {
      vm.block('have nothing to read that would be noticed', [], true);
      return 'blocked';
    }
    searched.speculate(read);
    return 'stepped';
  }

  private isFinding({ walk, pasid }: CacheAction): boolean {
    return walk !== null && this.vm.monitors.isWrongWalk(walk.agent, pasid, walk.from);
  }

  /** Names that stay the same when the program changes elsewhere. What two have in common is told apart. */
  private names(actions: readonly CacheAction[]): string[] {
    let names = actions.map(action => this.name(action));
    const details: ((action: CacheAction) => string)[] = [
      ({ frame }) => (frame < 0 ? '' : ` frame ${frame}`),
      ({ walk }) => (walk === null ? '' : ` from frame ${walk.from.table}`),
    ];
    for (const detail of details) {
      const count = countOf(names);
      names = names.map((name, index) => {
        const action = actions[index];
        return action !== undefined && (count.get(name) ?? 0) > 1 ? name + detail(action) : name;
      });
    }
    const count = new Map<string, number>();
    return names.map(name => {
      const number = (count.get(name) ?? 0) + 1;
      count.set(name, number);
      return number === 1 ? name : `${name} #${number}`;
    });
  }

  /** `fill gpu atc A pasid 1`, `evict cpu0 psc 0x7f0000000000 level 3`, `read cpu1 A level 1`. */
  private name({ kind, cache, owner, device, pasid, address, level, leaf }: CacheAction): string {
    const { machine } = this.vm;
    const of = machine.devices[device]?.config.name ?? '';
    const space = device < 0 ? '' : ` pasid ${pasid}`;
    const where = addressText(this.vm, address);
    const depth = leaf && level === 1 ? '' : ` level ${level}`;
    const cpu = cpuName(machine.config, owner);
    if (kind === 'read') return `read ${device < 0 ? cpu : of} ${where}${depth}${space}`;
    if (device < 0) return `${kind} ${cpu} ${cache} ${where}${depth}`;
    if (cache === 'atc') return `${kind} ${of} atc ${where}${depth}${space}`;
    return `${kind} ${machine.iommus[owner]?.config.name ?? '?'} ${cache} ${where}${depth} ${of}${space}`;
  }
}

function countOf(names: readonly string[]): Map<string, number> {
  const count = new Map<string, number>();
  for (const name of names) count.set(name, (count.get(name) ?? 0) + 1);
  return count;
}
