/** Stops the program at a bug of ours. Never used for mistakes of a user: those are problems or values. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** A value that cannot be missing, because of how its place was found. */
export function defined<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new Error(`assertion failed: ${what} is missing`);
  return value;
}

/** Closes a switch over a union: reached only if a case was forgotten. */
export function unreachable(value: never): never {
  throw new Error(`assertion failed: unexpected ${JSON.stringify(value)}`);
}
