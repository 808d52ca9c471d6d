/**
 * Watches entries of one address space as the recorder did: each is found by a walk from the root, and what
 * it holds is told in the recordings' words.
 */
import { alignDown, entrySpan, PAGE_SIZE, tableIndex } from '../base/address';
import { pteFrame, pteHuge, pteMapped, ptePresent, X86_64 } from '../machine/entry-format';
import { TABLE } from '../machine/frames';
import { entryText } from '../trace/entry-text';
import { rootOf } from '../vm/monitors/address-spaces';
import type { Vm } from '../vm/vm';
import { withoutNumber } from './notation';

/** An entry that is watched: `A+0` and its address. */
export interface Watched {
  readonly name: string;
  readonly address: number;
  /** Its recorded state when the operation began: the page there goes by the name it has in it. */
  readonly first: string;
}

/** A mapping of the scenario, with the name that the recording has for it. */
export interface Place {
  readonly name: string;
  readonly address: number;
  readonly pages: number;
}

/** Where a walk has ended. */
interface Found {
  readonly level: number;
  readonly value: number;
}

const missingTable: readonly string[] = ['', '', 'pte', 'pmd', 'p4d'];
const tableKinds: readonly string[] = ['page', 'pte_table', 'pmd_table', 'pud_table', 'pgd_table'];

/** Names of the kernel's pages of zeroes, which are variables of the models. */
const zeroPages: readonly (readonly [string, string])[] = [
  ['empty_zero_page', 'ZERO'],
  ['huge_zero_page', 'HUGEZERO'],
];

/** The watched entries of a process, and the names of the pages and tables seen in them. */
export class Watch {
  /** Names of pages, and of page-table pages, by frame. */
  private readonly names = new Map<number, string>();

  constructor(
    private readonly vm: Vm,
    private readonly mm: number,
    readonly entries: readonly Watched[],
    private readonly places: readonly Place[],
  ) {
    const known = new Set<number>();
    for (const { address, first } of entries) {
      this.nameAll(address, '');
      const found = this.find(address);
      const [name] = /h?p\[[^\]]*\](#new)?/.exec(withoutNumber(first)) ?? [];
      if (typeof found === 'string' || name === undefined || known.has(pteFrame(found.value))) continue;
      known.add(pteFrame(found.value));
      if (this.names.has(pteFrame(found.value))) this.names.set(pteFrame(found.value), name);
    }
  }

  /** The states of all entries, in their order. Pages not seen before get a name that says so. */
  states(): string[] {
    return this.entries.map(({ address }) => {
      this.nameAll(address, '#new');
      const found = this.find(address);
      return typeof found === 'string'
        ? found
        : entryText(found.value, found.level, this.names.get(pteFrame(found.value)) ?? 'p[?]');
    });
  }

  /** What a frame is called; null if no watched entry led to it. */
  nameOf(frame: number): string | null {
    return this.names.get(frame) ?? null;
  }

  /** A frame went back to the allocator: what comes to lie in it is another page. */
  forget(frame: number): void {
    this.names.delete(frame);
  }

  private get root(): number {
    return this.vm.program.structs.mm === undefined ? -1 : rootOf(this.vm, this.mm);
  }

  /** Walks to an address: the entry that ends the walk, or which table is missing. */
  private find(address: number): Found | string {
    const { machine } = this.vm;
    let table = this.root;
    if (table < 0) return 'none(no_p4d_table)';
    for (let level = X86_64.levels; ; level--) {
      // A table that is freed while an entry still leads to it is no table any more.
      if (machine.frameKind(table) !== TABLE) return `none(no_${missingTable[level + 1] ?? 'p4d'}_table)`;
      const value = machine.readEntry(table, tableIndex(address, level));
      if (level === 1 || pteHuge(value)) return { level, value };
      if (!ptePresent(value))
        return level === 2 && value !== 0 ? { level, value } : `none(no_${missingTable[level]}_table)`;
      table = pteFrame(value);
    }
  }

  /** Names the tables on the way to an address, and the page there. */
  private nameAll(address: number, suffix: string): void {
    const { machine } = this.vm;
    let table = this.root;
    for (let level = X86_64.levels; level >= 1 && table >= 0; level--) {
      if (machine.frameKind(table) !== TABLE) return;
      if (level < X86_64.levels) {
        const base = alignDown(address, entrySpan(level + 1));
        this.names.set(table, `${tableKinds[level]}:${this.placeName(base)}`);
      }
      const value = machine.readEntry(table, tableIndex(address, level));
      if (level === 1 || pteHuge(value)) {
        if (pteMapped(value)) this.namePage(value, level, address, suffix);
        return;
      }
      if (!ptePresent(value)) return;
      table = pteFrame(value);
    }
  }

  private namePage(value: number, level: number, address: number, suffix: string): void {
    const frame = pteFrame(value);
    const known = this.names.get(frame);
    if (known !== undefined && !/_table:/.test(known)) return;
    const zero = zeroPages.find(([name]) => this.globalPage(name) === frame);
    const base = alignDown(address, entrySpan(level));
    const kind = level === 1 ? 'p' : 'hp';
    this.names.set(frame, zero === undefined ? `${kind}[${this.placeName(base)}]${suffix}` : zero[1]);
  }

  private globalPage(name: string): number {
    const index = this.vm.layout.globals.get(name);
    return index === undefined ? -1 : this.vm.words.get(index) - 1;
  }

  private placeName(address: number): string {
    const inside = ({ address: start, pages }: Place) =>
      start <= address && address < start + pages * PAGE_SIZE;
    const place = this.places.find(inside);
    if (place === undefined) return `0x${address.toString(16)}`;
    return `${place.name}+${Math.floor((address - place.address) / PAGE_SIZE)}`;
  }
}
