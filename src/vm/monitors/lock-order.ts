/**
 * lock-order: classes of locks that are taken in both orders. All locks of one declaration are a class: a
 * field of a struct, or a global. A lock that was taken by trylock, or as nested, is not ordered after those
 * that were held; nor is one that an interrupt handler takes ordered after those of what it interrupted.
 */
import type { Layout } from '../../base/layout';
import type { Type } from '../../language/program';
import { THREAD } from '../layout';
import type { Vm } from '../vm';

/** Locks that can be ordered. SRCU read sections cannot: they never wait. */
const ordered: ReadonlySet<string> = new Set(['spinlock', 'mutex', 'rwsem']);

/** How a lock is taken. */
export type Ordering = 'ordered' | 'nested' | 'try';

/** Which classes are held, and which were taken while which were held, in state. */
export class LockOrder {
  private readonly names: readonly string[];
  /** Row `a` has a bit for each class that was taken while `a` was held. */
  private readonly after: number;
  private readonly rowWords: number;
  /** For each thread, and for what interrupted it, how many locks of each class are held. */
  private readonly held: number;
  /** Class by the word index of a lock. A function of the layout: no part of the state. */
  private readonly classes = new Map<number, number>();

  constructor(
    private readonly vm: Vm,
    layout: Layout,
  ) {
    const { structs, globals } = vm.program;
    this.names = [
      ...globals.filter(({ type }) => holdsLock(type)).map(({ name }) => name),
      ...Object.values(structs).flatMap(({ name, fields }) =>
        fields.filter(({ type }) => holdsLock(type)).map(field => `${name}.${field.name}`),
      ),
    ];
    this.rowWords = Math.ceil(this.names.length / 32);
    this.after = layout.reserve(this.names.length * this.rowWords);
    this.held = layout.reserve(2 * vm.threads.length * this.names.length);
  }

  /** The current thread has taken the lock at a word index. */
  taken(index: number, how: Ordering): void {
    const { vm } = this;
    const lock = this.classOf(index);
    if (lock < 0) return;
    const base = this.base();
    const count = this.names.length;
    for (let before = 0; how === 'ordered' && before < count; before++)
      if (vm.words.get(base + before) > 0) this.order(before, lock);
    vm.words.put(base + lock, vm.words.get(base + lock) + 1);
  }

  /** The current thread has released the lock at a word index. */
  released(index: number): void {
    const { words } = this.vm;
    const lock = this.classOf(index);
    if (lock < 0) return;
    const at = this.base() + lock;
    if (words.get(at) > 0) words.put(at, words.get(at) - 1);
  }

  private order(before: number, lock: number): void {
    if (this.isAfter(before, lock)) return;
    const { vm } = this;
    const [first, second] = [this.names[before] ?? '?', this.names[lock] ?? '?'];
    const at = this.after + before * this.rowWords + (lock >>> 5);
    vm.words.put(at, vm.words.get(at) | (1 << (lock & 31)));
    if (before === lock)
      vm.violate('lock-order', `a second lock ${first} is taken while one is held, and not as nested`);
    else if (this.isAfter(lock, before))
      vm.violate('lock-order', `${second} is taken while ${first} is held, and it was the other way about`);
  }

  private isAfter(before: number, lock: number): boolean {
    const row = this.vm.words.get(this.after + before * this.rowWords + (lock >>> 5));
    return ((row >>> (lock & 31)) & 1) === 1;
  }

  private base(): number {
    const { vm } = this;
    const isInterrupt = vm.words.get(vm.threadBase(vm.thread) + THREAD.interrupts) > 0;
    return this.held + (2 * vm.thread + (isInterrupt ? 1 : 0)) * this.names.length;
  }

  private classOf(index: number): number {
    let found = this.classes.get(index);
    if (found === undefined) {
      found = this.names.indexOf(this.declarationOf(index));
      this.classes.set(index, found);
    }
    return found;
  }

  private declarationOf(index: number): string {
    for (const { struct, base, count } of this.vm.layout.structs.values()) {
      if (index < base || index >= base + count * struct.words) continue;
      const offset = (index - base) % struct.words;
      const field = struct.fields.findLast(each => each.offset <= offset);
      return `${struct.name}.${field?.name ?? '?'}`;
    }
    const globals = this.vm.program.globals.filter(({ name }) => this.vm.globalAt(name) <= index);
    const nearest = globals.sort((a, b) => this.vm.globalAt(b.name) - this.vm.globalAt(a.name))[0];
    return nearest?.name ?? '?';
  }
}

function holdsLock(type: Type): boolean {
  return ordered.has(type.kind) || (type.kind === 'array' && holdsLock(type.of));
}
