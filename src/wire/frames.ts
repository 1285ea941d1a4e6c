import { RemoteMediaError } from '../errors/index.js';
import { decodeValue, encodeInto } from './messagepack.js';
import { withSlices, type SliceReader } from './slices.js';

/** Version of the wire protocol, stated in the first message of every connection. */
export const WIRE_VERSION = 1;

/** Kinds of frames; see `schema/wire.md`. */
export const FRAME = {
  HELLO: 0x01,
  REFUSED: 0x02,
  ITEMS: 0x10,
  END: 0x11,
  CREDIT: 0x12,
  STOP: 0x13,
  SLAB: 0x14,
  RETURN: 0x15,
  FORGET: 0x16,
  TAGS: 0x17,
  WHO_KEEPS: 0x18,
  KEPT: 0x19,
  REQUEST: 0x20,
  RESPONSE: 0x21,
  EVENT: 0x22,
} as const;

/** Kind of a frame. */
export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

/** Length of a frame's payload and its kind: u32 little-endian and u8. */
const HEADER_BYTES = 5;
/** Longest payload of a frame. */
export const MAX_PAYLOAD_BYTES: number = 2 ** 30;
const KINDS: ReadonlySet<number> = new Set(Object.values(FRAME));

/** A frame as it came. */
export interface Frame {
  readonly kind: FrameKind;
  readonly payload: unknown;
  /** Length of the payload and of the slices in it, in bytes. */
  readonly byteLength: number;
}

/**
 * The bytes of a frame.
 *
 * @param payload - a value that has been lowered
 * @throws RemoteMediaError `RM_PROTOCOL` where the payload is longer than a frame may be
 */
export function encodeFrame(kind: FrameKind, payload: unknown): Buffer {
  const frame = encodeInto(payload, HEADER_BYTES);
  const length = frame.byteLength - HEADER_BYTES;
  if (length > MAX_PAYLOAD_BYTES) {
    throw new RemoteMediaError(
      'RM_PROTOCOL',
      `A frame of ${String(length)} bytes is longer than the 1 GiB that the wire allows.`,
    );
  }
  frame.writeUInt32LE(length, 0);
  frame.writeUInt8(kind, 4);
  return frame;
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  /** Finds the bytes of slices; without one they are refused. */
  slices: SliceReader | undefined;
  #chunks: Buffer[] = [];
  #byteLength = 0;

  /**
   * Takes bytes as they come, and gives the frames that are complete.
   *
   * @throws RemoteMediaError `RM_PROTOCOL` where the bytes are no frames
   */
  *read(chunk: Buffer): Generator<Frame, void, undefined> {
    this.#chunks.push(chunk);
    this.#byteLength += chunk.byteLength;
    while (this.#byteLength >= HEADER_BYTES) {
      const header = this.#peek(HEADER_BYTES);
      const length = header.readUInt32LE(0);
      const kind = header.readUInt8(4);
      if (!KINDS.has(kind))
        throw new RemoteMediaError('RM_PROTOCOL', `There is no kind of frame 0x${kind.toString(16)}.`);
      if (length > MAX_PAYLOAD_BYTES) {
        throw new RemoteMediaError(
          'RM_PROTOCOL',
          `A frame says that it is ${String(length)} bytes long, but at most 1 GiB is allowed.`,
        );
      }
      if (this.#byteLength < HEADER_BYTES + length) return;
      const bytes = this.#take(HEADER_BYTES + length).subarray(HEADER_BYTES);
      const { value, slicedBytes } = withSlices(this.slices, () => decodeValue(bytes));
      yield { kind: kind as FrameKind, payload: value, byteLength: length + slicedBytes };
    }
  }

  #peek(length: number): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && first.byteLength >= length) return first;
    const all = Buffer.concat(this.#chunks, this.#byteLength);
    this.#chunks = [all];
    return all;
  }

  #take(length: number): Buffer {
    const all = this.#peek(length);
    this.#byteLength -= length;
    if (all.byteLength === length) this.#chunks.shift();
    else this.#chunks[0] = all.subarray(length);
    return all.subarray(0, length);
  }
}
