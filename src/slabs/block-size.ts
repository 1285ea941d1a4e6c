import { BULK_BYTES } from '../wire/index.js';

const PAGE_BYTES = 4096;
/** What slabs of small blocks are large. */
const SLAB_BYTES = 8 * 2 ** 20;
/** From here on a slab is one block. */
const SINGLE_BYTES = 4 * 2 ** 20;

/** The size of block for some bytes: whole pages, four sizes to each doubling. */
export function blockBytesFor(byteLength: number): number {
  const pages = Math.max(Math.ceil(byteLength / PAGE_BYTES), BULK_BYTES / PAGE_BYTES);
  const step = 2 ** Math.max(Math.ceil(Math.log2(pages)) - 3, 0);
  return Math.ceil(pages / step) * step * PAGE_BYTES;
}

/** How many blocks of a size a slab holds. */
export function blocksPerSlab(blockBytes: number): number {
  return blockBytes >= SINGLE_BYTES ? 1 : Math.floor(SLAB_BYTES / blockBytes);
}
