/** The scopes of a frame: `Locals`, `Notifier`, `CPU` or `Device` or `IOMMU`, `Machine`. */
import { cpuName } from '../machine/config';
import type { CachedCopy } from '../machine/copies';
import { PASIDS } from '../machine/device';
import { DATA, TABLE } from '../machine/frames';
import { addressText } from '../vm/format';
import type { Frame } from '../vm/types';
import type { Vm } from '../vm/vm';
import { deviceName, iommuName, rangeText } from './names';
import { callbackRoundOf } from './notifier';
import type { Session } from './session';
import { globalsOf, localsOf, objectsOf, row, rows, type Variable } from './values';

/** A scope of a frame; its variables are made when it is opened. */
export interface ScopeOf {
  readonly name: string;
  /** Hint for the client: `locals`, or none. */
  readonly hint: 'locals' | null;
  list(): Variable[];
}

/** The scopes of a frame of a thread, in the order they are shown. */
export function scopesOf(session: Session, thread: number, frame: Frame): ScopeOf[] {
  const scopes: ScopeOf[] = [{ name: 'Locals', hint: 'locals', list: () => localsWithNote(session, frame) }];
  const round = callbackRoundOf(session, thread);
  if (round !== null)
    scopes.push({ name: 'Notifier', hint: null, list: () => notifierRows(session, thread) });
  const unit = unitScope(session, thread);
  if (unit !== null) scopes.push(unit);
  scopes.push({ name: 'Machine', hint: null, list: () => machineRows(session) });
  return scopes;
}

function localsWithNote(session: Session, frame: Frame): Variable[] {
  const note = frame.note === null ? [] : [row('doing', frame.note)];
  return [...note, ...localsOf(session, frame)];
}

function notifierRows(session: Session, thread: number): Variable[] {
  const round = callbackRoundOf(session, thread);
  if (round === null) return [];
  const names = (list: readonly { readonly name: string }[]) =>
    list.length === 0 ? 'none' : list.map(({ name }) => name).join(', ');
  const { vm } = session;
  const range = round.start === null || round.end === null ? 'all' : rangeText(vm, round.start, round.end);
  return [
    row('callback', round.callback),
    row('mm', round.mm),
    row('range', range),
    row('called', names(round.called)),
    row('still to call', names(round.toCall)),
  ];
}

function unitScope(session: Session, thread: number): ScopeOf | null {
  const { vm } = session;
  const { kind, cpu, index } = vm.threads[thread] ?? { kind: 'task', cpu: null, index: 0 };
  if (cpu !== null) return { name: 'CPU', hint: null, list: () => cpuRows(vm, cpu) };
  if (kind === 'device') {
    const device = vm.machine.programs[index]?.device.index ?? -1;
    return { name: 'Device', hint: null, list: () => deviceRows(vm, device) };
  }
  if (kind === 'ats') return { name: 'Device', hint: null, list: () => deviceRows(vm, index) };
  if (kind === 'commands' || kind === 'ppr')
    return { name: 'IOMMU', hint: null, list: () => iommuRows(vm, index) };
  return null;
}

function rootText(root: number): string {
  return root < 0 ? 'none' : `frame ${root}`;
}

function cpuRows(vm: Vm, cpu: number): Variable[] {
  return [
    row('CR3', rootText(vm.machine.cr3(cpu))),
    cacheRow(vm, 'TLB', copy => copy.cache === 'tlb' && copy.owner === cpu),
    cacheRow(vm, 'paging-structure cache', copy => copy.cache === 'psc' && copy.owner === cpu),
  ];
}

function deviceRows(vm: Vm, device: number): Variable[] {
  if (device < 0) return [];
  const { machine } = vm;
  const bindings: Variable[] = [];
  for (let pasid = 0; pasid < PASIDS; pasid++) {
    const root = machine.gcr3(device, pasid);
    if (root >= 0) bindings.push(row(`PASID ${pasid}`, rootText(root)));
  }
  const requests = machine.requests(device).map(request => {
    const what = `${request.write ? 'write' : 'read'} ${addressText(vm, request.address)}`;
    const group = request.pages > 1 ? `, ${request.arrived} of ${request.pages} have arrived` : '';
    const tag = request.tag < 0 ? '' : `, tag ${request.tag}${group}`;
    return row(
      request.stage,
      `${what}, PASID ${request.pasid}${tag}${request.discard ? ', to be discarded' : ''}`,
    );
  });
  const flights = machine
    .inFlight()
    .filter(flight => flight.device === device)
    .map(flight =>
      row(flight.write ? 'write' : 'read', `${addressText(vm, flight.address)} at frame ${flight.frame}`),
    );
  return [
    row('page requests', machine.hasPri(device) ? 'on' : 'off', rows(priRows(vm, device))),
    ...(machine.hasFailed(device) ? [row('state', 'failed')] : []),
    row('PASID table', `${bindings.length} entries`, rows(bindings)),
    cacheRow(vm, 'ATC', copy => copy.cache === 'atc' && copy.owner === device),
    row('requests', `${requests.length}`, rows(requests)),
    row('DMA in flight', `${flights.length}`, rows(flights)),
  ];
}

/** PRI's control and status registers; nothing for a device without PRI. */
function priRows(vm: Vm, device: number): Variable[] {
  if ((vm.machine.devices[device]?.config.requests ?? 0) === 0) return [];
  const pri = vm.machine.pri(device);
  const bit = (name: string, isSet: boolean): Variable => row(name, isSet ? '1' : '0');
  return [
    row('outstanding', `${pri.outstanding} of ${pri.allocation}`),
    bit('Enable', pri.enabled),
    bit('Stopped', pri.stopped),
    bit('RF', pri.responseFailure),
    bit('UPRGI', pri.unexpectedResponse),
  ];
}

function iommuRows(vm: Vm, iommu: number): Variable[] {
  const { machine } = vm;
  const commands = machine.commandQueue(iommu).map((command, index) => row(`[${index}]`, command.text));
  const requests = machine.pprLog(iommu).map(request => {
    const name = deviceName(vm, request.device);
    if (request.stop) return row('stop marker', `${name} PASID ${request.pasid}`);
    const last = request.last ? ', last' : '';
    return row(`tag ${request.tag}`, `${name} ${addressText(vm, request.address)}${last}`);
  });
  const { commandQueue, pprLog } = machine.iommus[iommu]?.config ?? { commandQueue: 0, pprLog: 0 };
  const overflow = machine.pprOverflow(iommu) ? ', overflown: nothing is logged' : '';
  return [
    row('command queue', `${commands.length} commands of ${commandQueue}`, rows(commands)),
    row('page-request log', `${requests.length} requests of ${pprLog}${overflow}`, rows(requests)),
    cacheRow(vm, 'IOTLB', copy => copy.cache === 'iotlb' && copy.owner === iommu),
    cacheRow(vm, 'walk cache', copy => copy.cache === 'walk-cache' && copy.owner === iommu),
  ];
}

function cacheRow(vm: Vm, name: string, belongs: (copy: CachedCopy) => boolean): Variable {
  const copies = vm.machine.copies().filter(belongs);
  const list = copies.map(copy => row(addressText(vm, copy.address), copyText(copy)));
  return row(name, copies.length === 1 ? '1 entry' : `${copies.length} entries`, rows(list));
}

/** `-> frame 12 W U, freed`. */
export function copyText(copy: CachedCopy): string {
  if (copy.absent) return `-> nothing (level ${copy.level})`;
  const target = copy.leaf
    ? `-> frame ${copy.frame}`
    : `-> table in frame ${copy.frame} (level ${copy.level - 1})`;
  const rights = [copy.write ? 'W' : '', copy.user ? 'U' : '', copy.dirty ? 'D' : ''].filter(
    right => right !== '',
  );
  return `${[target, ...rights].join(' ')}${copy.marked ? ', freed' : ''}`;
}

function machineRows(session: Session): Variable[] {
  const { vm, program } = session;
  const { machine } = vm;
  const { scenario } = program;
  const used = { data: 0, table: 0 };
  for (let frame = 0; frame < scenario.machine.frames; frame++) {
    if (machine.frameKind(frame) === DATA) used.data++;
    if (machine.frameKind(frame) === TABLE) used.table++;
  }
  const cpus = machine.cpus.map((_, cpu) => row(cpuName(machine.config, cpu), '', rows(cpuRows(vm, cpu))));
  const iommus = machine.iommus.map((_, iommu) => row(iommuName(vm, iommu), '', rows(iommuRows(vm, iommu))));
  const devices = machine.devices.map((_, device) =>
    row(deviceName(vm, device), '', rows(deviceRows(vm, device))),
  );
  const pools = Object.keys(program.structs)
    .filter(struct => struct !== 'page')
    .map(struct => {
      const objects = objectsOf(session, struct);
      return row(struct, objects.length === 1 ? '1 object' : `${objects.length} objects`, rows(objects));
    });
  const runnable = new Set(vm.runnable());
  if (vm.choiceCount(vm.cachesThread).count > 0) runnable.add(vm.cachesThread);
  const threads = vm.threads.map(({ id, name }) => {
    const wait = session.waitsFor(id);
    return row(name, runnable.has(id) ? 'can run' : wait === '' ? 'has ended' : wait);
  });
  return [
    row('position', `step ${session.position}`),
    row('frames', `${used.data} data, ${used.table} tables, of ${scenario.machine.frames}`),
    row('threads', `${threads.length}`, rows(threads)),
    ...cpus,
    ...iommus,
    ...devices,
    row('globals', `${program.globals.length}`, rows(globalsOf(session))),
    ...pools,
  ];
}
