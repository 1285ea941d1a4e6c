import { describe, expect, it } from 'vitest';
import type { Region } from '../slabs/index.js';
import { Borrowers } from './borrowers.js';

/** A lease that says how often it was let go of. */
class Lease {
  released = 0;
  release(): void {
    this.released++;
  }
}

describe('items that are borrowed', () => {
  const lend = (borrowers: Borrowers, items: readonly object[]): Lease => {
    const lease = new Lease();
    borrowers.lend(items, [lease as unknown as Region]);
    return lease;
  };

  it('are let go of once every node is done with each of them', () => {
    const borrowers = new Borrowers(2);
    const items = [{}, {}];
    const lease = lend(borrowers, items);
    for (const item of items) borrowers.done(item);
    borrowers.done(items[0]);
    expect(lease.released).toBe(0);
    borrowers.done(items[1]);
    expect(lease.released).toBe(1);
  });

  it('are let go of when no node gets them any more, each once', () => {
    const borrowers = new Borrowers(1);
    const [done, waiting] = [{}, {}];
    const leases = [lend(borrowers, [done]), lend(borrowers, [waiting])];
    borrowers.done(done);
    borrowers.close();
    borrowers.done(waiting);
    borrowers.close();
    expect(leases.map(({ released }) => released)).toEqual([1, 1]);
  });
});
