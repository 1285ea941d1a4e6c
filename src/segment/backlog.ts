import type { CheckedQueue } from '../node/index.js';
import { byteSizeOf } from './byte-size.js';
import type { OnDrop, RunState } from './run-state.js';
import type { Tag } from './tag.js';

/** An item that waits. */
export interface Waiting {
  readonly value: unknown;
  readonly tag: Tag | undefined;
  /** Its place among those of all queues of one taker; 0 where there is one queue. */
  readonly order: number;
}

interface Entry extends Waiting {
  /** When it came, in milliseconds; 0 where nobody asks. */
  readonly cameMs: number;
  /** About how much memory it takes; 0 where nobody asks. */
  readonly bytes: number;
}

/** Past so many entries that were taken the array is cut: to move it for each one would cost more, the longer it is. */
const MOST_TAKEN = 256;

/** Items that wait in order, up to a limit; what comes then waits outside, or something is dropped. Urgent items go before the others. */
export class Backlog {
  /** Most that waited at once. */
  maxDepth = 0;
  /** Those that were dropped because of a limit. */
  dropped = 0;
  readonly #limits: CheckedQueue;
  /** There where somebody keeps account. */
  readonly #onDrop: OnDrop | undefined;
  #entries: Entry[] = [];
  /** How many entries at the beginning have been taken. */
  #taken = 0;
  /** How many of the others, which are the first ones, are urgent. */
  #urgent = 0;
  #bytes = 0;

  /** @param onDrop - called for each item that nobody takes */
  constructor(limits: CheckedQueue, onDrop?: OnDrop) {
    this.#limits = limits;
    this.#onDrop = onDrop;
  }

  get length(): number {
    return this.#entries.length - this.#taken;
  }

  /** Whether who pushes has to wait before the next one. */
  get isFull(): boolean {
    return this.#limits.whenFull === 'block' && this.#isOver(0);
  }

  /** Adds an item, and drops one where the limits ask for it. */
  push(value: unknown, tag: Tag | undefined, order = 0): void {
    const { maxBytes, maxAgeMs, whenFull } = this.#limits;
    const isUrgent = tag?.urgent === true;
    const bytes = maxBytes === undefined ? 0 : byteSizeOf(value);
    if (whenFull === 'drop-newest' && !isUrgent && this.#isOver(0)) {
      this.#drop(tag);
      return;
    }
    const entry = { value, tag, order, cameMs: maxAgeMs === undefined ? 0 : performance.now(), bytes };
    if (isUrgent) this.#entries.splice(this.#taken + this.#urgent++, 0, entry);
    else this.#entries.push(entry);
    this.#bytes += bytes;
    if (whenFull === 'drop-oldest')
      while (this.length > this.#urgent + 1 && this.#isOver(1)) this.#dropOldest();
    if (this.length > this.maxDepth) this.maxDepth = this.length;
  }

  /** The first item; those that have waited too long are dropped. */
  peek(): Waiting | undefined {
    const { maxAgeMs } = this.#limits;
    for (;;) {
      const first = this.#entries[this.#taken];
      const isTooOld =
        maxAgeMs !== undefined &&
        first !== undefined &&
        this.#urgent === 0 &&
        performance.now() - first.cameMs > maxAgeMs;
      if (!isTooOld) return first;
      this.#take();
      this.#drop(first.tag);
    }
  }

  /** Takes it. */
  shift(): Waiting | undefined {
    return this.peek() === undefined ? undefined : this.#take();
  }

  /** Drops what has become stale. */
  interrupt(run: RunState): void {
    const waiting = this.#entries.slice(this.#taken);
    const left = waiting.filter(({ tag }) => !run.isStale(tag));
    if (this.#onDrop !== undefined)
      for (const { tag } of waiting) if (run.isStale(tag)) this.#onDrop(tag, 'interrupted');
    this.#taken = 0;
    this.#entries = left;
    this.#urgent = left.filter(({ tag }) => tag?.urgent === true).length;
    this.#bytes = left.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Takes over what waits in another one; to be called before anything is pushed. */
  takeOver(other: Backlog): void {
    this.#entries = other.#entries.slice(other.#taken);
    this.#urgent = other.#urgent;
    this.#bytes = other.#bytes;
    this.maxDepth = this.length;
    other.clear();
  }

  /** Drops everything, which counts as no drop. */
  clear(): void {
    if (this.#onDrop !== undefined) for (const { tag } of this.#entries.slice(this.#taken)) this.#onDrop(tag);
    this.#entries = [];
    this.#taken = this.#urgent = this.#bytes = 0;
  }

  /** Whether the limits are reached with so many items to spare. */
  #isOver(spare: number): boolean {
    const { maxItems, maxBytes } = this.#limits;
    if (this.length - spare >= maxItems) return true;
    return maxBytes !== undefined && (spare === 0 ? this.#bytes >= maxBytes : this.#bytes > maxBytes);
  }

  #take(): Waiting | undefined {
    const entry = this.#entries[this.#taken++];
    this.#bytes -= entry?.bytes ?? 0;
    if (this.#urgent > 0) this.#urgent--;
    this.#cut();
    return entry;
  }

  #dropOldest(): void {
    const [oldest] = this.#entries.splice(this.#taken + this.#urgent, 1);
    this.#bytes -= oldest?.bytes ?? 0;
    this.#drop(oldest?.tag);
  }

  #drop(tag: Tag | undefined): void {
    this.dropped++;
    this.#onDrop?.(tag, 'dropped');
  }

  #cut(): void {
    if (this.#taken === this.#entries.length) {
      this.#entries.length = 0;
      this.#taken = 0;
    } else if (this.#taken >= MOST_TAKEN) {
      this.#entries.splice(0, this.#taken);
      this.#taken = 0;
    }
  }
}
