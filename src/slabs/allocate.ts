import { byteLengthOf, Tensor, typedArrayOver, zeros, type DType } from '../data/index.js';
import { BULK_BYTES } from '../wire/index.js';
import { ownArena, type Block } from './arena.js';
import { canMap, detach, mapBuffer, reserveMapped } from './mapping.js';

/** The blocks that buffers of {@link allocateTensor} lie in, for as long as nodes here have them. */
const blocks = new WeakMap<ArrayBufferLike, { readonly block: Block; isHeld: boolean }>();

/**
 * A tensor in shared memory, so that it crosses to another process without a copy; in ordinary memory where it is small, where `koffi` is
 * not installed, and where there is no room. Its elements are not set to anything.
 *
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where the element type or the shape is none
 * @throws RemoteMediaError `RM_SHARED_MEMORY_FULL`
 */
export function allocateTensor(dtype: DType, shape: readonly number[]): Tensor {
  const byteLength = byteLengthOf(dtype, shape);
  if (byteLength < BULK_BYTES || !canMap()) return zeros(dtype, shape);
  const block = ownArena().take(byteLength, reserveMapped);
  if (block === undefined) return zeros(dtype, shape);
  const own = { block, isHeld: true };
  const buffer = mapBuffer(block.slab, block.offset, byteLength, () => {
    if (own.isHeld) block.release();
  });
  blocks.set(buffer, own);
  return new Tensor(dtype, shape, typedArrayOver(dtype, new Uint8Array(buffer)));
}

/** The block that bytes lie in, where their memory was allocated for a node. */
export function blockOf({ buffer }: Uint8Array): Block | undefined {
  return blocks.get(buffer)?.block;
}

/** Takes an allocated buffer away from the node: its only consumer has it now, and may write to it. */
export function giveAway({ buffer }: Uint8Array): void {
  const own = blocks.get(buffer);
  if (own === undefined) return;
  blocks.delete(buffer);
  own.isHeld = false;
  own.block.release();
  detach(buffer as ArrayBuffer);
}
