import { OUTPUT } from '../plan/index.js';
import { Room } from './room.js';
import type { RunState } from './run-state.js';
import { Stage } from './stage.js';
import type { Tag } from './tag.js';

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
  #items: { readonly value: unknown; readonly tag: Tag | undefined }[] = [];
  #run: RunState | undefined;
  /** Called with what an output has that is taken, where somebody keeps account. */
  onTake: ((tag: Tag | undefined) => void) | undefined;
  #isClosed = false;
  #reader: (() => void) | undefined;
  readonly #room: Room = new Room();

  override join(run: RunState): void {
    // What fed it in a run before this one has ended.
    this.upstreams = [];
    this.#run = run;
    run.addMortal(this);
  }

  push(value: unknown): Promise<void> | undefined {
    const tag = this.#run?.tag;
    if (this.#isClosed || this.#run?.isStale(tag) === true) {
      this.#run?.lose(OUTPUT, tag);
      return undefined;
    }
    this.#items.push({ value, tag });
    this.#wakeReader();
    if (this.#items.length < QUEUE_LIMIT) return undefined;
    return this.#room.wait();
  }

  /** Takes the next output where there is one. */
  takeNow(): { readonly value: unknown } | undefined {
    const item = this.#items.shift();
    if (item !== undefined) this.onTake?.(item.tag);
    // Those who wait are woken once for several.
    if (this.#items.length <= QUEUE_LIMIT / 2) this.#room.free();
    return item;
  }

  /** Takes the next output once it is there; `undefined` at the end. */
  async take(): Promise<{ readonly value: unknown } | undefined> {
    while (this.#items.length === 0 && !this.#isClosed)
      await new Promise<void>((resolve) => (this.#reader = resolve));
    return this.takeNow();
  }

  /** The run goes on: what is there can still be taken. */
  die(): void {
    this.#room.free();
  }

  /** The tags of the outputs that wait. */
  waiting(): (Tag | undefined)[] {
    return this.#items.map(({ tag }) => tag);
  }

  /** Drops what has become stale. */
  interrupt(): void {
    this.#items = this.#items.filter(({ tag }) => {
      const isStale = this.#run?.isStale(tag) === true;
      if (isStale) this.#run?.lose(OUTPUT, tag);
      return !isStale;
    });
    if (this.#items.length < QUEUE_LIMIT) this.#room.free();
  }

  /** No more outputs: those that wait can still be taken, unless nobody wants them. */
  close(dropsItems: boolean): void {
    this.#isClosed = true;
    if (dropsItems) for (const { tag } of this.#items.splice(0)) this.#run?.lose(OUTPUT, tag);
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
