import { ItemQueue, type OnDrop, type Tag } from '../../segment/index.js';

type Limits = ConstructorParameters<typeof ItemQueue>[0];

/** The input of a session: a queue for each run of it, of which the newest is written to. */
export class InputQueues {
  readonly #limits: Limits;
  readonly #onDrop: OnDrop | undefined;
  #newest: ItemQueue;
  /** Those of runs that have not read all. */
  #older: ItemQueue[] = [];
  /** How many items were dropped from queues that are no longer there. */
  #dropped = 0;
  #isClosed = false;

  /**
   * @param limits - of each queue
   * @param onDrop - called for each item that nobody reads
   */
  constructor(limits: Limits, onDrop?: OnDrop) {
    this.#limits = limits;
    this.#onDrop = onDrop;
    this.#newest = this.make();
  }

  /** The one that is written to. */
  get newest(): ItemQueue {
    return this.#newest;
  }

  /** Whether what is pushed is read. */
  get isOpen(): boolean {
    return !this.#newest.isClosed;
  }

  /** Whether the next one who pushes would have to wait. */
  get isFull(): boolean {
    return this.#newest.isFull;
  }

  /** Items that were dropped because of a limit. */
  get dropped(): number {
    return this.#older.reduce((sum, queue) => sum + queue.dropped, this.#dropped + this.#newest.dropped);
  }

  /** Whether nothing more is taken. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Takes an item; gives a promise where there is no room for another one yet. */
  push(value: unknown, tag: Tag): Promise<void> | undefined {
    return this.#newest.push(value, tag);
  }

  /** A queue for another run, which nobody writes to yet. */
  make(): ItemQueue {
    const close = (): void => {
      queue.close(true);
    };
    const queue: ItemQueue = new ItemQueue(this.#limits, close, this.#onDrop);
    return queue;
  }

  /** From now on this one is written to; the one before still takes nothing less than it has, until it is closed. */
  goOnWith(queue: ItemQueue): void {
    const isLeft = (older: ItemQueue): boolean => !older.isOver;
    for (const over of this.#older.filter((older) => older.isOver)) this.#dropped += over.dropped;
    this.#older = [...this.#older.filter(isLeft), this.#newest];
    this.#newest = queue;
  }

  /** No more items; those that wait are still read, unless they are dropped. */
  close(dropsItems: boolean): void {
    this.#isClosed = true;
    this.#newest.close(dropsItems);
    if (dropsItems) for (const queue of this.#older) queue.close(true);
  }
}
