/** The page-table tree: every address space from its root down, and beside it the roots that IOMMUs walk. */
import { canonical, entrySpan, PAGE_SIZE } from '../base/address';
import { FRAME_WORDS } from '../base/words';
import { cpuName } from '../machine/config';
import { PASIDS } from '../machine/device';
import {
  formatEntry,
  PTE,
  pteDangling,
  pteFrame,
  pteHuge,
  pteMapped,
  ptePresent,
} from '../machine/entry-format';
import { FREE, TABLE } from '../machine/frames';
import { Causes, whereText } from '../session/causes';
import type { Recorded } from '../session/history';
import { deviceName, mmText } from '../session/names';
import type { Session } from '../session/session';
import { objectsOf } from '../session/values';
import { addressText } from '../vm/format';
import { type FilePath, leaf, type Marks, originOf, sizeText } from './nodes';
import type { TreeNode } from './tree';

/** Names of the levels, by number. */
const levelNames = ['', 'PTE', 'PMD', 'PUD', 'PGD', 'P4D'];
/** Entries shown of one address space, and of one table: a tree of a million rows is of no use. */
const ENTRIES_MAX = 2000;
const ENTRIES_PER_TABLE = 128;

interface Drawing {
  readonly session: Session;
  readonly events: readonly Recorded[];
  readonly causes: Causes;
  readonly previous: number;
  readonly filePath: FilePath;
}

/** The tree. `previous` is the position of the stop before: what was stored since is marked as changed. */
export function pageTableNodes(session: Session, previous: number, filePath: FilePath): TreeNode[] {
  const events = session.events();
  const drawing = { session, events, causes: new Causes(events), previous, filePath };
  return [...mmNodes(drawing), ...iommuNodes(drawing)];
}

function mmNodes(drawing: Drawing): TreeNode[] {
  const { session } = drawing;
  const { vm } = session;
  const layout = vm.layout.structs.get('mm');
  const field = layout?.struct.fields.find(each => each.name === 'pgd');
  if (layout === undefined || field === undefined) return [];
  return objectsOf(session, 'mm').map(({ name }) => {
    const object = Number(name.slice('mm#'.length));
    const root = vm.words.get(layout.base + (object - 1) * layout.struct.words + field.offset) - 1;
    const label = mmText(vm, object);
    const users = cpusAt(session, root);
    const loaded = users.length === 0 ? 'on no CPU' : `CR3 of ${users.join(', ')}`;
    const description = root < 0 ? 'no page table' : `root in frame ${root}, ${loaded}`;
    const top = { frame: root, level: vm.machine.config.levels, base: 0, id: `mm${object}` };
    const children = root < 0 ? [] : tableNodes(drawing, top, { entries: ENTRIES_MAX });
    return { ...leaf(`mm${object}`, label, 'symbol-namespace'), description, children };
  });
}

function cpusAt(session: Session, root: number): string[] {
  const { machine } = session.vm;
  return machine.cpus.flatMap((_, cpu) =>
    root >= 0 && machine.cr3(cpu) === root ? [cpuName(machine.config, cpu)] : [],
  );
}

/** PASID table entries, each pointing to a root. */
function iommuNodes({ session, events, filePath, previous }: Drawing): TreeNode[] {
  const { machine } = session.vm;
  return machine.devices.flatMap((_, device) => {
    const children: TreeNode[] = [];
    for (let pasid = 0; pasid < PASIDS; pasid++) {
      const root = machine.gcr3(device, pasid);
      if (root < 0) continue;
      const written = events.findLast(
        ({ event }) =>
          event.type === 'machine' &&
          event.event.type === 'gcr3' &&
          event.event.device === device &&
          event.event.pasid === pasid,
      );
      const isFreed = machine.frameKind(root) === FREE;
      const marks: Marks = [
        ...(isFreed ? (['freed'] as const) : []),
        ...(written !== undefined && written.position > previous ? (['changed'] as const) : []),
      ];
      children.push({
        ...leaf(`device${device}.${pasid}`, `PASID ${pasid}`, 'references'),
        description: `-> ${rootName(session, root)}`,
        marks,
        origin: originOf(session, written ?? null, filePath),
      });
    }
    if (children.length === 0) return [];
    const id = `device${device}`;
    const description = `PASID table, ${children.length === 1 ? '1 entry' : `${children.length} entries`}`;
    return [{ ...leaf(id, deviceName(session.vm, device), 'circuit-board'), description, children }];
  });
}

function rootName(session: Session, root: number): string {
  const layout = session.vm.layout.structs.get('mm');
  const field = layout?.struct.fields.find(each => each.name === 'pgd');
  for (const { name } of objectsOf(session, 'mm')) {
    const object = Number(name.slice('mm#'.length));
    const index = (layout?.base ?? 0) + (object - 1) * (layout?.struct.words ?? 0) + (field?.offset ?? 0);
    if (session.vm.words.get(index) - 1 === root) return `${mmText(session.vm, object)}, frame ${root}`;
  }
  return session.vm.machine.frameKind(root) === FREE ? `freed frame ${root}` : `table in frame ${root}`;
}

/**
 * The entries of a table and what they point to. `left` counts down the rows an address space may still have.
 */
function tableNodes(
  drawing: Drawing,
  { frame, level, base, id }: { frame: number; level: number; base: number; id: string },
  left: { entries: number },
): TreeNode[] {
  const { machine } = drawing.session.vm;
  if (machine.frameKind(frame) !== TABLE) return [];
  const nodes: TreeNode[] = [];
  let hidden = 0;
  for (let slot = machine.nextPopulated(frame, 0, FRAME_WORDS); slot >= 0; ) {
    if (left.entries > 0 && nodes.length < ENTRIES_PER_TABLE) {
      left.entries--;
      nodes.push(
        entryNode(drawing, { frame, slot, level, address: base + slot * entrySpan(level), id }, left),
      );
    } else hidden++;
    slot = machine.nextPopulated(frame, slot + 1, FRAME_WORDS);
  }
  if (hidden > 0) nodes.push(leaf(`${id}/more`, `${hidden} more entries`, 'ellipsis'));
  return nodes;
}

function entryNode(
  drawing: Drawing,
  at: { frame: number; slot: number; level: number; address: number; id: string },
  left: { entries: number },
): TreeNode {
  const { session, causes, previous, filePath } = drawing;
  const { frame, slot, level } = at;
  const { vm } = session;
  const value = vm.machine.readEntry(frame, slot);
  const isPointer = level > 1 && ptePresent(value) && !pteHuge(value);
  const stored = causes.store(frame, slot);
  const marks: Marks = [
    ...(pteDangling(value) ? (['freed'] as const) : []),
    ...(stored !== null && stored.position > previous ? (['changed'] as const) : []),
  ];
  const id = `${at.id}/${slot}`;
  const below = { frame: pteFrame(value), level: level - 1, base: at.address, id };
  const name = `${levelNames[level] ?? `level ${level}`} ${slot}`;
  return {
    id,
    label: isPointer ? name : `${name}: ${addressText(vm, canonical(at.address))}`,
    description: isPointer ? `-> table in frame ${pteFrame(value)}` : entryText(value, level),
    tooltip: tooltipOf(session, value, frame, slot, stored),
    icon: isPointer ? 'list-tree' : 'symbol-field',
    marks,
    origin: originOf(session, stored, filePath),
    children: isPointer ? tableNodes(drawing, below, left) : [],
  };
}

/** `frame 4 W U A`; of a huge leaf its size and all of its frames: `2 MiB, frames 512 .. 1023 W U A`. */
function entryText(value: number, level: number): string {
  const text = formatEntry(value & ~PTE.DANGLING).replace(' P ', ' ');
  if (level === 1 || !pteHuge(value) || !pteMapped(value)) return text;
  const first = pteFrame(value);
  const span = entrySpan(level);
  const frames = `${sizeText(span)}, frames ${first} .. ${first + span / PAGE_SIZE - 1}`;
  return text.replace(/ PS\b/, '').replace(`frame ${first}`, frames);
}

function tooltipOf(
  session: Session,
  value: number,
  frame: number,
  slot: number,
  stored: Recorded | null,
): string {
  const lines = [`entry ${slot} of frame ${frame}: ${formatEntry(value)}`];
  if (pteDangling(value)) lines.push(`frame ${pteFrame(value)} was freed while this entry referred to it`);
  if (stored !== null) lines.push(`stored ${whereText(session, stored)}`);
  return lines.join('\n');
}
