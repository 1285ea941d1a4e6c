import { Stage } from './stage.js';

/** The end of a run whose outputs are collected. */
export class CollectSink extends Stage {
  readonly outputs: unknown[] = [];

  push(item: unknown): undefined {
    this.outputs.push(item);
    return undefined;
  }

  protected finish(): Promise<void> {
    return Promise.resolve();
  }
}

/** Outputs that wait for whoever reads them, before the nodes have to wait. */
const QUEUE_LIMIT = 16;

/** The end of a run whose outputs are read as they come. */
export class QueueSink extends Stage {
  #items: unknown[] = [];
  #isClosed = false;
  #reader: (() => void) | undefined;
  #room: (() => void) | undefined;
  #roomPromise: Promise<void> | undefined;

  push(item: unknown): Promise<void> | undefined {
    if (this.#isClosed) return undefined;
    this.#items.push(item);
    this.#wakeReader();
    if (this.#items.length < QUEUE_LIMIT) return undefined;
    this.#roomPromise ??= new Promise((resolve) => (this.#room = resolve));
    return this.#roomPromise;
  }

  /** Takes the outputs that are there; empty at the end. */
  async take(): Promise<unknown[]> {
    if (this.#items.length === 0 && !this.#isClosed)
      await new Promise<void>((resolve) => (this.#reader = resolve));
    const items = this.#items;
    this.#items = [];
    this.#freeRoom();
    return items;
  }

  /** No more outputs: those that wait can still be taken, unless nobody wants them. */
  close(dropsItems: boolean): void {
    this.#isClosed = true;
    if (dropsItems) this.#items = [];
    this.#freeRoom();
    this.#wakeReader();
  }

  protected finish(): Promise<void> {
    return Promise.resolve();
  }

  #wakeReader(): void {
    this.#reader?.();
    this.#reader = undefined;
  }

  #freeRoom(): void {
    this.#room?.();
    this.#room = undefined;
    this.#roomPromise = undefined;
  }
}
