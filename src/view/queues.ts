/**
 * The queues between software and devices, for the tree of caches: commands, page requests in the log, and
 * the groups that devices wait for.
 */
import { deviceName } from '../session/names';
import type { Session } from '../session/session';
import { addressText } from '../vm/format';
import { leaf } from './nodes';
import type { TreeNode } from './tree';

/** The command queue and the page-request log of an IOMMU. */
export function iommuQueues({ vm }: Session, iommu: number): TreeNode[] {
  const { machine } = vm;
  const unit = machine.iommus[iommu];
  if (unit === undefined) return [];
  const { commandQueue, pprLog, devices } = unit.config;
  const commands = machine
    .commandQueue(iommu)
    .map(({ text }, index) => leaf(`command${iommu}/${index}`, text, 'arrow-small-right'));
  const log = machine.pprLog(iommu).map((request, index) => {
    const what = request.stop ? 'stop marker' : addressText(vm, request.address);
    const parts = [
      `${deviceName(vm, request.device)} PASID ${request.pasid}`,
      ...(request.stop ? [] : [`tag ${request.tag}`, request.write ? 'write' : 'read']),
      ...(request.last && !request.stop ? ['last of its group'] : []),
    ];
    return { ...leaf(`ppr${iommu}/${index}`, what, 'question'), description: parts.join(', ') };
  });
  const overflow = machine.pprOverflow(iommu) ? ', overflown: nothing is logged' : '';
  const queue = leaf(`commands${iommu}`, 'command queue', 'list-ordered');
  const requests = leaf(`pprs${iommu}`, 'page-request log', 'list-ordered');
  return [
    { ...queue, description: `${commands.length} of ${commandQueue}`, children: commands },
    ...(devices.some(device => device.requests > 0)
      ? [{ ...requests, description: `${log.length} of ${pprLog}${overflow}`, children: log }]
      : []),
  ];
}

/** The page requests that a device waits for, a node each group; nothing for a device without PRI. */
export function deviceRequests({ vm }: Session, device: number): TreeNode[] {
  const { machine } = vm;
  if ((machine.devices[device]?.config.requests ?? 0) === 0) return [];
  const pri = machine.pri(device);
  const groups = machine
    .requests(device)
    .filter(({ tag }) => tag >= 0)
    .map(request => {
      const node = leaf(`group${device}/${request.tag}`, addressText(vm, request.address), 'question');
      const size = request.pages === 1 ? '1 page' : `${request.pages} pages`;
      const arrived = request.arrived === request.pages ? 'sent' : `${request.arrived} sent`;
      const how = request.write ? 'write' : 'read';
      return {
        ...node,
        description: `tag ${request.tag}, PASID ${request.pasid}, ${how} ${size}, ${arrived}`,
      };
    });
  const states = [
    `${pri.outstanding} of ${pri.allocation} outstanding`,
    ...(pri.enabled ? [] : [pri.stopped ? 'stopped' : 'disabled']),
    ...(pri.responseFailure ? ['RF'] : []),
    ...(pri.unexpectedResponse ? ['UPRGI'] : []),
    ...(machine.hasFailed(device) ? ['the device has failed'] : []),
  ];
  const node = leaf(`requests${device}`, 'page requests', 'list-ordered');
  return [{ ...node, description: states.join(', '), children: groups }];
}
