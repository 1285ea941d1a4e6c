import { Tensor, unreadBytesOf } from '../data/index.js';

/** How far down values are looked at. */
const DEPTH = 4;

/** About how many bytes a value takes: those of its buffers and texts; other things count 8 each. */
export function byteSizeOf(value: unknown, depth: number = DEPTH): number {
  if (typeof value === 'string') return 2 * value.length;
  if (typeof value !== 'object' || value === null) return 8;
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return value.byteLength;
  // To look at its elements would be to copy them.
  if (value instanceof Tensor) return unreadBytesOf(value)?.byteLength ?? value.data.byteLength;
  if (depth === 0) return 8;
  let sum = 8;
  for (const part of Object.values(value)) sum += byteSizeOf(part, depth - 1);
  return sum;
}
