import type { Region } from '../slabs/index.js';

/** Items whose bytes are lent until the nodes that read them are done. */
export class Borrowers {
  /** How many nodes get each item. */
  readonly #count: number;
  readonly #batches = new WeakMap<object, Batch>();
  /** Those whose leases have not been let go of. */
  readonly #out = new Set<Batch>();

  constructor(count: number) {
    this.#count = count;
  }

  /** Items that came together, and what they were lent. */
  lend(items: readonly unknown[], leases: readonly Region[]): void {
    if (leases.length === 0) return;
    const objects = items.filter((item): item is object => typeof item === 'object' && item !== null);
    const batch: Batch = { left: objects.length * this.#count, leases };
    this.#out.add(batch);
    for (const item of objects) this.#batches.set(item, batch);
  }

  /** No node gets an item. */
  drop(item: unknown): void {
    this.#letGo(item, this.#count);
  }

  /** A node is done with an item. */
  done(item: unknown): void {
    this.#letGo(item, 1);
  }

  #letGo(item: unknown, times: number): void {
    const batch = typeof item === 'object' && item !== null ? this.#batches.get(item) : undefined;
    if (batch === undefined || (batch.left -= times) > 0 || !this.#out.delete(batch)) return;
    for (const lease of batch.leases) lease.release();
  }

  /** The nodes are not given anything any more, and none is at work: what they never got is let go of as well. */
  close(): void {
    for (const { leases } of this.#out) for (const lease of leases) lease.release();
    this.#out.clear();
  }
}

/** The leases of one frame, and how often one of its items is still to be done with. */
interface Batch {
  left: number;
  readonly leases: readonly Region[];
}
