import type { RunState, Tag } from '../segment/index.js';

/** For how many windows of stale items others may be out: a consumer that is stuck drops none. */
const MOST_WINDOWS = 4;

/** Of the items that a channel has out, those that an interruption has made stale: they leave room for what comes after it. */
export class StaleOut {
  /** For how many of them others may be out. */
  count = 0;
  readonly #run: RunState;
  readonly #most: number;
  /** Of all that is out, in the order in which it went. */
  #tags: (Tag | undefined)[] = [];

  /** @param windowItems - how many items may be out that are not stale */
  constructor(run: RunState, windowItems: number) {
    this.#run = run;
    this.#most = MOST_WINDOWS * windowItems;
  }

  /** An item goes out. */
  add(tag: Tag | undefined): void {
    this.#tags.push(tag);
  }

  /** The consumer is done with so many items, most often with the first ones. */
  credited(items: number): void {
    this.#tags.splice(0, items);
    if (this.count > 0) this.interrupt();
  }

  /** Other items are out, after a consumer was started again. */
  reset(tags: readonly (Tag | undefined)[]): void {
    this.#tags = [...tags];
    this.interrupt();
  }

  /** Nothing is out any more; what was, in the order in which it went. */
  takeAll(): (Tag | undefined)[] {
    this.count = 0;
    return this.#tags.splice(0);
  }

  /** Counts again. */
  interrupt(): void {
    const stale = this.#tags.filter((tag) => this.#run.isStale(tag));
    this.count = Math.min(stale.length, this.#most);
  }
}
