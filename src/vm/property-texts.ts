/** What goes wrong when a property is violated, in a sentence: for the editor's exception filters. */
import type { PropertyId } from '../language/properties';

/** A sentence for each property. When and how each is judged is in docs/properties.md. */
export const propertyTexts: Readonly<Record<PropertyId, string>> = {
  'use-after-free': 'A CPU or device accesses a data page that was freed, through a translation made before.',
  'table-use-after-free':
    'A walk reads a page-table page that was freed, or sets its accessed or dirty bits.',
  'bad-walk': 'A walk takes for a page-table entry what is in a page that is no page table.',
  'lost-write': 'A store hits a page after its contents were copied, and the copy takes its place.',
  'lost-dirty': 'A page is stored to after it was written out, and nothing says that it is dirty.',
  'cow-isolation': 'A store through a private mapping changes what another address space reads.',
  'access-after-protect':
    'An access is let through that the mapping did not allow when it was issued, ' +
    'or that had no mapping.',
  'stale-after-return':
    'A system call or fault is over, and a translation it has taken away can still be used.',
  'missed-range':
    'A subscriber was not told that an entry is gone before its page was freed or its place taken.',
  unbalanced: 'A subscriber got more calls of invalidate_range_start than of invalidate_range_end, or fewer.',
  'sleep-in-atomic': 'Something that may sleep is called under a spinlock or with interrupts off.',
  deadlock: 'Threads wait for one another, or one for itself, and nothing can end it.',
  'lock-order': 'Two classes of locks are taken in both orders.',
  'data-race': 'A variable that is guarded_by a lock is accessed without that lock.',
  'walk-after-release':
    'An IOMMU walks the page tables of an address space after its subscriber was released.',
  'page-response': 'A group of page requests is answered twice, after its failure, or never.',
  'device-failure':
    'A device gives up on an address: its requests were answered, and there is still no translation.',
  refcount: 'A reference is taken of what has none, dropped once too often, or never dropped.',
  assertion:
    'An assert of the scenario or of a model does not hold, or a value leaves the range of its type.',
};
