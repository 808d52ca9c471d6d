/**
 * The notifier tree: why the finding at hand is one, the callback call stack of this stop, the subscribers,
 * and the brackets that are open.
 */
import { placeText, rangeText, threadName } from '../session/names';
import { callbackRoundOf, type Subscriber, subscriberOf, subscribersOf } from '../session/notifier';
import type { Session } from '../session/session';
import type { Frame } from '../vm/types';
import { type FilePath, leaf, originOf } from './nodes';
import type { TreeNode } from './tree';
import { whyNodes } from './why';

/** The tree at a stop of `thread`. */
export function callbackNodes(session: Session, thread: number, filePath: FilePath): TreeNode[] {
  return [
    ...whyNodes(session, filePath),
    stackNode(session, thread, filePath),
    subscribersNode(session, filePath),
    bracketsNode(session),
  ];
}

/** From the driver's callback, or the function that calls them, down to the scenario's line. */
function stackNode(session: Session, stopped: number, filePath: FilePath): TreeNode {
  const { vm } = session;
  const order = [stopped, ...vm.threads.map(({ id }) => id).filter(id => id !== stopped)];
  const thread = order.find(id => callbackRoundOf(session, id) !== null);
  const node = leaf('stack', 'Callback call stack', 'layers');
  if (thread === undefined) return { ...node, description: 'no callback is being called' };
  const round = callbackRoundOf(session, thread);
  const range = round?.start == null || round.end == null ? '' : ` ${rangeText(vm, round.start, round.end)}`;
  const toCall = round?.toCall ?? [];
  const left = toCall.length === 0 ? '' : `, then ${toCall.map(({ driver }) => driver).join(', ')}`;
  const description = `${threadName(vm, thread)}: ${round?.callback ?? ''}${range}${left}`;
  const frames = vm.frames(thread);
  const children = frames.map((frame, index) => frameNode(session, frame, frames.length - index, filePath));
  return { ...node, description, children };
}

function frameNode(session: Session, frame: Frame, depth: number, filePath: FilePath): TreeNode {
  const isCallback = frame.fn?.callback != null;
  const icon = isCallback ? 'bell' : 'debug-stackframe';
  const breakpoint = isCallback ? { breakpoint: frame.name } : {};
  const node = { ...leaf(`stack/${depth}`, frame.name, icon), ...breakpoint };
  if (frame.span === null) return { ...node, description: frame.note ?? '' };
  const { file, line } = frame.span;
  const origin = { position: session.position, path: filePath(file), line, text: frame.name };
  return { ...node, description: placeText(frame.span), tooltip: frame.fn?.doc ?? '', origin };
}

function subscribersNode(session: Session, filePath: FilePath): TreeNode {
  const subscribers = subscribersOf(session);
  const children = subscribers.map(subscriber => subscriberNode(session, subscriber, filePath));
  const description = subscribers.length === 0 ? 'none' : `${subscribers.length}`;
  return { ...leaf('subscribers', 'Subscribers', 'broadcast'), description, children };
}

function subscriberNode(session: Session, subscriber: Subscriber, filePath: FilePath): TreeNode {
  const { object, name, mmName } = subscriber;
  const notifier = session.program.notifiers.find(each => each.driver === subscriber.driver);
  const registered = session
    .events()
    .findLast(({ event }) => event.type === 'subscribed' && event.subscriber === object);
  const children = subscriber.callbacks.map(callback => {
    const fn = session.program.functions[notifier?.callbacks[callback] ?? ''];
    const node = leaf(`subscriber${object}/${callback}`, callback, 'symbol-method');
    if (fn === undefined) return node;
    const origin = {
      position: session.position,
      path: filePath(fn.span.file),
      line: fn.span.line,
      text: fn.name,
    };
    return { ...node, description: placeText(fn.span), tooltip: fn.doc, origin, breakpoint: fn.name };
  });
  return {
    ...leaf(`subscriber${object}`, name, 'broadcast'),
    description: `on ${mmName}`,
    origin: originOf(session, registered ?? null, filePath),
    children,
  };
}

function bracketsNode(session: Session): TreeNode {
  const { vm } = session;
  const brackets = vm.monitors.subscribers.openBrackets();
  const children = brackets.map(({ subscriber, thread, start, end }, index) => ({
    ...leaf(`bracket${subscriber}.${thread}.${start}.${index}`, rangeText(vm, start, end), 'bracket'),
    description: `${subscriberOf(session, subscriber).driver}, opened by ${threadName(vm, thread)}`,
  }));
  const description = brackets.length === 0 ? 'none' : `${brackets.length}`;
  return { ...leaf('brackets', 'Open brackets', 'bracket'), description, children };
}
