/** Every property that is always watched, in the order they are shown. */
export const propertyIds = [
  'use-after-free',
  'table-use-after-free',
  'bad-walk',
  'lost-write',
  'lost-dirty',
  'cow-isolation',
  'access-after-protect',
  'stale-after-return',
  'missed-range',
  'unbalanced',
  'sleep-in-atomic',
  'deadlock',
  'lock-order',
  'data-race',
  'walk-after-release',
  'page-response',
  'device-failure',
  'refcount',
  'assertion',
] as const;

/** Id of a property, as in `expect violated ID` and in exception breakpoints. */
export type PropertyId = (typeof propertyIds)[number];

/** Whether this is the id of a property. */
export function isPropertyId(id: string): id is PropertyId {
  return propertyIds.some(property => property === id);
}
