import { types } from 'node:util';
import {
  Complex,
  dtypeOf,
  Tensor,
  unreadBytesOf,
  type MediaData,
  type TypedArray,
  type UnreadBytes,
} from '../data/index.js';
import { ValueTransferError } from '../errors/index.js';
import {
  BigIntExtension,
  ByteArrayExtension,
  bytesOf,
  ComplexExtension,
  FloatExtension,
  isByteArray,
  isTuple,
  MapExtension,
  MediaExtension,
  setExtension,
  TensorExtension,
  TupleExtension,
} from './extensions.js';
import { mediaToFields } from './media.js';
import { SealedItem } from './sealed.js';
import { BULK_BYTES, type SliceExtension, type SliceWriter } from './slices.js';

const MAX_DEPTH = 500;
const MAX_UINT64 = 2n ** 64n - 1n;
const MIN_INT64 = -(2n ** 63n);
const MEDIA_KINDS: ReadonlySet<unknown> = new Set(['audio', 'video', 'text', 'json', 'binary', 'control']);

/** Thrown on the way down, and given its path on the way up: building paths costs nothing where nothing is wrong. */
class Refusal extends Error {
  readonly keys: string[] = [];
  readonly what: string;
  readonly cure: string;

  constructor(what: string, cure: string) {
    super(what);
    this.what = what;
    this.cure = cure;
  }
}

/**
 * Makes a value ready to be written: what MessagePack has no type for becomes an extension. What needs no change is given back as it is.
 *
 * @throws ValueTransferError `RM_VALUE_NOT_TRANSFERABLE` with the path of what cannot cross
 */
export function lower(value: unknown): unknown {
  isKept = false;
  return lowerWhole(value);
}

/** A value that is ready to be written, and about how many bytes it will take: bulk data and texts are counted, the rest is guessed. */
export interface Lowered {
  readonly value: unknown;
  /** What it takes in a frame and in shared memory. */
  readonly byteLength: number;
  /** What of that lies in shared memory. */
  readonly slicedBytes: number;
}

/** What a small value is taken to need, in bytes. */
const SMALL_BYTES = 64;
/** Bytes of bulk data and long texts that the value being lowered holds. */
let bulkBytes = 0;
/** Those of them that were put into shared memory, by whom. */
let slicedBytes = 0;
let slices: SliceWriter | undefined;
/** Whether the value is written later, when a node may have put something else into its arrays. */
let isKept = false;

/**
 * As {@link lower}, with the size. What is not a plain object or array is the lowered value's own.
 *
 * @param writer - puts bulk bytes into shared memory
 */
export function lowerMeasured(value: unknown, writer?: SliceWriter): Lowered {
  bulkBytes = 0;
  slicedBytes = 0;
  slices = writer;
  isKept = true;
  const lowered = lowerWhole(value);
  slices = undefined;
  return { value: lowered, byteLength: SMALL_BYTES + bulkBytes, slicedBytes };
}

function lowerWhole(value: unknown): unknown {
  if (value === null || value === true || value === false) return value;
  try {
    return lowerAny(value, 0);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const path = error.keys.reverse().join('');
    const place = path === '' ? 'The item' : `In the item, ${path.replace(/^\./, '')}`;
    throw new ValueTransferError(
      `${place} is ${error.what}, which cannot cross to another language or process. ${error.cure}`,
      path,
    );
  }
}

function lowerAny(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'number':
      return lowerNumber(value);
    case 'string':
      bulkBytes += value.length;
      if (value.isWellFormed()) return value;
      throw new Refusal('a string with a lone surrogate', 'Clean it with toWellFormed().');
    case 'boolean':
    case 'undefined':
      return value;
    case 'bigint':
      return value > MAX_UINT64 || value < MIN_INT64 ? new BigIntExtension(value) : value;
    case 'object':
      return value === null ? null : lowerObject(value, depth);
    default:
      throw new Refusal(`a ${typeof value}`, 'Pass what it stands for as plain data.');
  }
}

/** MessagePack writes whole numbers beyond 32 bits as floats, and −0 as 0; Python would notice. */
function lowerNumber(value: number): unknown {
  if (value === 0) return Object.is(value, -0) ? new FloatExtension(value) : value;
  if (value > 0xffffffff || value < -0x80000000)
    return Number.isInteger(value) && Math.abs(value) <= 2 ** 53 ? BigInt(value) : value;
  return value;
}

function lowerObject(value: object, depth: number): unknown {
  if (depth > MAX_DEPTH) {
    throw new Refusal(
      `nested deeper than ${String(MAX_DEPTH)} levels, or circular`,
      'Make it flat, or break the circle.',
    );
  }
  if (types.isProxy(value)) throw new Refusal('a Proxy', 'Pass a plain copy.');
  if (Array.isArray(value)) return lowerArray(value, depth);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null)
    return lowerPlainObject(value as Record<string, unknown>, depth);
  return lowerInstance(value, depth);
}

function lowerArray(array: readonly unknown[], depth: number): unknown {
  const elements = lowerElements(array, depth);
  return isTuple(array) ? new TupleExtension(elements) : elements;
}

function lowerElements(array: readonly unknown[], depth: number): readonly unknown[] {
  bulkBytes += array.length;
  let changed: unknown[] | undefined;
  for (let index = 0; index < array.length; index++) {
    const element = array[index];
    const lowered = at(`[${String(index)}]`, element, depth);
    if (lowered !== element || element === undefined) (changed ??= [...array])[index] = lowered ?? null;
  }
  return changed ?? array;
}

function lowerPlainObject(object: Readonly<Record<string, unknown>>, depth: number): object {
  let changed: Record<string, unknown> | undefined;
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (value === undefined || key === '__proto__' || !key.isWellFormed())
      return lowerSpecialObject(object, depth);
    const lowered = at(`.${key}`, value, depth);
    if (lowered !== value) (changed ??= { ...object })[key] = lowered;
  }
  return changed ?? object;
}

/** An object with properties that are left out, or with a key that a reader in JavaScript could not give to an object. */
function lowerSpecialObject(object: Readonly<Record<string, unknown>>, depth: number): object {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  for (const [key] of entries) {
    if (!key.isWellFormed()) {
      throw new Refusal('an object with a lone surrogate in a key', 'Clean the key with toWellFormed().');
    }
  }
  const lowered = entries.map(([key, value]) => [key, at(`.${key}`, value, depth)] as const);
  return Object.hasOwn(object, '__proto__') ? new MapExtension(lowered.flat()) : Object.fromEntries(lowered);
}

function lowerInstance(value: object, depth: number): unknown {
  if (value instanceof Uint8Array) return lowerBytes(value);
  if (value instanceof Tensor) return lowerTensor(value);
  if (value instanceof Date) {
    if (!Number.isNaN(value.getTime())) return value;
    throw new Refusal('an invalid Date', 'Check the date before you pass it on.');
  }
  if (value instanceof Map) return new MapExtension(lowerElements([...value].flat(), depth));
  if (value instanceof Set) return setExtension(value, lowerElements([...value], depth));
  if (value instanceof Complex) return new ComplexExtension(value);
  if (value instanceof ArrayBuffer) return placed(memoryOf(value));
  if (ArrayBuffer.isView(value)) return lowerView(value);
  if (value instanceof SealedItem) {
    bulkBytes += value.content.byteLength;
    return value;
  }
  if (isMedia(value)) return lowerMedia(value, depth);
  const name = (value.constructor as { name?: string } | undefined)?.name ?? '';
  const cure = value instanceof Promise ? 'Await it first.' : 'Pass its data as a plain object.';
  throw new Refusal(`an instance of ${name === '' ? 'a class' : name}`, cure);
}

function lowerBytes(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) memoryOf(bytes);
  if (!isByteArray(bytes)) return placed(bytes);
  bulkBytes += bytes.byteLength;
  return new ByteArrayExtension(own(bytes));
}

function lowerView(view: ArrayBufferView): unknown {
  const bytes = memoryOf(view);
  if (view instanceof DataView) return placed(bytes);
  const array = (view instanceof Uint8ClampedArray ? bytes : view) as TypedArray;
  return new TensorExtension([dtypeOf(array), [array.length], placed(bytes), true]);
}

function lowerMedia(media: MediaData, depth: number): MediaExtension {
  // What was given away has no bytes any more: this says where it is.
  if (media.kind === 'audio' && media.data.byteLength === 0) at('.data', media.data, depth);
  return new MediaExtension([
    media.kind,
    lowerPlainObject(mediaToFields(media), depth) as Record<string, unknown>,
  ]);
}

/** The bytes of an array or a buffer. That its memory was taken away nothing tells in Node.js 20, but there is no view of it. */
function memoryOf(array: ArrayBufferView | ArrayBuffer): Uint8Array {
  try {
    return ArrayBuffer.isView(array) ? bytesOf(array) : new Uint8Array(array);
  } catch {
    throw givenAway('an array or buffer');
  }
}

function lowerTensor(tensor: Tensor): TensorExtension {
  const { dtype, shape } = tensor;
  const unread = unreadBytesOf(tensor);
  const bytes = (unread && passed(unread)) ?? placed(elementsOf(tensor));
  return new TensorExtension([dtype, shape, bytes, false]);
}

function elementsOf({ data, size }: Tensor): Uint8Array {
  if (data.byteLength > 0 || size === 0) return bytesOf(data);
  throw givenAway('a Tensor');
}

function givenAway(what: string): Refusal {
  const cure = 'Give it on once, or take a copy of its data before.';
  return new Refusal(`${what} whose memory was given away with an earlier item`, cure);
}

/** Bulk bytes go through shared memory, where there is any. */
function placed(bytes: Uint8Array): Uint8Array | SliceExtension {
  bulkBytes += bytes.byteLength;
  const slice = bytes.byteLength < BULK_BYTES ? undefined : slices?.place(bytes);
  if (slice === undefined) return own(bytes);
  slicedBytes += bytes.byteLength;
  return slice;
}

function own(bytes: Uint8Array): Uint8Array {
  return isKept ? new Uint8Array(bytes) : bytes;
}

/** Bytes that came through shared memory, and that nobody has read, stay where they are. */
function passed(unread: UnreadBytes): SliceExtension | undefined {
  const slice = slices?.pass(unread);
  if (slice === undefined) return undefined;
  bulkBytes += unread.byteLength;
  slicedBytes += unread.byteLength;
  return slice;
}

function isMedia(value: object): value is MediaData {
  return 'kind' in value && MEDIA_KINDS.has(value.kind);
}

function at(key: string, value: unknown, depth: number): unknown {
  // Most values need no look, and no frame on the stack.
  if (value === null || typeof value === 'boolean') return value;
  try {
    return lowerAny(value, depth + 1);
  } catch (error) {
    if (error instanceof Refusal) error.keys.push(key);
    throw error;
  }
}
