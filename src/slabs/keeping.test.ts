import { describe, expect, it } from 'vitest';
import { blame, type Holder, type Lender } from './keeping.js';
import type { Region } from './slab.js';

const MIB = 2 ** 20;
const region = (): Region => ({}) as Region;

/** A channel over which so many blocks are out, each kept by a node. */
function lender(...out: readonly (readonly [Region, Holder | undefined])[]): Lender {
  return {
    run: {},
    isAsking: false,
    hasNews: true,
    keptBytes: () => 0,
    ask: () => undefined,
    slicesOut: () => out.map(([each, holder]) => ({ region: each, holder, blockBytes: MIB })),
  };
}

describe('what consumers keep', () => {
  const few = { nodeId: 'few', isOneOfSeveral: false };
  const batch = { nodeId: 'batch', isOneOfSeveral: false };
  const channels = [
    lender([region(), few], [region(), undefined]),
    lender([region(), batch], [region(), batch]),
  ];

  it('ends the run once it is half of the limit, and names the node that keeps most', () => {
    expect(() => {
      blame(channels, 6 * MIB);
    }).toThrow(
      expect.objectContaining({
        code: 'RM_MEMORY_KEPT',
        nodeId: 'batch',
        message: expect.stringContaining('Node "batch" keeps 2 arrays or buffers (2097152 bytes)') as string,
      }),
    );
  });

  it('is no failure below that', () => {
    expect(() => {
      blame(channels, 6 * MIB + 1);
    }).not.toThrow();
  });

  it('is no failure where nobody is known to keep it', () => {
    expect(() => {
      blame([lender([region(), undefined])], MIB);
    }).not.toThrow();
  });

  it('counts a block that several keep once', () => {
    const shared = region();
    expect(() => {
      blame([lender([shared, few]), lender([shared, batch])], 3 * MIB);
    }).not.toThrow();
  });

  it('may be with a node behind the first one of a host', () => {
    expect(() => {
      blame([lender([region(), { nodeId: 'first', isOneOfSeveral: true }])], MIB);
    }).toThrow('Node "first", or a node after it in the same host, keeps 1 arrays');
  });
});
