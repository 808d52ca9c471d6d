/** What the verdict of a run does not speak of, though one would think so. */

import type { FunctionCode } from '../language/program';
import { PASIDS } from '../machine/device';
import { happened } from '../vm/happened';
import type { Session } from './session';

/** A root that a device walks. */
export interface Root {
  readonly device: number;
  readonly pasid: number;
}

/** The roots in the PASID tables now. */
export function rootsOf({ vm }: Pick<Session, 'vm'>): Root[] {
  const pasids = Array.from({ length: PASIDS }, (_, pasid) => pasid);
  return vm.machine.devices
    .flatMap(({ index }) => pasids.map(pasid => ({ device: index, pasid })))
    .filter(({ device, pasid }) => vm.machine.gcr3(device, pasid) >= 0);
}

/** Notes to be read with the verdict, a sentence each. */
export function notes(session: Session): string[] {
  const { vm } = session;
  const roots = new Map<string, Root>();
  const add = (root: Root) => roots.set(`${root.device} ${root.pasid}`, root);
  session.firstRoots.forEach(add);
  for (const { event } of session.events()) {
    if (event.type !== 'machine' || event.event.type !== 'gcr3') continue;
    if (event.event.root !== null) add(event.event);
  }
  const noted = (fn: FunctionCode, pc: number) => vm.functions[vm.functionNamed(fn.key)]?.executed[pc] ?? 0;
  const unanswered = [...roots.values()].flatMap(({ device, pasid }) => {
    const text = vm.monitors.unanswering(device, pasid);
    return text === null ? [] : [`note: ${text}`];
  });
  const limits = session.limits().length > 0 || session.stoppedAt() !== null;
  return [...unanswered, ...happened(vm.program, noted, !limits).map(text => `note: ${text}`)];
}
