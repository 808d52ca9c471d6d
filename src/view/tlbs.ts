/**
 * The tree of caches: per CPU the TLB and the paging-structure cache, per IOMMU the IOTLB and the walk cache,
 * per device the ATC, with the queues between them. An entry the page tables no longer back is stale, and
 * says why.
 */

import { PAGE_SIZE, tableIndex } from '../base/address';
import { cpuName } from '../machine/config';
import type { CachedCopy } from '../machine/copies';
import { pteFrame, pteHuge, ptePresent, pteWrite } from '../machine/entry-format';
import { TABLE } from '../machine/frames';
import type { CacheKind } from '../machine/observer';
import { Causes, whereText } from '../session/causes';
import type { Recorded } from '../session/history';
import { cacheText, deviceName, iommuName } from '../session/names';
import { copyText } from '../session/scopes';
import type { Session } from '../session/session';
import { addressText } from '../vm/format';
import { type FilePath, leaf, type Marks, originOf, sizeText } from './nodes';
import { deviceRequests, iommuQueues } from './queues';
import type { TreeNode } from './tree';

interface Drawing {
  readonly session: Session;
  readonly causes: Causes;
  readonly copies: readonly CachedCopy[];
  readonly previous: number;
  readonly filePath: FilePath;
}

/** The tree. `previous` is the position of the stop before: what was filled since is marked as changed. */
export function tlbNodes(session: Session, previous: number, filePath: FilePath): TreeNode[] {
  const { machine } = session.vm;
  const copies = machine.copies();
  const drawing = { session, causes: new Causes(session.events()), copies, previous, filePath };
  const cpus = machine.cpus.map((_, cpu) => {
    const children = [
      cacheNode(drawing, 'TLB', 'tlb', cpu),
      cacheNode(drawing, 'paging-structure cache', 'psc', cpu),
    ];
    const name = cpuName(machine.config, cpu);
    return unitNode(name, name, 'chip', children);
  });
  const iommus = machine.iommus.map((_, iommu) => {
    const children = [
      cacheNode(drawing, 'IOTLB', 'iotlb', iommu),
      cacheNode(drawing, 'walk cache', 'walk-cache', iommu),
      ...iommuQueues(session, iommu),
    ];
    return unitNode(`iommu${iommu}`, iommuName(session.vm, iommu), 'server', children);
  });
  const devices = machine.devices.flatMap((device, index) => {
    if (!device.hasAts()) return [];
    const children = [cacheNode(drawing, 'ATC', 'atc', index), ...deviceRequests(session, index)];
    return [unitNode(`device${index}`, deviceName(session.vm, index), 'circuit-board', children)];
  });
  return [...cpus, ...iommus, ...devices];
}

/** A unit bears the marks of what is in it, so that they show while it is folded. */
function unitNode(id: string, label: string, icon: string, children: readonly TreeNode[]): TreeNode {
  return { ...leaf(id, label, icon), marks: gathered(children), children };
}

function cacheNode(drawing: Drawing, label: string, cache: CacheKind, owner: number): TreeNode {
  const own = drawing.copies.filter(copy => copy.cache === cache && copy.owner === owner);
  const seen = new Map<string, number>();
  const children = own.map(copy => copyNode(drawing, copy, seen));
  const stale = children.filter(({ marks }) => marks.includes('stale')).length;
  const count = own.length === 1 ? '1 entry' : `${own.length} entries`;
  const description = own.length === 0 ? 'empty' : stale === 0 ? count : `${count}, ${stale} stale`;
  const tooltip = cacheText(drawing.session.vm, cache, owner);
  const node = leaf(`${cache}${owner}`, label, 'database');
  return { ...node, description, tooltip, marks: gathered(children), children };
}

function gathered(children: readonly TreeNode[]): Marks {
  return (['freed', 'stale', 'changed'] as const).filter(mark =>
    children.some(({ marks }) => marks.includes(mark)),
  );
}

function copyNode(drawing: Drawing, copy: CachedCopy, seen: Map<string, number>): TreeNode {
  const { session, causes, previous, filePath } = drawing;
  const { vm } = session;
  const fill = causes.fill(copy);
  const why = staleness(session, copy);
  const marks: Marks = [
    ...(copy.marked ? (['freed'] as const) : []),
    ...(why === null ? [] : (['stale'] as const)),
    ...(fill !== null && fill.position > previous ? (['changed'] as const) : []),
  ];
  // An ATC is of one device; an IOMMU's caches are shared by the devices behind it.
  const device = copy.cache === 'atc' ? '' : `${deviceName(vm, copy.device)} `;
  const space = copy.pasid < 0 ? '' : `, ${device}PASID ${copy.pasid}`;
  const size = copy.leaf && copy.size > PAGE_SIZE ? `, ${sizeText(copy.size)}` : '';
  const tag = `${copy.tag}.${copy.pasid}.${copy.level}`;
  const key = `${copy.cache}${copy.owner}/${tag}.${copy.leaf ? 'leaf' : 'table'}.${copy.address}`;
  const repeat = seen.get(key) ?? 0;
  seen.set(key, repeat + 1);
  return {
    id: repeat === 0 ? key : `${key}#${repeat}`,
    // Side bars are narrow: the address first, then what matters most.
    label: addressText(vm, copy.address),
    description: `${copyText(copy)}${size}${why === null ? '' : `, stale: ${why}`}${space}`,
    tooltip: history(session, causes, copy, fill, why),
    icon: copy.absent ? 'circle-slash' : copy.leaf ? 'symbol-field' : 'list-tree',
    marks,
    origin: originOf(session, fill, filePath),
    children: [],
  };
}

function history(
  session: Session,
  causes: Causes,
  copy: CachedCopy,
  fill: Recorded | null,
  why: string | null,
): string {
  const lines = [`${addressText(session.vm, copy.address)} ${copyText(copy)}`];
  if (fill !== null) lines.push(`filled ${whereText(session, fill)}`);
  if (why !== null) {
    lines.push(`stale: ${why}`);
    const unmade = causes.unmake(copy.frame);
    if (unmade !== null) lines.push(`made stale ${whereText(session, unmade)}`);
  }
  const freed = copy.marked ? causes.free(copy.frame) : null;
  if (freed !== null) lines.push(`freed ${whereText(session, freed)}`);
  return lines.join('\n');
}

/**
 * Why a copy is stale: what the tables say now where it was made; null if they still say the same, or more.
 */
function staleness(session: Session, copy: CachedCopy): string | null {
  const root = rootOf(session, copy);
  if (root < 0) return 'its address space is no longer bound';
  return copy.leaf ? leafStaleness(session, copy, root) : pointerStaleness(session, copy, root);
}

function rootOf(session: Session, copy: CachedCopy): number {
  const { machine } = session.vm;
  return copy.pasid < 0 ? copy.tag : machine.gcr3(copy.device, copy.pasid);
}

function leafStaleness(session: Session, copy: CachedCopy, root: number): string | null {
  const { machine } = session.vm;
  if (copy.absent) return machine.backing(root, copy.address) === undefined ? null : 'a page is mapped now';
  for (let offset = 0; offset < copy.size; offset += PAGE_SIZE) {
    const backing = machine.backing(root, copy.address + offset);
    if (backing === undefined) return 'the page is not mapped any more';
    if (backing.frame !== copy.frame + offset / PAGE_SIZE) return `the page is now in frame ${backing.frame}`;
    if (copy.write && !pteWrite(backing.value)) return 'the page is read-only now';
    // A huge page is backed as a whole.
    if (backing.level === copy.level) return null;
  }
  return null;
}

/** Follows the tables down to the entry that was copied. */
function pointerStaleness(session: Session, copy: CachedCopy, root: number): string | null {
  const { machine } = session.vm;
  let table = root;
  for (let level = session.vm.machine.config.levels; level >= copy.level; level--) {
    if (machine.frameKind(table) !== TABLE) return `frame ${table} is no page table any more`;
    const value = machine.readEntry(table, tableIndex(copy.address, level));
    if (!ptePresent(value) || pteHuge(value)) return 'no table is there any more';
    table = pteFrame(value);
  }
  return table === copy.frame ? null : `the table is now in frame ${table}`;
}
