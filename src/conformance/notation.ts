/**
 * The tokens of a recorded sequence, read: `START(A+0..4)`, `pte(A+0: RW->none)`, `free[p[A+3], p[A+2]]`.
 * What a model does is put into the same form, so that equal is equal.
 */
import { PAGE_SIZE } from '../base/address';
import type { Recording, Registration } from './recording';

/** A range of one mapping in bytes from its start, `to` exclusive, counted from the mapping of `from`. */
export interface Stretch {
  readonly mapping: string;
  readonly from: number;
  readonly to: number;
}

/** Where: a stretch of a watched mapping; all; nothing; a mapping that was not watched; no address at all. */
export type Extent = Stretch | 'ALL' | 'empty' | 'other' | null;

/** Something that came, entry changes apart. */
export type Item =
  | { readonly kind: 'event'; readonly name: string; readonly sub: number | null; readonly extent: Extent }
  /** Something done to one page: its name. */
  | { readonly kind: 'page'; readonly name: string; readonly page: string }
  /** Pages freed one after the other; of a long list only the first are named. */
  | { readonly kind: 'free'; readonly pages: readonly string[]; readonly count: number };

/** Entries that were seen changed at one moment. */
export interface EntryChange {
  readonly text: string;
  /** `A+0` alone, several with commas, or the first and the last of a row. */
  readonly entries: readonly string[];
  readonly isRow: boolean;
  readonly from: string;
  readonly to: string;
}

/** An item of a recording, with the entry changes seen before it. The last step has no item. */
export interface RecordedStep {
  readonly changes: readonly EntryChange[];
  readonly item: Item | null;
  readonly text: string;
  /** Index of the token in the sequence. */
  readonly token: number;
}

/** The steps of a recorded sequence. Marks of the recording program are left out: `"ret=0"`, `|op_end|`. */
export function recordedSteps(recording: Recording, registration: Registration): RecordedStep[] {
  const steps: RecordedStep[] = [];
  let changes: EntryChange[] = [];
  const tokens = recording.sequences[registration] ?? [];
  tokens.forEach((text, token) => {
    if (/^["|]/.test(text)) return;
    const [, one = text, times = '1'] = /^(.*?)(?: x(\d+))?$/.exec(text) ?? [];
    for (let time = 0; time < Number(times); time++) {
      const change = changeOf(one);
      if (change !== null) changes.push(change);
      else {
        steps.push({ changes, item: itemOf(one, recording), text: one, token });
        changes = [];
      }
    }
  });
  steps.push({ changes, item: null, text: 'the end', token: tokens.length });
  return steps;
}

function changeOf(text: string): EntryChange | null {
  const parts = /^pte\((.*): (\S+)->(\S+)\)$/.exec(text);
  if (parts === null) return null;
  const [, where = '', from = '', to = ''] = parts;
  const isRow = where.includes('..');
  return { text, entries: where.split(isRow ? '..' : ','), isRow, from, to };
}

/** Tokens about a page, which is named as pages are. */
const pageTokens = new Set(['copy', 'free_huge']);

function itemOf(text: string, recording: Recording): Item {
  if (text.startsWith('free[')) return freeOf(text);
  const [, name = text, sub, where] = /^(\w+)(?:#(\d+))?(?:\((.*)\))?$/.exec(text) ?? [];
  if (pageTokens.has(name)) return { kind: 'page', name, page: withoutNumber(where ?? '') };
  const extent = where === undefined || where === '' ? null : extentOf(where, recording);
  return { kind: 'event', name, sub: sub === undefined ? null : Number(sub), extent };
}

function freeOf(text: string): Item {
  const parts = text.slice('free['.length, -1).split(', ');
  const cut = /^\.\.\. (\d+) in all$/.exec(parts.at(-1) ?? '');
  const pages = (cut === null ? parts : parts.slice(0, -1)).map(withoutNumber);
  return { kind: 'free', pages, count: cut === null ? pages.length : Number(cut[1]) };
}

/** Pages that came later are numbered by the recorder in the order in which it met them: `#new1`. */
export function withoutNumber(text: string): string {
  return text.replace(/#new\d+/g, '#new');
}

function extentOf(text: string, { mappings }: Recording): Extent {
  if (text === 'ALL' || text === 'empty') return text;
  const parts = /^(.+?)\+(\d+)(?::0x([0-9a-f]+))?(?:\.\.(?:(.+?)\+)?(\d+)(?::0x([0-9a-f]+))?)?$/.exec(text);
  if (parts === null) return 'other';
  const [, mapping = '', page, byte = '0', , last, lastByte = '0'] = parts;
  if (!mappings.some(({ name }) => name === mapping)) return 'other';
  const from = Number(page) * PAGE_SIZE + Number.parseInt(byte, 16);
  const to = last === undefined ? from + PAGE_SIZE : Number(last) * PAGE_SIZE + Number.parseInt(lastByte, 16);
  return { mapping, from, to };
}

/** An item as the recordings write it. */
export function itemText(item: Item): string {
  switch (item.kind) {
    case 'free':
      return `free[${item.pages.join(', ')}]`;
    case 'page':
      return `${item.name}(${item.page})`;
    case 'event': {
      const sub = item.sub === null ? '' : `#${item.sub}`;
      return `${item.name}${sub}${extentText(item.extent)}`;
    }
  }
}

function extentText(extent: Extent): string {
  if (extent === null) return '';
  if (typeof extent === 'string') return extent === 'other' ? '(elsewhere)' : `(${extent})`;
  const { mapping, from, to } = extent;
  const place = (bytes: number) => {
    const rest = bytes % PAGE_SIZE;
    return `${Math.floor(bytes / PAGE_SIZE)}${rest === 0 ? '' : `:0x${rest.toString(16)}`}`;
  };
  if (from % PAGE_SIZE === 0 && to === from + PAGE_SIZE) return `(${mapping}+${place(from)})`;
  const last = from % PAGE_SIZE === 0 ? place(to) : `${mapping}+${place(to)}`;
  return `(${mapping}+${place(from)}..${last})`;
}

/* States of entries. */

/** A state without what no model keeps: soft-dirty, special, execute; numbers of swap slots and frames. */
export function normalState(detail: string): string {
  return withoutNumber(detail)
    .replace(/^(swap|hwpoison):\S+/, '$1')
    .replace(/^((?:\S*\[.*?\](?:#new)?|ZERO|HUGEZERO) )(\w+)/, (_, page: string, flags: string) => {
      return page + flags.replace(/[SsXUd]/g, '');
    });
}

/** Whether a state says something that `normalState` leaves out. */
export function hasMore(detail: string): boolean {
  return withoutNumber(detail) !== normalState(detail);
}

/** A state as tokens have it: `RW`, `new:R.PMD`, `none`, `swap`, `ZERO:R`. */
export function shortState(detail: string): string {
  if (detail.startsWith('none')) return 'none';
  const [word = '', flags = '', ...rest] = detail.split(' ');
  const isPage = /^h?p\[/.test(word);
  if (!isPage && !/^(HUGE)?ZERO$/.test(word)) return word.replace(/:.*/, '');
  const kind = isPage ? (word.includes('#new') ? 'new:' : '') : 'ZERO:';
  const rights = flags.includes('W') ? 'RW' : 'R';
  return `${kind}${rights}${flags.includes('P') ? '+splitting' : ''}${rest.includes('PMD') ? '.PMD' : ''}`;
}

/** A state as tokens tell states apart: an absent entry also by the table that is missing. */
export function tokenState(detail: string): string {
  return detail.startsWith('none') ? detail : shortState(detail);
}
