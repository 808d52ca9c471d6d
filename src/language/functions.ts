/** Compiles one function: header first, so that bodies can call each other, then its code. */
import type { Span } from '../base/span';
import { Body } from './body';
import { lowerExpression } from './expressions';
import type { Block, Expression } from './generated/ast';
import type { FunctionHeader, ModuleFunction } from './module';
import { coerce } from './operators';
import { endOf } from './parse';
import { problems } from './problems';
import type { FunctionCode } from './program';
import { lowerStatements } from './statements';
import { addrType } from './types';
import type { Unit } from './unit';

/** A function whose header is known and whose body is still to be compiled. */
export interface FunctionSource {
  readonly header: FunctionHeader;
  readonly isOverride: boolean;
  /** The whole declaration. */
  readonly span: Span;
  readonly doc: string;
  readonly block: Block;
  readonly revokes: { readonly from: Expression; readonly to: Expression } | null;
  readonly driver: string | null;
  readonly callback: string | null;
  /** Where the parameters are named. */
  readonly paramSpans: readonly Span[];
  /** Code ahead of the first statement. */
  readonly prologue?: (body: Body) => void;
}

/** Compiles the body of a function. */
export function compileFunction(unit: Unit, source: FunctionSource): ModuleFunction {
  const { header } = source;
  const body = new Body(unit, header.role, header.result);
  header.signature.forEach(({ name, type }, index) => {
    const span = source.paramSpans[index] ?? header.span;
    if (body.declaredHere(name)) unit.problems.push(problems.alreadyDeclared(span, name, 'here'));
    body.addParameter(name, type, span);
  });
  const revokes = source.revokes && {
    from: coerce(body, lowerExpression(body, source.revokes.from), addrType, source.revokes.from),
    to: coerce(body, lowerExpression(body, source.revokes.to), addrType, source.revokes.to),
  };
  source.prologue?.(body);
  lowerStatements(body, source.block.statements);
  endFunction(body, source.block);
  const code: FunctionCode = {
    key: header.key,
    name: header.name,
    module: unit.name,
    role: header.role,
    span: source.span,
    doc: source.doc,
    params: body.params,
    locals: body.locals,
    frameWords: body.frameWords,
    result: header.result,
    code: body.finish(),
    driver: source.driver,
    callback: source.callback,
    revokes,
  };
  const { functionParams, calls, isSymbolic, allocates } = body;
  return { header, code, functionParams, calls, isSymbolic, allocates, isOverride: source.isOverride };
}

/** Coming to the closing brace is a return, and so a step. */
function endFunction(body: Body, block: Block): void {
  if (!body.isReachable) return;
  const span = endOf(block);
  if (body.result) body.unit.problems.push(problems.missingReturn(span));
  body.emit(span, [], (_, joined) => ({ op: 'return', span, joined, value: null }));
}

/** The code of a function that the compiler makes up; it has no text of its own. */
export function synthesize(unit: Unit, header: FunctionHeader, emit: (body: Body) => void): ModuleFunction {
  const body = new Body(unit, header.role, header.result);
  emit(body);
  const { span } = header;
  body.emit(span, [], (_, joined) => ({ op: 'return', span, joined, value: null }));
  const code: FunctionCode = {
    key: header.key,
    name: header.name,
    module: unit.name,
    role: header.role,
    span,
    doc: '',
    params: [],
    locals: body.locals,
    frameWords: body.frameWords,
    result: null,
    code: body.finish(),
    driver: null,
    callback: null,
    revokes: null,
  };
  const { calls, isSymbolic, allocates } = body;
  return { header, code, functionParams: [], calls, isSymbolic, allocates, isOverride: false };
}
