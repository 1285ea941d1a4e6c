import { Complex, Tensor, typedArrayOver, unreadTensor, type TypedArray } from '../data/index.js';
import { mediaFromFields } from './media.js';
import { decodeValue, defineExtension, defineRawExtension, Extension, packContent } from './messagepack.js';
import { defineSealed } from './sealed.js';
import { decodeInTensor, defineSlice, lendSlice, readSlice, SliceExtension } from './slices.js';

/** Type numbers of the extensions; see `schema/wire.md`. */
const EXT = {
  BIGINT: 0x51,
  FLOAT: 0x52,
  COMPLEX: 0x53,
  TUPLE: 0x54,
  SET: 0x55,
  MAP: 0x56,
  TENSOR: 0x57,
  MEDIA: 0x58,
  // 0x59 is what two Python processes send each other: here it is refused.
  FROZENSET: 0x5a,
  BYTEARRAY: 0x5b,
  SLICE: 0x5c,
  // 0x5d is, as 0x59, between two Python processes alone.
  SEALED: 0x5e,
} as const;

/** An integer beyond 64 bits. */
export class BigIntExtension extends Extension<bigint> {}
/** A float that MessagePack would write as an integer. */
export class FloatExtension extends Extension<number> {}
/** A complex number. */
export class ComplexExtension extends Extension<Complex> {}
/** An array that was a tuple in Python. */
export class TupleExtension extends Extension<readonly unknown[]> {}
/** The elements of a set. */
export class SetExtension extends Extension<readonly unknown[]> {}
/** The elements of a set that was a frozenset in Python. */
export class FrozenSetExtension extends Extension<readonly unknown[]> {}
/** Bytes that were a bytearray in Python. */
export class ByteArrayExtension extends Extension<Uint8Array> {}
/** Keys and values of a map in turn. */
export class MapExtension extends Extension<readonly unknown[]> {}
/** Element type, shape, bytes, and whether it is a bare typed array. */
export class TensorExtension extends Extension<
  readonly [string, readonly number[], Uint8Array | SliceExtension, boolean]
> {}
/** Kind and fields of a media item. */
export class MediaExtension extends Extension<readonly [string, Readonly<Record<string, unknown>>]> {}

/** Arrays that came as tuples, so that they go back as such. */
const tuples = new WeakSet<readonly unknown[]>();

/** Whether an array came as a Python tuple. */
export function isTuple(array: readonly unknown[]): boolean {
  return tuples.has(array);
}

/** Sets that came as frozensets, and bytes that came as bytearrays, so that they go back as such. */
const frozenSets = new WeakSet<ReadonlySet<unknown>>();
const byteArrays = new WeakSet<Uint8Array>();

/** A set, ready to be written; its elements are already. */
export function setExtension(
  set: ReadonlySet<unknown>,
  elements: readonly unknown[],
): SetExtension | FrozenSetExtension {
  return frozenSets.has(set) ? new FrozenSetExtension(elements) : new SetExtension(elements);
}

/** Whether bytes came as a Python bytearray. */
export function isByteArray(bytes: Uint8Array): boolean {
  return byteArrays.has(bytes);
}

/** The bytes of a typed array, as a view. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

defineRawExtension(EXT.BIGINT, BigIntExtension, bigIntToBytes, bytesToBigInt);
defineRawExtension(EXT.FLOAT, FloatExtension, floatsToBytes, (bytes) => bytes.readDoubleLE(0));
defineRawExtension(
  EXT.COMPLEX,
  ComplexExtension,
  ({ re, im }) => floatsToBytes(re, im),
  (bytes) => new Complex(bytes.readDoubleLE(0), bytes.readDoubleLE(8)),
);
defineExtension(EXT.TUPLE, TupleExtension, (elements) => {
  tuples.add(elements);
  return elements;
});
defineExtension(EXT.SET, SetExtension, (elements) => new Set(elements));
defineExtension(EXT.FROZENSET, FrozenSetExtension, (elements) => {
  const set = new Set(elements);
  frozenSets.add(set);
  return set;
});
defineRawExtension(
  EXT.BYTEARRAY,
  ByteArrayExtension,
  (bytes) => Buffer.from(bytes),
  (view) => {
    const bytes = new Uint8Array(view);
    byteArrays.add(bytes);
    return bytes;
  },
);
defineExtension(EXT.MAP, MapExtension, (flat) => {
  if (flat.length % 2 !== 0) throw new TypeError('a MAP has a key without a value');
  const map = new Map<unknown, unknown>();
  for (let index = 0; index < flat.length; index += 2) map.set(flat[index], flat[index + 1]);
  return map;
});
defineSlice(EXT.SLICE, packContent, decodeValue);
defineSealed(EXT.SEALED);
defineRawExtension(EXT.TENSOR, TensorExtension, packContent, (content) =>
  tensorOf(decodeInTensor(() => decodeValue(content))),
);
defineExtension(EXT.MEDIA, MediaExtension, ([kind, fields]) => mediaFromFields(kind, fields));

function tensorOf(content: unknown): Tensor | TypedArray {
  const [dtype, shape, bytes, isBare] = content as [string, number[], unknown, unknown];
  const isSlice = bytes instanceof SliceExtension;
  if (typeof isBare !== 'boolean' || !(isSlice || bytes instanceof Uint8Array))
    throw new TypeError('a TENSOR lacks a part');
  if (dtype === 'object') throw new TypeError('a TENSOR holds objects');
  if (isBare) return typedArrayOver(dtype, isSlice ? readSlice(bytes) : bytes);
  const elements = isSlice ? lendSlice(bytes) : bytes;
  if (elements instanceof Uint8Array) return new Tensor(dtype, shape, typedArrayOver(dtype, elements));
  return unreadTensor(dtype, shape, elements);
}

/** Two's complement, big-endian, no byte more than needed. */
function bigIntToBytes(value: bigint): Buffer {
  let byteLength = 1;
  while (BigInt.asIntN(byteLength * 8, value) !== value) byteLength++;
  const hex = BigInt.asUintN(byteLength * 8, value).toString(16);
  return Buffer.from(hex.padStart(byteLength * 2, '0'), 'hex');
}

function bytesToBigInt(bytes: Buffer): bigint {
  if (bytes.byteLength === 0) throw new TypeError('a BIGINT is empty');
  return BigInt.asIntN(bytes.byteLength * 8, BigInt(`0x${bytes.toString('hex')}`));
}

function floatsToBytes(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) bytes.writeDoubleLE(value, index * 8);
  return bytes;
}
