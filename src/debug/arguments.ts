/**
 * What requests must bring. The protocol's types promise it, the wire does not, and an adapter that trusts
 * them keeps what it cannot use: a breakpoint without a line would break every restart.
 */

type Check = (value: unknown) => boolean;

const isText: Check = value => typeof value === 'string';
const isNumber: Check = value => typeof value === 'number';

function orNone(check: Check): Check {
  return value => value === undefined || check(value);
}

function listOf(check: Check): Check {
  return value => Array.isArray(value) && value.every(check);
}

function withFields(fields: Readonly<Record<string, Check>>): Check {
  return value => isRecord(value) && Object.entries(fields).every(([name, check]) => check(value[name]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

const conditions = { condition: orNone(isText), hitCondition: orNone(isText) };
const source = withFields({ path: orNone(isText) });
const line = { line: isNumber, column: orNone(isNumber) };

/** Arguments by request. Those that are not here are looked up, and refused where nothing is found. */
const expected: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  setBreakpoints: {
    source,
    breakpoints: orNone(listOf(withFields({ ...line, ...conditions, logMessage: orNone(isText) }))),
  },
  setFunctionBreakpoints: { breakpoints: listOf(withFields({ name: isText, ...conditions })) },
  setExceptionBreakpoints: { filters: listOf(isText) },
  breakpointLocations: { source, line: isNumber, endLine: orNone(isNumber) },
  evaluate: { expression: isText },
  source: { source: orNone(source) },
  'shootdown/goToPosition': { position: isNumber },
};

/** Name of an argument that is missing or is not what the protocol says; null if all are. */
export function malformedArgument(command: string, args: unknown): string | null {
  const checks = Object.hasOwn(expected, command) ? expected[command] : undefined;
  if (checks === undefined) return null;
  const given = isRecord(args) ? args : {};
  return Object.entries(checks).find(([name, check]) => !check(given[name]))?.[0] ?? null;
}
