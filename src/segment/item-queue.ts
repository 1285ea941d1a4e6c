import type { CheckedQueue } from '../node/index.js';
import { Backlog } from './backlog.js';
import { EdgeQueues, type EdgeQueue } from './edge-queues.js';
import { Room } from './room.js';
import type { OnDrop, RunState } from './run-state.js';
import type { Tag } from './tag.js';

/** A bounded queue that is read as an async iterable. */
export class ItemQueue implements AsyncIterableIterator<unknown> {
  readonly #backlog: Backlog | EdgeQueues;
  readonly #readers: ((step: IteratorResult<unknown>) => void)[] = [];
  readonly #onReturn: () => void;
  /** There where somebody keeps account. */
  readonly #onDrop: OnDrop | undefined;
  #isClosed = false;
  readonly #room: Room = new Room();
  /** How many items have been handed out. */
  taken = 0;
  /** What the item has that was handed out last. */
  tag: Tag | undefined;
  /** Called with what an item has that is handed out. */
  onTake: ((tag: Tag | undefined) => void) | undefined;

  /**
   * @param limits - how many items may wait, and what becomes of more; or the queues in which they do
   * @param onReturn - called where the reader wants no more; it closes the queue
   * @param onDrop - called for each item that nobody reads
   */
  constructor(limits: CheckedQueue | EdgeQueues, onReturn: () => void, onDrop?: OnDrop) {
    this.#backlog = limits instanceof EdgeQueues ? limits : new Backlog(limits, onDrop);
    this.#onDrop = onDrop;
    this.#onReturn = onReturn;
  }

  /** Whether the next one who pushes would have to wait. */
  get isFull(): boolean {
    return this.#backlog.isFull;
  }

  /** Whether nothing more is taken. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether somebody waits for an item. */
  get isAwaited(): boolean {
    return this.#readers.length > 0;
  }

  get maxDepth(): number {
    return this.#backlog.maxDepth;
  }

  /** Items that were dropped because of a limit. */
  get dropped(): number {
    return this.#backlog.dropped;
  }

  /** Takes an item; gives a promise where there is no room for another one yet. */
  push(value: unknown, tag?: Tag, queue?: EdgeQueue): Promise<void> | undefined {
    if (this.#isClosed) {
      this.#onDrop?.(tag);
      return undefined;
    }
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      this.#handOut(tag);
      reader({ done: false, value });
      return undefined;
    }
    if (queue !== undefined && this.#backlog instanceof EdgeQueues) {
      this.#backlog.push(value, tag, queue);
      return queue.roomToWaitFor();
    }
    this.#backlog.push(value, tag);
    return this.#backlog.isFull ? this.#room.wait() : undefined;
  }

  /** No more items; those that wait are still read, unless they are dropped. */
  close(dropsItems: boolean): void {
    this.#isClosed = true;
    if (dropsItems) this.#backlog.clear();
    this.#room.free();
    for (const reader of this.#readers.splice(0)) reader({ done: true, value: undefined });
  }

  /** Drops what has become stale. */
  interrupt(run: RunState): void {
    this.#backlog.interrupt(run);
    if (!this.isFull) this.#room.free();
  }

  next(): Promise<IteratorResult<unknown>> {
    const waiting = this.#backlog.shift();
    if (waiting !== undefined) {
      this.#handOut(waiting.tag);
      this.#room.free();
      return Promise.resolve({ done: false, value: waiting.value });
    }
    if (this.#isClosed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  #handOut(tag: Tag | undefined): void {
    this.taken++;
    this.tag = tag;
    this.onTake?.(tag);
  }

  /** Whether nothing more will be handed out. */
  get isOver(): boolean {
    return this.#isClosed && this.#backlog.length === 0;
  }

  return(): Promise<IteratorResult<unknown>> {
    this.#onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
