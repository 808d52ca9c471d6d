/**
 * A run made once more, so that everything that happens in it is heard: locks and returns too, and for each
 * event the calls it happened in. A session keeps less, because most of it is asked for only once something
 * was found.
 */
import type { Span } from '../base/span';
import type { FunctionCode } from '../language/program';
import type { Step } from '../session/history';
import { placeOf } from '../session/place';
import type { Session } from '../session/session';
import { THREAD } from '../vm/layout';
import type { ScheduleState } from '../vm/schedule';
import type { VmEvent } from '../vm/types';
import type { Vm } from '../vm/vm';

/** One call of a function, from its entry to its return. */
export interface Activation {
  readonly fn: FunctionCode;
  readonly caller: Activation | null;
  /** Where the caller calls it; null for the first function of a thread, and for an interrupt. */
  readonly site: Span | null;
  /** The step that entered it; 0 for the first function of a thread. */
  readonly position: number;
}

/** Something that happened. What the session keeps of it, and the calls around it. */
export interface Seen {
  /** The step that did it, counted from 1: the moment after it. */
  readonly position: number;
  readonly thread: number;
  readonly event: VmEvent | SectionEvent;
  readonly span: Span | null;
  readonly call: Activation | null;
  /** The step that began the statement: an access or a walk takes several. */
  readonly since: number;
}

/** A thread begins to run where it may not sleep, or ends what it has begun. */
export interface SectionEvent {
  readonly type: 'section' | 'section-end';
  readonly why: 'lock' | 'preemption' | 'interrupts';
}

/** A line of a call trace. */
export interface CallSite {
  readonly name: string;
  readonly span: Span | null;
}

/** Steps before the end of a path of which everything is kept; a story that is longer loses its beginning. */
const STEPS_KEPT = 200_000;

/** What was seen of the whole recorded path of a session, and the last step of that path. */
interface Known {
  readonly seen: readonly Seen[];
  readonly length: number;
  readonly last: Step<ScheduleState> | undefined;
}

/** Many findings of one path are explained: it is made once more only once. */
const known = new WeakMap<Session, Known>();

/** Everything that happened up to the session's present position, in order. The session ends where it was. */
export function retrace(session: Session): readonly Seen[] {
  const { position } = session;
  let path = known.get(session);
  // A path that was left for another one has other steps from there on.
  if (path === undefined || path.length < position || session.steps[path.length - 1] !== path.last) {
    session.goTo(session.length);
    const tracer = new Tracer(session, session.length - STEPS_KEPT);
    session.retrace(
      event => tracer.told(event),
      () => tracer.arrived(),
    );
    path = { seen: tracer.seen, length: session.length, last: session.steps[session.length - 1] };
    known.set(session, path);
    session.goTo(position);
  }
  return path.seen.filter(each => each.position <= position);
}

/** The calls an event happened in, innermost first. */
export function callTrace({ call, span }: Pick<Seen, 'call' | 'span'>): CallSite[] {
  const sites: CallSite[] = [];
  let at = span;
  for (let activation = call; activation !== null; activation = activation.caller) {
    sites.push({ name: activation.fn.name, span: at ?? activation.fn.span });
    at = activation.site;
  }
  return sites;
}

/** The system call, fault or other outermost call that an event happened in, below the task's own code. */
export function operationOf(call: Activation | null): Activation | null {
  let found: Activation | null = null;
  for (let at = call; at !== null; at = at.caller) if (at.fn.role !== 'task') found = at;
  return found;
}

/** The thread whose code an agent acts for: a device's translations are asked for by its program. */
export function causeOf(vm: Vm, thread: number): number {
  const agent = vm.threads[thread];
  if (agent?.kind !== 'ats') return thread;
  const asking = vm.machine.requests(agent.index)[0]?.program;
  return vm.threads.find(({ kind, index }) => kind === 'device' && index === asking)?.id ?? thread;
}

/** Where a thread stands in its code. */
interface Standing {
  readonly call: Activation | null;
  readonly pc: number;
  readonly since: number;
}

class Tracer {
  readonly seen: Seen[] = [];
  private readonly calls = new Map<number, Activation | null>();
  private readonly standing = new Map<number, Standing>();
  private readonly sections = new Map<number, { atomic: number; irqOff: number }>();
  private isFirst = true;

  constructor(
    private readonly session: Session,
    /** What happened before is not kept. */
    private readonly from: number,
  ) {}

  told(event: VmEvent): void {
    const position = this.session.position + 1;
    const thread = 'thread' in event ? event.thread : event.violation.thread;
    if (event.type === 'call') this.entered(thread, event.fn, position);
    if (position > this.from) this.keep(thread, event, position);
    if (event.type === 'return') this.calls.set(thread, this.calls.get(thread)?.caller ?? null);
  }

  private keep(thread: number, event: VmEvent, position: number): void {
    const { vm } = this.session;
    if (event.type === 'violation') {
      // The step is over: what matters is where it was.
      const { call = null, since = position, pc = 0 } = this.standing.get(causeOf(vm, thread)) ?? {};
      const span = event.violation.span ?? call?.fn.code[pc]?.span ?? null;
      this.seen.push({ position, thread, event, span, call, since });
      return;
    }
    const cause = causeOf(vm, thread);
    const span = placeOf(vm, cause)?.span ?? null;
    const since = this.standing.get(cause)?.since ?? position;
    this.seen.push({ position, thread, event, span, call: this.calls.get(cause) ?? null, since });
  }

  arrived(): void {
    const { vm, position } = this.session;
    if (this.isFirst) {
      for (const { id } of vm.threads) this.begin(id);
      this.isFirst = false;
      return;
    }
    const thread = this.session.steps[position - 1]?.thread ?? 0;
    this.noticeSection(thread);
    for (const { id } of vm.threads) if (id === thread || this.hasMoved(id)) this.stand(id, position + 1);
  }

  private begin(thread: number): void {
    const { vm } = this.session;
    let call: Activation | null = null;
    for (const frame of vm.frames(thread).reverse())
      if (frame.fn !== null) call = { fn: frame.fn, caller: call, site: frame.span, position: 0 };
    this.calls.set(thread, call);
    this.stand(thread, 1);
    this.sections.set(thread, { atomic: 0, irqOff: 0 });
  }

  private entered(thread: number, fn: FunctionCode, position: number): void {
    const caller = this.calls.get(thread) ?? null;
    const { vm } = this.session;
    // The frame is there already: the caller's is the one below.
    const site = fn.role === 'interrupt' ? null : (vm.frames(thread)[1]?.span ?? null);
    this.calls.set(thread, { fn, caller, site, position });
  }

  /** An interrupt puts a frame on another thread. */
  private hasMoved(thread: number): boolean {
    return this.standing.get(thread)?.call !== (this.calls.get(thread) ?? null);
  }

  private stand(thread: number, since: number): void {
    const call = this.calls.get(thread) ?? null;
    const pc = placeOf(this.session.vm, thread)?.pc ?? -1;
    const before = this.standing.get(thread);
    if (before === undefined || before.call !== call || before.pc !== pc)
      this.standing.set(thread, { call, pc, since });
  }

  private noticeSection(thread: number): void {
    const { vm, position } = this.session;
    const base = vm.threadBase(thread);
    const now = { atomic: vm.words.get(base + THREAD.atomic), irqOff: vm.words.get(base + THREAD.irqOff) };
    const before = this.sections.get(thread) ?? { atomic: 0, irqOff: 0 };
    this.sections.set(thread, now);
    if (now.atomic === before.atomic && now.irqOff === before.irqOff) return;
    const isLock = this.seen.slice(-8).some(each => each.position === position && isLockEvent(each));
    const add = (type: SectionEvent['type'], why: SectionEvent['why']): void => {
      const { call, since } = this.standing.get(thread) ?? { call: null, since: position };
      const pc = this.standing.get(thread)?.pc ?? 0;
      const span = call?.fn.code[pc]?.span ?? null;
      this.seen.push({ position, thread, event: { type, why }, span, call, since });
    };
    const typeOf = (isMore: boolean) => (isMore ? 'section' : 'section-end');
    if (now.atomic !== before.atomic) add(typeOf(now.atomic > before.atomic), isLock ? 'lock' : 'preemption');
    if (now.irqOff !== before.irqOff) add(typeOf(now.irqOff > before.irqOff), 'interrupts');
  }
}

function isLockEvent({ event }: Seen): boolean {
  return event.type === 'lock' || event.type === 'unlock';
}

/** The last step a thread made before a position; 0 if it had made none. */
export function stepBefore(
  steps: readonly Pick<Step<ScheduleState>, 'thread'>[],
  thread: number,
  position: number,
): number {
  for (let at = position - 1; at >= 1; at--) if (steps[at - 1]?.thread === thread) return at;
  return 0;
}
