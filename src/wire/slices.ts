import type { UnreadBytes } from '../data/index.js';
import { defineRawExtension, Extension } from './messagepack.js';

/** From here on bytes go through shared memory: below, a copy through the socket is as fast. */
export const BULK_BYTES: number = 32 * 1024;

/** Bytes that lie in shared memory: slab, offset, length, and whether other consumers get them as well. */
export class SliceExtension extends Extension<readonly [number, number, number, boolean]> {}

/** Finds the bytes of slices that come over a channel. */
export interface SliceReader {
  /**
   * Memory of the caller's own with the bytes of a slice, or, where its items are only borrowed, a view of them.
   *
   * @throws RangeError where the slice is not within a slab that was announced
   */
  read(slab: number, offset: number, byteLength: number, isShared: boolean): Uint8Array;
  /**
   * The elements of a tensor: its own, or where it reads them when somebody asks for them.
   *
   * @throws RangeError as {@link SliceReader.read}
   */
  lend(slab: number, offset: number, byteLength: number, isShared: boolean): Uint8Array | UnreadBytes;
}

/** Puts bytes into shared memory for a channel, or finds them there. */
export interface SliceWriter {
  /**
   * Where the bytes lie from now on; `undefined` where they have to go inline.
   *
   * @throws RemoteMediaError `RM_MEMORY_KEPT`, `RM_SHARED_MEMORY_FULL`
   */
  place(bytes: Uint8Array): SliceExtension | undefined;
  /** Where bytes that nobody has read here lie already; `undefined` where they have to be read. */
  pass(bytes: UnreadBytes): SliceExtension | undefined;
}

let reader: SliceReader | undefined;
let slicedBytes = 0;
let isInTensor = false;

/** What decoding gave, and the lengths of the slices in it. */
export interface Sliced {
  readonly value: unknown;
  readonly slicedBytes: number;
}

/** Decodes with somebody who finds the bytes of slices. */
export function withSlices(slices: SliceReader | undefined, decode: () => unknown): Sliced {
  reader = slices;
  slicedBytes = 0;
  try {
    return { value: decode(), slicedBytes };
  } finally {
    reader = undefined;
    isInTensor = false;
  }
}

/** Decodes the content of a tensor: a slice in it is left as it is. */
export function decodeInTensor<T>(decode: () => T): T {
  isInTensor = true;
  try {
    return decode();
  } finally {
    isInTensor = false;
  }
}

/** The elements of a tensor that are a slice. */
export function lendSlice({
  content: [slab, offset, byteLength, isShared],
}: SliceExtension): Uint8Array | UnreadBytes {
  return slices().lend(slab, offset, byteLength, isShared);
}

/** The bytes of a slice. */
export function readSlice({ content: [slab, offset, byteLength, isShared] }: SliceExtension): Uint8Array {
  return slices().read(slab, offset, byteLength, isShared);
}

function slices(): SliceReader {
  if (reader === undefined) throw new TypeError('a SLICE came where no slab can have been announced');
  return reader;
}

/** Defines the extension; its content is read by `decode`. */
export function defineSlice(
  type: number,
  pack: (content: readonly [number, number, number, boolean]) => Buffer,
  decode: (bytes: Buffer) => unknown,
): void {
  defineRawExtension(type, SliceExtension, pack, (bytes) => {
    const slice = new SliceExtension(sliceContent(decode(bytes)));
    slicedBytes += slice.content[2];
    return isInTensor ? slice : readSlice(slice);
  });
}

function sliceContent(content: unknown): readonly [number, number, number, boolean] {
  if (Array.isArray(content) && content.length === 4) {
    const [slab, offset, byteLength, isShared] = content as unknown[];
    if (isCount(slab) && isCount(offset) && isCount(byteLength) && typeof isShared === 'boolean')
      return [slab, offset, byteLength, isShared];
  }
  throw new TypeError('a SLICE is not a slab, an offset, a length and a flag');
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
