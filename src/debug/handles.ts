/**
 * Numbers for things the client refers to until the next stop. They count from 1, so that they are the same
 * in every run.
 */
export class Handles<Thing extends object> {
  private things: Thing[] = [];

  /** A number for a thing. */
  create(thing: Thing): number {
    return this.things.push(thing);
  }

  /** The thing a number stands for; undefined if it belongs to an earlier stop. */
  get(handle: number): Thing | undefined {
    return this.things[handle - 1];
  }

  /** The numbers given out so far stand for nothing any more. */
  renew(): void {
    this.things = [];
  }
}
