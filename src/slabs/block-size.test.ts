import fc from 'fast-check';
import { expect, it } from 'vitest';
import { blockBytesFor, blocksPerSlab } from './block-size.js';

it('holds the bytes, in whole pages, and wastes at most a quarter', () => {
  fc.assert(
    fc.property(fc.integer({ min: 32 * 1024, max: 2 ** 31 }), (byteLength) => {
      const blockBytes = blockBytesFor(byteLength);
      expect(blockBytes).toBeGreaterThanOrEqual(byteLength);
      expect(blockBytes % 4096).toBe(0);
      expect(blockBytes).toBeLessThanOrEqual(byteLength * 1.25 + 4096);
      // A block of a size is a block for that size.
      expect(blockBytesFor(blockBytes)).toBe(blockBytes);
    }),
  );
});

it('makes slabs of about 8 MiB, and from 4 MiB on of one block', () => {
  expect(blocksPerSlab(32 * 1024)).toBe(256);
  expect(blocksPerSlab(2 ** 20)).toBe(8);
  expect(blocksPerSlab(4 * 2 ** 20)).toBe(1);
  expect(blocksPerSlab(2 ** 30)).toBe(1);
});
