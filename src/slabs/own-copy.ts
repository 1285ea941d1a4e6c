import { readSync } from 'node:fs';
import type { Region } from './slab.js';

/** Bytes that are read or written at once: Node.js refuses 2 GiB. */
export const MOST_AT_ONCE: number = 2 ** 30;

/** Memory with the bytes of a part of a slab. */
export function copyOf({ slab: { fd }, offset }: Region, memory: Uint8Array): Uint8Array {
  let read = 0;
  while (read < memory.byteLength) {
    const count = readSync(fd, memory, read, Math.min(memory.byteLength - read, MOST_AT_ONCE), offset + read);
    if (count === 0) throw new RangeError('a slab became shorter than it was announced');
    read += count;
  }
  return memory;
}

/** The largest block by whose size the allocator of glibc learns, without its header. */
const LESSON_BYTES = 32 * 2 ** 20 - 2 ** 16;
let hasTaught = false;

/** Memory that nothing has been written to, so that it takes none yet. */
export function freshMemory(byteLength: number): Uint8Array {
  if (!hasTaught) teachAllocator();
  return new Uint8Array(Buffer.allocUnsafeSlow(byteLength).buffer);
}

/**
 * glibc gives large blocks, and what is free at the end of its heap, back to the system, where every page of the next block has to be made
 * and cleared anew: that takes five times as long as the copy. It stops doing so for sizes up to the largest block that was freed, and keeps
 * twice as much. So one is allocated for the collector to free; as it is never touched, it takes no memory.
 */
function teachAllocator(): void {
  hasTaught = true;
  Buffer.allocUnsafeSlow(LESSON_BYTES);
}
