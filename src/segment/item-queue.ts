import { Room } from './room.js';

/** A bounded queue that is read as an async iterable. */
export class ItemQueue implements AsyncIterableIterator<unknown> {
  readonly #limit: number;
  readonly #items: unknown[] = [];
  readonly #readers: ((step: IteratorResult<unknown>) => void)[] = [];
  readonly #onReturn: () => void;
  #isClosed = false;
  readonly #room: Room = new Room();
  /** How many items have been handed out. */
  taken = 0;
  maxDepth = 0;

  /**
   * @param limit - how many items may wait before whoever pushes has to
   * @param onReturn - called where the reader wants no more
   */
  constructor(limit: number, onReturn: () => void) {
    this.#limit = limit;
    this.#onReturn = onReturn;
  }

  /** Whether the next one who pushes would have to wait. */
  get isFull(): boolean {
    return this.#items.length >= this.#limit;
  }

  /** Takes an item; gives a promise where there is no room for another one yet. */
  push(item: unknown): Promise<void> | undefined {
    if (this.#isClosed) return undefined;
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      this.taken++;
      reader({ done: false, value: item });
      return undefined;
    }
    this.#items.push(item);
    const depth = this.#items.length;
    if (depth > this.maxDepth) this.maxDepth = depth;
    return depth < this.#limit ? undefined : this.#room.wait();
  }

  /** No more items; those that wait are still read, unless they are dropped. */
  close(dropsItems: boolean): void {
    this.#isClosed = true;
    if (dropsItems) this.#items.length = 0;
    this.#room.free();
    for (const reader of this.#readers.splice(0)) reader({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#items.length > 0) {
      const value = this.#items.shift();
      this.taken++;
      this.#room.free();
      return Promise.resolve({ done: false, value });
    }
    if (this.#isClosed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<IteratorResult<unknown>> {
    this.close(true);
    this.#onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
