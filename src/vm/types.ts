/**
 * What caches do: `demand`: they fill when an access asks them to, and evict when they are full; `explicit`:
 * the same, and every fill and eviction of their own is a choice of the thread `caches`; `search`: they are
 * unlimited, and what they may hold counts, with fills and evictions implied.
 */
export type CacheMode = 'demand' | 'explicit' | 'search';

/** What the vm shows to those who drive it: threads, frames, steps, violations, events. */
import type { Span } from '../base/span';
import type { FunctionCode } from '../language/program';
import type { PropertyId } from '../language/properties';
import type { MachineEvent } from '../machine/observer';

/** A frame of a thread's stack, innermost first in lists. */
export interface Frame {
  readonly name: string;
  /** Null for hardware: a walk, a DMA, the command processor. */
  readonly fn: FunctionCode | null;
  /** Index of the next instruction in `fn.code`. */
  readonly pc: number;
  /**
   * Source of the next instruction (for callers: of the call). For hardware, that of the statement that
   * caused it, if any.
   */
  readonly span: Span | null;
  /** Word index of the frame's locals. */
  readonly locals: number;
  /** For hardware: what it is doing, in words. */
  readonly note: string | null;
}

/** What a thread waits for. */
export interface Blocked {
  /** `mmap_sem held for write by t0`, in the user's words. */
  readonly text: string;
  /** Threads that must act first, if known. */
  readonly waitsFor: readonly number[];
  /** Blocked here is no deadlock. */
  readonly idle: boolean;
}

/** A property found violated by a step. */
export interface Violation {
  readonly property: PropertyId;
  /** One sentence naming entry, frame and address. */
  readonly message: string;
  readonly thread: number;
  readonly address: number | null;
  readonly frame: number | null;
  /** Name of the function that was running, and the source of its statement; null for hardware. */
  readonly fn: string | null;
  readonly span: Span | null;
}

/** Outcome of trying one step of a thread. Nothing was written unless it is `stepped`. */
export interface StepResult {
  readonly status: 'stepped' | 'blocked' | 'finished';
  /** How many choices this step offers (1 when there is none). */
  readonly choices: number;
  /** Names of the choices, where they have any. */
  readonly choiceNames: readonly string[] | null;
  readonly violations: readonly Violation[];
  /** A limit of the scenario was reached (a pool or list is full): the run is incomplete from here. */
  readonly limit: string | null;
}

/** What happened, for people. Events carry no time; their order is the time. */
export type VmEvent =
  /** `place`: what the slot of a stored entry translates, if its table is linked; null for other events. */
  | {
      readonly type: 'machine';
      readonly thread: number;
      readonly event: MachineEvent;
      readonly place: { readonly address: number; readonly level: number } | null;
    }
  | { readonly type: 'call' | 'return'; readonly thread: number; readonly fn: FunctionCode }
  /** A callback was called (or returned): subscriber is the `mmu_notifier` object, args by parameter name. */
  | {
      readonly type: 'callback' | 'callback-return';
      readonly thread: number;
      readonly callback: string;
      readonly driver: string;
      readonly subscriber: number;
      readonly start: number | null;
      readonly end: number | null;
    }
  | {
      readonly type: 'lock' | 'unlock';
      readonly thread: number;
      readonly lock: string;
      readonly how: 'spin' | 'mutex' | 'read' | 'write' | 'srcu';
    }
  | { readonly type: 'interrupt'; readonly thread: number; readonly cpu: number; readonly fn: FunctionCode }
  | { readonly type: 'subscribed' | 'unsubscribed'; readonly thread: number; readonly subscriber: number }
  | { readonly type: 'sigsegv'; readonly thread: number; readonly address: number }
  /**
   * What properties remember of pages: `frame` was copied to `other`, or found equal to it; it was written
   * out, or nobody wants its contents any more.
   */
  | {
      readonly type: 'page';
      readonly thread: number;
      readonly what: 'copied' | 'equal' | 'written-out' | 'discarded';
      readonly frame: number;
      readonly other: number | null;
    }
  /** The operation that is held against a recording begins or has ended. */
  | { readonly type: 'mark'; readonly thread: number; readonly name: 'op_begin' | 'op_end' }
  | { readonly type: 'violation'; readonly violation: Violation };
