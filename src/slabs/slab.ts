import { closeSync } from 'node:fs';
import type { Part } from './giving.js';

/** Who has told a consumer of a slab, and tells it when no further slice will lie there. */
export interface SlabWatcher {
  slabForgotten(slab: Slab): void;
}

let lastNumber = 0;

/** Shared memory that is open here: a file without a name. */
export class Slab {
  /** What this thread calls it on the channels that it produces for. */
  readonly number: number = ++lastNumber;
  readonly fd: number;
  readonly byteLength: number;
  readonly #watchers = new Set<SlabWatcher>();
  #isForgotten = false;

  constructor(fd: number, byteLength: number) {
    this.fd = fd;
    this.byteLength = byteLength;
  }

  /** Whether the file has been closed: no slice of it may be sent. */
  get isForgotten(): boolean {
    return this.#isForgotten;
  }

  watch(watcher: SlabWatcher): void {
    this.#watchers.add(watcher);
  }

  unwatch(watcher: SlabWatcher): void {
    this.#watchers.delete(watcher);
  }

  /** Nobody here uses it any more. Those who have it open keep its memory. */
  forget(): void {
    if (this.#isForgotten) return;
    this.#isForgotten = true;
    for (const watcher of this.#watchers) watcher.slabForgotten(this);
    this.#watchers.clear();
    closeSync(this.fd);
  }
}

/** A part of a slab that stays as it is for as long as it is held. */
export interface Region {
  readonly slab: Slab;
  /** Where it begins in its slab, in bytes. */
  readonly offset: number;
  /** Whether others get the same memory, so that nobody may write there. */
  readonly isShared: boolean;
  /** The parts of it that were given to consumers, where there are any. */
  given: Part[] | undefined;
  /** Holds it once more. */
  hold(): void;
  /** Lets go of it once. */
  release(): void;
  /** Lets go of it once for somebody who has gone without saying so, and may read it for as long as he lives: it is never used again. */
  abandon(): void;
}
