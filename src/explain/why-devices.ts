/** Why a device was answered wrongly, or gave up: its page requests and their answers, in order. */
import { alignDown, PAGE_SIZE } from '../base/address';
import { deviceName } from '../session/names';
import { addressText } from '../vm/format';
import { type Moment, momentOf } from './moments';
import type { Case, Story } from './why';

/** Moments shown; of longer stories the last ones. */
const MOMENTS_MAX = 12;

/** page-response, device-failure: requests, answers, and the roots that the device walked meanwhile. */
export function deviceMoments({ session, seen, finding }: Case): Story {
  const { vm } = session;
  const { violation } = finding;
  const devices = vm.machine.devices.filter(({ config }) => violation.message.includes(config.name));
  const device = devices[0]?.index ?? 0;
  const page = violation.address === null ? null : alignDown(violation.address, PAGE_SIZE);
  const moments = seen.flatMap((each): Moment[] => {
    if (each.event.type !== 'machine') return [];
    const { event } = each.event;
    if (!('device' in event) || event.device !== device) return [];
    const name = deviceName(vm, device);
    switch (event.type) {
      case 'page-request': {
        if (page !== null && alignDown(event.address, PAGE_SIZE) !== page) return [];
        const text = `asked: page request ${event.tag} of ${name} for ${addressText(vm, event.address)}`;
        return [momentOf(session, 'request', text, each)];
      }
      case 'page-response': {
        const text = `answered: group ${event.tag} of ${name}, ${event.text}`;
        return [momentOf(session, 'request', text, each)];
      }
      case 'page-request-lost': {
        const text = `lost: page request ${event.tag} of ${name}, for the log is full`;
        return [momentOf(session, 'request', text, each)];
      }
      case 'gcr3': {
        const root = event.root === null ? 'no root' : `the root in frame ${event.root}`;
        const text = `root: ${name} PASID ${event.pasid} walks ${root} from here`;
        return [momentOf(session, 'root', text, each)];
      }
      default:
        return [];
    }
  });
  return { moments: moments.slice(-MOMENTS_MAX) };
}
