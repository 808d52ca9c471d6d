/** What a leaf entry holds, in the words of recorded traces: `p[A+0] RWAD`, `none`, `swap l1`. */
import { entryKind, PTE, pteFrame, pteHuge, pteWrite } from '../machine/entry-format';

/** The state of an entry of a level; `page` is the name of the page it leads to. */
export function entryText(value: number, level: number, page: string): string {
  const at = ` l${level}`;
  switch (entryKind(value)) {
    case 'none':
      if (value === 0) return 'none';
      return `INVALID_PMD ${page} SPLITTING`;
    case 'present':
      return `${page} ${flagsOf(value)}${level > 1 ? ' PMD' : ''}`;
    case 'protnone':
      return `PROTNONE ${page}${at}`;
    case 'numa':
      return `NUMA ${page}${at}`;
    case 'invalid':
      return `INVALID_PMD ${page} SPLITTING`;
    case 'migration':
      return `migration_${pteWrite(value) ? 'write' : 'read'} ${page}${at}`;
    case 'file':
      return `file_pte:${pteFrame(value)}${at}`;
    case 'swap':
      return `swap${at}`;
    case 'hwpoison':
      return `hwpoison${at}`;
    case 'device':
      return `device${at}`;
  }
}

/** `RWAD`, and P for a huge entry that is being split, which models keep in the bit for software. */
function flagsOf(value: number): string {
  const flags = [
    ['W', PTE.W],
    ['A', PTE.A],
    ['D', PTE.D],
  ] as const;
  const set = flags.filter(([, bit]) => (value & bit) !== 0).map(([letter]) => letter);
  const isSplitting = pteHuge(value) && (value & PTE.SPECIAL) !== 0;
  return `R${set.join('')}${isSplitting ? 'P' : ''}`;
}
