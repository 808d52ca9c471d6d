/**
 * The group of page requests that a device program has outstanding: pages in a row, each a request, the last
 * one flagged; they share an index, and get one response. A stop marker is on its way in the same manner.
 *
 * One word, 0 where there is none: requests 0..5, written to the log or lost 6..11, whether the response is
 * there 12, the response 13..16, whether the program asked for the pages itself 17, whether it is a stop
 * marker 18.
 */
import type { Layout } from '../base/layout';
import type { Wires } from './wires';

/** Responses to a group; any other is INVALID. */
export const PPR_SUCCESS = 0;
export const PPR_INVALID = 1;
export const PPR_FAILURE = 15;

const COUNT = 63;
const LOGGED_SHIFT = 6;
const ANSWERED = 1 << 12;
const STATUS_SHIFT = 13;
const ASKED = 1 << 17;
const STOP = 1 << 18;

/** What a group is for: a DMA that found no translation, `request_pages`, or a stop marker. */
export type GroupKind = 'access' | 'asked' | 'stop';

/** Requests of a group at most: the highest Outstanding Page Request Capacity. */
export const GROUP_MAX = 32;

/** Name of a response as the tables of PCIe have it. */
export function statusName(status: number): string {
  if (status === PPR_SUCCESS) return 'SUCCESS';
  return status === PPR_FAILURE ? 'FAILURE' : 'INVALID';
}

/** The group of one program. */
export class PageGroup {
  private readonly wires: Wires;
  private readonly at: number;

  constructor(wires: Wires, layout: Layout) {
    this.wires = wires;
    this.at = layout.reserve(1);
  }

  /** Begins a group of so many requests. */
  begin(count: number, kind: GroupKind): void {
    this.put((count & COUNT) | (kind === 'asked' ? ASKED : 0) | (kind === 'stop' ? STOP : 0));
  }

  /** There is none any more. */
  clear(): void {
    this.put(0);
  }

  /** Requests of the group. */
  count(): number {
    return this.word() & COUNT;
  }

  /** Requests that have reached the IOMMU: in the order of their pages. */
  arrived(): number {
    return (this.word() >>> LOGGED_SHIFT) & COUNT;
  }

  /** Whether requests are still on their way to the IOMMU. */
  isOnItsWay(): boolean {
    return this.arrived() < this.count();
  }

  /** One more request has reached the IOMMU. */
  arrive(): void {
    this.put(this.word() + (1 << LOGGED_SHIFT));
  }

  /** Whether the program asked for the pages itself. */
  isAsked(): boolean {
    return (this.word() & ASKED) !== 0;
  }

  /** Whether it is a stop marker, which gets no response. */
  isStop(): boolean {
    return (this.word() & STOP) !== 0;
  }

  /** Whether the response is there. */
  isAnswered(): boolean {
    return (this.word() & ANSWERED) !== 0;
  }

  /** Keeps the response. */
  answer(status: number): void {
    const kept = status === PPR_SUCCESS || status === PPR_FAILURE ? status : PPR_INVALID;
    this.put((this.word() & ~(15 << STATUS_SHIFT)) | ANSWERED | (kept << STATUS_SHIFT));
  }

  /** The response that was kept. */
  status(): number {
    return (this.word() >>> STATUS_SHIFT) & 15;
  }

  private word(): number {
    return this.wires.words.get(this.at);
  }

  private put(value: number): void {
    this.wires.words.put(this.at, value);
  }
}
