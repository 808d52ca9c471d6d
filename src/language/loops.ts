/** Loops over lists, masks and tables; jumps out of loops; atomic blocks. */

import type { Span } from '../base/span';
import { accessesInside, accessesOf } from './accesses';
import type { Body, Label } from './body';
import { namedType } from './declared-types';
import { accessContext, checkAccesses, checkReads, emitSet } from './effects';
import { lowerExpression, lowerTarget } from './expressions';
import type { AtomicBlock, Block, Break, Continue, ForEntries, ForItems } from './generated/ast';
import { coerce, lowerCondition } from './operators';
import { spanOf, spanOfProperty } from './parse';
import { problems } from './problems';
import { addressLocal, headOf, lowerNested, lowerStatements } from './statements';
import { addrType, entryType, formatType, sameType } from './types';
import { constant } from './value';

/** `for each T x in list` and `for each cpu c in mask`. */
export function lowerForItems(body: Body, node: ForItems): void {
  const span = headOf(node, node.items);
  const source = lowerTarget(body, node.items);
  const type = namedType(body.unit, node.type, spanOfProperty(node, 'type'));
  if (source.kind === 'wrong' || !type) return;
  const sourceType = source.kind === 'place' ? source.place.type : source.value.type;
  const isMask = sourceType.kind === 'cpumask';
  const wanted = sourceType.kind === 'list' ? sourceType.of : isMask ? ({ kind: 'cpu' } as const) : null;
  if (!wanted || (!isMask && source.kind !== 'place')) {
    if (sourceType.kind !== 'error') {
      body.unit.problems.push(problems.notIterable(spanOf(node.items), formatType(sourceType)));
    }
    return;
  }
  if (!sameType(type, wanted)) {
    const [one, other] = [formatType(wanted), formatType(type)];
    body.unit.problems.push(problems.wrongType(spanOfProperty(node, 'type'), one, other));
  }
  body.inBlock(() => {
    const item = body.addLocal(node.name, wanted, spanOfProperty(node, 'name'));
    if (item.op !== 'local') return;
    const { slot } = item;
    emitSet(body, item, constant(0), span);
    const [inside, exit]: [Label, Label] = [{ at: null }, { at: null }];
    const head = body.here();
    if (source.kind === 'place' && !isMask) {
      const list = source.place;
      checkAccesses(body, span, [...accessesInside(accessContext(body), list), 'list']);
      body.emit(span, [inside], (at, joined) => {
        return { op: 'each_item', span, joined, list, item: slot, body: at(inside), exit: at(exit) };
      });
    } else {
      const mask = source.kind === 'place' ? source.place : source.value.expr;
      checkReads(body, span, mask);
      body.emit(span, [inside], (at, joined) => {
        return { op: 'each_cpu', span, joined, mask, item: slot, body: at(inside), exit: at(exit) };
      });
    }
    finishLoop(body, head, exit, node);
  });
}

/** `for each [present] entry e at a in table from x to y`. */
export function lowerForEntries(body: Body, node: ForEntries): void {
  const span = headOf(node, node.to);
  const table = coerce(body, lowerExpression(body, node.table), { kind: 'table' }, node.table);
  const from = coerce(body, lowerExpression(body, node.from), addrType, node.from);
  const to = coerce(body, lowerExpression(body, node.to), addrType, node.to);
  const { present } = node;
  body.inBlock(() => {
    const entry = body.addLocal(node.entry, entryType, spanOfProperty(node, 'entry'));
    const address = body.addLocal(node.address, addrType, spanOfProperty(node, 'address'));
    const cursor = addressLocal(body, span);
    if (entry.op !== 'local' || address.op !== 'local') return;
    const slots = { entry: entry.slot, address: address.slot, cursor: cursor.slot };
    emitSet(body, cursor, from, span);
    const [inside, exit]: [Label, Label] = [{ at: null }, { at: null }];
    const head = body.here();
    const context = accessContext(body);
    const reads = [table, to].flatMap(expr => accessesOf(context, expr));
    checkAccesses(body, span, present ? [...reads, 'the entries of the table'] : reads);
    body.emit(span, [inside], (at, joined) => ({
      op: 'each_entry',
      span,
      joined,
      present,
      table,
      to,
      ...slots,
      body: at(inside),
      exit: at(exit),
    }));
    finishLoop(body, head, exit, node);
  });
}

function finishLoop(body: Body, head: Label, exit: Label, node: ForItems | ForEntries): void {
  body.noteBranch();
  const exits: Label[] = [exit];
  body.loops.push({ head, exits });
  lowerNested(body, node.body);
  body.loops.pop();
  body.flowBack(body.takePending(), head);
  body.flowInto(exits);
}

/** `break` and `continue`: no step of their own; they say where the step before goes on. */
export function lowerJump(body: Body, node: Break | Continue): void {
  const loop = body.loops.at(-1);
  const word = node.$type === 'Break' ? 'break' : 'continue';
  if (!loop || body.loops.length <= body.atomicLoops) {
    body.unit.problems.push(problems.jumpOutsideLoop(spanOf(node), word));
    return;
  }
  const labels = body.takePending();
  if (node.$type === 'Break') loop.exits.push(...labels);
  else body.flowBack(labels, loop.head);
}

/** `atomic { ... }` and `atomic when (g) { ... }`: one step. */
export function lowerAtomic(body: Body, node: AtomicBlock): void {
  if (body.isAtomic) {
    body.unit.problems.push(problems.nestedAtomic(spanOf(node)));
    return;
  }
  const start = body.position;
  body.isAtomic = true;
  body.atomicLoops = body.loops.length;
  if (node.guard) {
    const span = headOf(node, node.guard);
    const condition = lowerCondition(body, node.guard);
    const how = node.how ?? 'sleep';
    body.emitNext(span, (next, joined) => ({ op: 'wait', span, joined, how, condition, next }), true);
  }
  body.inBlock(() => lowerStatements(body, node.body.statements));
  for (const span of body.waitsAfter(start)) body.unit.problems.push(problems.waitInAtomic(span));
  body.endAtomic(start, spanOf(node));
  body.isAtomic = false;
  body.atomicLoops = 0;
}

/** A block that goes on in the step of the instruction before it: an atomic arm of `select`. */
export function lowerAtomicBlock(body: Body, block: Block, span: Span): void {
  if (body.isAtomic) {
    body.unit.problems.push(problems.nestedAtomic(span));
    return;
  }
  const start = body.position;
  body.isAtomic = true;
  body.atomicLoops = body.loops.length;
  body.inBlock(() => lowerStatements(body, block.statements));
  for (const wait of body.waitsAfter(start - 1)) body.unit.problems.push(problems.waitInAtomic(wait));
  body.endAtomic(start, span);
  body.isAtomic = false;
  body.atomicLoops = 0;
}
