/** What the debug adapter is asked for beyond the protocol: launch attributes and custom requests. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { MissKind } from '../explain/invalidations';
import type { MomentKind } from '../explain/moments';
import type { LaunchFiles } from '../session/load';
import type { ScheduleName } from '../session/session';
import type { Verdict } from '../session/verdict';
import { type TreeRequest, type TreeResponse, treeRequests } from '../view/tree';

/** Attributes of a launch, as in launch.json. */
export interface LaunchAttributes {
  /** Path of the scenario file. */
  readonly program: string;
  /** Name of a scenario in it; the first by default. */
  readonly scenario?: string;
  /** Runs it under another kernel than its own. */
  readonly kernel?: string;
  /** Binds this driver where the scenario binds another. */
  readonly driver?: string;
  readonly schedule?: ScheduleName;
  /** Seed of the schedule `random`. */
  readonly seed?: number;
  /** Saved schedule, for the schedule `replay`. */
  readonly trace?: string;
  readonly stopOnEntry?: boolean;
  readonly noDebug?: boolean;
  /** Ids of the properties to watch; all by default. */
  readonly properties?: readonly string[];
}

/** The launch request as the adapter receives it: the host has read the files, the adapter reads none. */
export interface LaunchArguments extends LaunchAttributes, DebugProtocol.LaunchRequestArguments {
  readonly noDebug?: boolean;
  readonly files?: LaunchFiles;
}

/** Custom requests that move a thread back: into the function it called last, out to the call of its own. */
export const reverseRequests = ['shootdown/reverseInto', 'shootdown/reverseOut'] as const;

/** Name of a reverse request. */
export type ReverseRequest = (typeof reverseRequests)[number];

/** Arguments of a reverse request. Its answer has no body; a stopped event follows. */
export interface ReverseArguments {
  readonly threadId: number;
}

/** Goes to a moment of the recorded path, which stays recorded. */
export const goToRequest = 'shootdown/goToPosition';

/** Arguments of `shootdown/goToPosition`. Its answer has no body; a stopped event follows. */
export interface GoToArguments {
  /** Steps made from the start: the moment after that step. */
  readonly position: number;
}

/** Asks why something was found: the moments that led to each finding of the recorded path. */
export const whyRequest = 'shootdown/why';

/** A moment of an explanation. */
export interface WhyMoment {
  /** What it is in the story: the fill, the store, the free, ... */
  readonly kind: MomentKind;
  /** For `shootdown/goToPosition`. */
  readonly position: number;
  readonly thread: string;
  readonly fn: string | null;
  /** Where in the source; null for hardware that acts for nobody. */
  readonly path: string | null;
  readonly line: number | null;
  readonly text: string;
}

/** Body of the answer to `shootdown/why`. */
export interface WhyResponse {
  readonly findings: readonly {
    readonly property: string;
    readonly message: string;
    readonly position: number;
    /** Why the invalidation that should have prevented it did not; null where it is about none. */
    readonly cause: MissKind | null;
    /** In the order in which they happened; the last one is the violation. */
    readonly moments: readonly WhyMoment[];
  }[];
}

/** Event of the adapter: a run has come to its end, and this is the verdict on it. */
export const verdictEvent = 'shootdown/verdict';

/** Body of the event `shootdown/verdict`. */
export type VerdictBody = Pick<Verdict, 'status' | 'text' | 'violated' | 'missing'> & {
  readonly scenario: string;
  readonly kernel: string;
};

/** Asks where on the recorded path the session is. */
export const positionRequest = 'shootdown/position';

/** Body of the answer to `shootdown/position`, in steps from the start. */
export interface PositionResponse {
  readonly position: number;
  /** Length of the path that was recorded: how far `shootdown/goToPosition` can go. */
  readonly length: number;
}

/** Custom requests: what goes in, what comes out. */
export type CustomRequests = Record<
  TreeRequest,
  { readonly arguments: object; readonly body: TreeResponse }
> &
  Record<ReverseRequest, { readonly arguments: ReverseArguments; readonly body: object }> &
  Record<typeof goToRequest, { readonly arguments: GoToArguments; readonly body: object }> &
  Record<typeof whyRequest, { readonly arguments: object; readonly body: WhyResponse }> &
  Record<typeof positionRequest, { readonly arguments: object; readonly body: PositionResponse }>;

/** Whether a command is a request for a tree. */
export function isTreeRequest(command: string): command is TreeRequest {
  return treeRequests.some(request => request === command);
}

/** Whether a command is a reverse request. */
export function isReverseRequest(command: string): command is ReverseRequest {
  return reverseRequests.some(request => request === command);
}
