import { readSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Arena, type Block } from './arena.js';
import { slabFolder } from './folder.js';

const MIB = 2 ** 20;

function arenaOf(limitBytes: number): Arena {
  return new Arena({ path: slabFolder({}).path, limitBytes });
}

function taken(block: Block | undefined): Block {
  expect(block).toBeDefined();
  return block as Block;
}

function contentOf({ slab, offset }: Block, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  readSync(slab.fd, bytes, 0, byteLength, offset);
  return bytes;
}

describe.skipIf(process.platform !== 'linux')('an arena', () => {
  it('holds what was put into it, each in a place of its own', () => {
    const arena = arenaOf(64 * MIB);
    const blocks = [1, 2, 3].map((value) => taken(arena.put(new Uint8Array(MIB).fill(value))));
    expect(blocks.map((block) => contentOf(block, MIB)[MIB - 1])).toEqual([1, 2, 3]);
    expect(new Set(blocks.map(({ slab }) => slab)).size).toBe(1);
  });

  it('takes the block that was freed last, once everybody has let go of it', () => {
    const arena = arenaOf(64 * MIB);
    const [first, second] = [taken(arena.take(MIB)), taken(arena.take(MIB))];
    second.hold();
    second.release();
    first.release();
    expect(taken(arena.take(MIB)).offset).toBe(first.offset);
    second.release();
    expect(taken(arena.take(MIB)).offset).toBe(second.offset);
  });

  it('gives nothing beyond its limit, and makes room of what is idle for another size', () => {
    const arena = arenaOf(4 * MIB);
    const blocks = Array.from({ length: 4 }, () => taken(arena.take(MIB)));
    expect(arena.take(MIB)).toBeUndefined();
    for (const block of blocks) block.release();
    expect(arena.take(5 * MIB)).toBeUndefined();
    expect(taken(arena.take(4 * MIB)).byteLength).toBe(4 * MIB);
    expect(arena.reservedBytes).toBe(4 * MIB);
  });

  it('with a limit of nothing gives nothing', () => {
    expect(arenaOf(0).take(MIB)).toBeUndefined();
  });

  it('keeps little of what was used once', () => {
    const arena = arenaOf(512 * MIB);
    const blocks = Array.from({ length: 40 }, () => taken(arena.take(8 * MIB)));
    expect(arena.reservedBytes).toBe(320 * MIB);
    for (const block of blocks) block.release();
    expect(arena.reservedBytes).toBe(64 * MIB);
  });

  it('keeps two large blocks, as they will be needed again', () => {
    const arena = arenaOf(1024 * MIB);
    const blocks = Array.from({ length: 3 }, () => taken(arena.take(100 * MIB)));
    const size = taken(blocks[0]).byteLength;
    for (const block of blocks) block.release();
    expect(arena.reservedBytes).toBe(2 * size);
  });

  it('never uses a slab again of which somebody may read on', () => {
    const arena = arenaOf(64 * MIB);
    const [first, second] = [taken(arena.take(MIB)), taken(arena.take(MIB))];
    first.abandon();
    const third = taken(arena.take(MIB));
    expect(third.slab).not.toBe(first.slab);
    expect(second.slab.isForgotten).toBe(false);
    second.release();
    expect(second.slab.isForgotten).toBe(true);
    expect(arena.reservedBytes).toBe(MIB);
  });

  it('takes more than the limit only where it is asked to, and never more than the limit for one block', () => {
    const arena = arenaOf(4 * MIB);
    for (let count = 0; count < 4; count++) arena.take(MIB);
    expect(arena.take(MIB)).toBeUndefined();
    expect(arena.take(4 * MIB, undefined, true)).toBeDefined();
    expect(arena.take(5 * MIB, undefined, true)).toBeUndefined();
  });
});
