/**
 * lost-dirty: a store to a page that was written out, of which nothing says that it must be written again.
 *
 * Kept is which pages were written out (`page_written_out`), and whether since then a store came while
 * neither the page (`dirty`) nor an entry that maps it was dirty. It is judged when the page is freed, and
 * when everything is at rest: if the page was found dirty meanwhile, the store is not lost.
 */
import type { Layout } from '../../base/layout';
import { pteDirty } from '../../machine/entry-format';
import type { Violation } from '../types';
import type { Vm } from '../vm';
import { fieldOf } from './address-spaces';
import { entriesOf } from './mappers';
import { Records } from './records';

/** 1 + frame, whether a store may be lost. */
const WORDS = 2;

/** The pages that were written out, in state. */
export class WriteOuts {
  private readonly written: Records;

  constructor(
    private readonly vm: Vm,
    layout: Layout,
  ) {
    this.written = new Records(layout, vm.program.scenario.machine.frames, WORDS);
  }

  /** The contents of a page are read to be kept elsewhere. */
  writtenOut(frame: number): void {
    const { words } = this.vm;
    const index = this.indexOf(frame);
    if (index === undefined) this.written.add(words, [frame + 1, 0]);
    else words.put(index + 1, 0);
  }

  /** Nobody wants the contents of a page any more. */
  discarded(frame: number): void {
    const index = this.indexOf(frame);
    if (index !== undefined) this.written.remove(this.vm.words, index);
  }

  /** A store of a user or a device completes. */
  stored(frame: number): void {
    const index = this.indexOf(frame);
    if (index !== undefined && !this.isDirty(frame)) this.vm.words.put(index + 1, 1);
  }

  /** A frame is freed. */
  freed(frame: number): void {
    const index = this.indexOf(frame);
    if (index === undefined) return;
    if (this.isLost(index)) this.vm.violate('lost-dirty', `${text(frame)}, and it is freed`, { frame });
    this.written.remove(this.vm.words, index);
  }

  /** What is lost when everything is quiet. */
  atRest(): Violation[] {
    const { words } = this.vm;
    return this.written
      .all(words)
      .filter(index => this.isLost(index))
      .map(index => {
        const frame = words.get(index) - 1;
        const message = `${text(frame)}, and nobody will write it out again`;
        return { property: 'lost-dirty', message, thread: 0, address: null, frame, fn: null, span: null };
      });
  }

  private isLost(index: number): boolean {
    const { words } = this.vm;
    return words.get(index + 1) !== 0 && !this.isDirty(words.get(index) - 1);
  }

  private isDirty(frame: number): boolean {
    if (fieldOf(this.vm, 'page', 'dirty', frame + 1) !== 0) return true;
    return entriesOf(this.vm, frame).some(({ value }) => pteDirty(value));
  }

  private indexOf(frame: number): number | undefined {
    const { words } = this.vm;
    if (this.written.isEmpty(words)) return undefined;
    return this.written.all(words).find(index => words.get(index) === frame + 1);
  }
}

function text(frame: number): string {
  return `frame ${frame} was stored to after it was written out, and neither it nor an entry was dirty`;
}
