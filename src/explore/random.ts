/** Numbers drawn by a generator: the same for the same seed, on every machine. */

/** Draws numbers from 0 up to below a count; the generator has 32 bits of state. */
export type Draw = (count: number) => number;

/** A generator from its seed. */
export function generator(seed: number): Draw {
  let state = seed | 0;
  return count => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return count === 0 ? 0 : ((x ^ (x >>> 14)) >>> 0) % count;
  };
}

/** The numbers from 0 to below a count, in an order that is drawn. */
export function shuffled(count: number, draw: Draw): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = draw(last + 1);
    [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
  }
  return order;
}
