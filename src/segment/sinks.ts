import { Room } from './room.js';
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
  readonly #room: Room = new Room();

  push(item: unknown): Promise<void> | undefined {
    if (this.#isClosed) return undefined;
    this.#items.push(item);
    this.#wakeReader();
    if (this.#items.length < QUEUE_LIMIT) return undefined;
    return this.#room.wait();
  }

  /** Takes the outputs that are there; empty at the end. */
  async take(): Promise<unknown[]> {
    if (this.#items.length === 0 && !this.#isClosed)
      await new Promise<void>((resolve) => (this.#reader = resolve));
    const items = this.#items;
    this.#items = [];
    this.#room.free();
    return items;
  }

  /** No more outputs: those that wait can still be taken, unless nobody wants them. */
  close(dropsItems: boolean): void {
    this.#isClosed = true;
    if (dropsItems) this.#items = [];
    this.#room.free();
    this.#wakeReader();
  }

  protected finish(): Promise<void> {
    return Promise.resolve();
  }

  #wakeReader(): void {
    this.#reader?.();
    this.#reader = undefined;
  }
}
