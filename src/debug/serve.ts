/** One adapter, as a function of messages: the same inline, in a worker and over stdio. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { ShootdownAdapter } from './adapter';

/** Starts an adapter. Returns where to put what comes in; what goes out is sent. */
export function serveAdapter(
  send: (message: DebugProtocol.ProtocolMessage) => void,
): (message: DebugProtocol.ProtocolMessage) => void {
  const adapter = new ShootdownAdapter();
  adapter.onDidSendMessage(message => send(message as DebugProtocol.ProtocolMessage));
  return message => adapter.handleMessage(message);
}
