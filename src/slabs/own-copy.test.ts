import { expect, it, vi } from 'vitest';
import { copyOf } from './own-copy.js';
import { Slab, type Region } from './slab.js';

const MIB = 2 ** 20;
const { reads } = vi.hoisted(() => ({ reads: [] as number[][] }));

vi.mock('node:fs', () => ({
  closeSync: () => undefined,
  readSync: (_fd: number, _memory: Uint8Array, start: number, length: number, position: number) => {
    reads.push([start / 2 ** 20, length / 2 ** 20, position / 2 ** 20]);
    return length;
  },
}));

it('more than the system takes at once is copied in pieces', () => {
  const memory = { byteLength: 2500 * MIB } as Uint8Array;
  copyOf({ slab: new Slab(5, 2600 * MIB), offset: MIB } as Region, memory);
  expect(reads).toEqual([
    [0, 1024, 1],
    [1024, 1024, 1025],
    [2048, 452, 2049],
  ]);
});
