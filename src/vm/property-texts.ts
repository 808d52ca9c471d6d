/** The properties in plain words, for the editor's exception filters and for the documentation. */
import type { PropertyId } from '../language/properties';

/** What a property demands, and when a run is judged by it. */
export interface PropertyText {
  /** One sentence: what goes wrong when it is violated. */
  readonly says: string;
  /** One sentence: at which moment that is found, and what is left out. */
  readonly when: string;
}

/** A text for each property. */
export const propertyTexts: Readonly<Record<PropertyId, PropertyText>> = {
  'use-after-free': {
    says: 'A CPU or device accesses a data page that was freed, through a translation made before.',
    when: 'When the access completes; looking the translation up is none yet.',
  },
  'table-use-after-free': {
    says: 'A walk reads a page-table page that was freed, or sets its accessed or dirty bits.',
    when: 'At the read or write of the walk, when the pointer it follows is older than the free.',
  },
  'bad-walk': {
    says: 'A walk takes for a page-table entry what is in a page that is no page table.',
    when: 'When the walk interprets the entry.',
  },
  'access-after-protect': {
    says:
      'An access is let through that the mapping did not allow when it was issued, ' +
      'or that had no mapping.',
    when: 'When the access completes, unless an operation that lowers the rights was under way at its issue.',
  },
  'stale-after-return': {
    says: 'A system call or fault is over, and a translation it has taken away can still be used.',
    when:
      'When munmap, mprotect, madvise or a copy-on-write fault returns, for entries that were in the table ' +
      'when it began; daemons only have to be in time for the free.',
  },
  'missed-range': {
    says: 'A subscriber was not told that an entry is gone before its page was freed or its place taken.',
    when:
      'When the frame is freed or another is mapped there, for each subscriber since the entry ' +
      'was cleared; page tables count only where binds() says that an IOMMU walks them, ' +
      'and a bracket does not cover them.',
  },
  unbalanced: {
    says: 'A subscriber got more calls of invalidate_range_start than of invalidate_range_end, or fewer.',
    when: 'When the operation returns, for subscribers registered from one to the other.',
  },
  'sleep-in-atomic': {
    says: 'Something that may sleep is called under a spinlock or with interrupts off.',
    when: 'When the point is reached, whether it would have slept or not.',
  },
  deadlock: {
    says: 'Threads wait for one another, or one for itself, and nothing can end it.',
    when: 'When the circle closes, or when nothing can run and some thread has neither ended nor is idle.',
  },
  'data-race': {
    says: 'A variable that is guarded_by a lock is accessed without that lock.',
    when: 'At the access, whether another thread is near or not.',
  },
  'walk-after-release': {
    says: 'An IOMMU walks the page tables of an address space after its subscriber was released.',
    when:
      "At a walk through the subscriber's binding, once its release or unregister has returned; walks of " +
      'CPUs never count.',
  },
  'page-response': {
    says: 'A group of page requests is answered twice, after its failure, or never.',
    when: 'At the answer, and at the end when nothing can run.',
  },
  'device-failure': {
    says: 'A device gives up on an address: its requests were answered, and there is still no translation.',
    when: 'When the number of such requests in a row passes the limit of the device.',
  },
  assertion: {
    says: 'An assert of the scenario or of a model does not hold, or a value leaves the range of its type.',
    when: 'At the statement.',
  },
};
