/** The `machine { ... }` of a scenario. */
import { assert } from '../base/assert';
import {
  DEVICES_MAX,
  type DeviceConfig,
  devicesOf,
  type IommuConfig,
  type MachineConfig,
} from '../machine/config';
import type { Device, Iommu, Machine, Setting } from './generated/ast';
import { nearestName } from './names';
import { numberOf } from './numbers';
import { spanOf, spanOfProperty } from './parse';
import { problems } from './problems';
import type { Unit } from './unit';

/** A setting: its default, its limits, and whether the number may be left out. */
interface Known {
  readonly standard: number;
  readonly min: number;
  readonly max: number;
  /** Value when the name stands alone. */
  readonly alone?: number;
  readonly takesNone?: boolean;
}

const machineSettings = {
  cpus: { standard: 1, min: 1, max: 16 },
  vcpus: { standard: 0, min: 0, max: 8 },
  frames: { standard: 64, min: 1, max: 65536 },
  levels: { standard: 4, min: 1, max: 4 },
  tlb: { standard: 16, min: 1, max: 256 },
  'paging-structure-cache': { standard: 8, min: 1, max: 256 },
  'failing-allocations': { standard: 0, min: 0, max: 15 },
};

const iommuSettings = {
  iotlb: { standard: 16, min: 1, max: 256 },
  'walk-cache': { standard: 8, min: 1, max: 256 },
  'command-queue': { standard: 16, min: 1, max: 256 },
  'ppr-log': { standard: 16, min: 1, max: 256 },
  'ppr-auto-response': { standard: -1, min: 0, max: 15, alone: 0 },
  'completion-timeouts': { standard: 0, min: 0, max: 15, alone: 1 },
  'pde-always': { standard: 0, min: 0, max: 1, alone: 1, takesNone: true },
  'pde-never': { standard: 0, min: 0, max: 1, alone: 1, takesNone: true },
  'negative-caching': { standard: 0, min: 0, max: 1, alone: 1, takesNone: true },
};

const deviceSettings = {
  ats: { standard: 0, min: 0, max: 256, alone: 16 },
  pri: { standard: 0, min: 0, max: 1, alone: 1, takesNone: true },
  requests: { standard: 4, min: 1, max: 32 },
  refaults: { standard: 0, min: 0, max: 15 },
  'split-translations': { standard: 0, min: 0, max: 1, alone: 1, takesNone: true },
};

/** The machine as configured; what is not said has its default. */
export function machineOf(unit: Unit, node: Machine | undefined): MachineConfig {
  const values = readSettings(unit, node?.settings ?? [], machineSettings);
  const names = new Set<string>();
  const iommus = (node?.iommus ?? []).map(iommu => iommuOf(unit, iommu, names));
  const count = devicesOf({ iommus }).length;
  if (node && count > DEVICES_MAX) {
    unit.problems.push(problems.badSize(spanOf(node), 'number of devices', count, 0, DEVICES_MAX));
  }
  return {
    cpus: values.cpus,
    vcpus: values.vcpus,
    frames: values.frames,
    levels: values.levels,
    tlb: values.tlb,
    pagingStructureCache: values['paging-structure-cache'],
    failingAllocations: values['failing-allocations'],
    iommus,
  };
}

function iommuOf(unit: Unit, node: Iommu, names: Set<string>): IommuConfig {
  const values = readSettings(unit, node.settings, iommuSettings);
  refuseTwice(unit, node, names);
  const never = node.settings.find(({ name }) => name === 'pde-never');
  if (never !== undefined && values['pde-always'] === 1)
    unit.problems.push(problems.settingsExclude(spanOf(never), 'pde-never', 'pde-always'));
  return {
    name: node.name,
    iotlb: values.iotlb,
    walkCache: values['walk-cache'],
    commandQueue: values['command-queue'],
    pprLog: values['ppr-log'],
    pointerFlush: values['pde-always'] === 1 ? 'always' : values['pde-never'] === 1 ? 'never' : 'pde',
    cachesAbsent: values['negative-caching'] === 1,
    autoResponse: values['ppr-auto-response'],
    completionTimeouts: values['completion-timeouts'],
    devices: node.devices.map(device => deviceOf(unit, device, names)),
  };
}

function deviceOf(unit: Unit, node: Device, names: Set<string>): DeviceConfig {
  const values = readSettings(unit, node.settings, deviceSettings);
  refuseTwice(unit, node, names);
  return {
    name: node.name,
    atc: values.ats,
    requests: values.pri === 1 ? values.requests : 0,
    refaults: values.refaults,
    splits: values['split-translations'] === 1,
  };
}

function refuseTwice(unit: Unit, node: Iommu | Device, names: Set<string>): void {
  if (names.has(node.name)) {
    unit.problems.push(problems.alreadyDeclared(spanOfProperty(node, 'name'), node.name, 'in this machine'));
  }
  names.add(node.name);
}

function readSettings<Name extends string>(
  unit: Unit,
  settings: readonly Setting[],
  known: Readonly<Record<Name, Known>>,
): Record<Name, number> {
  const values = new Map<string, number>();
  const table: Readonly<Record<string, Known>> = known;
  const names = Object.keys(known);
  for (const setting of settings) {
    const entry = Object.hasOwn(table, setting.name) ? table[setting.name] : undefined;
    const span = spanOf(setting);
    if (!entry) {
      unit.problems.push(
        problems.unknownSetting(span, setting.name, names, nearestName(setting.name, names)),
      );
      continue;
    }
    if (values.has(setting.name)) unit.problems.push(problems.alreadyDeclared(span, setting.name, 'here'));
    values.set(setting.name, settingValue(unit, setting, entry));
  }
  return fill({}, known, values);
}

function fill<Name extends string>(
  target: Partial<Record<Name, number>>,
  known: Readonly<Record<Name, Known>>,
  values: ReadonlyMap<string, number>,
): Record<Name, number> {
  const isComplete = (record: Partial<Record<Name, number>>): record is Record<Name, number> =>
    Object.keys(known).every(name => name in record);
  for (const name in known) target[name] = values.get(name) ?? known[name].standard;
  assert(isComplete(target), 'fill: a setting has no value');
  return target;
}

function settingValue(unit: Unit, setting: Setting, known: Known): number {
  const span = spanOf(setting);
  if (setting.digits === undefined) {
    if (known.alone !== undefined) return known.alone;
    unit.problems.push(problems.settingNeedsNumber(span, setting.name));
    return known.standard;
  }
  if (known.takesNone) {
    unit.problems.push(problems.settingTakesNone(span, setting.name));
    return known.alone ?? known.standard;
  }
  const value = numberOf(setting.digits);
  if (value === null) unit.problems.push(problems.malformedNumber(span, setting.digits));
  else if (value < known.min || known.max < value) {
    unit.problems.push(problems.badSize(span, setting.name, value, known.min, known.max));
  } else return value;
  return known.standard;
}
